//! Who is told of what: every RespondWhen, the form, its signature, and how often it is tried.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::SignedDuration;
use journeys::story::{ADDRESS, SECRET};
use journeys::{
    Call, Node, SendTo, Story, a_caller, call, days, hours, mail_to, minutes, part, post_to,
    seconds, subscriber,
};
use local::{CallbackAnswer, CapturedCallback, MailFault};
use sha2::Sha256;

const WHENS: [&str; 7] = [
    "Never",
    "OnError",
    "Always",
    "OnConversationError",
    "OnConversationComplete",
    "OnCallComplete",
    "OnExpired",
];

fn to(place: &str) -> SendTo {
    post_to(&format!("https://client.example.com/{place}"))
}

/// Wants to be told at each moment there is, each at an address of that name.
fn curious(call: Call) -> Call {
    let all = WHENS
        .into_iter()
        .fold(call, |call, when| call.replying_to(to(when).when(when)));
    all.replying_to(to("absent"))
}

fn make(name: &str) -> Call {
    call().creating(subscriber(name))
}

/// The addresses that were called, in the order of the alphabet.
fn places(caller: &Story) -> Vec<String> {
    let callbacks = caller.callbacks();
    let place = |callback: &CapturedCallback| callback.url.rsplit('/').next().map(str::to_owned);
    let mut places: Vec<String> = callbacks.iter().filter_map(place).collect();
    places.sort();
    places
}

#[tokio::test(start_paused = true)]
async fn a_successful_call_sends_these_replies() {
    let mut caller = a_caller().await;
    caller.queues(curious(make("ann"))).await;
    caller.passes(hours(1)).await;
    assert_eq!(
        places(&caller),
        [
            "Always",
            "OnCallComplete",
            "OnConversationComplete",
            "absent"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_sends_these_replies() {
    let mut caller = a_caller().await;
    caller.does(make("ann")).await;
    caller.queues(curious(make("ann"))).await;
    caller.passes(hours(1)).await;
    let all = [
        "Always",
        "OnCallComplete",
        "OnConversationComplete",
        "OnConversationError",
        "OnError",
        "absent",
    ];
    assert_eq!(places(&caller), all);
}

#[tokio::test(start_paused = true)]
async fn an_expired_call_sends_a_reply() {
    let mut caller = a_caller().await;
    caller.goes_into_maintenance(true).await;
    caller
        .queues(curious(make("ann")).until("2026-03-02T09:10:00Z"))
        .await;
    caller.passes(minutes(20)).await;
    caller.goes_into_maintenance(false).await;
    caller.passes(minutes(5)).await;
    assert!(places(&caller).contains(&"OnExpired".to_owned()));
    assert!(!places(&caller).contains(&"Never".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn the_reply_of_a_conversations_end_follows_its_last_call() {
    let mut caller = a_caller().await;
    let end = |place| to(place).when("OnConversationComplete");
    caller
        .queues(
            part("c", 1, 3)
                .replying_to(end("end"))
                .replying_to(to("done")),
        )
        .await;
    caller
        .queues(
            part("c", 2, 3)
                .replying_to(to("done"))
                .replying_to(end("end")),
        )
        .await;
    caller.queues(part("c", 3, 3).replying_to(to("done"))).await;
    caller.settles().await;
    assert_eq!(
        caller.replies(),
        [
            "done 1 OK",
            "done 2 OK",
            "done 3 OK",
            "end 1 OK",
            "end 2 OK"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_form_has_its_ten_fields_in_their_order() {
    let mut caller = a_caller().await;
    let sent = caller
        .queues(part("order 1&\u{e9}", 1, 1).calling_back(ADDRESS))
        .await;
    let alone = caller.queues(make("ann").calling_back(ADDRESS)).await;
    caller.settles().await;
    let bodies: Vec<String> = caller
        .callbacks()
        .into_iter()
        .map(|callback| callback.body)
        .collect();
    let form = |request_id: &str, conversation: &str, sequence: &str| {
        format!(
            "RequestID={request_id}&ConversationID={conversation}&OverallStatusCode=OK\
             &StatusCode=OK&StatusMessage=&ErrorCode=&RequestType=Asynchronous\
             &ResultType=Asynchronous&ResultDetailXML=&SequenceCode={sequence}"
        )
    };
    assert!(
        bodies.contains(&form(&sent, "order+1%26%C3%A9", "1")),
        "{bodies:?}"
    );
    assert!(bodies.contains(&form(&alone, "", "")), "{bodies:?}");
}

#[tokio::test(start_paused = true)]
async fn the_form_names_the_error() {
    let mut caller = a_caller().await;
    caller.does(make("ann")).await;
    let sent = make("bob")
        .and(subscriber("ann"))
        .and("<Objects xsi:type=\"Subscriber\"><EmailAddress>bad</EmailAddress></Objects>");
    caller
        .queues(sent.replying_to(to("done").with_results()))
        .await;
    caller.settles().await;
    let callback = &caller.callbacks()[0];
    assert_eq!(callback.field("OverallStatusCode"), Some("Has Errors"));
    assert_eq!(
        callback.field("ErrorCode"),
        Some("12014"),
        "the first of them"
    );
    assert_eq!(
        callback.field("StatusMessage"),
        Some("The subscriber is already on the list")
    );
    let detail = Node::read(callback.field("ResultDetailXML").expect("it is there"));
    let results: Vec<String> = detail
        .all("Results")
        .map(|result| result.line(&["OrdinalID", "StatusCode"]))
        .collect();
    assert_eq!(results[..2], ["0 OK", "1 Error"]);
    assert_eq!(
        (detail.name.as_str(), detail.at("OverallStatus")),
        ("CreateResponse", "Has Errors")
    );
}

#[tokio::test(start_paused = true)]
async fn every_attempt_is_signed_anew_under_the_same_id() {
    let mut caller = a_caller().await;
    caller
        .local()
        .callbacks()
        .answer_next(ADDRESS, CallbackAnswer::status(500));
    caller.queues(make("ann").calling_back(ADDRESS)).await;
    caller
        .queues(make("bob").calling_back("https://client.example.com/other"))
        .await;
    caller.passes(minutes(1)).await;
    let callbacks = caller.callbacks();
    callbacks.iter().for_each(verify);
    let id = |callback: &CapturedCallback| callback.header("webhook-id").map(str::to_owned);
    let (of_ann, of_bob): (Vec<_>, Vec<_>) = callbacks
        .iter()
        .partition(|callback| callback.url == ADDRESS);
    assert_eq!((of_ann.len(), of_bob.len()), (2, 1));
    assert_eq!(id(of_ann[0]), id(of_ann[1]));
    assert_eq!(of_ann[0].body, of_ann[1].body);
    assert_ne!(id(of_ann[0]), id(of_bob[0]));
    let time =
        |callback: &CapturedCallback| callback.header("webhook-timestamp").map(str::to_owned);
    assert_ne!(time(of_ann[0]), time(of_ann[1]));
}

/// As a receiver does it who has read the standard.
fn verify(callback: &CapturedCallback) {
    let header = |name| callback.header(name).expect("it is signed");
    let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
    assert_eq!(time, callback.at.as_second().to_string());
    let secret = SECRET.strip_prefix("whsec_").expect("a webhook secret");
    let secret = BASE64_STANDARD.decode(secret).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret).expect("a key");
    mac.update(format!("{id}.{time}.{}", callback.body).as_bytes());
    let signature = header("webhook-signature")
        .strip_prefix("v1,")
        .expect("version 1");
    let signature = BASE64_STANDARD.decode(signature).expect("base64");
    mac.verify_slice(&signature).expect("the signature is ours");
    assert_eq!(header("content-type"), "application/x-www-form-urlencoded");
}

#[tokio::test(start_paused = true)]
async fn a_reply_is_tried_ten_times_in_three_days() {
    for answer in [
        CallbackAnswer::status(500),
        CallbackAnswer::status(404),
        CallbackAnswer::status(302).with_header("location", "https://client.example.com/else"),
        CallbackAnswer::NoAnswer,
        CallbackAnswer::status(200).late_by(std::time::Duration::from_secs(16)),
    ] {
        let mut caller = a_caller().await;
        caller.local().callbacks().answer_always(ADDRESS, answer);
        caller.queues(make("ann").calling_back(ADDRESS)).await;
        caller.passes(days(5)).await;
        let waits = [seconds(5), minutes(5), minutes(30), hours(2), hours(5)];
        let later = [hours(10), hours(14), hours(20), hours(24)];
        came_after(&caller, &[&waits[..], &later].concat());
        assert!(caller.due().is_empty(), "given up");
    }
}

/// Between two attempts there was the wait or up to a tenth more, and no more than a minute.
#[track_caller]
fn came_after(caller: &Story, waits: &[SignedDuration]) {
    let callbacks = caller.callbacks();
    let times: Vec<_> = callbacks.iter().map(|callback| callback.at).collect();
    let gaps: Vec<_> = times
        .windows(2)
        .map(|pair| pair[1].duration_since(pair[0]))
        .collect();
    assert_eq!(gaps.len(), waits.len(), "{gaps:?}");
    for (gap, wait) in gaps.iter().zip(waits) {
        let latest = *wait + *wait / 10 + minutes(1);
        assert!((*wait..=latest).contains(gap), "{gap:?} for {wait:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn any_2xx_is_success_and_ends_it() {
    for status in [200, 201, 202, 204, 299] {
        let mut caller = a_caller().await;
        caller
            .local()
            .callbacks()
            .answer_next(ADDRESS, CallbackAnswer::ConnectionFails);
        caller
            .local()
            .callbacks()
            .answer_next(ADDRESS, CallbackAnswer::status(503));
        caller
            .local()
            .callbacks()
            .answer_next(ADDRESS, CallbackAnswer::status(status));
        caller.queues(make("ann").calling_back(ADDRESS)).await;
        caller.passes(days(5)).await;
        assert_eq!(caller.callbacks().len(), 2, "the first found nobody");
        assert!(caller.due().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_says_when_to_come_again_and_when_not_to() {
    let mut caller = a_caller().await;
    let callbacks = caller.local().callbacks().clone();
    callbacks.answer_next(ADDRESS, CallbackAnswer::status(503).retry_after(7_200));
    callbacks.answer_next(ADDRESS, CallbackAnswer::status(429).retry_after(1));
    callbacks.answer_next(ADDRESS, CallbackAnswer::status(410));
    caller.queues(make("ann").calling_back(ADDRESS)).await;
    caller.passes(days(5)).await;
    came_after(&caller, &[hours(2), minutes(5)]);
    assert!(caller.due().is_empty(), "410 ends it");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_says_by_a_date_when_to_come_again() {
    let mut caller = a_caller().await;
    let callbacks = caller.local().callbacks().clone();
    let until = |date| CallbackAnswer::status(503).with_header("retry-after", date);
    // The story begins at nine.
    callbacks.answer_next(ADDRESS, until("Mon, 02 Mar 2026 12:00:00 GMT"));
    callbacks.answer_next(ADDRESS, until("Mon, 02 Mar 2026 11:00:00 GMT"));
    callbacks.answer_next(ADDRESS, until("Mon, 02 Mar 2037 12:00:00 GMT"));
    caller.queues(make("ann").calling_back(ADDRESS)).await;
    caller.passes(days(5)).await;
    came_after(&caller, &[hours(3), minutes(5), hours(24)]);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_tried_again_does_not_hold_up_those_behind_it() {
    let mut caller = a_caller().await;
    caller
        .local()
        .callbacks()
        .answer_next(ADDRESS, CallbackAnswer::status(500));
    for number in [3, 2, 1] {
        caller
            .queues(part("c", number, 3).calling_back(ADDRESS))
            .await;
    }
    caller.passes(minutes(1)).await;
    assert_eq!(
        caller.replies(),
        ["done 1 OK", "done 2 OK", "done 3 OK", "done 1 OK"]
    );
}

#[tokio::test(start_paused = true)]
async fn each_address_is_a_subscription_of_its_own() {
    let mut caller = a_caller().await;
    caller
        .local()
        .callbacks()
        .answer_next(ADDRESS, CallbackAnswer::status(500));
    let call = make("ann")
        .calling_back(ADDRESS)
        .replying_to(to("other"))
        .replying_to(mail_to("a@b.example"));
    caller
        .queues(
            call.replying_to(to("never").when("Never"))
                .replying_to(SendTo::of("None", "none")),
        )
        .await;
    caller.passes(minutes(10)).await;
    assert_eq!(places(&caller), ["done", "done", "other"]);
    let mails: Vec<_> = caller
        .mails()
        .into_iter()
        .flat_map(|mail| mail.to)
        .collect();
    assert_eq!(mails, ["a@b.example"]);
}

#[tokio::test(start_paused = true)]
async fn results_and_objects_come_only_where_requested() {
    let bare = detail(to("done")).await;
    assert_eq!(bare, None, "a bare notification");
    assert_eq!(
        detail(to("done").with_objects()).await,
        None,
        "ignored without IncludeResults"
    );
    assert_eq!(detail(to("done").only_base()).await, None);
    let results = detail(to("done").with_results()).await.expect("results");
    assert_eq!(results.at("Results.StatusMessage"), "Created Subscriber.");
    assert!(
        results
            .child("Results")
            .is_some_and(|result| result.child("Object").is_none())
    );
    let ignored = detail(to("done").with_results().only_base()).await;
    assert_eq!(ignored, Some(results), "ignored without IncludeObjects");
    let whole = detail(to("done").with_results().with_objects())
        .await
        .expect("results");
    assert_eq!(whole.at("Results.Object.SubscriberKey"), "ann");
    assert_eq!(whole.at("Results.Object.Attributes.Value"), "1");
    let base = detail(to("done").with_results().with_objects().only_base()).await;
    let base = base.expect("results");
    assert!(
        base.child("Results")
            .is_some_and(|result| result.child("Object").is_some())
    );
    assert_eq!(
        base.at("Results.Object.SubscriberKey"),
        "",
        "none of the base"
    );
    assert_eq!(base.at("Results.Object.Attributes.Value"), "");
}

/// What ResultDetailXML holds of a call, without what differs from run to run.
async fn detail(to: SendTo) -> Option<Node> {
    let mut caller = a_caller().await;
    let call = call().creating(journeys::attribute("ann", "Step", "1"));
    caller.queues(call.replying_to(to)).await;
    caller.settles().await;
    let callback = caller.callbacks().pop().expect("a callback");
    let xml = callback
        .field("ResultDetailXML")
        .expect("the field is there")
        .to_owned();
    (!xml.is_empty()).then(|| Node::read(&xml))
}

#[tokio::test(start_paused = true)]
async fn a_mail_brings_its_results_in_a_zip() {
    let mut caller = a_caller().await;
    let plain = mail_to("plain@example.com");
    let full = mail_to("full@example.com").with_results();
    let sent = caller
        .queues(part("order-1", 1, 1).replying_to(plain).replying_to(full))
        .await;
    caller.settles().await;
    let mails = caller.mails();
    let to = |address: &str| {
        let found = mails.iter().find(|mail| mail.to == [address]);
        found.unwrap_or_else(|| panic!("no mail to {address}"))
    };
    assert_eq!(mails.len(), 2);
    assert!(
        to("plain@example.com").attachments.is_empty(),
        "a bare notification"
    );
    let text = to("plain@example.com").text.clone().unwrap_or_default();
    assert!(
        text.contains(&sent) && text.contains("order-1") && text.contains("OK"),
        "{text}"
    );
    let [attachment] = to("full@example.com").attachments.as_slice() else {
        panic!("one attachment")
    };
    let [file] = attachment.files.as_slice() else {
        panic!("one file")
    };
    assert_eq!(
        (attachment.name.as_str(), file.name.as_str()),
        ("Results.zip", "Results.xml")
    );
    let results = Node::read(file.text.as_ref().expect("text"));
    assert_eq!(
        (results.name.as_str(), results.at("RequestID")),
        ("CreateResponse", sent.as_str())
    );
}

#[tokio::test(start_paused = true)]
async fn a_mail_that_the_service_does_not_take_is_tried_again() {
    let mut caller = a_caller().await;
    caller
        .local()
        .ses()
        .set_fault(Some(MailFault::TooManyRequests));
    caller
        .queues(make("ann").replying_to(mail_to("a@example.com")))
        .await;
    caller.passes(hours(1)).await;
    caller.local().ses().set_fault(None);
    caller.passes(days(1)).await;
    assert_eq!(caller.mails().len(), 1);
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_mail_that_the_service_will_never_take_is_given_up() {
    let mut caller = a_caller().await;
    caller
        .local()
        .ses()
        .set_fault(Some(MailFault::MessageRejected));
    caller
        .queues(make("ann").replying_to(mail_to("a@example.com")))
        .await;
    caller.passes(days(1)).await;
    assert!(caller.mails().is_empty());
    assert!(caller.due().is_empty());
}
