//! Who is calling, and for which account.

use calls::{AccountId, Invalid, Refusal};
use cloud::accounts::{Login, TokenFound};
use cloud::{Cloud, Error};
use jiff::SignedDuration;
use soap::{ClientContext, Credentials, Fault};

pub use cloud::accounts::Caller;

use crate::http::Request;

/// The user that legacy clients send beside their token; it is nobody.
const NOBODY: &str = "*";

/// Knows the caller by what the envelope says. A fault tells what is wrong with the request, and not
/// with what is kept here: an unknown user and a wrong password look alike.
pub async fn identify(
    cloud: &Cloud,
    request: &Request,
    credentials: Option<&Credentials>,
) -> Result<Result<Caller, Fault>, Error> {
    let now = cloud.now();
    match credentials {
        Some(Credentials::Token(token)) => {
            Ok(match cloud.accounts.look_up_token(token, now).await? {
                TokenFound::Good(caller) => Ok(caller),
                TokenFound::Expired => Err(Fault::security("Token Expired")),
                TokenFound::Unknown => Err(login_failed(UNKNOWN_TOKEN)),
            })
        }
        Some(Credentials::Password { username, password }) if username != NOBODY => {
            let found = cloud
                .accounts
                .log_in(Login::User, username, password, now)
                .await?;
            Ok(found.ok_or_else(|| login_failed(UNKNOWN_LOGIN)))
        }
        Some(Credentials::Digest(proof)) => {
            let attempt = cloud.random.guid();
            let found = cloud
                .accounts
                .log_in_by_digest(proof, &attempt, now)
                .await?;
            Ok(found.ok_or_else(|| login_failed(UNKNOWN_LOGIN)))
        }
        Some(Credentials::Password { .. }) | None => {
            let is_in_http = request.header("authorization").is_some();
            Ok(Err(login_failed(if is_in_http {
                HTTP_CREDENTIALS
            } else {
                NO_CREDENTIALS
            })))
        }
    }
}

/// Seconds until the caller's account may call again; `None`: it may call now. For callers that
/// are known: strangers are not counted, since counting writes.
pub async fn held_back(cloud: &Cloud, caller: &Caller) -> Result<Option<i64>, Error> {
    let now = cloud.now();
    let calls_per_second = cloud.settings.calls_per_second;
    let not_before = cloud
        .accounts
        .not_before(&caller.account, calls_per_second, now)
        .await?;
    Ok(not_before.map(|time| seconds_up(time.duration_since(now))))
}

/// Rounded up: who comes back sooner finds the same.
fn seconds_up(wait: SignedDuration) -> i64 {
    let whole = wait.as_secs() + i64::from(wait.subsec_nanos() > 0);
    whole.max(1)
}

const NO_CREDENTIALS: &str = "The envelope holds no credentials. Its Header must have a \
    wsse:Security with a UsernameToken, or a fueloauth with a token of /v2/token";
const HTTP_CREDENTIALS: &str = "The envelope holds no credentials, and the HTTP header \
    Authorization is not read here. Put the token into a fueloauth of the envelope's Header";
const UNKNOWN_TOKEN: &str = "The token in fueloauth is not one of this service. Ask for one at \
    /v2/token of the same address";
const UNKNOWN_LOGIN: &str = "There is no such user with such a password";

/// The original's words, which clients compare; why stands in the detail.
fn login_failed(why: &str) -> Fault {
    Fault::security("Login Failed").because(LOGIN_FAILED, why)
}

/// The protocol's code for credentials that are not good.
const LOGIN_FAILED: u32 = 12;

/// Whether calls without RequestType are queued: for this user or API client, or for its whole
/// account. Asked of such calls alone, for which the account may have to be read.
pub async fn is_async_by_default(cloud: &Cloud, caller: &Caller) -> Result<bool, Error> {
    if caller.async_by_default {
        return Ok(true);
    }
    let account = cloud.accounts.account(&caller.account, cloud.now()).await?;
    Ok(account.is_some_and(|account| account.async_by_default))
}

/// The account that a call acts for: the caller's own, or one that it owns (4).
pub async fn acting_for(
    cloud: &Cloud,
    caller: &Caller,
    client: Option<&ClientContext>,
) -> Result<Result<Caller, Refusal>, Error> {
    let named = client.and_then(|client| {
        client
            .id
            .map(|id| id.to_string())
            .or_else(|| client.customer_key.clone())
    });
    let Some(named) = named.filter(|named| *named != caller.account.0 && named != "0") else {
        return Ok(Ok(caller.clone()));
    };
    let account = cloud.accounts.account(&caller.account, cloud.now()).await?;
    let wanted = AccountId(named);
    if account.is_some_and(|account| account.owns.contains(&wanted)) {
        return Ok(Ok(Caller {
            account: wanted,
            ..caller.clone()
        }));
    }
    Ok(Err(Refusal::Invalid(Invalid::Object {
        code: 4,
        message: format!("You don't have access to an account with customer key of {wanted}."),
    })))
}
