//! Identifies the caller and its account.

use calls::{AccountId, Refusal};
use cloud::accounts::{Login, TokenState};
use cloud::metrics::Metric;
use cloud::{Cloud, Error};
use jiff::SignedDuration;
use soap::{ClientContext, Credentials, Fault};
use tracing::warn;

pub use cloud::accounts::Caller;

use crate::http::Request;

/// The user name that legacy clients send beside their token; it names no user.
const NOBODY: &str = "*";

/// Identifies the caller by the credentials in the envelope. A fault describes what is wrong with
/// the request, but does not say whether the user or the password is wrong.
pub async fn identify(
    cloud: &Cloud,
    request: &Request,
    credentials: Option<&Credentials>,
) -> Result<Result<Caller, Fault>, Error> {
    let now = cloud.now();
    match credentials {
        Some(Credentials::Token(token)) => {
            Ok(match cloud.accounts.look_up_token(token, now).await? {
                TokenState::Good(caller) => Ok(caller),
                TokenState::Expired => Err(Fault::security("Token Expired")),
                TokenState::Unknown => {
                    note_failed_login(cloud, request, "token");
                    Err(login_failed(UNKNOWN_TOKEN))
                }
            })
        }
        Some(Credentials::Password { username, password }) if username != NOBODY => {
            let found = cloud
                .accounts
                .log_in(Login::User, username, password, now)
                .await?;
            Ok(found.ok_or_else(|| {
                note_failed_login(cloud, request, "password");
                login_failed(UNKNOWN_LOGIN)
            }))
        }
        Some(Credentials::Digest(proof)) => {
            let attempt = cloud.random.guid();
            let found = cloud
                .accounts
                .log_in_by_digest(proof, &attempt, now)
                .await?;
            Ok(found.ok_or_else(|| {
                note_failed_login(cloud, request, "digest");
                login_failed(UNKNOWN_LOGIN)
            }))
        }
        Some(Credentials::Password { .. }) | None => {
            note_failed_login(cloud, request, "none");
            let is_in_http = request.header("authorization").is_some();
            Ok(Err(login_failed(if is_in_http {
                HTTP_CREDENTIALS
            } else {
                NO_CREDENTIALS
            })))
        }
    }
}

/// Seconds until the caller's account may call again; `None`: it may call now. Only for callers
/// that are identified: counting costs a write, so strangers are not counted. `bytes`: the size of
/// the request's body, most of which has not been read yet.
pub async fn held_back(cloud: &Cloud, caller: &Caller, bytes: usize) -> Result<Option<i64>, Error> {
    let now = cloud.now();
    let calls_per_second = cloud.settings.calls_per_second;
    let not_before = cloud
        .accounts
        .not_before(&caller.account, calls_per_second, bytes, now)
        .await?;
    if not_before.is_some() {
        cloud.metrics.count(Metric::RateLimited);
    }
    Ok(not_before.map(|time| seconds_up(time.duration_since(now))))
}

/// Rounded up, since a caller that comes back earlier would be refused again.
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

/// A failed login, logged for the search of attackers: where it came from and the kind of
/// credentials. It has no name, which could be a person's address, or a secret in the wrong field.
pub fn note_failed_login(cloud: &Cloud, request: &Request, credentials: &'static str) {
    cloud.metrics.count(Metric::LoginsFailed);
    warn!(source = request.source, credentials, "login failed");
}

/// Marketing Cloud's text, which clients compare; the detail has the reason.
fn login_failed(why: &str) -> Fault {
    Fault::security("Login Failed").because(LOGIN_FAILED, why)
}

/// The protocol's code for invalid credentials.
const LOGIN_FAILED: u32 = 12;

/// Whether calls without RequestType are queued, for this user or API client or for the whole
/// account. Only used for such calls, since the account may have to be read.
pub async fn is_async_by_default(cloud: &Cloud, caller: &Caller) -> Result<bool, Error> {
    if caller.async_by_default {
        return Ok(true);
    }
    let account = cloud.accounts.account(&caller.account, cloud.now()).await?;
    Ok(account.is_some_and(|account| account.async_by_default))
}

/// Whether a caller may act for all accounts that a request names: its own account, and those that
/// it owns (otherwise error 4). A request that names none needs no read.
pub async fn may_act_for(
    cloud: &Cloud,
    caller: &Caller,
    named: &[ClientContext],
) -> Result<Result<(), Refusal>, Error> {
    for client in named {
        let account = match client.account() {
            Ok(Some(account)) => account,
            Ok(None) => continue,
            Err(several) => return Ok(Err(several)),
        };
        if !may_be(cloud, caller, &account).await? {
            return Ok(Err(soap::no_access(&account)));
        }
    }
    Ok(Ok(()))
}

/// Whether an account is the caller's own, or one that it owns.
pub async fn may_be(cloud: &Cloud, caller: &Caller, account: &AccountId) -> Result<bool, Error> {
    Ok(*account == caller.account || children(cloud, caller).await?.contains(account))
}

/// The accounts that the caller's own one owns.
pub async fn children(cloud: &Cloud, caller: &Caller) -> Result<Vec<AccountId>, Error> {
    let own = cloud.accounts.account(&caller.account, cloud.now()).await?;
    Ok(own.map(|account| account.owns).unwrap_or_default())
}
