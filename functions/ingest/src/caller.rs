//! Who is calling, and for which account.

use calls::{AccountId, Invalid, Refusal};
use cloud::accounts::{Login, TokenFound};
use cloud::{Cloud, Error};
use jiff::SignedDuration;
use soap::{ClientContext, Credentials, Fault};

pub use cloud::accounts::Caller;

/// The user that legacy clients send beside their token; it is nobody.
const NOBODY: &str = "*";

/// Knows the caller by what the envelope says. A fault tells nothing of why: an unknown user and a
/// wrong password look alike.
pub async fn identify(
    cloud: &Cloud,
    credentials: Option<&Credentials>,
) -> Result<Result<Caller, Fault>, Error> {
    let now = cloud.now();
    match credentials {
        Some(Credentials::Token(token)) => {
            Ok(match cloud.accounts.look_up_token(token, now).await? {
                TokenFound::Good(caller) => Ok(caller),
                TokenFound::Expired => Err(Fault::security("Token Expired")),
                TokenFound::Unknown => Err(login_failed()),
            })
        }
        Some(Credentials::Password { username, password }) if username != NOBODY => {
            let found = cloud
                .accounts
                .log_in(Login::User, username, password, now)
                .await?;
            Ok(found.ok_or_else(login_failed))
        }
        Some(Credentials::Digest(proof)) => {
            let attempt = cloud.random.guid();
            let found = cloud
                .accounts
                .log_in_by_digest(proof, &attempt, now)
                .await?;
            Ok(found.ok_or_else(login_failed))
        }
        Some(Credentials::Password { .. }) | None => Ok(Err(login_failed())),
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

fn login_failed() -> Fault {
    Fault::security("Login Failed")
}

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
