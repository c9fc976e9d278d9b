//! Texts and calls by voice: one per send, at most once each, and what became of them.

use journeys::{Call, Node, Story, a_caller, call, hours, look_for, minutes};
use local::faults::InjectedFault;
use local::{AwsRequest, CapturedText, EventDelivery, Service, TextFate, TextFault};

const NUMBER: &str = "+436601234567";

const DEFINITION: &str = r#"<Objects xsi:type="SMSTriggeredSendDefinition"><CustomerKey>code</CustomerKey><Name>Code</Name><Content><Content>Your code is %%Code%%.</Content></Content></Objects>"#;

const VOICE_DEFINITION: &str =
    r#"<Objects xsi:type="VoiceTriggeredSendDefinition"><CustomerKey>call</CustomerKey></Objects>"#;

fn subscriber(key: &str) -> String {
    format!(
        "<Subscriber><Attributes><Name>Code</Name><Value>{}</Value></Attributes><SubscriberKey>{key}</SubscriberKey></Subscriber>",
        key.len()
    )
}

fn text_to(key: &str, number: &str) -> String {
    let subscriber = subscriber(key);
    format!(
        r#"<Objects xsi:type="SMSTriggeredSend"><SMSTriggeredSendDefinition><CustomerKey>code</CustomerKey></SMSTriggeredSendDefinition>{subscriber}<Number>{number}</Number></Objects>"#
    )
}

fn call_to(key: &str, number: &str) -> String {
    let subscriber = subscriber(key);
    format!(
        r#"<Objects xsi:type="VoiceTriggeredSend"><VoiceTriggeredSendDefinition><CustomerKey>call</CustomerKey></VoiceTriggeredSendDefinition>{subscriber}<Message>Your code is %%Code%%.</Message><Number>{number}</Number></Objects>"#
    )
}

fn to_ann() -> Call {
    call().creating(text_to("ann", NUMBER))
}

async fn a_shop() -> Story {
    let mut caller = a_caller().await;
    caller.does(call().creating(DEFINITION)).await;
    caller.does(call().creating(VOICE_DEFINITION)).await;
    caller
}

fn texts(caller: &Story) -> Vec<CapturedText> {
    caller.local().phone().texts()
}

/// The events of all kinds, one a line: type, SubscriberKey, and the reason of what was not sent.
async fn events(caller: &mut Story) -> Vec<String> {
    let mut lines = Vec::new();
    for event in ["SentEvent", "NotSentEvent", "BounceEvent", "UnsubEvent"] {
        let look = look_for(event).of("SubscriberKey PartnerProperties");
        for row in caller.retrieves(look).await.rows {
            let reason = row.child("PartnerProperties");
            let reason = reason.map(|reason| reason.line(&["Value"]));
            let line = format!(
                "{event} {} {}",
                row.at("SubscriberKey"),
                reason.unwrap_or_default()
            );
            lines.push(line.trim_end().to_owned());
        }
    }
    lines.sort();
    lines
}

#[tokio::test(start_paused = true)]
async fn a_text_and_a_call_go_out_once_and_have_events() {
    let mut caller = a_shop().await;
    let objects = vec![text_to("ann", NUMBER), text_to("robert", "436607654321")];
    let request_id = caller.queues(call().doing("Create", objects)).await;
    assert!(texts(&caller).is_empty(), "it is only queued");
    caller.settles().await;
    caller.queues(call().creating(call_to("ann", NUMBER))).await;
    caller.passes(hours(1)).await;
    let sent: Vec<(String, String, String, String)> = texts(&caller)
        .into_iter()
        .map(|text| (text.kind, text.to, text.from, text.text))
        .collect();
    let one = |kind: &str, to: &str, from: &str, text: &str| {
        (
            kind.to_owned(),
            to.to_owned(),
            from.to_owned(),
            text.to_owned(),
        )
    };
    let (texts, voice) = (local::names::TEXT_SENDER, local::names::VOICE_SENDER);
    assert_eq!(
        sent,
        [
            one("text", NUMBER, texts, "Your code is 3."),
            one("text", "+436607654321", texts, "Your code is 6."),
            one("voice", NUMBER, voice, "Your code is 3."),
        ]
    );
    assert_eq!(caller.outcome(&request_id).await, "OK");
    let expected = ["SentEvent ann", "SentEvent ann", "SentEvent robert"];
    assert_eq!(events(&mut caller).await, expected);
    assert_eq!(caller.mail_states(), ["Sent", "Sent", "Sent"]);
    assert!(caller.due().is_empty() && caller.mails().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_text_at_once_goes_out_as_well_and_the_result_is_the_objects() {
    let mut caller = a_shop().await;
    let answer = caller.does(to_ann()).await;
    let result = answer.payload().child("Results").expect("a result");
    assert_eq!(
        result.line(&["StatusCode", "StatusMessage"]),
        "OK SMSTriggeredSend created"
    );
    caller.settles().await;
    assert_eq!(texts(&caller).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_is_refused_at_the_door_with_its_code() {
    let mut caller = a_shop().await;
    for (number, code) in [("3175551212", "33102"), ("nobody", "33101")] {
        let answer = caller.sends(call().creating(text_to("ann", number))).await;
        assert_eq!(answer.overall_status(), "Error");
        let result = answer.payload().child("Results").expect("a result");
        assert_eq!(result.line(&["ErrorCode"]), code);
    }
    let other = r#"<Objects xsi:type="SMSTriggeredSend"><SMSTriggeredSendDefinition><CustomerKey>other</CustomerKey></SMSTriggeredSendDefinition><Subscriber><SubscriberKey>ann</SubscriberKey></Subscriber><Number>436601234567</Number></Objects>"#;
    let request_id = caller.queues(call().creating(other)).await;
    caller.settles().await;
    let outcome = caller.outcome(&request_id).await;
    assert!(outcome.starts_with("Error 33001"), "{outcome}");
    assert!(texts(&caller).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_number_whose_owner_answered_stop_gets_nothing_and_it_is_said_why() {
    let mut caller = a_shop().await;
    caller.local().phone().refuse_next(TextFault::OptedOut);
    caller.queues(to_ann()).await;
    caller.passes(hours(3)).await;
    assert!(texts(&caller).is_empty());
    assert_eq!(caller.mail_states(), ["Failed"]);
    let expected = ["NotSentEvent ann 33300 DESTINATION_PHONE_NUMBER_OPTED_OUT"];
    assert_eq!(events(&mut caller).await, expected);
    assert!(caller.due().is_empty());
}

/// The service says no for good: the event has the protocol's code and the service's word.
#[tokio::test(start_paused = true)]
async fn what_the_service_refuses_for_good_has_a_code() {
    let mut caller = a_shop().await;
    for fault in [
        TextFault::NotEnabled,
        TextFault::Unparsed,
        TextFault::NotEnabled,
    ] {
        caller.local().phone().refuse_next(fault);
    }
    caller.queues(to_ann()).await;
    caller.passes(minutes(5)).await;
    caller.queues(call().creating(text_to("bob", NUMBER))).await;
    caller.passes(minutes(5)).await;
    caller.queues(call().creating(call_to("cid", NUMBER))).await;
    caller.passes(minutes(5)).await;
    let expected = [
        "NotSentEvent ann 33503 COUNTRY_NOT_ENABLED",
        "NotSentEvent bob 33502 CANNOT_PARSE",
        "NotSentEvent cid 32002 COUNTRY_NOT_ENABLED",
    ];
    assert_eq!(events(&mut caller).await, expected);
    let faults = caller.local().faults().clone();
    let asked = faults.journal().into_iter().filter(|entry| {
        ["SendTextMessage", "SendVoiceMessage"].contains(&entry.operation.as_str())
    });
    assert_eq!(asked.count(), 3, "each is asked for once");
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_takes_nothing_gets_each_later_and_once() {
    for fault in [TextFault::TooManyRequests, TextFault::Spent] {
        let mut caller = a_shop().await;
        for _ in 0..2 {
            caller.local().phone().refuse_next(fault);
        }
        caller.queues(to_ann()).await;
        caller.settles().await;
        assert_eq!(caller.mail_states(), ["Pending"], "{fault:?}");
        caller.passes(minutes(5)).await;
        assert_eq!(texts(&caller).len(), 1, "{fault:?}");
        assert_eq!(events(&mut caller).await, ["SentEvent ann"]);
        assert!(caller.due().is_empty());
    }
}

fn is_text(request: &AwsRequest) -> bool {
    request.service == Service::Phone && request.operation == "SendTextMessage"
}

#[tokio::test(start_paused = true)]
async fn a_text_that_never_left_is_sent_later() {
    let mut caller = a_shop().await;
    let faults = caller.local().faults().clone();
    faults.when(is_text, InjectedFault::LoseRequest);
    caller.queues(to_ann()).await;
    caller.passes(minutes(5)).await;
    assert_eq!(caller.mail_states(), ["Pending"]);
    faults.clear();
    caller.passes(minutes(2)).await;
    assert_eq!(texts(&caller).len(), 1, "once");
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_text_whose_fate_is_unknown_is_not_sent_again_and_says_so() {
    for breaks_down in [false, true] {
        let mut caller = a_shop().await;
        caller.local().phone().tells(EventDelivery::Never);
        match breaks_down {
            true => caller.local().phone().refuse_next(TextFault::BreaksDown),
            false => caller
                .local()
                .faults()
                .once(is_text, InjectedFault::LoseAnswer),
        }
        caller.queues(to_ann()).await;
        caller.passes(hours(3)).await;
        assert_eq!(
            texts(&caller).len(),
            usize::from(!breaks_down),
            "at most once"
        );
        assert_eq!(caller.mail_states(), ["Unknown"]);
        let expected = ["NotSentEvent ann the service was reached and did not answer"];
        assert_eq!(events(&mut caller).await, expected);
        assert!(caller.due().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_text_is_settled_by_its_event_however_often_it_comes() {
    for (fate, state, expected) in [
        (TextFate::Arrives, "Sent", "SentEvent ann"),
        (
            TextFate::Fails,
            "Failed",
            "NotSentEvent ann 33502 TEXT_CARRIER_BLOCKED",
        ),
    ] {
        let mut caller = a_shop().await;
        caller.local().phone().tells(EventDelivery::Twice);
        caller.local().phone().texts_to(NUMBER, fate);
        let faults = caller.local().faults().clone();
        faults.once(is_text, InjectedFault::LoseAnswer);
        caller.queues(to_ann()).await;
        caller.passes(hours(1)).await;
        assert_eq!(caller.mail_states(), [state]);
        assert_eq!(events(&mut caller).await, [expected]);
        assert_eq!(texts(&caller).len(), 1, "it is not sent again");
        assert!(caller.due().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_phone_that_is_not_reached_got_nothing_and_nobody_is_marked_for_it() {
    let mut caller = a_shop().await;
    let known = "<Objects xsi:type=\"Subscriber\"><EmailAddress>ann@example.com</EmailAddress><SubscriberKey>ann</SubscriberKey></Objects>";
    caller.does(call().creating(known)).await;
    caller.local().phone().texts_to(NUMBER, TextFate::Fails);
    caller.queues(call().creating(call_to("ann", NUMBER))).await;
    caller.passes(hours(1)).await;
    let expected = ["NotSentEvent ann 32002 VOICE_NO_ANSWER"];
    assert_eq!(events(&mut caller).await, expected);
    let look = look_for("Subscriber")
        .of("Status")
        .by("SubscriberKey", "ann");
    assert_eq!(caller.retrieves(look).await.lines("Status"), ["Active"]);
}

#[tokio::test(start_paused = true)]
async fn many_texts_keep_to_the_rate_of_their_senders() {
    const TEXTS: usize = 60;
    let mut caller = a_shop().await;
    caller.local().phone().set_rate(2);
    caller.sends_texts_at(2).await;
    let objects =
        (0..TEXTS).map(|number| text_to(&format!("k{number}"), &format!("43660{number:07}")));
    caller
        .queues(call().doing("Create", objects.collect()))
        .await;
    caller.passes(minutes(3)).await;
    let mut numbers: Vec<String> = texts(&caller).into_iter().map(|text| text.to).collect();
    numbers.sort();
    numbers.dedup();
    assert_eq!((texts(&caller).len(), numbers.len()), (TEXTS, TEXTS));
    let throttled = caller.local().phone().throttled();
    assert!(throttled <= 2, "{throttled} texts were too many");
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_text_that_still_waits_when_the_blackout_begins_leaves_when_it_ends() {
    let mut caller = a_caller().await;
    // It is nine o'clock in UTC when the story begins.
    let property = |name: &str, value: &str| {
        format!("<PartnerProperties><Name>{name}</Name><Value>{value}</Value></PartnerProperties>")
    };
    let definition = DEFINITION.replace(
        "<CustomerKey>",
        &format!(
            "{}{}<CustomerKey>",
            property("BlackoutStart", "09:10Z"),
            property("BlackoutEnd", "12:00Z")
        ),
    );
    caller.does(call().creating(definition)).await;
    let faults = caller.local().faults().clone();
    faults.when(is_text, InjectedFault::LoseRequest);
    caller.queues(to_ann()).await;
    caller.passes(minutes(15)).await;
    faults.clear();
    caller.passes(minutes(150)).await;
    assert!(texts(&caller).is_empty(), "it is a quarter to twelve");
    caller.passes(minutes(17)).await;
    let [text] = &texts(&caller)[..] else {
        panic!("one text")
    };
    assert!(text.at.to_string().as_str() >= "2026-03-02T12:00:00Z");
    let later = caller.queues(to_ann()).await;
    caller.settles().await;
    assert_eq!(caller.outcome(&later).await, "OK");
    caller.passes(hours(22)).await;
    let refused = caller.queues(to_ann()).await;
    caller.settles().await;
    let outcome = caller.outcome(&refused).await;
    assert!(outcome.starts_with("Error 33302"), "{outcome}");
}

#[tokio::test(start_paused = true)]
async fn what_a_mail_and_a_text_of_one_call_owe_does_not_wait_for_each_other() {
    let mut caller = a_shop().await;
    let definition = r#"<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>welcome</CustomerKey><TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>Welcome</Subject><TextBody>Dear</TextBody></Email><FromAddress>shop@example.com</FromAddress></Objects>"#;
    caller.does(call().creating(definition)).await;
    let mail = r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey></TriggeredSendDefinition><Subscribers><EmailAddress>ann@example.com</EmailAddress></Subscribers></Objects>"#;
    let faults = caller.local().faults().clone();
    faults.when(is_text, InjectedFault::LoseRequest);
    let objects = vec![
        text_to("ann", NUMBER),
        mail.to_owned(),
        call_to("ann", NUMBER),
    ];
    caller.queues(call().doing("Create", objects)).await;
    caller.settles().await;
    assert_eq!((caller.mails().len(), texts(&caller).len()), (1, 1));
    assert_eq!(caller.mail_states(), ["Pending", "Sent", "Sent"]);
    faults.clear();
    caller.passes(minutes(3)).await;
    assert_eq!((caller.mails().len(), texts(&caller).len()), (1, 2));
}

/// A node that is there, for what the result of a queued call says of its object.
#[tokio::test(start_paused = true)]
async fn the_result_of_a_queued_text_is_kept_with_its_object() {
    let mut caller = a_shop().await;
    let request_id = caller.queues(to_ann()).await;
    caller.settles().await;
    let look = look_for("ResultMessage")
        .of("ResultDetailXML")
        .by("RequestID", &request_id);
    let found = caller.retrieves(look).await;
    let detail = Node::read(found.rows[0].at("ResultDetailXML"));
    let result = detail.child("Results").expect("a result");
    let line = result.line(&[
        "StatusCode",
        "Object.Number",
        "Object.Subscriber.SubscriberKey",
    ]);
    assert_eq!(line, "OK +436601234567 ann");
}
