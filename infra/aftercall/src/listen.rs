//! `aftercall replies listen`: takes callbacks on this machine and prints them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use cloud::Clock;
use cloud::outbound::callback::{SignatureCheck, check_signature};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::failure::CommandFailure;
use crate::output::Output;
use crate::say;

/// Most bytes of a request: a callback with the results of a large call.
const REQUEST_BYTES_MAX: usize = 64 << 20;

/// Longest wait for the rest of a request.
const READ_WITHIN: Duration = Duration::from_secs(30);

/// Until so many have come, or for ever.
pub(crate) async fn listen(
    address: SocketAddr,
    answer: u16,
    secret: Option<&str>,
    count: Option<usize>,
) -> Result<Output, CommandFailure> {
    if !address.ip().is_loopback() {
        return Err(CommandFailure::Usage(format!(
            "it listens on this machine only, 127.0.0.1:9090 say, not {address}"
        )));
    }
    let out_of_reach = |error: std::io::Error| CommandFailure::Cloud(format!("{address}: {error}"));
    let listener = TcpListener::bind(address).await.map_err(out_of_reach)?;
    let address = listener.local_addr().map_err(out_of_reach)?;
    say(&format!("listening on http://{address}/\n"));
    let mut taken = 0;
    while count.is_none_or(|count| taken < count) {
        let (stream, _) = listener.accept().await.map_err(out_of_reach)?;
        let took = tokio::time::timeout(READ_WITHIN, take(stream, answer)).await;
        // Whoever sends no request is no callback.
        if let Ok(Ok(Some(request))) = took {
            taken += 1;
            say(&format!("{}\n", printed(&request, secret)));
        }
    }
    Ok(Output::Written)
}

/// A request as it came.
struct TakenCallback {
    line: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

async fn take(mut stream: TcpStream, answer: u16) -> std::io::Result<Option<TakenCallback>> {
    let mut bytes = Vec::new();
    let request = loop {
        if let Some(request) = read(&bytes) {
            break request;
        }
        let before = bytes.len();
        stream.read_buf(&mut bytes).await?;
        if bytes.len() == before || bytes.len() > REQUEST_BYTES_MAX {
            return Ok(None);
        }
    };
    let head =
        format!("HTTP/1.1 {answer} Status\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(Some(request))
}

/// `None`: it is not whole yet.
fn read(bytes: &[u8]) -> Option<TakenCallback> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = (bytes.get(..end)?, bytes.get(end + 4..)?);
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let line = lines.next()?.to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers
        .get("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    let body = body.get(..length)?.to_vec();
    Some(TakenCallback {
        line,
        headers,
        body,
    })
}

/// One line of JSON: what came, its fields, and what its signature is worth.
fn printed(request: &TakenCallback, secret: Option<&str>) -> Value {
    let header = |name: &str| request.headers.get(name).map_or("", String::as_str);
    let fields = url::form_urlencoded::parse(&request.body);
    let fields: serde_json::Map<String, Value> = fields
        .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
        .collect();
    let signature = secret.map(|secret| {
        let of = (header("webhook-id"), header("webhook-timestamp"));
        let now = Clock::system().now();
        match check_signature(secret, of, &request.body, header("webhook-signature"), now) {
            SignatureCheck::Good => "right".to_owned(),
            SignatureCheck::Stale(age_s) => format!("right, {age_s} s from this clock"),
            SignatureCheck::Wrong => "wrong".to_owned(),
            SignatureCheck::Unreadable(what) => format!("the {what} cannot be read"),
        }
    });
    json!({
        "request": request.line,
        "webhook-id": header("webhook-id"),
        "webhook-timestamp": header("webhook-timestamp"),
        "webhook-signature": header("webhook-signature"),
        "signature": signature,
        "fields": fields,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_when_it_is_whole() {
        let whole = b"POST /cb HTTP/1.1\r\nContent-Length: 7\r\nWebhook-Id: msg_1_0\r\n\r\na=b&c=d";
        for cut in 0..whole.len() {
            assert!(read(&whole[..cut]).is_none(), "{cut}");
        }
        let request = read(whole).expect("whole");
        let printed = printed(&request, Some("whsec_AAAA"));
        assert_eq!(printed["fields"]["c"], "d");
        assert_eq!(printed["webhook-id"], "msg_1_0");
        assert_ne!(printed["signature"], "right");
    }
}
