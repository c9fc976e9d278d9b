//! Events that SES reports of triggered mails, and their effects: events to retrieve, summaries, and
//! subscribers who get no more mail.

use std::time::Duration;

use journeys::{Call, Node, Story, a_caller, call, hours, look_for, minutes};
use local::faults::InjectedFault;
use local::{AwsRequest, EventDelivery, MailFate, Service};

use crate::unknown_mails::is_mail;

const EVENTS: [&str; 4] = ["SentEvent", "NotSentEvent", "BounceEvent", "UnsubEvent"];

pub(crate) fn definition(more: &str) -> String {
    format!(
        r#"<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>welcome</CustomerKey><TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>Welcome</Subject><TextBody>Dear %%SubscriberKey%%</TextBody></Email><FromAddress>shop@example.com</FromAddress>{more}</Objects>"#
    )
}

pub(crate) fn to(keys: &[&str]) -> Call {
    let subscriber = |key: &&str| {
        format!(
            "<Subscribers><EmailAddress>{key}@example.com</EmailAddress><SubscriberKey>{key}</SubscriberKey></Subscribers>"
        )
    };
    let subscribers: String = keys.iter().map(subscriber).collect();
    call().creating(format!(
        r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey></TriggeredSendDefinition>{subscribers}</Objects>"#
    ))
}

pub(crate) async fn a_shop() -> Story {
    let mut caller = a_caller().await;
    caller.does(call().creating(definition(""))).await;
    caller
}

/// The events of all kinds, one a line: type, EventType, SubscriberKey.
pub(crate) async fn events(caller: &mut Story) -> Vec<String> {
    let mut lines = Vec::new();
    for event in EVENTS {
        let look = look_for(event).of("EventType SubscriberKey");
        let found = caller
            .retrieves(look)
            .await
            .lines("EventType SubscriberKey");
        lines.extend(found.into_iter().map(|line| format!("{event} {line}")));
    }
    lines.sort();
    lines
}

pub(crate) async fn status(caller: &mut Story, key: &str) -> String {
    let look = look_for("Subscriber").of("Status").by("SubscriberKey", key);
    caller.retrieves(look).await.lines("Status").join("; ")
}

/// What a further mail to a subscriber fails with.
pub(crate) async fn fails_with(caller: &mut Story, key: &str) -> String {
    let answer = caller.sends(to(&[key]).at_once()).await;
    let result = answer.payload().child("Results").expect("a result");
    let failures = result.all("SubscriberFailures");
    failures
        .map(|failure| failure.line(&["ErrorDescription"]))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn sent_events_are_retrieved_by_day_send_and_subscriber() {
    let mut caller = a_shop().await;
    caller.queues(to(&["ann", "bob"])).await;
    caller.settles().await;
    let first_day = caller.now();
    caller.passes(hours(48)).await;
    caller.queues(to(&["ann"])).await;
    caller.settles().await;
    let all = [
        "SentEvent Sent ann",
        "SentEvent Sent ann",
        "SentEvent Sent bob",
    ];
    assert_eq!(events(&mut caller).await, all);

    let definition = look_for("TriggeredSendDefinition").of("ID ObjectID");
    let [definition] = caller
        .retrieves(definition)
        .await
        .rows
        .try_into()
        .expect("one");
    let (id, object_id): (String, String) =
        (definition.at("ID").into(), definition.at("ObjectID").into());
    let properties = "SubscriberKey SendID TriggeredSendDefinitionObjectID";
    let by_send = look_for("SentEvent").of(properties).by("SendID", &id);
    let found = caller.retrieves(by_send).await.lines(properties);
    assert_eq!(found.len(), 3);
    assert!(
        found
            .iter()
            .all(|line| line.ends_with(&format!("{id} {object_id}")))
    );
    let by_key = look_for("SentEvent")
        .of("SubscriberKey")
        .by("SubscriberKey", "bob");
    assert_eq!(
        caller.retrieves(by_key).await.lines("SubscriberKey"),
        ["bob"]
    );

    let (before, after) = (first_day + hours(-1), first_day + hours(1));
    for (operator, dates, expected) in [
        ("greaterThan", vec![after], 1),
        ("greaterThan", vec![before], 3),
        ("lessThan", vec![after], 2),
        ("lessThanOrEqual", vec![before], 0),
        ("between", vec![before, after], 2),
    ] {
        let dates: String = dates
            .iter()
            .map(|date| format!("<DateValue>{date}</DateValue>"))
            .collect();
        let filter = format!(
            r#"<FILTER xsi:type="SimpleFilterPart"><Property>EventDate</Property><SimpleOperator>{operator}</SimpleOperator>{dates}</FILTER>"#
        );
        let look = look_for("SentEvent").of("SubscriberKey").filtered(&filter);
        let found = caller.retrieves(look).await;
        assert_eq!(found.status, "OK");
        assert_eq!(found.rows.len(), expected, "{operator} {dates}");
    }
}

#[tokio::test(start_paused = true)]
async fn events_are_made_by_the_server_alone_and_go_with_the_results() {
    let mut caller = a_shop().await;
    for event in EVENTS {
        let object =
            format!(r#"<Objects xsi:type="{event}"><CustomerKey>x</CustomerKey></Objects>"#);
        let answer = caller.sends(call().creating(object)).await;
        assert_eq!(answer.overall_status(), "Error", "{event}");
    }
    caller.queues(to(&["ann"])).await;
    caller.settles().await;
    let kept_for = |record: &journeys::record::Record| record.text("expires_at").to_owned();
    let records = journeys::record::objects_table(caller.local());
    let events: Vec<String> = records
        .iter()
        .filter(|record| record.text("pk").ends_with("SentEvent"))
        .map(kept_for)
        .collect();
    let expires = (caller.now() + hours(30 * 24)).as_second().to_string();
    assert_eq!(events, [expires]);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_bounced_is_not_mailed_again() {
    for delivery in [EventDelivery::Once, EventDelivery::Twice] {
        let mut caller = a_shop().await;
        let ses = caller.local().ses().clone();
        ses.set_event_delivery(delivery);
        ses.mails_to("ann@example.com", MailFate::Bounces);
        ses.mails_to("bob@example.com", MailFate::BouncesForNow);
        caller.queues(to(&["ann", "bob", "eve"])).await;
        caller.settles().await;
        let expected = [
            "BounceEvent HardBounce ann",
            "BounceEvent SoftBounce bob",
            "SentEvent Sent ann",
            "SentEvent Sent bob",
            "SentEvent Sent eve",
        ];
        assert_eq!(events(&mut caller).await, expected, "{delivery:?}");
        let details = "SMTPCode SMTPReason BounceCategory";
        let look = look_for("BounceEvent")
            .of(details)
            .by("SubscriberKey", "ann");
        let found = caller.retrieves(look).await.lines(details);
        assert_eq!(found, ["5.1.1 smtp; 550 5.1.1 user unknown General"]);
        assert_eq!(status(&mut caller, "ann").await, "Bounced");
        assert_eq!(status(&mut caller, "bob").await, "Active");
        let held = "Error Code: 2 - Subscriber is held.";
        assert_eq!(fails_with(&mut caller, "ann").await, held);
        assert_eq!(fails_with(&mut caller, "bob").await, "");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bounce_of_an_old_address_does_not_mark_the_new_one() {
    let mut caller = a_shop().await;
    caller
        .local()
        .ses()
        .mails_to("ann@example.com", MailFate::Bounces);
    caller.queues(to(&["ann"])).await;
    let moved = r#"<Objects xsi:type="Subscriber"><SubscriberKey>ann</SubscriberKey><EmailAddress>new@example.com</EmailAddress></Objects>"#;
    let before = InjectedFault::Delay(Duration::from_secs(1));
    caller.local().faults().once(is_mail, before);
    caller.settles().await;
    assert_eq!(status(&mut caller, "ann").await, "Bounced");
    // The same again, with the address changed before the mail comes back.
    caller
        .local()
        .ses()
        .set_event_delivery(EventDelivery::Never);
    let active = r#"<Objects xsi:type="Subscriber"><SubscriberKey>ann</SubscriberKey><Status>Active</Status></Objects>"#;
    caller.does(call().updating(active)).await;
    caller.does(call().updating(moved)).await;
    let record = caller
        .records()
        .into_iter()
        .find(|record| record.kind() == "MAIL");
    let tag = tag_of(&record.expect("a mail"));
    let notified = bounce(&tag, "2026-11-20T10:00:00Z");
    let taken = notifier::mail_events::take(&caller.stack.cloud, &notified).await;
    taken.expect("taken");
    assert_eq!(status(&mut caller, "ann").await, "Active");
}

/// As `MailTag` writes it.
fn tag_of(mail: &journeys::record::Record) -> String {
    let number = |name: &str| mail.text(name).to_owned();
    format!(
        "{}_{}_{}",
        mail.text("pk"),
        number("sequence"),
        number("number")
    )
}

fn bounce(tag: &str, at: &str) -> serde_json::Value {
    serde_json::json!({
        "source": "aws.ses", "detail-type": "Email Bounced",
        "detail": {
            "eventType": "Bounce", "mail": { "tags": { "aftercall-mail": [tag] } },
            "bounce": { "bounceType": "Permanent", "timestamp": at, "bouncedRecipients": [] },
        },
    })
}

#[tokio::test(start_paused = true)]
async fn a_complaint_unsubscribes_once_in_any_order_of_events() {
    for delivery in [
        EventDelivery::Once,
        EventDelivery::Twice,
        EventDelivery::Backwards,
    ] {
        let mut caller = a_shop().await;
        let ses = caller.local().ses().clone();
        ses.set_event_delivery(delivery);
        ses.mails_to("ann@example.com", MailFate::Complained);
        caller.queues(to(&["ann"])).await;
        caller.settles().await;
        let expected = ["SentEvent Sent ann", "UnsubEvent Unsubscribe ann"];
        assert_eq!(events(&mut caller).await, expected, "{delivery:?}");
        assert_eq!(status(&mut caller, "ann").await, "Unsubscribed");
        let unsubscribed = "Error Code: 1 - Subscriber is unsubscribed.";
        assert_eq!(fails_with(&mut caller, "ann").await, unsubscribed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_mail_rejected_after_acceptance_counts_as_not_sent() {
    let mut caller = a_shop().await;
    caller
        .local()
        .ses()
        .mails_to("ann@example.com", MailFate::IsRejected);
    caller.queues(to(&["ann"])).await;
    caller.passes(hours(1)).await;
    assert_eq!(caller.mail_states(), ["Failed"]);
    assert_eq!(events(&mut caller).await, ["NotSentEvent NotSent ann"]);
    let look = look_for("NotSentEvent").of("PartnerProperties");
    let [event]: [Node; 1] = caller.retrieves(look).await.rows.try_into().expect("one");
    let reason = event.child("PartnerProperties").expect("a reason");
    assert_eq!(reason.line(&["Name", "Value"]), "Reason Bad content");
}

/// The function is slow to note that SES has taken the mail; SES has told more by then.
#[tokio::test(start_paused = true)]
async fn an_event_before_our_commit_counts_once() {
    for fate in [MailFate::Delivered, MailFate::Bounces, MailFate::IsRejected] {
        let mut caller = a_shop().await;
        caller.local().ses().mails_to("ann@example.com", fate);
        caller.queues(to(&["ann"])).await;
        let is_noted = |aws_request: &AwsRequest| {
            aws_request.service == Service::DynamoDb
                && aws_request.operation == "PutItem"
                && aws_request.json.to_string().contains(r#"{\"Sent\":"#)
        };
        let slow = InjectedFault::Delay(Duration::from_secs(5));
        caller.local().faults().once(is_noted, slow);
        let (stack, settling) = (caller.stack.clone(), caller.stack.clone());
        let notified = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            assert!(stack.deliver_mail_event().await, "SES has listed");
        };
        tokio::join!(settling.settle(), notified);
        caller.passes(hours(1)).await;
        let (state, expected) = match fate {
            MailFate::Delivered => ("Sent", vec!["SentEvent Sent ann"]),
            MailFate::IsRejected => ("Failed", vec!["NotSentEvent NotSent ann"]),
            MailFate::Bounces | MailFate::BouncesForNow | MailFate::Complained => (
                "Sent",
                vec!["BounceEvent HardBounce ann", "SentEvent Sent ann"],
            ),
        };
        assert_eq!(caller.mail_states(), [state], "{fate:?}");
        assert_eq!(events(&mut caller).await, expected, "{fate:?}");
        assert!(caller.due().is_empty(), "{fate:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_fails_is_delivered_again() {
    let mut caller = a_shop().await;
    caller
        .local()
        .ses()
        .mails_to("ann@example.com", MailFate::Bounces);
    let is_marking = |aws_request: &AwsRequest| {
        aws_request.operation == "TransactWriteItems"
            && aws_request.json.to_string().contains("BounceEvent")
    };
    caller
        .local()
        .faults()
        .when(is_marking, InjectedFault::Refuse(500));
    caller.queues(to(&["ann"])).await;
    caller.settles().await;
    assert_eq!(status(&mut caller, "ann").await, "Active");
    caller.local().faults().clear();
    caller.passes(minutes(2)).await;
    assert_eq!(status(&mut caller, "ann").await, "Bounced");
    assert_eq!(caller.local().ses().lost_events(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_complained_or_bounced_is_not_mailed_under_another_key() {
    for (fate, failure) in [
        (
            MailFate::Complained,
            "Error Code: 1 - Subscriber is unsubscribed.",
        ),
        (MailFate::Bounces, "Error Code: 2 - Subscriber is held."),
    ] {
        let mut caller = a_shop().await;
        caller.local().ses().mails_to("ann@example.com", fate);
        caller.queues(to(&["ann"])).await;
        caller.settles().await;
        let other = to(&["ann"]).at_once();
        let other = other.creating(
            r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey></TriggeredSendDefinition><Subscribers><EmailAddress>Ann@example.com</EmailAddress><SubscriberKey>other</SubscriberKey></Subscribers></Objects>"#,
        );
        let answer = caller.sends(other).await;
        let result = answer.payload().child("Results").expect("a result");
        let failures: Vec<String> = result
            .all("SubscriberFailures")
            .map(|failure| failure.line(&["ErrorDescription"]))
            .collect();
        assert_eq!(failures, [failure], "{fate:?}");
        caller.settles().await;
        assert_eq!(caller.mails().len(), 1);
        let listed = events(&mut caller).await;
        assert!(
            listed.contains(&"NotSentEvent NotSent other".to_owned()),
            "{listed:?}"
        );
        let expires = journeys::record::objects_table(caller.local());
        let lasting = expires.iter().filter(|record| {
            record.text("pk").ends_with("NotSentEvent") && record.text("expires_at").is_empty()
        });
        assert_eq!(lasting.count(), 0, "events go with the results");
    }
}

#[tokio::test(start_paused = true)]
async fn a_summary_counts_what_became_of_the_sends_of_one_definition() {
    let mut caller = a_shop().await;
    let other = definition("").replace("welcome", "other");
    caller.does(call().creating(other)).await;
    let ses = caller.local().ses().clone();
    ses.mails_to("bob@example.com", MailFate::Bounces);
    ses.mails_to("eve@example.com", MailFate::Complained);
    ses.mails_to("kim@example.com", MailFate::IsRejected);
    caller.queues(to(&["ann", "bob", "eve", "kim"])).await;
    caller.settles().await;
    caller.queues(to(&["ann", "bob", "eve"])).await;
    caller.settles().await;
    let counts =
        "Sent NotSentDueToOptOut NotSentDueToUndeliverable NotSentDueToError Bounces OptOuts";
    for key in ["CustomerKey", "TriggeredSendDefinition.CustomerKey"] {
        let look = look_for("TriggeredSendSummary")
            .of(counts)
            .by(key, "welcome");
        assert_eq!(caller.retrieves(look).await.lines(counts), ["4 1 1 1 1 1"]);
        let look = look_for("TriggeredSendSummary").of(counts).by(key, "other");
        assert_eq!(caller.retrieves(look).await.lines(counts), ["0 0 0 0 0 0"]);
    }
    let nobody = look_for("TriggeredSendSummary")
        .of(counts)
        .by("CustomerKey", "nobody");
    assert!(caller.retrieves(nobody).await.rows.is_empty());
    let all = caller
        .retrieves(look_for("TriggeredSendSummary").of(counts))
        .await;
    assert!(
        all.status.contains("filter by CustomerKey"),
        "{}",
        all.status
    );
    let own = r#"<Objects xsi:type="TriggeredSendSummary"><CustomerKey>x</CustomerKey></Objects>"#;
    let made = caller.sends(call().creating(own)).await;
    assert_eq!(made.overall_status(), "Error", "nobody makes one");
}

/// Mails that have not left: of a definition that is not active, and of one whose mail the service has.
#[tokio::test(start_paused = true)]
async fn a_summary_counts_the_mails_that_have_not_left() {
    let mut caller = a_shop().await;
    let other = definition("").replace("welcome", "other");
    caller.does(call().creating(other)).await;
    caller.local().ses().set_rate(1);
    caller
        .queues(to(&["ann", "bob", "cid", "dan", "eve"]))
        .await;
    caller.passes(jiff::SignedDuration::from_secs(2)).await;
    let counts = "Sent Queued InProcess";
    let summary = |key: &str| {
        look_for("TriggeredSendSummary")
            .of(counts)
            .by("CustomerKey", key)
    };
    let found = caller.retrieves(summary("welcome")).await.lines(counts);
    let numbers: Vec<u32> = found[0]
        .split(' ')
        .filter_map(|text| text.parse().ok())
        .collect();
    let [sent, queued, in_process] = numbers.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(sent + queued + in_process, 5, "{found:?}");
    assert!(*sent >= 1 && *queued >= 1, "{found:?}");
    let found = caller.retrieves(summary("other")).await.lines(counts);
    assert_eq!(found, ["0 0 0"]);
    caller.passes(jiff::SignedDuration::from_mins(3)).await;
    let found = caller.retrieves(summary("welcome")).await.lines(counts);
    assert_eq!(found, ["5 0 0"]);
}
