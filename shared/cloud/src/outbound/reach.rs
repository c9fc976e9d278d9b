//! Whether an address answers, for an operator who looks for a problem: name, connection, TLS,
//! status.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use jiff::Timestamp;

use crate::outbound::callback::guarded_connector;

/// Longest wait for an answer.
const WITHIN: Duration = Duration::from_secs(10);

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    pub status: u16,
    /// The time of its clock.
    pub date: Option<Timestamp>,
}

/// One request by HEAD. `allow_private`: also to an address of this machine or network. Otherwise
/// an error with all its causes.
pub async fn reach(url: &str, allow_private: bool) -> Result<Reached, String> {
    let mut request = HttpRequest::empty();
    let made = request
        .set_method("HEAD")
        .and_then(|()| request.set_uri(url));
    if made.is_err() {
        return Err("this is not an address".to_owned());
    }
    request.headers_mut().insert("user-agent", "Aftercall");
    let asking = guarded_connector(allow_private).call(request);
    match tokio::time::timeout(WITHIN, asking).await {
        Err(_) => Err(format!("no answer within {} s", WITHIN.as_secs())),
        Ok(Err(error)) => Err(in_full(&error)),
        Ok(Ok(answer)) => Ok(Reached {
            status: answer.status().as_u16(),
            date: answer.headers().get("date").and_then(date),
        }),
    }
}

fn date(text: &str) -> Option<Timestamp> {
    let date = httpdate::parse_http_date(text).ok()?;
    Timestamp::try_from(date).ok()
}

fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_says_why_nothing_answers() {
        let why = reach("not an address", true).await.expect_err("no address");
        assert!(why.contains("not an address"), "{why}");
        // The discard port, on which nothing listens.
        let why = reach("http://127.0.0.1:9/", true)
            .await
            .expect_err("nobody");
        assert!(!why.is_empty(), "{why}");
        let why = reach("http://localhost:9/", false)
            .await
            .expect_err("inside");
        assert!(why.contains("may not go to"), "{why}");
    }
}
