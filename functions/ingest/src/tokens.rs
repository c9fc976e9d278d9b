//! Access tokens: `POST /v2/token` (OAuth 2, client credentials), the older `POST
//! /v1/requestToken`, and the address of the SOAP service for the holder of a token.

use calls::AccountId;
use cloud::accounts::{Caller, Login, TOKEN_LIFE};
use cloud::{Cloud, Error};
use serde_json::{Value, json};

use crate::http::{Request, Response, base_url, service_url};
use crate::{caller, rest};

/// Largest body of a token request. Real ones have some hundred bytes. It is parsed before the
/// sender is known, and parsing takes many times its size in memory.
const TOKEN_REQUEST_BYTES_MAX: usize = 64 << 10;

/// Answers a token request, as JSON or as a form.
pub async fn v2(cloud: &Cloud, request: &Request) -> Response {
    let base = base_url(cloud, request);
    let refused = |status, error, description: &str| refused(&base, status, error, description);
    let Some(fields) = Fields::read(request) else {
        return refused(413, "invalid_request", &too_large());
    };
    match fields.get("grant_type") {
        Some("client_credentials") => {}
        Some(other) => {
            return refused(
                400,
                "unsupported_grant_type",
                &format!(
                    "grant_type must be client_credentials, not {}",
                    soap::echo(other)
                ),
            );
        }
        None => return refused(400, "invalid_request", "grant_type is missing"),
    }
    let (Some(id), Some(secret)) = (fields.get("client_id"), fields.get("client_secret")) else {
        return refused(
            400,
            "invalid_request",
            "client_id and client_secret are needed",
        );
    };
    match make_token(cloud, request, (id, secret), fields.get("account_id")).await {
        Ok(ParsedTokenRequest::Token(token)) => {
            no_store(Response::json(
                200,
                &json!({
                    "access_token": token,
                    "token_type": "Bearer",
                    // A second less than the token is valid, as Marketing Cloud says it.
                    "expires_in": TOKEN_LIFE.as_secs() - 1,
                    "scope": fields.get("scope").unwrap_or("email_read email_write email_send"),
                    "soap_instance_url": base,
                    "rest_instance_url": base,
                }),
            ))
        }
        Ok(ParsedTokenRequest::Unknown) => refused(
            401,
            "invalid_client",
            "Client authentication failed. Make sure that the client ID and client secret are \
             valid and that the package is installed and enabled.",
        ),
        Ok(ParsedTokenRequest::Stranger(account)) => {
            refused(400, "invalid_request", &not_owned("account_id", &account))
        }
        Ok(ParsedTokenRequest::HeldBack(seconds)) => refused(
            429,
            "temporarily_unavailable",
            "Rate Limited. A token is good for 18 minutes; use it until it has expired.",
        )
        .retry_after(Some(seconds)),
        Err(error) => rest::unavailable(&error),
    }
}

/// Answers a token request of the older kind; with `?legacy=1` it also names a legacy token.
pub async fn v1(cloud: &Cloud, request: &Request) -> Response {
    let Some(fields) = Fields::read(request) else {
        return unauthorized(413, &too_large());
    };
    let (Some(id), Some(secret)) = (fields.get("clientId"), fields.get("clientSecret")) else {
        return unauthorized(400, "clientId and clientSecret are needed");
    };
    match make_token(cloud, request, (id, secret), fields.get("accountId")).await {
        Ok(ParsedTokenRequest::Token(token)) => {
            let mut body = json!({ "accessToken": token, "expiresIn": TOKEN_LIFE.as_secs() - 1 });
            if request.query.contains("legacy=1") {
                body["legacyToken"] = Value::String(token);
            }
            no_store(Response::json(200, &body))
        }
        Ok(ParsedTokenRequest::Unknown) => unauthorized(401, "Unauthorized"),
        Ok(ParsedTokenRequest::Stranger(account)) => {
            unauthorized(401, &not_owned("accountId", &account))
        }
        Ok(ParsedTokenRequest::HeldBack(seconds)) => {
            rest::said(429, 17, "Rate Limited").retry_after(Some(seconds))
        }
        Err(error) => rest::unavailable(&error),
    }
}

/// `GET /platform/v1/endpoints/soap`: for the holder of a token.
pub async fn soap_endpoint(cloud: &Cloud, request: &Request) -> Response {
    match rest::holder(cloud, request).await {
        Ok(Ok(_)) => Response::json(200, &json!({ "url": service_url(cloud, request) })),
        Ok(Err(refused)) => refused,
        Err(error) => rest::unavailable(&error),
    }
}

/// The result of a token request.
enum ParsedTokenRequest {
    Token(String),
    /// No API client has that id and secret.
    Unknown,
    /// Id and secret are right, but the client may not have a token for that account.
    Stranger(AccountId),
    /// The account has reached its rate limit; wait so many seconds.
    HeldBack(i64),
}

/// `account` is the account of the token: the client's own, or one that it owns. What is done with
/// the token counts for that account.
async fn make_token(
    cloud: &Cloud,
    request: &Request,
    (id, secret): (&str, &str),
    account: Option<&str>,
) -> Result<ParsedTokenRequest, Error> {
    let now = cloud.now();
    let Some(caller) = cloud
        .accounts
        .log_in(Login::Client, id, secret, now)
        .await?
    else {
        caller::note_failed_login(cloud, request, "client");
        return Ok(ParsedTokenRequest::Unknown);
    };
    if let Some(seconds) = caller::held_back(cloud, &caller, 0).await? {
        return Ok(ParsedTokenRequest::HeldBack(seconds));
    }
    let named = account.map(str::trim).filter(|named| !named.is_empty());
    let account = named.map_or_else(
        || caller.account.clone(),
        |named| AccountId(named.to_owned()),
    );
    if !caller::may_be(cloud, &caller, &account).await? {
        return Ok(ParsedTokenRequest::Stranger(account));
    }
    let holder = Caller { account, ..caller };
    let token = cloud.random.token();
    cloud.accounts.keep_token(&token, &holder, now).await?;
    Ok(ParsedTokenRequest::Token(token))
}

/// The fields of a token request, from JSON or a form.
struct Fields(Vec<(String, String)>);

impl Fields {
    /// `None`: the body is too large.
    fn read(request: &Request) -> Option<Self> {
        if request.body.len() > TOKEN_REQUEST_BYTES_MAX {
            return None;
        }
        if let Ok(Value::Object(object)) = serde_json::from_slice(&request.body) {
            let text = |value: &Value| match value {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
            };
            let field = |(name, value): (&String, &Value)| Some((name.clone(), text(value)?));
            return Some(Self(object.iter().filter_map(field).collect()));
        }
        let fields = url::form_urlencoded::parse(&request.body).into_owned();
        Some(Self(fields.collect()))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The address of the page about errors; a relative one if the client's Host header gives no valid
/// address.
fn errors_page(base: &str) -> String {
    let page = url::Url::parse(base).and_then(|base| base.join("errors"));
    page.map_or_else(|_| "/errors".to_owned(), String::from)
}

fn refused(base: &str, status: u16, error: &str, description: &str) -> Response {
    no_store(Response::json(
        status,
        &json!({
            "error": error,
            "error_description": description,
            "error_uri": errors_page(base),
        }),
    ))
}

/// Why there is no token for an account that is not the client's.
fn not_owned(field: &str, account: &AccountId) -> String {
    format!(
        "{field} {} is neither the account of this client nor one that it owns. Leave it out for a \
         token of the client's own account",
        soap::echo(&account.0)
    )
}

fn too_large() -> String {
    format!("A token request has at most {TOKEN_REQUEST_BYTES_MAX} bytes")
}

fn unauthorized(status: u16, message: &str) -> Response {
    rest::said(status, 1, message)
}

fn no_store(response: Response) -> Response {
    response.with_header("cache-control", "no-store")
}
