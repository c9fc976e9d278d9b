//! Verifies a callback with the published crate. Arguments: secret, id, timestamp, signature, and the
//! name of a file with the body.

use http::{HeaderMap, HeaderValue};
use standardwebhooks::Webhook;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [secret, id, timestamp, signature, body] = given.as_slice() else {
        return Err("secret, id, timestamp, signature and body are needed".into());
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("webhook-id", id),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", signature),
    ] {
        headers.insert(name, HeaderValue::from_str(value)?);
    }
    let body = std::fs::read(body)?;
    println!("{}", Webhook::new(secret)?.verify(&body, &headers).is_ok());
    Ok(())
}
