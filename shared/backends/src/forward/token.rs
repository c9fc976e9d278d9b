//! Access tokens of backends: one for all functions, renewed before it ends or when the backend says
//! that it has.

use std::time::Duration;

use cloud::Cloud;
use cloud::accounts::backends::{BackendLogin, ConfiguredBackend};
use cloud::backend_tokens::SharedToken;
use cloud::outbound::forward::{BackendResponse, CachedToken, ForwardPost};
use jiff::SignedDuration;
use serde::Deserialize;
use tracing::warn;

/// Renewed so long before it ends: whoever has it may still be on the way.
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_mins(2);

/// Longest wait for a token.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How often it is looked whether another process has fetched one, and how long apart: as long as that
/// one may take.
const LOOKS_MAX: u32 = 20;
const LOOKS_APART: Duration = Duration::from_millis(250);

/// What a token endpoint answers.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: u32,
}

/// Why there is no token.
pub(super) struct NoToken(pub(super) &'static str);

/// A token that is good. `expired`: one that the backend has refused, and is not given again.
/// Whoever comes while one is being fetched waits for that one.
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
                    // It is good for some minutes still, and the next one tries again.
                    (Err(_), Some(old)) => return Ok(old),
                    (Err(no), None) => return Err(no),
                };
                if let Err(error) = cloud.share_token(name, over, &known).await {
                    warn!(backend = %name, error = error.in_full(), "a token is not shared");
                }
                return Ok(known);
            }
            // A table that is out of reach is no reason not to send.
            Err(error) => {
                warn!(backend = %name, error = error.in_full(), "a token of its own");
                return fetched(cloud, backend).await;
            }
        }
    }
    Err(NoToken("its token endpoint keeps another one waiting"))
}

async fn fetched(cloud: &Cloud, backend: &ConfiguredBackend) -> Result<CachedToken, NoToken> {
    let now = cloud.now();
    let BackendLogin::Client {
        id,
        token_url,
        account_id,
    } = &backend.settings.login
    else {
        return Err(NoToken("it has no token endpoint"));
    };
    let mut wanted = serde_json::json!({
        "grant_type": "client_credentials",
        "client_id": id,
        "client_secret": backend.secret(),
    });
    if let Some(account_id) = account_id {
        wanted["account_id"] = account_id.as_str().into();
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
        BackendResponse::Answered { .. } => return Err(NoToken("its token endpoint refuses")),
        BackendResponse::NotSent(_) | BackendResponse::NoAnswer(_) => {
            return Err(NoToken("its token endpoint is out of reach"));
        }
    };
    let answer: TokenAnswer = serde_json::from_slice(&body)
        .map_err(|_| NoToken("its token endpoint answers with no token"))?;
    let life = SignedDuration::from_secs(answer.expires_in.into());
    Ok(CachedToken {
        token: answer.access_token,
        until: now + life.saturating_sub(RENEWED_BEFORE).max(life / 2),
        good_until: now + life,
    })
}
