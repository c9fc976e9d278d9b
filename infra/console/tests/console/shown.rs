//! What the pages show of calls that were really carried out.

use calls::{AccountId, Breaker, BreakerState};
use cloud::accounts::backends::{BackendChange, BackendLogin, BackendSettings};
use cloud::act::Run;
use cloud::act::pause::PauseAnswer;
use cloud::pauses::Pause;
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
        one.contains("webhook-id") && one.contains("nobody listens there"),
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
        "The last hour, by the minute",
        "Queues",
        "ScheduledTime meant?",
        "1 of the latest 2 conversations came with something that is not read",
        ">half<",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    server.does("/acts/maintenance", &[("on", "true")]).await;
    server.part("waits", 1, 1).await;
    let page = server.shows("/").await;
    for shown in [
        "Maintenance: calls are accepted and wait",
        "1 conversations are parked",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
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

/// A triggered send that was made of a form, and what a person sees of it on any stack.
#[tokio::test(flavor = "multi_thread")]
async fn mails_are_listed_and_shown_in_a_frame_that_runs_nothing() {
    let local = Server::local().await;
    let definition = "<Objects xsi:type=\"TriggeredSendDefinition\"><CustomerKey>welcome</CustomerKey>\
         <TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>Welcome</Subject>\
         <HTMLBody>&lt;p&gt;Hello &lt;b&gt;you&lt;/b&gt;&lt;/p&gt;</HTMLBody><TextBody>Hello you</TextBody></Email>\
         <FromName>The Shop</FromName><FromAddress>shop@example.com</FromAddress></Objects>";
    local.call("", definition).await;
    let send = "<Objects xsi:type=\"TriggeredSend\"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey>\
         </TriggeredSendDefinition><Subscribers><EmailAddress>ann@example.com</EmailAddress>\
         <SubscriberKey>ann</SubscriberKey></Subscribers></Objects>";
    local.call("", send).await;
    let console = local.console(ConsoleAccess::ReadOnly).await;
    for server in [&local, &console] {
        let list = server.shows("/mail-list").await;
        for shown in ["ann@example.com", "Welcome", ">sent<", "welcome"] {
            assert!(list.contains(shown), "{shown}: {list}");
        }
        let none = server.shows("/mail-list?state=failures").await;
        assert!(!none.contains("ann@example.com"), "{none}");
        let (_, mail) = list.split_once(&server.path("/mail?")).expect("a link");
        let mail = mail.split('"').next().unwrap_or_default();
        let one = server.shows(&format!("/mail?{mail}")).await;
        for shown in ["sandbox=\"\"", "The Shop", "Hello you", "Taken"] {
            assert!(one.contains(shown), "{shown}: {one}");
        }
        assert!(!one.contains("<b>you"), "its HTML is no part of the page");
        let frame = server.get(&format!("/mail/html?{mail}")).await;
        assert_eq!(frame.body, "<p>Hello <b>you</b></p>");
        assert!(
            frame.head.contains("sandbox") && !frame.head.contains("script-src"),
            "{}",
            frame.head
        );
        assert_eq!(server.get("/mail?mail=x").await.status, 400);
        assert_eq!(server.get("/mail?mail=a_1_1").await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_shown_as_it_is_sent_and_its_file_is_kept() {
    let local = Server::local().await;
    let reply = |kind: &str, address: &str| {
        format!(
            "<SendResponseTo><ResponseType>{kind}</ResponseType><ResponseAddress>{address}</ResponseAddress>\
             <RespondWhen>OnCallComplete</RespondWhen><IncludeResults>true</IncludeResults></SendResponseTo>"
        )
    };
    let good = format!("http://{}/_local/callbacks", local.address);
    let posted = local
        .call(&reply("HTTPPost", &good), &subscriber("p"))
        .await;
    let mailed = local
        .call(&reply("email", "a@example.com"), &subscriber("m"))
        .await;
    let console = local.console(ConsoleAccess::ReadOnly).await;
    let page_of = async |answer: &str| {
        let id = element(answer, "RequestID").replace('-', "");
        let query = format!("account=local&id=msg_{id}_0");
        (console.shows(&format!("/reply?{query}")).await, query)
    };
    let (page, query) = page_of(&posted).await;
    for shown in ["What is posted", "OverallStatusCode", "CreateResponse"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let none = console.get(&format!("/reply/file?{query}")).await;
    assert_eq!(none.status, 404);
    let (page, query) = page_of(&mailed).await;
    for shown in ["What is mailed", "Results.zip", "RequestID: "] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let file = console.get(&format!("/reply/file?{query}")).await;
    assert_eq!(file.status, 200);
    for header in [
        "content-disposition: attachment; filename=\"results.zip\"",
        "content-type: application/octet-stream",
    ] {
        assert!(file.head.contains(header), "{header}: {}", file.head);
    }
    assert!(file.body.starts_with("PK") && file.body.contains("Results.xml"));
}

#[tokio::test(flavor = "multi_thread")]
async fn backends_and_what_holds_calls_back_are_shown() {
    let server = Server::local().await;
    let none = server.shows("/backends").await;
    assert!(none.contains("None has ever not been ready"), "{none}");
    let name = calls::BackendName::parse("mc").expect("a name");
    let login = BackendLogin::User {
        name: "us".to_owned(),
    };
    let settings = BackendSettings {
        per_second: Some(7),
        ..BackendSettings::new("https://mc.example/Service.asmx", login)
    };
    let accounts = &server.stack.cloud.accounts;
    let made = accounts.create_backend(&name, &settings, "s3cr3t").await;
    assert_eq!(made.expect("a table"), BackendChange::Done);
    let all = server.shows("/backends?all=yes").await;
    for shown in [
        ">mc<",
        "https://mc.example/Service.asmx",
        "7 a second",
        "closed",
    ] {
        assert!(all.contains(shown), "{shown}: {all}");
    }
    let now = server.stack.cloud.now();
    let opened = server.stack.cloud.change_breaker(&name, |breaker| Breaker {
        state: BreakerState::Open {
            since: now,
            ask_from: now + jiff::SignedDuration::from_hours(1),
        },
        reason: "it is out of reach".to_owned(),
        ..breaker
    });
    opened.await.expect("a table");
    let pause = Pause {
        account: Some(AccountId("local".to_owned())),
        priority: None,
        since: now,
        until: None,
        reason: "ticket 9".to_owned(),
    };
    let paused = server.stack.cloud.pause(accounts, &pause, Run::Real).await;
    assert_eq!(paused.expect("a table"), PauseAnswer::Done);
    let page = server.shows("/backends").await;
    for shown in ["open: calls wait", "it is out of reach", "UsernameToken"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let overview = server.shows("/").await;
    for shown in [
        "The breaker of backend mc is open: it is out of reach",
        "Paused: account local",
        "ticket 9",
    ] {
        assert!(overview.contains(shown), "{shown}: {overview}");
    }
    for page in [all, page, overview] {
        assert!(!page.contains("s3cr3t"), "no secret is shown");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_are_drawn_of_what_the_functions_counted() {
    let local = Server::local().await;
    for number in 0..3 {
        local.call("", &subscriber(&format!("s-{number}"))).await;
    }
    // The minute must be over.
    local.does("/tools/clock", &[("minutes", "5")]).await;
    let console = local.console(ConsoleAccess::ReadOnly).await;
    for server in [&local, &console] {
        let page = server.shows("/").await;
        let (_, rates) = page
            .split_once("The last hour, by the minute")
            .expect("rates");
        let (_, accepted) = rates.split_once("<h3>Accepted</h3>").expect("a card");
        assert!(
            accepted.starts_with("<div class=\"figure\">3</div>"),
            "{accepted}"
        );
        assert!(accepted.contains("<polyline points=\"0.0,"), "{accepted}");
    }
}
