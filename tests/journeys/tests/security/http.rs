//! H1, H2, H7: what comes by HTTP around the envelope. H4 and H5 are of the local server
//! (`listener.rs`).

use ingest::{Request, Response};

use super::{Door, a_door, fault_of, post, with_header};

fn to(method: &str, path: &str, query: &str) -> Request {
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        ..post("")
    }
}

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    let found = answer.headers.iter().find(|(given, _)| *given == name);
    found.map(|(_, value)| value.as_str())
}

async fn statuses(door: &Door, path: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    for method in [
        "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "get", "",
    ] {
        let answer = door.keeps_nothing_of(&to(method, path, "")).await;
        statuses.push(answer.status);
    }
    statuses
}

#[tokio::test(start_paused = true)]
async fn h01_every_method_path_and_content_type_has_its_answer() {
    let door = a_door().await;
    let soap = [405, 500, 405, 405, 405, 405, 405, 405, 405, 405];
    for path in [
        "/Service.asmx",
        "/SERVICE.ASMX",
        "/prefix/service.asmx/",
        "/s4/Service.asmx",
    ] {
        assert_eq!(statuses(&door, path).await, soap, "{path}");
    }
    let token = [405, 400, 405, 405, 405, 405, 405, 405, 405, 405];
    assert_eq!(statuses(&door, "/v2/token").await, token);
    for nowhere in [
        "",
        "/",
        "/x",
        "/Service.asmx/x",
        "/Service.asmx%2f",
        "/../Service.asm",
        "//",
        "/.env",
        "/_local/",
        "/2015-03-31/functions/processor/invocations",
        "/\u{0}",
        "/etframework.wsdl/..",
    ] {
        let answer = door.keeps_nothing_of(&to("POST", nowhere, "")).await;
        assert_eq!(answer.status, 404, "{nowhere}: {}", answer.body);
    }
    let good = door.queued("");
    for kind in [
        "text/xml",
        "TEXT/XML; charset=UTF-8",
        "application/soap+xml",
        "application/xml",
        "",
        ";",
    ] {
        let answer = door
            .answer(&with_header(post(good.as_str()), "content-type", kind))
            .await;
        assert_eq!(answer.status, 200, "{kind}: {}", answer.body);
    }
    for kind in [
        "application/json",
        "text/plain",
        "text/html",
        "application/x-www-form-urlencoded",
        "text",
        "text/xml2",
        "image/svg+xml",
        "*/*",
    ] {
        let request = with_header(post(good.as_str()), "content-type", kind);
        door.turns_away_request(request, "is not supported".to_owned())
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn h02_large_headers_do_no_harm() {
    let door = a_door().await;
    let large = "x".repeat(1_000_000);
    let good = door.queued("");
    for name in [
        "soapaction",
        "content-type",
        "idempotency-key",
        "content-encoding",
    ] {
        let request = with_header(post(good.as_str()), name, &large);
        fault_of(&door.keeps_nothing_of(&request).await);
    }
    for name in [
        "user-agent",
        "cookie",
        "x-anything",
        "accept",
        "host",
        "x-forwarded-for",
    ] {
        let answer = door
            .answer(&with_header(post(good.as_str()), name, &large))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.body.len() < 10_000, "{name} came back");
    }
    let mut many = post(good);
    for number in 0..10_000 {
        many.headers.insert(format!("x-{number}"), "x".to_owned());
    }
    assert_eq!(door.answer(&many).await.status, 200);
    let bearer = with_header(
        to("GET", "/platform/v1/endpoints/soap", ""),
        "authorization",
        &format!("Bearer {large}"),
    );
    assert_eq!(door.keeps_nothing_of(&bearer).await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn h07_what_is_shown_in_a_browser_stays_what_it_is() {
    let door = a_door().await;
    let hostile = "https://a\"><script>alert(1)</script>";
    for (method, path, query) in [
        ("GET", "/etframework.wsdl", ""),
        ("GET", "/Service.asmx", "WSDL"),
        ("GET", "/ETFrameworkFault.xsd", ""),
        ("GET", "/Service.asmx", ""),
        ("GET", "/<script>alert(1)</script>", ""),
        ("POST", "/Service.asmx", ""),
        ("POST", "/v2/token", ""),
        ("POST", "/v1/requestToken", ""),
        ("GET", "/platform/v1/endpoints/soap", ""),
    ] {
        let mut request = with_header(to(method, path, query), "origin", "https://evil.example");
        request.origin = hostile.to_owned();
        let answer = door.keeps_nothing_of(&request).await;
        assert!(!answer.body.contains("<script"), "{path}: {}", answer.body);
        assert_eq!(
            header(&answer, "access-control-allow-origin"),
            None,
            "{path}"
        );
        assert_eq!(
            header(&answer, "x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        let kind = header(&answer, "content-type").unwrap_or_default();
        assert!(!kind.contains("html"), "{path}: {kind}");
        if kind.contains("xml") {
            journeys::Node::read(&answer.body);
        }
    }
}

/// Nobody has logged in yet: a form or a list of nothing would take fifty times its size.
#[tokio::test(start_paused = true)]
async fn h05_a_token_request_is_bounded_before_it_is_read() {
    let door = a_door().await;
    let fields =
        "grant_type=client_credentials&client_id=a&client_secret=b&clientId=a&clientSecret=b&";
    for path in ["/v2/token", "/v1/requestToken"] {
        for body in [
            "a&".repeat(2_950_000),
            format!("[{}1]", "1,".repeat(2_950_000)),
        ] {
            let request = Request {
                body: body.into_bytes(),
                ..to("POST", path, "")
            };
            let answer = door.keeps_nothing_of(&request).await;
            assert_eq!(answer.status, 413, "{path}");
            assert!(
                answer.body.contains("at most 65536 bytes"),
                "{}",
                answer.body
            );
        }
        let largest = format!("{fields}{}", "a".repeat(65_536 - fields.len()));
        for (body, status) in [(largest.clone(), 401), (largest + "a", 413)] {
            let request = Request {
                body: body.into_bytes(),
                ..to("POST", path, "")
            };
            assert_eq!(
                door.keeps_nothing_of(&request).await.status,
                status,
                "{path}"
            );
        }
    }
}

/// What is wrong with a stranger's large envelope is not looked for, wherever its header stands.
#[tokio::test(start_paused = true)]
async fn h05_a_large_envelope_is_read_for_those_who_are_known() {
    let door = a_door().await;
    let wrong = "<Unclosed>".repeat(10_000);
    let known = door.create(&wrong);
    let stranger = known.replace(door.caller.token(), "nobody");
    assert!(known.len() > 64 << 10 && known != stranger);
    let faults = [known, stranger].map(|envelope| post(envelope.as_str()));
    let said = [
        fault_of(&door.answer(&faults[0]).await),
        fault_of(&door.answer(&faults[1]).await),
    ];
    assert!(format!("{:?}", said[0]).contains("too complex"), "{said:?}");
    assert!(
        format!("{:?}", said[1]).contains("Login Failed"),
        "{said:?}"
    );
}
