//! Access tokens of backends: one for all functions, renewed before it expires or when the backend
//! says that it has expired.

use std::time::Duration;

use cloud::Cloud;
use cloud::accounts::backends::{BackendIdentity, ConfiguredBackend};
use cloud::backend_tokens::SharedToken;
use cloud::outbound::forward::{BackendResponse, CachedToken, ForwardPost};
use jiff::SignedDuration;
use serde::Deserialize;
use tracing::warn;

/// How long before its expiry a token is renewed, since requests with it may still be in progress.
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_mins(2);

/// Longest wait for a token.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How often to check whether another process has fetched a token, and the pause in between:
/// together as long as that process may take.
const LOOKS_MAX: u32 = 20;
const LOOKS_APART: Duration = Duration::from_millis(250);

/// What a token endpoint answers.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: u32,
}

/// Why there is no token.
#[derive(Clone, Copy)]
pub(super) enum NoToken {
    NoEndpoint,
    /// The login is refused, or there are too many requests.
    Refused,
    OutOfReach,
    Unreadable,
    /// Another process is fetching one for longer than it may take.
    OthersFetch,
}

impl NoToken {
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::NoEndpoint => "it has no token endpoint",
            Self::Refused => "its token endpoint refuses",
            Self::OutOfReach => "its token endpoint is out of reach",
            Self::Unreadable => "its token endpoint answers with no token",
            Self::OthersFetch => "its token endpoint keeps another one waiting",
        }
    }
}

/// A valid token. `expired`: one that the backend has refused, and is not returned again. Other
/// requests wait while one is fetched.
pub(super) async fn token(
    cloud: &Cloud,
    backend: &ConfiguredBackend,
    expired: Option<&str>,
) -> Result<String, NoToken> {
    let now = cloud.now();
    let mut tokens = cloud.backend_tokens.lock().await;
    if let Some(known) = tokens.get(&backend.name)
        && known.until > now
        && expired != Some(known.token.as_str())
    {
        return Ok(known.token.clone());
    }
    let known = shared(cloud, backend, expired).await?;
    tokens.insert(backend.name.clone(), known.clone());
    Ok(known.token)
}

async fn shared(
    cloud: &Cloud,
    backend: &ConfiguredBackend,
    expired: Option<&str>,
) -> Result<CachedToken, NoToken> {
    let name = &backend.name;
    for _ in 0..LOOKS_MAX {
        match cloud.shared_token(name, expired).await {
            Ok(SharedToken::Good(known)) => return Ok(known),
            Ok(SharedToken::Wait) => tokio::time::sleep(LOOKS_APART).await,
            Ok(SharedToken::Renew { over, old }) => {
                let known = match (fetched(cloud, backend).await, old) {
                    (Ok(known), _) => known,
                    // It is valid for some more minutes, and the next request tries again.
                    (Err(_), Some(old)) => return Ok(old),
                    (Err(no), None) => return Err(no),
                };
                if let Err(error) = cloud.share_token(name, over, &known).await {
                    warn!(backend = %name, error = error.in_full(), "a token is not shared");
                }
                return Ok(known);
            }
            // An unreachable table does not prevent sending.
            Err(error) => {
                warn!(backend = %name, error = error.in_full(), "a token of its own");
                return fetched(cloud, backend).await;
            }
        }
    }
    Err(NoToken::OthersFetch)
}

/// Fetches a new token; with another secret if the present one is refused and there is another one.
async fn fetched(cloud: &Cloud, backend: &ConfiguredBackend) -> Result<CachedToken, NoToken> {
    match fetched_with(cloud, backend.identity()).await {
        Err(NoToken::Refused) => match new_login(cloud, backend).await {
            Some(other) => fetched_with(cloud, other.identity()).await,
            None => Err(NoToken::Refused),
        },
        fetched => fetched,
    }
}

/// Another login for a backend that has refused the present one, if there is one.
pub(super) async fn new_login(
    cloud: &Cloud,
    refused: &ConfiguredBackend,
) -> Option<ConfiguredBackend> {
    let read = cloud
        .accounts
        .backend_logged_in_otherwise(refused, cloud.now());
    read.await.unwrap_or_else(|error| {
        warn!(backend = %refused.name, error = error.in_full(), "a secret is not read again");
        None
    })
}

async fn fetched_with(
    cloud: &Cloud,
    identity: BackendIdentity<'_>,
) -> Result<CachedToken, NoToken> {
    let now = cloud.now();
    let BackendIdentity::Client {
        id,
        secret,
        token_url,
        account_id,
    } = identity
    else {
        return Err(NoToken::NoEndpoint);
    };
    let mut wanted = serde_json::json!({
        "grant_type": "client_credentials",
        "client_id": id,
        "client_secret": secret,
    });
    if let Some(account_id) = account_id {
        wanted["account_id"] = account_id.into();
    }
    let post = ForwardPost {
        url: token_url,
        content_type: "application/json",
        soap_action: None,
        body: wanted.to_string(),
        timeout: TIMEOUT,
    };
    let body = match cloud.forwarding.post(post, now).await {
        BackendResponse::Answered {
            status: 200, body, ..
        } => body,
        BackendResponse::Answered { .. } => return Err(NoToken::Refused),
        BackendResponse::NotSent(_) | BackendResponse::NoAnswer(_) => {
            return Err(NoToken::OutOfReach);
        }
    };
    let answer: TokenAnswer = serde_json::from_slice(&body).map_err(|_| NoToken::Unreadable)?;
    let life = SignedDuration::from_secs(answer.expires_in.into());
    Ok(CachedToken {
        token: answer.access_token,
        until: now + life.saturating_sub(RENEWED_BEFORE).max(life / 2),
        good_until: now + life,
    })
}
