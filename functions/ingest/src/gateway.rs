//! Reads requests from the events of API Gateway and of a function URL, which have the same form
//! (payload format 2.0), and writes answers for them.

use std::collections::BTreeMap;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body;
use aws_lambda_events::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::{Request, Response};

/// `None`: the event says that the body is Base64, but it is not.
pub fn read(event: ApiGatewayV2httpRequest) -> Option<Request> {
    let body = event.body.unwrap_or_default();
    let body = if event.is_base64_encoded {
        STANDARD.decode(body).ok()?
    } else {
        body.into_bytes()
    };
    let headers = headers(&event.headers);
    let context = event.request_context;
    let host = context
        .domain_name
        .or_else(|| headers.get("host").cloned())
        .unwrap_or_default();
    let scheme = headers
        .get("x-forwarded-proto")
        .map_or("https", String::as_str);
    Some(Request {
        method: context.http.method.to_string(),
        path: event.raw_path.unwrap_or_default(),
        query: event.raw_query_string.unwrap_or_default(),
        origin: format!("{scheme}://{host}"),
        api_id: context.apiid.unwrap_or_default(),
        source: context.http.source_ip.unwrap_or_default(),
        headers,
        body,
    })
}

/// Headers by their names, each value as UTF-8. Bytes that are not UTF-8 are replaced and the value
/// is not dropped, so that a header that its sender relies on is never ignored silently.
pub fn headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect()
}

/// Headers that HTTP does not allow are left out, from every answer. API Gateway accepts one line
/// per name, with several values separated by commas.
pub fn write(answer: Response) -> ApiGatewayV2httpResponse {
    let mut headers = HeaderMap::new();
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            let name = HeaderName::from_static(name);
            let value = match headers.get(&name) {
                Some(before) => joined(before, &value),
                None => value,
            };
            headers.insert(name, value);
        }
    }
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(answer.status);
    response.headers = headers;
    // The body is Base64 in the event only; API Gateway decodes it before it is sent.
    response.is_base64_encoded = answer.compressed.is_some();
    response.body = Some(match answer.compressed {
        Some(compressed) => Body::Binary(compressed),
        None => Body::Text(answer.body),
    });
    response
}

fn joined(before: &HeaderValue, value: &HeaderValue) -> HeaderValue {
    let both = [before.as_bytes(), value.as_bytes()].join(b", ".as_slice());
    // If two values are allowed, so is their list.
    HeaderValue::from_bytes(&both).unwrap_or_else(|_| value.clone())
}

#[cfg(test)]
mod tests {
    use cloud::outbound::own_hosts::OwnHosts;

    use super::*;

    fn event(body: &str, is_base64: bool) -> ApiGatewayV2httpRequest {
        let event = format!(
            r#"{{
                "version": "2.0", "rawPath": "/Service.asmx", "rawQueryString": "a=b",
                "headers": {{ "content-type": "text/xml", "host": "evil.example" }},
                "requestContext": {{
                    "domainName": "aftercall.example.net", "apiId": "abc123",
                    "http": {{ "method": "POST", "path": "/Service.asmx", "sourceIp": "192.0.2.7" }}
                }},
                "body": {body:?}, "isBase64Encoded": {is_base64}
            }}"#
        );
        serde_json::from_str(&event).expect("an event")
    }

    /// API Gateway encodes what it does not consider text, so the same envelope may arrive in
    /// either form.
    #[test]
    fn h03_a_body_is_what_its_flag_says() {
        let envelope = "<a>\u{e9}</a>";
        let plain = read(event(envelope, false)).expect("a request");
        let compressed = read(event(&STANDARD.encode(envelope), true)).expect("a request");
        assert_eq!(plain.body, envelope.as_bytes());
        assert_eq!(compressed.body, plain.body);
        // A body is decoded only if the event says so, and a body that says so but is not Base64 is
        // refused.
        let looks_packed = read(event("PGEvPg==", false)).expect("a request");
        assert_eq!(looks_packed.body, b"PGEvPg==");
        for broken in [
            "<a/>",
            "PGEvPg",
            "PGEvPg==x",
            "PGEv\u{20}Pg==",
            "====",
            "PGEvPh==",
        ] {
            assert!(read(event(broken, true)).is_none(), "{broken}");
        }
        let nothing = ApiGatewayV2httpRequest::default();
        assert_eq!(read(nothing).expect("a request").body, b"");
    }

    /// The domain according to API Gateway, not the one in the client's headers.
    #[test]
    fn h03_the_origin_is_the_gateways() {
        let request = read(event("", false)).expect("a request");
        assert_eq!(request.origin, "https://aftercall.example.net");
        assert_eq!(request.api_id, "abc123");
        assert_eq!(request.source, "192.0.2.7");
        assert_eq!(
            (request.method.as_str(), request.query.as_str()),
            ("POST", "a=b")
        );
    }

    /// As Lambda documents it. Its name is known like an API's, so that nobody has us call ourselves.
    #[test]
    fn an_event_of_a_function_url_is_read_like_one_of_an_api() {
        let event = r#"{
            "version": "2.0", "routeKey": "$default", "rawPath": "/Service.asmx", "rawQueryString": "",
            "headers": { "content-type": "text/xml", "x-forwarded-proto": "https" },
            "requestContext": {
                "accountId": "anonymous", "apiId": "abcdef0123", "authentication": null,
                "domainName": "abcdef0123.lambda-url.eu-west-1.on.aws", "domainPrefix": "abcdef0123",
                "http": {
                    "method": "POST", "path": "/Service.asmx", "protocol": "HTTP/1.1",
                    "sourceIp": "192.0.2.7", "userAgent": "zeep"
                },
                "requestId": "b9c6a6b5-0000-4000-8000-000000000000", "routeKey": "$default",
                "stage": "$default", "time": "29/Nov/2026:10:00:00 +0000", "timeEpoch": 1795946400000
            },
            "body": "PGEvPg==", "pathParameters": null, "isBase64Encoded": true, "stageVariables": null
        }"#;
        let request = read(serde_json::from_str(event).expect("an event")).expect("a request");
        assert_eq!(request.body, b"<a/>");
        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("POST", "/Service.asmx")
        );
        assert_eq!(request.source, "192.0.2.7");
        let own = OwnHosts::default().and_of(&request.origin);
        assert!(own.are_called_by("https://abcdef0123.lambda-url.eu-west-1.on.aws/callback"));
    }

    #[test]
    fn headers_may_hold_more_than_ascii_and_none_is_left_out() {
        let mut map = HeaderMap::new();
        for (name, value) in [
            ("plain", b"k-1".as_slice()),
            ("utf-8", "r\u{e9}sum\u{e9} \u{20ac}".as_bytes()),
            ("latin-1", b"r\xe9sum\xe9"),
        ] {
            let value = HeaderValue::from_bytes(value).expect("a value");
            map.insert(HeaderName::from_static(name), value);
        }
        let read = headers(&map);
        assert_eq!(read["plain"], "k-1");
        assert_eq!(read["utf-8"], "r\u{e9}sum\u{e9} \u{20ac}");
        assert_eq!(read["latin-1"], "r\u{fffd}sum\u{fffd}");
    }

    #[test]
    fn an_answer_keeps_status_headers_and_body() {
        let answer = Response::text(503, "later\n").with_header("retry-after", "1");
        let written = write(answer);
        assert_eq!(written.status_code, 503);
        assert_eq!(written.headers["retry-after"], "1");
        let answer = Response::text(200, "")
            .with_header("aftercall-warning", "\"a\"")
            .with_header("aftercall-warning", "\"b\"");
        assert_eq!(write(answer).headers["aftercall-warning"], "\"a\", \"b\"");
        assert_eq!(written.body, Some(Body::Text("later\n".to_owned())));
        assert!(!written.is_base64_encoded);
    }

    #[test]
    fn packed_bytes_cross_as_base64_and_say_so() {
        let written = write(Response::compressed("text/xml", vec![31, 139, 8]));
        let json = serde_json::to_value(written).expect("JSON");
        assert_eq!(json["isBase64Encoded"], true);
        assert_eq!(json["body"], "H4sI");
        assert_eq!(json["headers"]["content-encoding"], "gzip");
    }
}
