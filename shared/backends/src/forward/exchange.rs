//! One request to a backend and what it means, logged in as the operator has set.

use std::time::Duration;

use cloud::Cloud;
use cloud::accounts::backends::{BackendLogin, ConfiguredBackend};
use cloud::outbound::forward::ForwardPost;
use jiff::SignedDuration;
use soap::Identity;

use super::judge::{Judgement, judge};
use super::token::{NoToken, token};

/// Sends a payload, and again with a new token where the backend says that the old one has ended: it
/// has then certainly done nothing.
pub(super) async fn exchange(
    cloud: &Cloud,
    backend: &ConfiguredBackend,
    action: &str,
    payload: &str,
    timeout: Duration,
) -> Judgement {
    let mut expired: Option<String> = None;
    for _ in 0..2 {
        let logged_in = match &backend.settings.login {
            BackendLogin::User { .. } => None,
            BackendLogin::Client { .. } => match token(cloud, backend, expired.as_deref()).await {
                Ok(token) => Some(token),
                Err(NoToken(reason)) => {
                    return Judgement::NotReady {
                        reason,
                        pause: SignedDuration::ZERO,
                    };
                }
            },
        };
        let identity = match (&backend.settings.login, &logged_in) {
            (BackendLogin::User { name }, _) => Identity::Password {
                username: name,
                password: backend.secret(),
            },
            (BackendLogin::Client { .. }, token) => {
                Identity::Token(token.as_deref().unwrap_or_default())
            }
        };
        let post = ForwardPost {
            url: &backend.settings.url,
            content_type: "text/xml; charset=utf-8",
            soap_action: Some(action),
            body: soap::write_forwarded(identity, payload),
            timeout,
        };
        let judged = judge(cloud.forwarding.post(post, cloud.now()).await);
        match (judged, logged_in) {
            (Judgement::TokenExpired, Some(token)) => expired = Some(token),
            (Judgement::TokenExpired, None) => break,
            (judged, _) => return judged,
        }
    }
    Judgement::NotReady {
        reason: "it says of a new token, too, that it has expired",
        pause: SignedDuration::ZERO,
    }
}
