//! Access tokens of backends: fetched once by an environment, and renewed before they end.

use std::time::Duration;

use cloud::Cloud;
use cloud::accounts::backends::{BackendLogin, ConfiguredBackend};
use cloud::outbound::forward::{BackendResponse, CachedToken, ForwardPost};
use jiff::SignedDuration;
use serde::Deserialize;

/// Renewed so long before it ends: whoever has it may still be on the way.
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_mins(2);

/// Longest wait for a token.
const TIMEOUT: Duration = Duration::from_secs(5);

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
    let known = CachedToken {
        token: answer.access_token.clone(),
        until: now + life.saturating_sub(RENEWED_BEFORE).max(life / 2),
    };
    tokens.insert(backend.name.clone(), known);
    Ok(answer.access_token)
}
