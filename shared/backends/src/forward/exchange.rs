//! One request to a backend and the meaning of its answer, with the login that the operator has
//! set.

use std::time::Duration;

use cloud::Cloud;
use cloud::accounts::backends::{BackendIdentity, ConfiguredBackend};
use cloud::outbound::forward::ForwardPost;
use jiff::SignedDuration;
use soap::Identity;
use tokio::time::Instant;

use super::judge::{Judgement, judge};
use super::token::{NoToken, new_login, token};

/// Most requests of one exchange: an expired token and a rotated secret may occur together.
const REQUESTS_MAX: u32 = 3;

/// With less time than this remaining, nothing more is sent.
const TIME_LEFT_MIN: Duration = Duration::from_secs(1);

/// The request.
#[derive(Clone, Copy)]
pub(super) struct OutgoingRequest<'a> {
    /// The operation's name.
    pub(super) action: &'a str,
    pub(super) payload: &'a str,
    /// Longest wait for one answer.
    pub(super) timeout: Duration,
    /// Longest time for everything: after that, others may assume that this run has died.
    pub(super) in_all: Duration,
}

/// Sends a payload. Sends it again with a new token if the backend says that the old one has
/// expired, and with another secret if the backend refuses the login and there is another one: in
/// both cases it has certainly done nothing.
pub(super) async fn exchange(
    cloud: &Cloud,
    backend: &ConfiguredBackend,
    outgoing: OutgoingRequest<'_>,
) -> Judgement {
    let ends = Instant::now() + outgoing.in_all;
    let mut current = backend.clone();
    let mut expired: Option<String> = None;
    for _ in 0..REQUESTS_MAX {
        let logged_in = match logged_in(cloud, &current, expired.as_deref(), ends).await {
            Ok(logged_in) => logged_in,
            Err(not_ready) => return not_ready,
        };
        let remaining = ends.saturating_duration_since(Instant::now());
        if remaining < TIME_LEFT_MIN {
            return Judgement::not_ready("logging in to it takes too long");
        }
        let post = ForwardPost {
            url: &current.settings.url,
            content_type: "text/xml; charset=utf-8",
            soap_action: Some(outgoing.action),
            body: soap::write_forwarded(logged_in.identity(&current), outgoing.payload),
            timeout: outgoing.timeout.min(remaining),
        };
        let judged = judge(cloud.forwarding.post(post, cloud.now()).await);
        match (judged, logged_in) {
            (Judgement::TokenExpired, LoggedIn::Token(token)) => expired = Some(token),
            (judged @ Judgement::LoginRefused(_), _) => match new_login(cloud, &current).await {
                Some(other) => current = other,
                None => return judged,
            },
            (judged, _) => return judged,
        }
    }
    Judgement::not_ready("it says of a new token, too, that it has expired")
}

/// The login of a request.
enum LoggedIn {
    Password,
    Token(String),
}

impl LoggedIn {
    fn identity<'a>(&'a self, backend: &'a ConfiguredBackend) -> Identity<'a> {
        match (self, backend.identity()) {
            (Self::Token(token), _) => Identity::Token(token),
            (Self::Password, BackendIdentity::User { name, password }) => Identity::Password {
                username: name,
                password,
            },
            // A client always has a token.
            (Self::Password, BackendIdentity::Client { .. }) => Identity::Token(""),
        }
    }
}

async fn logged_in(
    cloud: &Cloud,
    backend: &ConfiguredBackend,
    expired: Option<&str>,
    ends: Instant,
) -> Result<LoggedIn, Judgement> {
    match backend.identity() {
        BackendIdentity::User { .. } => Ok(LoggedIn::Password),
        BackendIdentity::Client { .. } => {
            let token = tokio::time::timeout_at(ends, token(cloud, backend, expired)).await;
            match token {
                Ok(Ok(token)) => Ok(LoggedIn::Token(token)),
                Ok(Err(no)) => Err(Judgement::NotReady {
                    reason: no.reason(),
                    pause: SignedDuration::ZERO,
                }),
                Err(_) => Err(Judgement::not_ready(NoToken::OutOfReach.reason())),
            }
        }
    }
}
