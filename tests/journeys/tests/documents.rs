//! What anybody may fetch without a login: packed for who takes that, not sent again to who has it.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;
use ingest::{Request, Response};
use journeys::{Story, a_caller};

const WSDL: &str = "/etframework.wsdl";
const SCHEMA: &str = "/ETFrameworkFault.xsd";

async fn request_of(
    caller: &Story,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Response {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: headers.iter().map(owned).collect::<BTreeMap<_, _>>(),
        ..Request::default()
    };
    caller.asks(request).await
}

async fn got(caller: &Story, path: &str, headers: &[(&str, &str)]) -> Response {
    request_of(caller, "GET", path, headers).await
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    let found = response.headers.iter().find(|(header, _)| *header == name);
    found.map_or("", |(_, value)| value)
}

#[tokio::test(start_paused = true)]
async fn documents_are_compressed_where_accepted() {
    let caller = a_caller().await;
    for path in [WSDL, SCHEMA] {
        let plain = got(&caller, path, &[]).await;
        assert_eq!((plain.status, plain.compressed.is_none()), (200, true));
        for (accepted, is_packed) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("identity", false),
            ("x-gzip-not", false),
        ] {
            let answer = got(&caller, path, &[("accept-encoding", accepted)]).await;
            assert_eq!(answer.compressed.is_some(), is_packed, "{path}: {accepted}");
            assert_eq!(header(&answer, "vary"), "accept-encoding");
            let Some(packed) = answer.compressed.as_deref() else {
                assert_eq!(answer, plain, "{accepted}");
                continue;
            };
            assert_eq!(header(&answer, "content-encoding"), "gzip");
            let mut text = String::new();
            GzDecoder::new(packed)
                .read_to_string(&mut text)
                .expect("gzip");
            assert_eq!(text, plain.body);
        }
    }
    let packed = got(&caller, WSDL, &[("accept-encoding", "gzip")])
        .await
        .compressed;
    let (packed, plain) = (
        packed.expect("packed").len(),
        got(&caller, WSDL, &[]).await.body.len(),
    );
    assert!(packed * 6 < plain, "{packed} bytes of {plain}");
    println!("The WSDL has {plain} bytes, packed {packed}.");
}

#[tokio::test(start_paused = true)]
async fn a_cached_document_is_answered_not_modified() {
    let caller = a_caller().await;
    for path in [WSDL, SCHEMA] {
        let first = got(&caller, path, &[]).await;
        let (tag, changed) = (header(&first, "etag"), header(&first, "last-modified"));
        assert!(header(&first, "cache-control").contains("max-age="));
        assert!(
            tag.starts_with("W/\"") && changed.ends_with(" GMT"),
            "{first:?}"
        );
        let two = format!("\"other\", {tag}");
        let strong = tag.trim_start_matches("W/");
        for condition in [
            ("if-none-match", tag),
            ("if-none-match", strong),
            ("if-none-match", &two),
            ("if-none-match", "*"),
            ("if-modified-since", changed),
            ("if-modified-since", "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            let again = got(&caller, path, &[condition, ("accept-encoding", "gzip")]).await;
            assert_eq!(
                (again.status, again.body.as_str()),
                (304, ""),
                "{condition:?}"
            );
            assert!(again.compressed.is_none());
            assert_eq!(header(&again, "etag"), tag);
        }
        for conditions in [
            &[("if-none-match", "\"other\"")][..],
            &[("if-modified-since", "Mon, 02 Mar 2020 09:00:00 GMT")],
            &[("if-modified-since", "yesterday")],
            // The tag is the better judge.
            &[
                ("if-none-match", "\"other\""),
                ("if-modified-since", changed),
            ],
        ] {
            let again = got(&caller, path, conditions).await;
            assert_eq!(again, first, "{conditions:?}");
        }
    }
}

/// The WSDL names the address that it was asked for at.
#[tokio::test(start_paused = true)]
async fn another_address_is_another_document() {
    let caller = a_caller().await;
    let here = got(&caller, WSDL, &[]).await;
    let elsewhere = Request {
        method: "GET".to_owned(),
        path: WSDL.to_owned(),
        origin: "https://elsewhere.example.net".to_owned(),
        ..Request::default()
    };
    let elsewhere = ingest::answer(&caller.stack.cloud, &elsewhere).await;
    assert!(
        elsewhere
            .body
            .contains("https://elsewhere.example.net/Service.asmx")
    );
    assert_ne!(header(&here, "etag"), header(&elsewhere, "etag"));
    assert_eq!(got(&caller, WSDL, &[]).await, here);
}

#[tokio::test(start_paused = true)]
async fn the_head_of_a_packed_document_is_that_of_the_packed_one() {
    let caller = a_caller().await;
    let packed = [("accept-encoding", "gzip")];
    let whole = got(&caller, WSDL, &packed).await;
    let head = request_of(&caller, "HEAD", WSDL, &packed).await;
    let length = whole.compressed.as_ref().expect("packed").len().to_string();
    assert_eq!(header(&head, "content-length"), length);
    assert_eq!(header(&head, "content-encoding"), "gzip");
    assert!(head.compressed.is_none() && head.body.is_empty());
}
