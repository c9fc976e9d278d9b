//! Triggered sends: one mail per subscriber, at most once each.

use std::time::Duration;

use journeys::{Call, Node, Story, a_caller, call, hours, look_for, mail_to, minutes};
use local::faults::InjectedFault;
use local::{CapturedMail, MailFault};

use crate::unknown_mails::{is_mail, makes_one_mail_unknown};

fn definition(status: &str) -> String {
    format!(
        r#"<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>welcome</CustomerKey><TriggeredSendStatus>{status}</TriggeredSendStatus><Email><Subject>Welcome, %%FirstName%%</Subject><HTMLBody>&lt;p&gt;Dear %%FirstName%%, your code is %%Code%%.&lt;/p&gt;</HTMLBody><TextBody>Dear %%FirstName%%, your code is %%Code%%.</TextBody></Email><FromName>The Shop</FromName><FromAddress>shop@example.com</FromAddress></Objects>"#
    )
}

fn to(name: &str, address: &str) -> String {
    let attribute = |name: &str, value: &str| {
        format!("<Attributes><Name>{name}</Name><Value>{value}</Value></Attributes>")
    };
    format!(
        "<Subscribers><EmailAddress>{address}</EmailAddress>{}{}<SubscriberKey>{name}</SubscriberKey></Subscribers>",
        attribute("FirstName", name),
        attribute("Code", &name.len().to_string())
    )
}

/// A triggered send to these subscribers.
fn send(subscribers: &[String]) -> Call {
    call().creating(format!(
        r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey></TriggeredSendDefinition>{}</Objects>"#,
        subscribers.concat()
    ))
}

fn to_ann_and_bob() -> Call {
    send(&[
        to("Ann", "ann@example.com"),
        to("Robert", "bob@example.com"),
    ])
}

async fn a_caller_with_a_definition() -> Story {
    let mut caller = a_caller().await;
    caller.does(call().creating(definition("Active"))).await;
    caller
}

/// The mails that triggered sends have sent, by recipient.
fn sent(caller: &Story) -> Vec<CapturedMail> {
    let mut mails = caller.mails();
    mails.retain(|mail| mail.from == "shop@example.com");
    mails.sort_by(|one, other| one.to.cmp(&other.to));
    mails
}

fn recipients(caller: &Story) -> Vec<String> {
    sent(caller).into_iter().flat_map(|mail| mail.to).collect()
}

#[tokio::test(start_paused = true)]
async fn two_subscribers_get_a_mail_of_their_own() {
    let mut caller = a_caller_with_a_definition().await;
    let reply = mail_to("caller@example.com").with_results();
    let request_id = caller.queues(to_ann_and_bob().replying_to(reply)).await;
    assert!(caller.mails().is_empty(), "it is only queued");
    caller.settles().await;
    let mails = sent(&caller);
    let replied: Vec<_> = mails
        .iter()
        .map(|mail| (mail.subject.as_str(), mail.text.as_deref()))
        .collect();
    let (ann, bob) = ("Dear Ann, your code is 3.", "Dear Robert, your code is 6.");
    assert_eq!(
        replied,
        [("Welcome, Ann", Some(ann)), ("Welcome, Robert", Some(bob))]
    );
    assert_eq!(
        mails[0].html.as_deref(),
        Some("<p>Dear Ann, your code is 3.</p>")
    );
    assert_eq!(recipients(&caller), ["ann@example.com", "bob@example.com"]);

    let look = look_for("ResultMessage")
        .of("StatusCode ResultDetailXML")
        .by("RequestID", &request_id);
    let found = caller.retrieves(look).await;
    assert_eq!(found.lines("StatusCode"), ["OK"]);
    is_created(&Node::read(found.rows[0].at("ResultDetailXML")));

    let replies: Vec<CapturedMail> = caller
        .mails()
        .into_iter()
        .filter(|mail| mail.to == ["caller@example.com"])
        .collect();
    let [reply] = replies.as_slice() else {
        panic!("one reply by mail")
    };
    assert_eq!(reply.attachments[0].name, "Results.zip");
    let file = &reply.attachments[0].files[0];
    assert_eq!(file.name, "Results.xml");
    is_created(&Node::read(file.text.as_ref().expect("text")));
}

#[track_caller]
fn is_created(response: &Node) {
    let result = response.child("Results").expect("a result");
    assert_eq!(response.name, "CreateResponse");
    assert_eq!(
        result.type_name.as_deref(),
        Some("TriggeredSendCreateResult")
    );
    assert_eq!(
        result.line(&["StatusCode", "StatusMessage"]),
        "OK Created TriggeredSend"
    );
}

#[tokio::test(start_paused = true)]
async fn a_bad_address_among_good_ones_is_that_subscribers_failure() {
    let mut caller = a_caller_with_a_definition().await;
    let request_id = caller
        .queues(send(&[to("Ann", "ann@example.com"), to("Eve", "nobody")]))
        .await;
    caller.settles().await;
    assert_eq!(recipients(&caller), ["ann@example.com"]);
    let look = look_for("ResultMessage")
        .of("ResultDetailXML")
        .by("RequestID", &request_id);
    let found = caller.retrieves(look).await;
    let detail = Node::read(found.rows[0].at("ResultDetailXML"));
    let failures: Vec<String> = detail
        .child("Results")
        .expect("a result")
        .all("SubscriberFailures")
        .map(|failure| failure.line(&["Subscriber.SubscriberKey", "ErrorDescription"]))
        .collect();
    let invalid = "Eve Error Code: 5 - The Email Address for this subscriber has invalid syntax.";
    assert_eq!(failures, [invalid]);
}

#[tokio::test(start_paused = true)]
async fn a_send_at_once_sends_as_well() {
    let mut caller = a_caller_with_a_definition().await;
    let answer = caller.does(to_ann_and_bob()).await;
    is_created(answer.payload());
    caller.settles().await;
    assert_eq!(recipients(&caller), ["ann@example.com", "bob@example.com"]);
}

#[tokio::test(start_paused = true)]
async fn a_mail_that_is_rejected_is_not_tried_again() {
    let mut caller = a_caller_with_a_definition().await;
    caller.local().ses().refuse_next(MailFault::MessageRejected);
    caller.queues(to_ann_and_bob()).await;
    caller.passes(hours(3)).await;
    assert_eq!(sent(&caller).len(), 1);
    assert!(caller.mail_states().contains(&"Failed".to_owned()));
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_mail_service_that_takes_no_mail_gets_each_later_and_once() {
    for fault in [MailFault::TooManyRequests, MailFault::AccountSendingPaused] {
        let mut caller = a_caller_with_a_definition().await;
        caller.local().ses().set_fault(Some(fault));
        caller.queues(to_ann_and_bob()).await;
        caller.passes(minutes(20)).await;
        assert!(sent(&caller).is_empty());
        assert_eq!(caller.mail_states(), ["Pending", "Pending"]);
        caller.local().ses().set_fault(None);
        caller.passes(hours(1)).await;
        assert_eq!(
            recipients(&caller),
            ["ann@example.com", "bob@example.com"],
            "{fault:?}"
        );
        assert!(caller.due().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_mail_whose_answer_is_lost_is_unknown_and_not_sent_twice() {
    let mut caller = a_caller_with_a_definition().await;
    makes_one_mail_unknown(&caller);
    caller.queues(to_ann_and_bob()).await;
    caller.passes(hours(3)).await;
    assert_eq!(
        recipients(&caller),
        ["ann@example.com", "bob@example.com"],
        "at most once each"
    );
    assert!(
        caller.mail_states().contains(&"Unknown".to_owned()),
        "{:?}",
        caller.mail_states()
    );
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_mail_that_never_left_is_sent_later() {
    let mut caller = a_caller_with_a_definition().await;
    caller
        .local()
        .faults()
        .when(is_mail, InjectedFault::LoseRequest);
    caller.queues(to_ann_and_bob()).await;
    caller.passes(minutes(5)).await;
    assert_eq!(caller.mail_states(), ["Pending", "Pending"]);
    caller.local().faults().clear();
    caller.passes(minutes(2)).await;
    assert_eq!(
        recipients(&caller),
        ["ann@example.com", "bob@example.com"],
        "once each"
    );
    assert!(caller.due().is_empty());
}

/// Killed in the middle, an invocation would leave claims behind, of which nobody knows whether the mail
/// went out.
#[tokio::test(start_paused = true)]
async fn no_mail_is_claimed_without_the_time_to_send_it() {
    const MAILS: usize = 100;
    let mut caller = a_caller_with_a_definition().await;
    let faults = caller.local().faults().clone();
    faults.when(is_mail, InjectedFault::Delay(Duration::from_secs(18)));
    let subscribers: Vec<String> = (0..MAILS)
        .map(|number| to("Ann", &format!("ann{number}@example.com")))
        .collect();
    caller.queues(send(&subscribers)).await;
    caller.passes(minutes(40)).await;
    assert_eq!(sent(&caller).len(), MAILS, "each once");
    let unknown = caller.mail_states().into_iter().filter(|it| it != "Sent");
    assert_eq!(unknown.collect::<Vec<_>>(), Vec::<String>::new());
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_is_not_verified_yet_may_be_later() {
    let mut caller = a_caller_with_a_definition().await;
    let ses = caller.local().ses().clone();
    ses.set_fault(Some(MailFault::SenderNotVerified));
    caller.queues(to_ann_and_bob()).await;
    caller.passes(hours(2)).await;
    assert_eq!(caller.mail_states(), ["Pending", "Pending"]);
    ses.set_fault(None);
    caller.passes(minutes(16)).await;
    assert_eq!(recipients(&caller), ["ann@example.com", "bob@example.com"]);
    assert!(caller.due().is_empty());
}

/// SES says how many mails it takes in a second, and gets no more of them.
#[tokio::test(start_paused = true)]
async fn a_large_send_keeps_to_the_rate_of_the_mail_service_and_ends_in_time() {
    const MAILS: usize = 2_500;
    let mut caller = a_caller_with_a_definition().await;
    caller.local().ses().set_rate(14);
    let subscribers: Vec<String> = (0..MAILS)
        .map(|number| to("Ann", &format!("ann{number}@example.com")))
        .collect();
    caller.queues(send(&subscribers)).await;
    caller.passes(minutes(5)).await;
    assert_eq!(sent(&caller).len(), MAILS, "all of them within 5 minutes");
    let mut recipients = recipients(&caller);
    recipients.sort_unstable();
    recipients.dedup();
    assert_eq!(recipients.len(), MAILS, "at most once each");
    let throttled = caller.local().ses().throttled();
    assert!(throttled < MAILS / 100, "{throttled} mails were too many");
    for queue in local::names::QUEUES {
        assert!(
            caller.local().sqs().dead_letters(queue).is_empty(),
            "{queue}"
        );
    }
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn two_large_sends_share_one_rate_and_are_never_given_up() {
    let mut caller = a_caller_with_a_definition().await;
    caller.local().ses().set_rate(2);
    for half in ["ann", "bob"] {
        let subscribers: Vec<String> = (0..60)
            .map(|number| to(half, &format!("{half}{number}@example.com")))
            .collect();
        caller.queues(send(&subscribers)).await;
    }
    caller.passes(minutes(3)).await;
    assert_eq!(sent(&caller).len(), 120);
    let throttled = caller.local().ses().throttled();
    assert!(throttled <= 2, "{throttled} mails were too many");
    for queue in local::names::QUEUES {
        assert!(
            caller.local().sqs().dead_letters(queue).is_empty(),
            "{queue}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_inactive_definition_keeps_its_mails_until_it_is_active() {
    let mut caller = a_caller_with_a_definition().await;
    caller.does(call().updating(definition("Inactive"))).await;
    let request_id = caller.queues(to_ann_and_bob()).await;
    caller.passes(hours(2)).await;
    assert_eq!(caller.outcome(&request_id).await, "OK");
    assert!(sent(&caller).is_empty());
    caller.does(call().updating(definition("Active"))).await;
    caller.passes(minutes(1)).await;
    let within_a_minute = recipients(&caller);
    assert_eq!(within_a_minute, ["ann@example.com", "bob@example.com"]);
    caller.passes(hours(1)).await;
    assert_eq!(recipients(&caller).len(), 2, "once each");
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_the_mails_of_the_definition_that_is_active_again_leave() {
    let mut caller = a_caller().await;
    let of = |text: String, key: &str| text.replace(">welcome<", &format!(">{key}<"));
    for key in ["one", "other"] {
        let inactive = of(definition("Inactive"), key);
        caller.does(call().creating(inactive)).await;
        for number in 0..3 {
            let to = to(key, &format!("{key}{number}@example.com"));
            let send = format!(
                r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>{key}</CustomerKey></TriggeredSendDefinition>{to}</Objects>"#
            );
            caller.queues(call().creating(send)).await;
        }
    }
    caller.passes(minutes(40)).await;
    assert!(sent(&caller).is_empty());
    caller
        .does(call().updating(of(definition("Active"), "one")))
        .await;
    caller.passes(minutes(1)).await;
    let first = ["one0@example.com", "one1@example.com", "one2@example.com"];
    assert_eq!(recipients(&caller), first);
    caller
        .does(call().updating(of(definition("Active"), "other")))
        .await;
    caller.passes(minutes(1)).await;
    assert_eq!(recipients(&caller).len(), 6);
    let pointers = caller.records();
    let left = pointers.iter().filter(|record| record.text("pk") == "HELD");
    assert_eq!(left.count(), 0, "nobody is waited for any more");
}

#[tokio::test(start_paused = true)]
async fn sending_the_call_again_sends_no_mail_again() {
    let mut caller = a_caller_with_a_definition().await;
    let call = to_ann_and_bob().with("ConversationID", "welcome-1");
    caller.queues(call.clone()).await;
    caller.settles().await;
    caller.queues(call.clone()).await;
    caller.passes(hours(1)).await;
    caller.queues(call).await;
    caller.passes(hours(1)).await;
    assert_eq!(sent(&caller).len(), 2);
}

/// The definition names its list by a PartnerKey that the list got after the subscriber had left it.
#[tokio::test(start_paused = true)]
async fn who_has_left_a_list_gets_no_mail_though_the_list_has_another_partner_key_now() {
    let list = |partner_key: &str| {
        format!(
            r#"<Objects xsi:type="List"><PartnerKey>{partner_key}</PartnerKey><CustomerKey>news</CustomerKey><ListName>News</ListName></Objects>"#
        )
    };
    let leaves = r#"<Objects xsi:type="Subscriber"><EmailAddress>ann@example.com</EmailAddress><SubscriberKey>Ann</SubscriberKey><Lists><PartnerKey>p1</PartnerKey><Status>Unsubscribed</Status></Lists></Objects>"#;
    let mut caller = a_caller().await;
    caller.does(call().creating(list("p1"))).await;
    caller.does(call().creating(leaves)).await;
    caller.does(call().updating(list("p2"))).await;
    let by_partner_key = "<List><PartnerKey>p2</PartnerKey></List></Objects>";
    let definition = definition("Active").replace("</Objects>", by_partner_key);
    caller.does(call().creating(definition)).await;
    caller.queues(to_ann_and_bob()).await;
    caller.settles().await;
    assert_eq!(recipients(&caller), ["bob@example.com"]);
    let look = look_for("Subscriber")
        .of("Lists")
        .by("SubscriberKey", "Ann");
    let found = caller.retrieves(look).await;
    assert_eq!(found.rows[0].at("Lists.PartnerKey"), "p2", "as it is now");
}

fn definition_of(key: &str, more: &str) -> String {
    format!(
        r#"<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>{key}</CustomerKey>{more}<TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>{key}</Subject><TextBody>x</TextBody></Email><FromAddress>shop@example.com</FromAddress></Objects>"#
    )
}

fn send_of(key: &str, subscribers: &[String]) -> Call {
    call().creating(format!(
        r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>{key}</CustomerKey></TriggeredSendDefinition>{}</Objects>"#,
        subscribers.concat()
    ))
}

fn many(name: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| to(name, &format!("{name}{number}@example.com")))
        .collect()
}

/// What was ordered later and is urgent goes before what is not, however much of that there is.
#[tokio::test(start_paused = true)]
async fn mails_of_a_burst_go_before_those_of_low_priority() {
    let classified = |priority: &str| {
        format!(
            "<SendClassification><CustomerKey>{priority}</CustomerKey><SendPriority>{priority}</SendPriority></SendClassification>"
        )
    };
    let mut caller = a_caller().await;
    for priority in ["Low", "Burst"] {
        let definition = definition_of(priority, &classified(priority));
        caller.does(call().creating(definition)).await;
    }
    caller.local().ses().set_rate(10);
    caller.queues(send_of("Low", &many("low", 300))).await;
    caller.passes(jiff::SignedDuration::from_secs(5)).await;
    caller.queues(send_of("Burst", &many("burst", 100))).await;
    caller.passes(minutes(5)).await;
    let mails = caller.mails();
    let last = |subject: &str| {
        let of = mails.iter().filter(|mail| mail.subject == subject);
        of.map(|mail| mail.at).max().expect("mails")
    };
    assert_eq!(mails.len(), 400, "all of both in the end");
    let first_low = mails.iter().position(|mail| mail.subject == "Low");
    assert_eq!(first_low, Some(0), "they had begun");
    assert!(last("Burst") < last("Low"));
    let behind = mails
        .iter()
        .filter(|mail| mail.subject == "Low" && mail.at > last("Burst"));
    let behind = behind.count();
    assert!(
        behind > 150,
        "{behind} of 300 waited until the burst was over"
    );
}

#[tokio::test(start_paused = true)]
async fn mails_leave_in_the_hours_of_their_definition_or_not_at_all() {
    // The story begins at nine o'clock in UTC, three in the morning in the server's time.
    let hours_of = |delete: &str| {
        format!(
            "<SendWindowOpen>08:00:00</SendWindowOpen><SendWindowClose>18:00:00</SendWindowClose><SendWindowDelete>{delete}</SendWindowDelete>"
        )
    };
    let mut caller = a_caller().await;
    for (key, delete) in [("waits", "false"), ("drops", "true")] {
        let window = hours_of(delete);
        let text =
            definition_of(key, "").replace("</FromAddress>", &format!("</FromAddress>{window}"));
        caller.does(call().creating(text)).await;
        caller.queues(send_of(key, &many(key, 2))).await;
    }
    caller.passes(minutes(4 * 60 + 50)).await;
    assert!(caller.mails().is_empty(), "it is ten to eight");
    let mut states = caller.mail_states();
    states.sort();
    assert_eq!(states, ["Failed", "Failed", "Pending", "Pending"]);
    caller.passes(minutes(12)).await;
    let subjects: Vec<String> = caller
        .mails()
        .into_iter()
        .map(|mail| mail.subject)
        .collect();
    assert_eq!(subjects, ["waits", "waits"]);
    assert!(caller.due().is_empty());
    let look = look_for("NotSentEvent").of("SubscriberKey");
    let found = caller.retrieves(look).await.lines("SubscriberKey");
    assert_eq!(found, ["drops", "drops"]);
}
