//! Texts and calls by voice, and their definitions.

use jiff::SignedDuration;
use objects::PhoneChannel;

use crate::world::{World, check, summary};

const DEFINITION: &str =
    "Create SMSTriggeredSendDefinition{CustomerKey=code Content{Content='Hi %%First%%'}}";
const VOICE: &str = "Create VoiceTriggeredSendDefinition{CustomerKey=call}";

fn text(more: &str) -> String {
    format!("Create SMSTriggeredSend{{SMSTriggeredSendDefinition{{CustomerKey=code}} {more}}}")
}

fn call(more: &str) -> String {
    format!("Create VoiceTriggeredSend{{VoiceTriggeredSendDefinition{{CustomerKey=call}} {more}}}")
}

const ANN: &str = "Subscriber{SubscriberKey=ann Attributes{Name=First Value=Ann}}";

/// What becomes of a send, after `before`; the world has its order.
#[track_caller]
fn check_send(before: &[&str], send: &str, expected: &str) -> World {
    let mut world = World::new();
    for call in before {
        let result = &world.call(call)[0];
        assert!(result.ok, "{call}: {}", summary(result));
    }
    assert_eq!(summary(&world.call(send)[0]), expected, "{send}");
    let is_sent = expected.starts_with("OK");
    assert_eq!(world.phones.len(), usize::from(is_sent), "{send}");
    world
}

#[test]
fn a_text_goes_to_its_number_with_values_put_in() {
    let send = text(&format!("CorrelationID=c {ANN} Number='+43 660 123 45 67'"));
    let world = check_send(&[DEFINITION], &send, "OK SMSTriggeredSend created");
    let order = &world.phones[0];
    assert_eq!(order.channel, PhoneChannel::Text);
    assert_eq!(
        (order.to.as_str(), order.from.as_str()),
        ("+436601234567", "+12065550100")
    );
    assert_eq!((order.words.as_str(), order.parts), ("Hi Ann", 1));
    assert_eq!(order.recipient.subscriber_key, "ann");
    assert!(order.recipient.send_id > 0 && !order.recipient.definition_object_id.is_empty());
    assert!(world.stored("Subscriber").is_empty(), "nobody is added");
}

#[test]
fn a_result_has_the_text_as_it_came() {
    let mut world = World::new();
    world.call(DEFINITION);
    let send = text(&format!("CorrelationID=c {ANN} Number=436601234567"));
    let results = world.call(&format!("{send} SMSTriggeredSend{{{ANN}}}"));
    assert_eq!(results[0].correlation_id.as_deref(), Some("c"));
    assert_eq!(results[0].object_type, "SMSTriggeredSend");
    let object = results[0].object.as_ref().expect("an object");
    assert_eq!(object.text_of("Number"), Some("436601234567"));
    assert_eq!(
        summary(&results[1]),
        "33000 The SMSTriggeredSendDefinition is missing"
    );
    assert_eq!(world.phones.len(), 1, "a bad one does not stop a good one");
}

#[test]
fn a_call_by_voice_reads_its_message_out() {
    let send = call(&format!(
        "{ANN} Number=436601234567 Message='Your code is 1 2 3'"
    ));
    let world = check_send(&[VOICE], &send, "OK VoiceTriggeredSend created");
    let order = &world.phones[0];
    assert_eq!(order.channel, PhoneChannel::Voice);
    assert_eq!((order.from.as_str(), order.parts), ("+12065550101", 1));
    assert_eq!(order.words, "Your code is 1 2 3");
}

#[test]
fn words_are_the_sends_then_the_definitions_then_its_content_areas() {
    let named = "Create SMSTriggeredSendDefinition{CustomerKey=code Content{CustomerKey=area}}";
    let area =
        "Create ContentArea{CustomerKey=area Name=x Content='From the area, %%subscriberkey%%'}";
    let to = format!("{ANN} Number=436601234567");
    for (before, more, expected) in [
        (&[DEFINITION][..], "Message=own", "own"),
        (&[DEFINITION], "", "Hi Ann"),
        (&[named, area], "", "From the area, ann"),
    ] {
        let world = check_send(
            before,
            &text(&format!("{to} {more}")),
            "OK SMSTriggeredSend created",
        );
        assert_eq!(world.phones[0].words, expected);
    }
    check_send(&[named], &text(&to), "33003 The Message is missing");
}

#[test]
fn the_number_is_the_sends_then_the_subscribers_then_the_stored_one() {
    let stored = "Create Subscriber{SubscriberKey=ann EmailAddress=ann@example.com PrimarySMSAddress{Address=436601111111}}";
    let own = "Subscriber{SubscriberKey=ann PrimarySMSAddress{Address=436602222222}}";
    for (more, expected) in [
        (format!("{own} Number=436603333333"), "+436603333333"),
        (own.to_owned(), "+436602222222"),
        (ANN.to_owned(), "+436601111111"),
    ] {
        let world = check_send(
            &[DEFINITION, stored],
            &text(&more),
            "OK SMSTriggeredSend created",
        );
        assert_eq!(world.phones[0].to, expected);
    }
    check_send(
        &[DEFINITION],
        &text(ANN),
        "33101 The mobile number is missing: neither the send nor its subscriber has one",
    );
}

#[test]
fn what_is_wrong_with_a_text_has_its_code() {
    let good = format!("{ANN} Number=436601234567");
    let long = format!("{good} Message={}", "x".repeat(1_601));
    for (send, code) in [
        (format!("Create SMSTriggeredSend{{{good}}}"), "33000"),
        (
            format!(
                "Create SMSTriggeredSend{{SMSTriggeredSendDefinition{{CustomerKey=other}} {good}}}"
            ),
            "33001",
        ),
        (
            format!(
                "Create SMSTriggeredSend{{SMSTriggeredSendDefinition{{Description=x}} {good}}}"
            ),
            "33002",
        ),
        (text(&format!("{good} Message=' '")), "33003"),
        (text(&long), "33004"),
        (text(&format!("{good} Message='a\u{7}b'")), "33005"),
        (text(&format!("{good} Message='%%=v(@x)=%%'")), "33005"),
        (
            text(&format!("{good} FromAddress=arn:x:sender-id")),
            "33006",
        ),
        (text("Number=436601234567"), "33100"),
        (text(&format!("{ANN} {good}")), "33100"),
        (text(&format!("{ANN} Number=06601234567")), "33101"),
        (text(&format!("{ANN} Number=3175551212")), "33102"),
        (text(&format!("{ANN} Number=+11175551212")), "33102"),
    ] {
        let mut world = World::new();
        world.call(DEFINITION);
        let text = summary(&world.call(&send)[0]);
        assert!(text.starts_with(code), "{send}: {text}");
        assert!(world.phones.is_empty());
    }
}

#[test]
fn a_definition_that_sends_to_a_list_is_of_an_unknown_kind() {
    let to_list =
        "Create SMSTriggeredSendDefinition{CustomerKey=code SendToList=true Content{Content=x}}";
    let send = text(&format!("{ANN} Number=436601234567"));
    check_send(
        &[to_list],
        &send,
        "33500 The SMSTriggeredSendDefinition sends to its list, which is not done here: send to each Subscriber",
    );
}

#[test]
fn a_call_by_voice_has_three_codes() {
    let good = format!("{ANN} Number=436601234567 Message=x");
    for (send, code) in [
        (format!("Create VoiceTriggeredSend{{{good}}}"), "32000"),
        (call(&format!("{ANN} {good}")), "32001"),
        (call(&format!("{ANN} Number=1 Message=x")), "32002"),
        (
            call(&format!("{good} TransferNumber=436601234567")),
            "32002",
        ),
    ] {
        let mut world = World::new();
        world.call(VOICE);
        let text = summary(&world.call(&send)[0]);
        assert!(text.starts_with(code), "{send}: {text}");
        assert!(world.phones.is_empty());
    }
}

#[test]
fn a_server_without_a_sender_sends_no_texts_and_says_who_can_change_that() {
    let mut world = World::new();
    world.senders.text.clear();
    world.call(DEFINITION);
    let send = text(&format!(
        "{ANN} Number=436601234567 FromAddress=+12065550199"
    ));
    assert_eq!(
        summary(&world.call(&send)[0]),
        "33006 This server sends no texts: whoever runs it sets TextSenders to turn them on"
    );
    assert!(world.phones.is_empty());
}

#[test]
fn a_text_comes_from_whom_it_says_then_from_whom_its_definition_says() {
    let of_definition =
        "Create SMSTriggeredSendDefinition{CustomerKey=code FromAddress=SHOP Content{Content=x}}";
    let to = format!("{ANN} Number=436601234567");
    let shop = "arn:x:sender-id/SHOP/DE";
    for (more, expected) in [("FromAddress=+12065550100", "+12065550100"), ("", shop)] {
        let send = text(&format!("{to} {more}"));
        let world = check_send(&[of_definition], &send, "OK SMSTriggeredSend created");
        assert_eq!(world.phones[0].from, expected);
    }
}

#[test]
fn who_has_opted_out_gets_no_text() {
    let stored = |more: &str| {
        format!("Create Subscriber{{SubscriberKey=ann EmailAddress=ann@example.com {more}}}")
    };
    let out = |number: &str| {
        format!(
            "Addresses{{Address{{AddressType=SMS Address={number} Statuses{{Status{{Status=OptedOut}}}}}}}}"
        )
    };
    let primary = "PrimarySMSAddress{Address=436601234567} PrimarySMSPublicationStatus=OptedOut";
    let unsubscribed = "Update Subscriber{SubscriberKey=ann Status=Unsubscribed}".to_owned();
    let everything = "33301 The subscriber has unsubscribed from everything";
    let number = "33300 The owner of this number has opted out";
    let sent = "OK SMSTriggeredSend created";
    for (before, expected) in [
        (vec![stored(""), unsubscribed], everything),
        (vec![stored(&out("+436601234567"))], number),
        (vec![stored(primary)], number),
        (vec![stored(&out("+436609999999"))], sent),
        (vec![stored("")], sent),
    ] {
        let mut calls = vec![DEFINITION];
        calls.extend(before.iter().map(String::as_str));
        let send = text(&format!("{ANN} Number='+43 660 1234567'"));
        check_send(&calls, &send, expected);
    }
}

#[test]
fn who_has_left_the_publication_gets_no_text() {
    let definition = "Create SMSTriggeredSendDefinition{CustomerKey=code Publication{CustomerKey=news} Content{Content=x}}";
    let list = "Create List{CustomerKey=news ListName=news}";
    let member =
        "Create Subscriber{SubscriberKey=ann EmailAddress=ann@example.com Lists{CustomerKey=news}}";
    let left = "Update Subscriber{SubscriberKey=ann Lists{CustomerKey=news Status=Unsubscribed}}";
    let send = text(&format!("{ANN} Number=436601234567"));
    check_send(
        &[definition, list, member],
        &send,
        "OK SMSTriggeredSend created",
    );
    check_send(
        &[definition, list, member, left],
        &send,
        "33300 The subscriber has unsubscribed from the Publication of the definition",
    );
}

fn with_blackout(starts: &str, ends: &str, zone: &str) -> String {
    let property = |name: &str, value: &str| match value {
        "" => String::new(),
        value => format!("PartnerProperties{{Name={name} Value={value}}}"),
    };
    format!(
        "Create SMSTriggeredSendDefinition{{CustomerKey=code Content{{Content=x}} {} {} {}}}",
        property("BlackoutStart", starts),
        property("BlackoutEnd", ends),
        property("BlackoutTimeZone", zone)
    )
}

#[test]
fn nothing_is_taken_in_for_a_phone_during_a_blackout() {
    let send = text(&format!("{ANN} Number=436601234567"));
    let night = with_blackout("21:00", "08:00", "");
    let mut world = check_send(
        &[&night],
        &send,
        "33302 It is the definition's blackout; it ends at 2026-11-20T14:00:00Z",
    );
    world.now += SignedDuration::from_hours(4);
    assert_eq!(
        summary(&world.call(&send)[0]),
        "OK SMSTriggeredSend created"
    );
    let order = objects::SendOrder::from(world.phones[0].clone());
    assert_eq!(order.not_before(world.now), None);
    // One that is still waiting when the blackout begins leaves when it ends.
    let evening = "2026-11-21T03:00:00Z".parse().expect("a time");
    let morning = "2026-11-21T14:00:00Z".parse().expect("a time");
    assert_eq!(order.not_before(evening), Some(morning));
    assert_eq!(order.not_before(morning), None);
    let here = with_blackout("21:00", "08:00", "+01:00");
    check_send(&[&here], &send, "OK SMSTriggeredSend created");
}

#[test]
fn a_blackout_that_cannot_be_read_is_refused_with_its_definition() {
    let zone = with_blackout("21:00", "08:00", "Europe/Vienna");
    let time = with_blackout("9pm", "08:00", "");
    let half = with_blackout("21:00", "", "");
    check(
        &[&zone, &time, &half],
        &[
            "33303 BlackoutTimeZone must be an offset from UTC such as -06:00",
            "33001 BlackoutStart and BlackoutEnd must be two different times such as 21:00",
            "33001 A blackout has both BlackoutStart and BlackoutEnd",
        ],
    );
}
