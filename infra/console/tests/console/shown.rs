//! What the pages show of calls that were really carried out.

use operator_console::ConsoleAccess;

use crate::server::{Server, bad_subscriber, element, subscriber};

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_shown_with_its_parts_and_what_happened() {
    let server = Server::local().await;
    server.part("order-1", 3, 3).await;
    server.part("order-1", 1, 3).await;
    let key = server.key_of("order-1").await;
    let page = server.shows(&format!("/conversation?key={key}")).await;
    for shown in [
        "gathering",
        "missing: 2",
        "data-until=",
        "the next part must come within",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(
        page.contains("hx-trigger=\"every 3s\""),
        "it is looked at again"
    );

    server.part("order-1", 2, 3).await;
    let page = server.shows(&format!("/conversation?key={key}")).await;
    for shown in [
        ">complete<",
        "Call 1 came",
        "Call 3 was carried out",
        "3 of 3 there",
        "order-1-again",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(
        !page.contains("hx-trigger"),
        "nothing of it changes any more"
    );
    let list = server.shows("/calls").await;
    assert!(list.contains(&format!("id=\"c-{key}\"")) && list.contains(">order-1<"));
    let found = server.get("/find?id=nothing-of-that-name").await;
    assert!(
        found
            .head
            .contains("/_local/calls?account=local&prefix=nothing-of-that-name")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_conversation_says_which_call_failed_and_offers_the_rest() {
    let server = Server::local().await;
    let part = |sequence: u32| {
        format!(
            "<ConversationID>broken</ConversationID><SequenceCode>{sequence}</SequenceCode>\
             <CallsInConversation>3</CallsInConversation>"
        )
    };
    server.call(&part(1), &subscriber("a")).await;
    server.call(&part(2), &bad_subscriber("b")).await;
    server.call(&part(3), &subscriber("c")).await;
    let key = server.key_of("broken").await;
    let page = server.shows(&format!("/conversation?key={key}")).await;
    for shown in [
        ">failed<",
        "Conversation failed at SequenceCode 2",
        "<li class=\"bad\" title=\"failed\">2</li>",
        "Call 3 ended: Error 213",
        "Submit what was left undone again",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let failed = server.shows("/failed").await;
    assert!(
        failed.contains(">broken<") && failed.contains("value=\"broken-again\""),
        "{failed}"
    );
    let call = server.shows(&format!("/call?key={key}&sequence=2")).await;
    for shown in ["xml-name", "curl -s", "/Service.asmx", ">Error<", "4711"] {
        assert!(call.contains(shown), "{shown}: {call}");
    }
    let file = server.get(&format!("/call.xml?key={key}&sequence=2")).await;
    assert!(
        file.head.contains("content-disposition: attachment"),
        "{}",
        file.head
    );
    assert!(
        file.body.starts_with("<?xml") && file.body.contains("4711"),
        "{}",
        file.body
    );
    assert!(
        !file.body.contains("<wsse:Password>local"),
        "no password is kept"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_waits_for_its_time_is_among_the_scheduled() {
    let server = Server::local().await;
    let at = server.stack.cloud.now() + jiff::SignedDuration::from_hours(30);
    let answer = server
        .call(
            &format!("<ScheduledTime>{at:.0}</ScheduledTime>"),
            &subscriber("later"),
        )
        .await;
    server.part("not-scheduled", 1, 2).await;
    let page = server.shows("/scheduled").await;
    let request_id = element(&answer, "RequestID");
    assert!(page.contains(request_id), "{page}");
    assert!(
        page.contains("1 d 5 h")
            && page.contains(&format!(
                "datetime=\"{}",
                format!("{at:.0}").trim_end_matches('Z')
            )),
        "{page}"
    );
    assert!(!page.contains("not-scheduled"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_are_shown_with_every_attempt() {
    let server = Server::local().await;
    let to = |address: String| {
        format!(
            "<SendResponseTo><ResponseType>HTTPPost</ResponseType><ResponseAddress>{address}</ResponseAddress>\
             <RespondWhen>OnCallComplete</RespondWhen><IncludeResults>true</IncludeResults></SendResponseTo>"
        )
    };
    let good = format!("http://us:s3cr3t@{}/_local/callbacks", server.address);
    let delivered = server.call(&to(good), &subscriber("good")).await;
    // Nobody listens on port 9.
    server
        .call(&to("http://127.0.0.1:9/".to_owned()), &subscriber("bad"))
        .await;
    let failures = server.shows("/replies").await;
    assert!(
        failures.contains("http://127.0.0.1:9/") && failures.contains("retrying"),
        "{failures}"
    );
    assert!(!failures.contains("/_local/callbacks<"), "{failures}");
    let all = server.shows("/replies?state=any").await;
    assert!(
        all.contains("delivered") && all.contains("/_local/callbacks"),
        "{all}"
    );
    let key = server.key_of(element(&delivered, "RequestID")).await;
    let conversation = server.shows(&format!("/conversation?key={key}")).await;
    assert!(conversation.contains("Reply 1: taken"), "{conversation}");
    let (_, behind) = failures
        .split_once("/_local/reply?")
        .expect("a link to one");
    let address = behind
        .split('"')
        .next()
        .unwrap_or_default()
        .replace("&#38;", "&");
    let one = server
        .shows(&format!("/reply?{}", address.replace("&amp;", "&")))
        .await;
    assert!(
        one.contains("webhook-id") && one.contains("no connection"),
        "{one}"
    );
    let sent = server.shows("/sent").await;
    for page in [failures, all, conversation, sent] {
        assert!(
            !page.contains("s3cr3t"),
            "no password of an address is shown"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_says_what_waits_and_what_is_wrong() {
    let server = Server::local().await;
    server.part("half", 1, 2).await;
    server
        .call("<ScheduleTime>soon</ScheduleTime>", &subscriber("typo"))
        .await;
    let page = server.shows("/").await;
    for shown in [
        "Gathering",
        "<svg class=\"plot\"",
        "Opened in a minute",
        "Queues",
        "ScheduledTime meant?",
        ">half<",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    server.does("/acts/maintenance", &[("on", "true")]).await;
    server.part("waits", 1, 1).await;
    let page = server.shows("/").await;
    assert!(
        page.contains("Maintenance: calls are accepted and wait"),
        "{page}"
    );
    server.does("/acts/maintenance", &[("on", "false")]).await;
    assert!(
        !server
            .shows("/")
            .await
            .contains("calls are accepted and wait")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_said_to_be_not_there() {
    let server = Server::local().await;
    for (path, status) in [
        ("/conversation?key=0123456789", 404),
        ("/conversation?key=%3Cb%3E", 400),
        ("/conversation", 400),
        ("/call?key=0123&sequence=0", 400),
        ("/call?key=0123&sequence=1", 404),
        ("/account?account=nobody", 404),
        ("/reply?id=x", 400),
        ("/calls?from=%21", 400),
        ("/calls?day=yesterday", 400),
        ("/audit?day=x", 400),
        ("/calls?backend=NO%20NAME", 400),
        ("/sent/mail?number=7", 404),
        ("/assets/..%2fCargo.toml", 404),
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_files_of_a_page_come_from_here() {
    let local = Server::local().await;
    let console = local.console(ConsoleAccess::ReadOnly).await;
    for server in [&local, &console] {
        let page = server.shows("/").await;
        for attribute in ["src=\"", "href=\"", "action=\"", "hx-get=\""] {
            for value in page.split(attribute).skip(1) {
                let value = value.split('"').next().unwrap_or_default();
                assert!(value.starts_with('/') || value == "#main", "{value}");
                assert!(!value.starts_with("//"), "{value}");
            }
        }
        for name in ["htmx.min.js", "console.js", "console.css", "icon.svg"] {
            let file = server.get(&format!("/assets/{name}")).await;
            assert_eq!(file.status, 200, "{name}");
            assert!(file.head.contains("immutable"), "{}", file.head);
        }
    }
}
