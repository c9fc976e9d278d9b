//! How a token is requested, in the shapes of today and of older clients.

use ingest::{Request, Response};
use journeys::{Story, seconds};
use serde_json::{Value, json};

use crate::callers::{a_known_caller, is_let_in, says, text};

pub(crate) async fn post(caller: &Story, path: &str, body: &str) -> Response {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let request = Request {
        method: "POST".to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        body: body.as_bytes().to_vec(),
        ..Request::default()
    };
    caller.asks(request).await
}

#[track_caller]
fn json_of(response: &Response) -> Value {
    let is_json = response
        .headers
        .contains(&("content-type", "application/json".to_owned()));
    assert!(is_json, "{response:?}");
    serde_json::from_str(&response.body).expect("JSON")
}

#[tokio::test(start_paused = true)]
async fn a_token_is_got_by_json_or_form_and_used_until_it_expires() {
    let caller = a_known_caller().await;
    let as_json = json!({
        "grant_type": "client_credentials", "client_id": "shop", "client_secret": "open sesame",
        "account_id": 1001, "scope": "email_read",
    });
    let form = "grant_type=client_credentials&client_id=shop&client_secret=open+sesame";
    for (path, body) in [
        ("/v2/token", as_json.to_string()),
        ("/V2/Token/", as_json.to_string()),
        ("/prefix/v2/token", form.to_owned()),
        ("/v2/token", form.to_owned()),
    ] {
        let answer = post(&caller, path, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let no_store = ("cache-control", "no-store".to_owned());
        assert!(answer.headers.contains(&no_store));
        let answer = json_of(&answer);
        assert_eq!(answer["token_type"], "Bearer");
        assert_eq!(answer["expires_in"], 1_079);
        assert_eq!(
            answer["soap_instance_url"],
            "https://aftercall.example.net/"
        );
        assert_eq!(
            answer["rest_instance_url"],
            "https://aftercall.example.net/"
        );
        let token = answer["access_token"].as_str().expect("a token");
        assert!(token.len() <= 512);
        let header = format!("<fueloauth>{token}</fueloauth>");
        is_let_in(&says(&caller, &header).await, &header);
    }
    let answer = json_of(&post(&caller, "/v2/token", form).await);
    let header = format!(
        "<fueloauth>{}</fueloauth>",
        answer["access_token"].as_str().expect("a token")
    );
    caller.local().clock().advance(seconds(1_079));
    is_let_in(&says(&caller, &header).await, "its last second");
    caller.local().clock().advance(seconds(1));
    let expired = says(&caller, &header).await;
    assert_eq!(expired.http_status, 500);
    assert_eq!(expired.said(), "q0:Security Token Expired");
    let elsewhere = says(&caller.at_another_function(), &header).await;
    assert_eq!(elsewhere.said(), "q0:Security Token Expired");
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_request_has_the_originals_words() {
    let caller = a_known_caller().await;
    let ask = |field: &str, value: &str| {
        let mut body = json!({
            "grant_type": "client_credentials", "client_id": "shop", "client_secret": "open sesame",
        });
        body[field] = value.into();
        body.to_string()
    };
    let invalid_client = "Client authentication failed. Make sure that the client ID and client \
                          secret are valid and that the package is installed and enabled.";
    for (body, status, error, description) in [
        (
            ask("client_secret", "x"),
            401,
            "invalid_client",
            invalid_client,
        ),
        (ask("client_id", "x"), 401, "invalid_client", invalid_client),
        (
            ask("grant_type", "password"),
            400,
            "unsupported_grant_type",
            "grant_type must be client_credentials, not password",
        ),
        (
            "{}".to_owned(),
            400,
            "invalid_request",
            "grant_type is missing",
        ),
        (
            String::new(),
            400,
            "invalid_request",
            "grant_type is missing",
        ),
        (
            r#"{"grant_type":"client_credentials"}"#.to_owned(),
            400,
            "invalid_request",
            "client_id and client_secret are needed",
        ),
    ] {
        let answer = post(&caller, "/v2/token", &body).await;
        assert_eq!(answer.status, status, "{body}");
        let expected = json!({
            "error": error,
            "error_description": description,
            "error_uri": "https://aftercall.example.net/errors",
        });
        assert_eq!(json_of(&answer), expected, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn legacy_clients_get_their_token_and_their_endpoint() {
    let caller = a_known_caller().await;
    let right = json!({ "clientId": "shop", "clientSecret": "open sesame" }).to_string();
    let plain = json_of(&post(&caller, "/v1/requestToken", &right).await);
    assert_eq!(plain["expiresIn"], 1_079);
    assert!(plain.get("legacyToken").is_none());
    let legacy = json_of(&post(&caller, "/v1/requestToken?legacy=1", &right).await);
    let token = legacy["legacyToken"].as_str().expect("a token");
    let header = format!(
        r#"{}<oAuth xmlns="http://exacttarget.com"><oAuthToken xmlns="">{token}</oAuthToken></oAuth>"#,
        text("*", "*")
    );
    is_let_in(&says(&caller, &header).await, &header);
    for (body, status, message) in [
        (
            json!({ "clientId": "shop", "clientSecret": "x" }),
            401,
            "Unauthorized",
        ),
        (json!({}), 400, "clientId and clientSecret are needed"),
    ] {
        let answer = post(&caller, "/v1/requestToken", &body.to_string()).await;
        assert_eq!(answer.status, status);
        let expected = json!({ "message": message, "errorcode": 1, "documentation": "" });
        assert_eq!(json_of(&answer), expected);
    }
    let token = plain["accessToken"].as_str().expect("a token");
    let endpoint = |bearer: Option<String>| {
        let headers = bearer.map(|bearer| ("authorization".to_owned(), bearer));
        Request {
            method: "GET".to_owned(),
            path: "/platform/v1/endpoints/soap".to_owned(),
            headers: headers.into_iter().collect(),
            ..Request::default()
        }
    };
    let found = caller.asks(endpoint(Some(format!("Bearer {token}")))).await;
    assert_eq!(
        json_of(&found),
        json!({ "url": "https://aftercall.example.net/Service.asmx" })
    );
    for bad in [
        None,
        Some("Bearer x".to_owned()),
        Some(format!("Basic {token}")),
        Some(token.to_owned()),
    ] {
        let refused = caller.asks(endpoint(bad)).await;
        assert_eq!(refused.status, 401);
        let expected = json!({ "documentation": "", "errorcode": 0, "message": "Not Authorized" });
        assert_eq!(json_of(&refused), expected);
    }
}
