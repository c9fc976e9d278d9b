//! The link by which the reader of a mail unsubscribes.

use std::collections::BTreeMap;

use ingest::{Request, Response};
use journeys::{Story, a_caller, call, minutes};

use crate::mail_events::{a_shop, definition, events, fails_with, status, to};

/// The path of the link in the only mail; the header beside it says that one click is enough.
fn link(caller: &Story) -> String {
    let mails = caller.mails();
    let raw = mails[0].raw.as_deref().expect("a raw mail");
    let parsed = mail_parser::MessageParser::default().parse(raw.as_bytes());
    let parsed = parsed.expect("a valid mail");
    let header = |name: &str| parsed.header_raw(name).map(|text| text.trim().to_owned());
    assert_eq!(
        header("List-Unsubscribe-Post").as_deref(),
        Some("List-Unsubscribe=One-Click")
    );
    let link = header("List-Unsubscribe").expect("a link");
    let link = link
        .strip_prefix('<')
        .and_then(|link| link.strip_suffix('>'));
    let path = link.and_then(|link| link.strip_prefix("https://aftercall.example.net"));
    path.expect("one https address").to_owned()
}

async fn request_of(caller: &Story, method: &str, path: &str, body: &str) -> Response {
    let request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: BTreeMap::from([(
            "content-type".to_owned(),
            "application/x-www-form-urlencoded".to_owned(),
        )]),
        body: body.as_bytes().to_vec(),
        ..Request::default()
    };
    caller.asks(request).await
}

const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

#[tokio::test(start_paused = true)]
async fn one_click_unsubscribes_its_reader_however_often_it_comes() {
    let mut caller = a_shop().await;
    caller.queues(to(&["ann"])).await;
    caller.settles().await;
    let path = link(&caller);
    for _ in 0..3 {
        let answer = request_of(&caller, "POST", &path, ONE_CLICK).await;
        assert_eq!(answer.status, 200);
        caller.passes(minutes(1)).await;
    }
    assert_eq!(status(&mut caller, "ann").await, "Unsubscribed");
    let expected = ["SentEvent Sent ann", "UnsubEvent Unsubscribe ann"];
    assert_eq!(events(&mut caller).await, expected);
    let unsubscribed = "Error Code: 1 - Subscriber is unsubscribed.";
    assert_eq!(fails_with(&mut caller, "ann").await, unsubscribed);
}

#[tokio::test(start_paused = true)]
async fn an_unsubscribe_of_a_deleted_subscriber_holds_for_its_successor() {
    let mut caller = a_shop().await;
    caller.queues(to(&["ann"])).await;
    caller.settles().await;
    let path = link(&caller);
    let ann = r#"<Objects xsi:type="Subscriber"><SubscriberKey>ann</SubscriberKey></Objects>"#;
    caller.does(call().deleting(ann)).await;
    assert_eq!(
        request_of(&caller, "POST", &path, ONE_CLICK).await.status,
        200
    );
    assert!(
        fails_with(&mut caller, "ann")
            .await
            .contains("unsubscribed")
    );
}

#[tokio::test(start_paused = true)]
async fn an_opened_or_forged_link_does_nothing() {
    let mut caller = a_shop().await;
    caller.queues(to(&["ann"])).await;
    caller.settles().await;
    let path = link(&caller);
    let forged = format!("{}A", &path[..path.len() - 1]);
    let requests = caller.local().usage().counts();
    let opened = request_of(&caller, "GET", &path, "").await;
    let other = request_of(&caller, "GET", "/unsubscribe/x", "").await;
    let aws_requests = caller.local().usage().since(&requests);
    assert_eq!(
        aws_requests.operations().count(),
        0,
        "a GET looks nothing up"
    );
    assert_eq!(
        (opened.status, &opened.body),
        (200, &other.body),
        "it shows nothing"
    );
    for (method, path, body, status) in [
        ("POST", path.as_str(), "", 400),
        ("POST", path.as_str(), "a=b", 400),
        ("POST", "/unsubscribe/x", ONE_CLICK, 404),
        ("POST", forged.as_str(), ONE_CLICK, 404),
        ("PUT", path.as_str(), ONE_CLICK, 405),
    ] {
        let answer = request_of(&caller, method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}");
    }
    assert_eq!(status(&mut caller, "ann").await, "Active");
    assert_eq!(events(&mut caller).await, ["SentEvent Sent ann"]);
}

#[tokio::test(start_paused = true)]
async fn only_bulk_mail_has_a_link() {
    for (more, has_link) in [
        (
            "<SendClassification><CustomerKey>Default Commercial</CustomerKey></SendClassification>",
            true,
        ),
        (
            "<SendClassification><CustomerKey>Default Transactional</CustomerKey></SendClassification>",
            false,
        ),
        (
            "<SendClassification><CustomerKey>mine</CustomerKey><SendClassificationType>Operational</SendClassificationType></SendClassification>",
            false,
        ),
    ] {
        let mut caller = a_caller().await;
        caller.does(call().creating(definition(more))).await;
        caller.queues(to(&["ann"])).await;
        caller.settles().await;
        let mails = caller.mails();
        let is_link = |(name, _): &(String, String)| name.starts_with("List-Unsubscribe");
        let headers = mails[0]
            .headers
            .iter()
            .filter(|header| is_link(header))
            .count();
        assert_eq!(headers, if has_link { 2 } else { 0 }, "{more}");
    }
}
