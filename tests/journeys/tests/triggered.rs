//! Triggered sends: one mail per subscriber, at most once each.

use journeys::{Call, Node, Story, a_caller, call, hours, look_for, mail_to, minutes};
use local::faults::InjectedFault;
use local::{AwsRequest, CapturedMail, EventDelivery, MailFault, Service};

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

fn is_mail(aws_request: &AwsRequest) -> bool {
    aws_request.service == Service::Ses && aws_request.operation == "SendEmail"
}

#[tokio::test(start_paused = true)]
async fn a_mail_whose_answer_is_lost_is_unknown_and_not_sent_twice() {
    let mut caller = a_caller_with_a_definition().await;
    caller
        .local()
        .ses()
        .set_event_delivery(EventDelivery::Never);
    caller
        .local()
        .faults()
        .once(is_mail, InjectedFault::LoseAnswer);
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
    caller.passes(hours(1)).await;
    assert_eq!(recipients(&caller), ["ann@example.com", "bob@example.com"]);
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
