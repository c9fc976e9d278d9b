//! Each act does what it says, is recorded, and can be rehearsed.

use local::{AwsRequest, EventDelivery, InjectedFault, Service};
use operator_console::ConsoleAccess;

use crate::server::{Server, bad_subscriber, element, subscriber};

fn of(conversation: &str, sequence: u32, of: u32) -> String {
    format!(
        "<ConversationID>{conversation}</ConversationID><SequenceCode>{sequence}</SequenceCode>\
         <CallsInConversation>{of}</CallsInConversation>"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_cancelled_once_and_after_a_rehearsal() {
    let local = Server::local().await;
    let console = local
        .console(ConsoleAccess::MayAct {
            who: "arn:aws:iam::1:user/ann".to_owned(),
        })
        .await;
    local.part("to-cancel", 1, 2).await;
    let form = [
        ("account", "local"),
        ("id", "to-cancel"),
        ("reason", "ticket 7"),
    ];
    let before = local.writes();
    let rehearsed = [&form[..], &[("rehearse", "yes")]].concat();
    let page = console.does("/acts/cancel", &rehearsed).await;
    assert!(page.contains("1 calls would be cancelled"), "{page}");
    assert_eq!(
        local.writes(),
        before,
        "nothing was written, not even to the audit"
    );
    assert!(
        console
            .does("/acts/cancel", &form)
            .await
            .contains("1 calls are cancelled")
    );
    assert!(
        console
            .does("/acts/cancel", &form)
            .await
            .contains("was cancelled before")
    );
    let audit = console.shows("/audit").await;
    for shown in [
        "arn:aws:iam::1:user/ann",
        "calls cancel",
        "local to-cancel",
        "ticket 7",
        "done",
    ] {
        assert!(audit.contains(shown), "{shown}: {audit}");
    }
    let unknown = console
        .post("/acts/cancel", &[("account", "local"), ("id", "nothing")])
        .await;
    assert_eq!(unknown.status, 404);
    assert!(
        console
            .shows("/audit")
            .await
            .contains("not done: The account has no")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_call_gets_another_time() {
    let server = Server::local().await;
    let at = server.stack.cloud.now() + jiff::SignedDuration::from_hours(30);
    let options = format!("<ScheduledTime>{at:.0}</ScheduledTime>");
    let answer = server.call(&options, &subscriber("later")).await;
    let request = element(&answer, "RequestID").to_owned();
    let sooner = (server.stack.cloud.now() + jiff::SignedDuration::from_hours(1)).to_string();
    let form = [
        ("account", "local"),
        ("request", request.as_str()),
        ("to", sooner.as_str()),
    ];
    let page = server.does("/acts/reschedule", &form).await;
    assert!(page.contains(&sooner), "{page}");
    assert!(server.shows("/scheduled").await.contains("59 min"));
    let wrong = [
        ("account", "local"),
        ("request", request.as_str()),
        ("to", "soon"),
    ];
    assert_eq!(server.post("/acts/reschedule", &wrong).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_left_undone_is_submitted_again_as_a_new_conversation() {
    let server = Server::local().await;
    server.call(&of("broken", 1, 3), &bad_subscriber("a")).await;
    server.call(&of("broken", 2, 3), &subscriber("b")).await;
    server.call(&of("broken", 3, 3), &subscriber("c")).await;
    let form = [
        ("account", "local"),
        ("id", "broken"),
        ("as", "broken-again"),
    ];
    let rehearsed = [&form[..], &[("rehearse", "yes")]].concat();
    let page = server.does("/acts/resubmit", &rehearsed).await;
    assert!(page.contains("Nothing was done"), "{page}");
    let page = server.does("/acts/resubmit", &form).await;
    assert!(
        page.contains("These calls are submitted as new ones"),
        "{page}"
    );
    let again = server.does("/acts/resubmit", &form).await;
    assert!(again.contains("The same was done before"), "{again}");
    server.stack.functions.tick().await.expect("the timekeeper");
    server.stack.wait_until_idle().await;
    let key = server.key_of("broken-again").await;
    let page = server.shows(&format!("/conversation?key={key}")).await;
    assert!(
        page.contains(">complete<") && page.contains("2 of 2 there"),
        "{page}"
    );
    let taken = [("account", "local"), ("id", "broken"), ("as", "broken")];
    assert_eq!(server.post("/acts/resubmit", &taken).await.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_sent_again() {
    let server = Server::local().await;
    let options = "<SendResponseTo><ResponseType>HTTPPost</ResponseType><ResponseAddress>http://127.0.0.1:9/\
                   </ResponseAddress><RespondWhen>OnCallComplete</RespondWhen></SendResponseTo>";
    server.call(options, &subscriber("a")).await;
    let page = server.shows("/replies").await;
    let (_, behind) = page
        .split_once("name=\"ids\" value=\"")
        .expect("one to send again");
    let id = behind.split('"').next().unwrap_or_default().to_owned();
    let form = [
        ("account", "local"),
        ("ids", id.as_str()),
        ("reason", "it is up again"),
    ];
    let rehearsed = [&form[..], &[("rehearse", "yes")]].concat();
    let page = server.does("/acts/resend", &rehearsed).await;
    assert!(page.contains("would be sent again"), "{page}");
    let page = server.does("/acts/resend", &form).await;
    assert!(page.contains("is sent again"), "{page}");
    assert!(server.shows("/audit").await.contains("replies resend"));
    let none = [("account", "local"), ("ids", "msg_x_1")];
    assert_eq!(server.post("/acts/resend", &none).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_sent_to_its_queue_again_or_dropped() {
    let server = Server::local().await;
    let config = server
        .stack
        .local
        .sdk_config(aws_smithy_types::retry::RetryConfig::disabled());
    for number in 1..=2 {
        let body = format!("{{\"conversation\":\"00{number}\",\"step\":1}}");
        dead_letter(&config, &body, number).await;
    }
    let page = server.shows("/dead").await;
    assert!(page.contains("gone: it can be dropped"), "{page}");
    let mut letters = page.split("name=\"letter\" value=\"").skip(1);
    let mut letter = || {
        let letter = letters.next().and_then(|it| it.split('"').next());
        letter.expect("a letter").to_owned()
    };
    let (one, other) = (letter(), letter());
    let form = |letter: &str| {
        [
            ("queue".to_owned(), "high".to_owned()),
            ("letter".to_owned(), letter.to_owned()),
        ]
    };
    let values = |form: &[(String, String); 2]| -> Vec<(String, String)> { form.to_vec() };
    for (act, letter) in [("/acts/redrive", &one), ("/acts/drop", &other)] {
        let form = values(&form(letter));
        let form: Vec<(&str, &str)> = form.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        server.does(act, &form).await;
        let again = server.post(act, &form).await;
        assert_eq!(again.status, 404, "{act}: it is there no more");
    }
    assert!(server.shows("/dead").await.contains("There are none"));
    let audit = server.shows("/audit").await;
    assert!(
        audit.contains("dead redrive") && audit.contains("dead drop"),
        "{audit}"
    );
}

async fn dead_letter(config: &aws_types::SdkConfig, body: &str, number: u32) {
    let sqs = aws_sdk_sqs::Client::new(config);
    let url = sqs
        .get_queue_url()
        .queue_name("aftercall-high-dead.fifo")
        .send()
        .await;
    let url = url.expect("the queue").queue_url.unwrap_or_default();
    let sent = sqs
        .send_message()
        .queue_url(url)
        .message_group_id(number.to_string())
        .message_deduplication_id(number.to_string())
        .message_body(body)
        .send();
    sent.await.expect("it is sent");
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story, told to its end")]
async fn accounts_are_made_and_set_and_may_log_in() {
    let server = Server::local().await;
    let made = server
        .does(
            "/acts/account",
            &[("account", "7001"), ("name", "Shop"), ("owner", "local")],
        )
        .await;
    assert!(made.contains("whsec_"), "{made}");
    let twice = server
        .post("/acts/account", &[("account", "7001"), ("name", "Other")])
        .await;
    assert_eq!(twice.status, 409);
    let settings = [
        ("account", "7001"),
        ("async", "yes"),
        ("order", "received"),
        ("limit", "9"),
    ];
    server.does("/acts/settings", &settings).await;
    let page = server.shows("/account?account=7001").await;
    for shown in ["Shop", "<dd>yes</dd>", "<dd>received</dd>", "<dd>9</dd>"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(!page.contains("whsec_"), "the secret is shown once");
    let login = [
        ("account", "7001"),
        ("kind", "user"),
        ("name", "shop"),
        ("secret", "p"),
    ];
    assert!(server.does("/acts/login", &login).await.contains(">p<"));
    let now = server.stack.cloud.now();
    let login = cloud::accounts::Login::User;
    let found = server
        .stack
        .cloud
        .accounts
        .log_in(login, "shop", "p", now)
        .await;
    assert_eq!(
        found.expect("looked up").expect("somebody").account.0,
        "7001"
    );
    // A console of AWS takes no secret that somebody has chosen.
    let console = server
        .console(ConsoleAccess::MayAct {
            who: "ann".to_owned(),
        })
        .await;
    let chosen = [
        ("account", "7001"),
        ("kind", "client"),
        ("name", "c"),
        ("secret", "chosen"),
    ];
    assert!(
        !console
            .does("/acts/login", &chosen)
            .await
            .contains(">chosen<")
    );
    assert!(server.shows("/accounts").await.contains(">7001<"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_log_in_is_changed_and_an_account_is_taken_out_of_use() {
    let server = Server::local().await;
    let shop = [("account", "7001"), ("name", "Shop")];
    server.does("/acts/account", &shop).await;
    let login = [("account", "7001"), ("kind", "user"), ("name", "shop")];
    server.does("/acts/login", &login).await;
    let change = |what: &'static str| {
        [
            ("account", "7001"),
            ("kind", "user"),
            ("name", "shop"),
            ("what", what),
        ]
    };
    assert!(
        server
            .does("/acts/login-change", &change("rotate"))
            .await
            .contains("New password")
    );
    server.does("/acts/login-change", &change("disable")).await;
    let page = server.shows("/account?account=7001&logins=yes").await;
    assert!(
        page.contains(">disabled<") && page.contains("the secret before is good until"),
        "{page}"
    );
    server
        .does("/acts/switch", &[("account", "7001"), ("what", "disable")])
        .await;
    assert!(
        server
            .shows("/account?account=7001")
            .await
            .contains("It is disabled")
    );
    server.does("/acts/login-change", &change("delete")).await;
    assert_eq!(
        server
            .post("/acts/login-change", &change("enable"))
            .await
            .status,
        404
    );
    // Of another account it is not there.
    let other = [
        ("account", "7001"),
        ("kind", "user"),
        ("name", "local"),
        ("what", "delete"),
    ];
    assert_eq!(server.post("/acts/login-change", &other).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_unknown_fate_that_are_not_there_are_not_settled() {
    let server = Server::local().await;
    assert!(server.shows("/unknown").await.contains("None."));
    let form = [
        ("account", "local"),
        ("request", "x"),
        ("verdict", "done"),
        ("reason", "r"),
    ];
    assert_eq!(server.post("/acts/settle", &form).await.status, 404);
    assert_eq!(server.post("/acts/send-again", &form).await.status, 404);
    assert_eq!(server.post("/acts/settle", &form[..2]).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_of_unknown_fate_is_settled_or_sent_again() {
    let server = Server::local().await;
    let definition = "<Objects xsi:type=\"TriggeredSendDefinition\"><CustomerKey>welcome</CustomerKey>\
         <TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>Welcome</Subject>\
         <TextBody>Hello</TextBody></Email><FromAddress>shop@example.com</FromAddress></Objects>";
    server.call("", definition).await;
    let local = &server.stack.local;
    local.ses().set_event_delivery(EventDelivery::Never);
    let is_mail =
        |request: &AwsRequest| request.service == Service::Ses && request.operation == "SendEmail";
    local.faults().once(is_mail, InjectedFault::LoseAnswer);
    let send = "<Objects xsi:type=\"TriggeredSend\"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey>\
         </TriggeredSendDefinition><Subscribers><EmailAddress>ann@example.com</EmailAddress>\
         <SubscriberKey>ann</SubscriberKey></Subscribers></Objects>";
    server.call("", send).await;
    let list = server.shows("/mail-list?state=failures").await;
    assert!(list.contains(">unknown<"), "{list}");
    let (_, mail) = list.split_once("/_local/mail?mail=").expect("a link");
    let mail = mail.split('"').next().unwrap_or_default().to_owned();
    let form = |verdict| {
        [
            ("account", "local"),
            ("mail", mail.as_str()),
            ("reason", "ticket 9"),
            ("verdict", verdict),
        ]
    };
    assert_eq!(
        server
            .post("/acts/settle-mail", &form("maybe"))
            .await
            .status,
        400
    );
    let page = server.does("/acts/settle-mail", &form("not-done")).await;
    assert!(page.contains("It is written down"), "{page}");
    let other = server.post("/acts/settle-mail", &form("done")).await;
    assert_eq!(other.status, 409, "{}", other.body);
    let page = server.does("/acts/settle-mail", &form("send-again")).await;
    assert!(page.contains("It is sent again"), "{page}");
    server.stack.functions.tick().await.expect("the timekeeper");
    server.stack.wait_until_idle().await;
    assert_eq!(local.ses().mails().len(), 2, "once more, and once alone");
    let one = server.shows(&format!("/mail?mail={mail}")).await;
    assert!(
        one.contains(">sent<") && !one.contains("settle-mail"),
        "{one}"
    );
    let audit = server.shows("/audit").await;
    assert!(audit.contains("unknown resend"), "{audit}");
}
