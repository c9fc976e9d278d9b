//! What a local server has besides: test calls, what was sent, the clock, beginning again.

use crate::server::{Server, subscriber};

#[tokio::test(flavor = "multi_thread")]
async fn a_test_call_is_made_of_a_form() {
    let server = Server::local().await;
    let address = format!("http://{}/_local/callbacks", server.address);
    let form = [
        ("account", "local"),
        ("user", "local"),
        ("password", "local"),
        ("method", "Create"),
        ("objects", "2"),
        ("subscriber", "tried"),
        ("RequestType", "Asynchronous"),
        ("ConversationID", "tried & <b>"),
        ("SequenceCode", "3,1,2"),
        ("CallsInConversation", "3"),
        ("QueuePriority", "High"),
        ("ResponseType", "HTTPPost"),
        ("ResponseAddress", &address),
        ("RespondWhen", "OnCallComplete"),
        ("IncludeResults", "yes"),
    ];
    let page = server.does("/tools/call", &form).await;
    assert_eq!(page.matches("HTTP 200").count(), 3, "{page}");
    assert!(
        !page.contains("Password&#62;local"),
        "the password is not shown again"
    );
    server.stack.wait_until_idle().await;
    let key = server.key_of("tried & <b>").await;
    let page = server.shows(&format!("/conversation?key={key}")).await;
    assert!(
        page.contains(">complete<") && page.contains("Reply 3: taken"),
        "{page}"
    );
    let sent = server.shows("/sent").await;
    assert_eq!(sent.matches("badge good").count(), 3, "{sent}");
    let raw = [
        ("account", "local"),
        ("user", "local"),
        ("password", "wrong"),
        ("xml", "<Objects/>"),
    ];
    assert!(server.does("/tools/call", &raw).await.contains("HTTP 500"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_is_moved_on() {
    let server = Server::local().await;
    server.part("silent", 1, 2).await;
    let before = server.stack.cloud.now();
    let page = server.does("/tools/clock", &[("minutes", "6")]).await;
    assert!(page.contains("all that was due was started"), "{page}");
    assert!(server.stack.cloud.now() >= before + jiff::SignedDuration::from_mins(6));
    let key = server.key_of("silent").await;
    let page = server.shows(&format!("/conversation?key={key}")).await;
    assert!(page.contains(">timed-out<"), "{page}");
    assert_eq!(
        server
            .post("/tools/clock", &[("seconds", "-1")])
            .await
            .status,
        400
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_shown_in_a_frame_that_runs_and_loads_nothing() {
    let server = Server::local().await;
    let options = "<SendResponseTo><ResponseType>email</ResponseType><ResponseAddress>a@example.com</ResponseAddress>\
                   <RespondWhen>OnCallComplete</RespondWhen><IncludeResults>true</IncludeResults></SendResponseTo>";
    server.call(options, &subscriber("a")).await;
    let sent = server.shows("/sent").await;
    assert!(sent.contains("/_local/sent/mail?number=0"), "{sent}");
    let mail = server.shows("/sent/mail?number=0").await;
    assert!(mail.contains("Results.zip"), "{mail}");
    let file = server.get("/sent/file?number=0&file=0").await;
    assert!(
        file.head.contains("attachment; filename=\"results.zip\""),
        "{}",
        file.head
    );
    assert!(
        file.head.contains("content-type: application/octet-stream"),
        "{}",
        file.head
    );
    let frame = server.get("/sent/html?number=0").await;
    for policy in [
        "sandbox",
        "default-src 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    ] {
        assert!(frame.head.contains(policy), "{policy}: {}", frame.head);
    }
    assert!(!frame.head.contains("script-src"), "{}", frame.head);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_deleted_and_the_account_is_there_again() {
    let server = Server::local().await;
    server.part("gone", 1, 1).await;
    server
        .does("/acts/account", &[("account", "7001"), ("name", "Shop")])
        .await;
    let page = server.does("/tools/reset", &[]).await;
    assert!(page.contains("Everything is deleted"), "{page}");
    assert!(!server.shows("/calls").await.contains("<tr id="));
    assert!(!server.shows("/accounts").await.contains("7001"));
    // The name may be used again, and everything works as at first.
    server.part("gone", 1, 1).await;
    let key = server.key_of("gone").await;
    assert!(
        server
            .shows(&format!("/conversation?key={key}"))
            .await
            .contains(">complete<")
    );
}
