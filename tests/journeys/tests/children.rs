//! An account that acts for the accounts that it owns: effects go to whom `Client` names, the call
//! itself stays with whom sent it.

use std::collections::BTreeMap;

use ingest::Request;
use journeys::story::ADDRESS;
use journeys::{Call, Story, a_caller, call, look_for, minutes, part, subscriber};
use serde_json::{Value, json};

/// A caller of account 1001, which owns 7001 and 7002, and callers of these two.
async fn a_family() -> (Story, Story, Story) {
    let mut parent = a_caller().await;
    let first = parent.another_caller("7001").await;
    let second = parent.another_caller("7002").await;
    parent.another_caller("9009").await;
    parent.owns(&["7001", "7002"]).await;
    (parent, first, second)
}

/// An object with `named` in its `Client`.
fn of(named: &str, object: &str) -> String {
    let end = object.find('>').expect("an element") + 1;
    let (start, rest) = object.split_at(end);
    format!("{start}<Client>{named}</Client>{rest}")
}

async fn keys(story: &mut Story) -> Vec<String> {
    let look = look_for("Subscriber").of("SubscriberKey");
    let mut keys = story.retrieves(look).await.lines("SubscriberKey");
    keys.sort();
    keys
}

/// Sends a call in both ways: at once, and as one that is queued.
async fn sends_both(story: &mut Story, make: impl Fn(&str) -> Call) {
    let done = story.sends(make("now").at_once()).await;
    assert_eq!(done.overall_status(), "OK", "{}", done.body);
    let request = story.queues(make("later")).await;
    story.settles().await;
    assert_eq!(
        story.state(&request).await,
        "Complete",
        "{}",
        story.outcome(&request).await
    );
}

#[tokio::test(start_paused = true)]
async fn the_effects_of_an_object_go_to_the_account_that_its_client_names() {
    let (mut parent, mut first, mut second) = a_family().await;
    for named in [
        "<ID>7002</ID>",
        "<ClientID>7002</ClientID>",
        "<CustomerKey>7002</CustomerKey>",
        "<PartnerClientKey>7002</PartnerClientKey>",
        "<ID>0</ID><CustomerKey>7002</CustomerKey>",
        "<ID>7002</ID><CustomerKey>7002</CustomerKey>",
    ] {
        let before = keys(&mut second).await.len();
        sends_both(&mut parent, |when| {
            let key = format!("{when}-{before}");
            call().creating(of(named, &subscriber(&key)))
        })
        .await;
        assert_eq!(keys(&mut second).await.len(), before + 2, "{named}");
    }
    assert!(keys(&mut parent).await.is_empty());
    assert!(keys(&mut first).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_an_account_has_under_the_same_key_is_left_alone() {
    let (mut parent, mut first, mut second) = a_family().await;
    for story in [&mut parent, &mut first, &mut second] {
        for key in ["now", "later", "kept"] {
            story.does(call().creating(subscriber(key))).await;
        }
    }
    sends_both(&mut parent, |key| {
        call().deleting(of("<ID>7002</ID>", &subscriber(key)))
    })
    .await;
    assert_eq!(keys(&mut parent).await, ["kept", "later", "now"]);
    assert_eq!(keys(&mut first).await, ["kept", "later", "now"]);
    assert_eq!(keys(&mut second).await, ["kept"]);
}

#[tokio::test(start_paused = true)]
async fn one_call_holds_objects_of_several_accounts() {
    let (mut parent, mut first, mut second) = a_family().await;
    sends_both(&mut parent, |when| {
        // Options say whose objects are meant that say nothing themselves.
        let key = |name: &str| subscriber(&format!("{when}-{name}"));
        call()
            .with("Client", "<ID>7001</ID>")
            .creating(key("unsaid"))
            .and(of("<ID>7002</ID>", &key("second")))
            .and(of("<ID>1001</ID>", &key("own")))
            .and(of("<CustomerKey>7001</CustomerKey>", &key("first")))
    })
    .await;
    assert_eq!(keys(&mut parent).await, ["later-own", "now-own"]);
    assert_eq!(
        keys(&mut first).await,
        ["later-first", "later-unsaid", "now-first", "now-unsaid"]
    );
    assert_eq!(keys(&mut second).await, ["later-second", "now-second"]);
}

#[tokio::test(start_paused = true)]
async fn accounts_that_are_not_owned_are_refused_everywhere() {
    let (mut parent, _, _) = a_family().await;
    let nested = |client: &str| {
        format!(
            r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><Client>{client}</Client><CustomerKey>t</CustomerKey></TriggeredSendDefinition><Subscribers><EmailAddress>a@example.com</EmailAddress><SubscriberKey>a</SubscriberKey></Subscribers></Objects>"#
        )
    };
    for named in [
        "<ID>9009</ID>",
        "<ID>12345</ID>",
        "<ID>0</ID><CustomerKey>9009</CustomerKey>",
        "<PartnerClientKey>9009</PartnerClientKey>",
        "<ID>7001</ID><CustomerKey>7002</CustomerKey>",
        "<ID>7001</ID><ClientID>7002</ClientID>",
        "<ID>1001</ID><PartnerClientKey>9009</PartnerClientKey>",
    ] {
        for request in [
            call().creating(of(named, &subscriber("x"))),
            call().creating(subscriber("y")).and(of(named, &subscriber("x"))),
            call().updating(of(named, &subscriber("x"))),
            call().deleting(of(named, &subscriber("x"))),
            call().performing("start", of(named, "<Definition xsi:type=\"DataExtension\"><CustomerKey>d</CustomerKey></Definition>")),
            call().with("Client", named).creating(subscriber("x")),
            call().creating(nested(named)),
        ] {
            for call in [request.clone(), request.at_once()] {
                let answer = parent.sends(call).await;
                assert_eq!(answer.error_code(), 4, "{named}: {}", answer.body);
            }
        }
        for kind in ["Subscriber", "ResultMessage"] {
            let look = look_for(kind)
                .of("ID")
                .by("RequestID", "x")
                .of_client(named);
            let status = parent.retrieves(look).await.status;
            assert!(status.starts_with("Error: "), "{named}: {status}");
            assert!(
                status.contains("Client names") || status.contains("have access"),
                "{status}"
            );
        }
    }
    assert!(keys(&mut parent).await.is_empty());
    let kept: Vec<String> = parent
        .records()
        .iter()
        .map(|record| record.text("sk").to_owned())
        // How receivers do is no call.
        .filter(|sort| !sort.starts_with("RECEIVER#"))
        .collect();
    assert_eq!(kept, [""; 0], "nothing was kept");
}

#[tokio::test(start_paused = true)]
async fn a_call_belongs_to_whom_sent_it_and_not_to_whom_it_was_sent_for() {
    let (mut parent, mut child, _) = a_family().await;
    let sent = |story: &Story| {
        let _ = story;
        part("orders", 1, 1)
            .with("Client", "<ID>7001</ID>")
            .calling_back(ADDRESS)
    };
    let request = parent.queues(sent(&parent)).await;
    parent.settles().await;
    assert_eq!(keys(&mut child).await, ["orders-1"]);
    for (kind, property) in [
        ("AsyncRequestResult", "Status"),
        ("ResultMessage", "OverallStatusCode"),
        ("ResultItem", "StatusCode"),
    ] {
        for (name, value) in [
            ("RequestID", request.as_str()),
            ("ConversationID", "orders"),
        ] {
            let look = || look_for(kind).of(property).by(name, value);
            let found = |story: Vec<String>| story.len();
            let of_parent = parent.retrieves(look()).await.lines(property);
            assert_eq!(found(of_parent), 1, "{kind} by {name}");
            // Whoever names the child as well finds it, too.
            let named = look().of_client("<ID>7001</ID>");
            let of_parent = parent.retrieves(named).await.lines(property);
            assert_eq!(found(of_parent), 1, "{kind} by {name}");
            let of_child = child.retrieves(look()).await.lines(property);
            assert_eq!(found(of_child), 0, "{kind} by {name}");
        }
    }
    let path = format!("/data/v1/async/{request}/status");
    assert_eq!(get(&parent, &path).await.0, 200);
    assert_eq!(get(&child, &path).await.0, 404);
    assert_eq!(parent.callbacks().len(), 1);
    // The child may use the name for a conversation of its own; its parent may not use it again.
    child
        .queues(part("orders", 1, 1).updating(subscriber("orders-1")))
        .await;
    let again = part("orders", 1, 1).with("Client", "<ID>7002</ID>");
    assert_eq!(parent.sends(again).await.error_code(), 211);
}

async fn get(story: &Story, path: &str) -> (u16, Value) {
    let bearer = format!("Bearer {}", story.token());
    let request = Request {
        method: "GET".to_owned(),
        path: path.to_owned(),
        headers: BTreeMap::from([("authorization".to_owned(), bearer)]),
        ..Request::default()
    };
    let response = story.asks(request).await;
    let body = serde_json::from_str(&response.body).expect("JSON");
    (response.status, body)
}

#[tokio::test(start_paused = true)]
async fn a_parent_sees_the_calls_of_a_child_that_it_names() {
    let (mut parent, mut child, mut other) = a_family().await;
    let request = child.queues(part("their-own", 1, 1)).await;
    child.settles().await;
    let look = || look_for("ResultMessage").of("RequestID");
    for (name, value) in [
        ("RequestID", request.as_str()),
        ("ConversationID", "their-own"),
    ] {
        let unnamed = parent.retrieves(look().by(name, value)).await;
        assert!(unnamed.rows.is_empty());
        let named = look().by(name, value).of_client("<ID>7001</ID>");
        assert_eq!(
            parent.retrieves(named).await.lines("RequestID"),
            [request.as_str()]
        );
        assert!(
            other
                .retrieves(look().by(name, value))
                .await
                .rows
                .is_empty()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_parent_cancels_what_it_sent_for_a_child() {
    let (mut parent, mut child, _) = a_family().await;
    let later = |key: &str| call().creating(subscriber(key)).at("2026-03-02T12:00:00Z");
    let for_child = parent
        .queues(later("a").with("Client", "<ID>7001</ID>"))
        .await;
    let of_child = child.queues(later("b")).await;
    for request in [&for_child, &of_child] {
        let scheduled = format!(
            "<Objects xsi:type=\"ScheduledRequest\"><Client><ID>7001</ID></Client><RequestID>{request}</RequestID></Objects>"
        );
        parent.does(call().deleting(scheduled)).await;
    }
    parent.passes(minutes(240)).await;
    assert_eq!(parent.state(&for_child).await, "Cancelled");
    assert_eq!(child.state(&of_child).await, "Cancelled");
    assert!(keys(&mut child).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_send_takes_definition_and_subscribers_from_the_accounts_that_they_name() {
    let (mut parent, mut first, mut second) = a_family().await;
    let definition = |subject: &str, status: &str| {
        format!(
            r#"<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>t</CustomerKey><TriggeredSendStatus>{status}</TriggeredSendStatus><Email><Subject>{subject}</Subject><TextBody>x</TextBody></Email></Objects>"#
        )
    };
    parent
        .does(call().creating(definition("own", "Active")))
        .await;
    first
        .does(call().creating(definition("first", "Active")))
        .await;
    second
        .does(call().creating(definition("second", "Inactive")))
        .await;
    let send = |of_definition: &str, of_subscriber: &str, key: &str| {
        format!(
            r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition>{of_definition}<CustomerKey>t</CustomerKey></TriggeredSendDefinition><Subscribers>{of_subscriber}<EmailAddress>{key}@example.com</EmailAddress><SubscriberKey>{key}</SubscriberKey></Subscribers></Objects>"#
        )
    };
    let (of_first, of_second) = (
        "<Client><ID>7001</ID></Client>",
        "<Client><ID>7002</ID></Client>",
    );
    sends_both(&mut parent, |when| {
        call()
            .with("Client", "<ID>7001</ID>")
            .creating(send("", "", &format!("{when}1")))
            .and(send(of_second, of_first, &format!("{when}2")))
            .and(of(
                "<ID>1001</ID>",
                &send("", of_second, &format!("{when}3")),
            ))
    })
    .await;
    let mut subjects: Vec<String> = parent
        .mails()
        .iter()
        .map(|mail| mail.subject.clone())
        .collect();
    subjects.sort();
    assert_eq!(subjects, ["first", "first", "own", "own"]);
    assert_eq!(keys(&mut parent).await, [""; 0]);
    assert_eq!(keys(&mut first).await, ["later1", "later2", "now1", "now2"]);
    assert_eq!(keys(&mut second).await, ["later3", "now3"]);
    // What was held for the definition of one account goes out when that one is active.
    second
        .does(call().updating(definition("second", "Active")))
        .await;
    parent.passes(minutes(30)).await;
    assert_eq!(parent.mails().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn objects_of_several_accounts_are_retrieved_page_after_page() {
    let (mut parent, mut first, mut second) = a_family().await;
    for (story, name) in [(&mut parent, "p"), (&mut first, "f"), (&mut second, "s")] {
        for number in 0..3 {
            story
                .does(call().creating(subscriber(&format!("{name}{number}"))))
                .await;
        }
    }
    let look = || look_for("Subscriber").of("SubscriberKey Client.ID");
    let named = look()
        .of_client("<ID>7002</ID>")
        .of_client("<CustomerKey>7001</CustomerKey>");
    let found = parent.retrieves(named).await;
    assert_eq!(
        found.lines("Client.ID SubscriberKey"),
        [
            "7002 s0", "7002 s1", "7002 s2", "7001 f0", "7001 f1", "7001 f2"
        ]
    );
    let mut all = Vec::new();
    let mut page = parent
        .retrieves(look().of_all_accounts().in_pages_of(2))
        .await;
    loop {
        assert!(!page.rows.is_empty(), "no page is empty");
        all.extend(page.lines("SubscriberKey"));
        if page.status != "MoreDataAvailable" {
            break;
        }
        // The next page is asked for without saying again whose.
        let next = look_for("Subscriber").continuing(&page.request_id);
        page = parent.retrieves(next).await;
    }
    assert_eq!(page.status, "OK");
    all.sort();
    assert_eq!(all, ["f0", "f1", "f2", "p0", "p1", "p2", "s0", "s1", "s2"]);
    let of_child = first.retrieves(look().of_all_accounts()).await;
    assert_eq!(of_child.lines("SubscriberKey"), ["f0", "f1", "f2"]);
    let query = r#"<QueryRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><QueryRequest><ClientIDs><ID>7001</ID></ClientIDs><Query><Object><ObjectType>Subscriber</ObjectType><Properties>SubscriberKey</Properties></Object></Query></QueryRequest></QueryRequestMsg>"#;
    let answer = parent.sends_payload(query, BTreeMap::new()).await;
    assert!(
        answer.body.contains("f0") && !answer.body.contains("p0"),
        "{}",
        answer.body
    );
}

async fn asks_token(story: &Story, path: &str, body: Value) -> (u16, Value) {
    let request = Request {
        method: "POST".to_owned(),
        path: path.to_owned(),
        body: body.to_string().into_bytes(),
        ..Request::default()
    };
    let response = story.asks(request).await;
    let body = serde_json::from_str(&response.body).expect("JSON");
    (response.status, body)
}

#[tokio::test(start_paused = true)]
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from its beginning to its end"
)]
async fn a_token_is_of_the_requested_account() {
    let (parent, mut child, _) = a_family().await;
    let accounts = &parent.stack.cloud.accounts;
    accounts
        .put_login(
            cloud::accounts::Login::Client,
            "shop",
            "secret",
            &parent.known_as(),
        )
        .await
        .expect("a client");
    let v2 = |account: Value| {
        let mut body = json!({
            "grant_type": "client_credentials", "client_id": "shop", "client_secret": "secret",
        });
        body["account_id"] = account;
        ("/v2/token", "access_token", body)
    };
    let v1 = |account: Value| {
        let mut body = json!({ "clientId": "shop", "clientSecret": "secret" });
        body["accountId"] = account;
        ("/v1/requestToken", "accessToken", body)
    };
    for (path, member, body) in [
        v2(json!(7001)),
        v2(json!("7001")),
        v1(json!("7001")),
        v1(json!(7001)),
    ] {
        let (status, answer) = asks_token(&parent, path, body).await;
        assert_eq!(status, 200, "{answer}");
        let token = answer[member].as_str().expect("a token");
        let key = format!("by-{}", &token[..8]);
        let envelope = parent
            .envelope(&create(&key))
            .replace(parent.token(), token);
        parent.posts(envelope.into_bytes(), BTreeMap::new()).await;
        assert!(keys(&mut child).await.contains(&key), "{path}");
    }
    for (path, _, body) in [
        v2(json!("")),
        v2(json!("1001")),
        v2(Value::Null),
        v1(json!(1001)),
    ] {
        assert_eq!(asks_token(&parent, path, body).await.0, 200);
    }
    for account in [json!(9009), json!("9009"), json!("shop"), json!(0)] {
        let (path, _, body) = v2(account.clone());
        let (status, answer) = asks_token(&parent, path, body).await;
        assert_eq!(
            (status, answer["error"].as_str()),
            (400, Some("invalid_request"))
        );
        assert!(
            answer["error_description"]
                .as_str()
                .expect("why")
                .contains("account_id")
        );
        let (path, _, body) = v1(account);
        let (status, answer) = asks_token(&parent, path, body).await;
        assert_eq!(status, 401, "{answer}");
        assert!(
            answer["message"]
                .as_str()
                .expect("why")
                .contains("accountId")
        );
    }
}

fn create(key: &str) -> String {
    let object = subscriber(key);
    format!(
        r#"<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI">{object}</CreateRequest>"#
    )
}
