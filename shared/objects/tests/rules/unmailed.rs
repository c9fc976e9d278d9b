//! Who gets no mail of a triggered send: opt-outs, bounces, and those who have left a list.

use crate::triggered_sends::{ANN, check_send, definition, send};
use crate::world::{World, summary};

#[test]
fn who_must_not_be_mailed_is_a_failure() {
    let gone = |status: &str| {
        [
            "Create Subscriber{SubscriberKey=ann EmailAddress=ann@example.com}".to_owned(),
            format!("Update Subscriber{{SubscriberKey=ann Status={status}}}"),
        ]
    };
    let no = "180008 Unable to queue Triggered Send request. There are no valid subscribers.";
    for (status, failure) in [
        (
            "Unsubscribed",
            "Error Code: 1 - Subscriber is unsubscribed.",
        ),
        ("Held", "Error Code: 2 - Subscriber is held."),
        ("Bounced", "Error Code: 2 - Subscriber is held."),
        ("Deleted", "Error Code: 40 - Subscriber is deleted."),
    ] {
        let before = gone(status);
        let before: Vec<&str> = before.iter().map(String::as_str).collect();
        let world = check_send(
            &before,
            &ANN.replace("=ann ", "=ANN "),
            &format!("{no} [0: {failure}]"),
        );
        assert!(world.mails.is_empty());
    }
}

pub(crate) const LEFT: &str = "[0: Error Code: 31 - Subscriber is unsubscribed from the list.]";

pub(crate) fn leaving(name: &str, list: &str) -> String {
    format!(
        "Create Subscriber{{SubscriberKey={name} EmailAddress={name}@example.com Lists{{{list} Status=Unsubscribed}}}}"
    )
}

/// What becomes of sends to ann and to ben, after all these calls have gone well.
#[track_caller]
pub(crate) fn sends_after(calls: &[&str]) -> [String; 2] {
    let mut world = World::new();
    for call in calls {
        let results = world.call(call);
        assert!(
            results.iter().all(|result| result.ok),
            "{call}: {results:?}"
        );
    }
    ["ann", "ben"].map(|name| {
        let to = format!("Subscribers{{SubscriberKey={name} EmailAddress={name}@example.com}}");
        summary(&world.call(&send(&to))[0])
    })
}

/// A PartnerKey is looked up when it is used: what was so when a subscriber joined does not count.
#[test]
fn who_has_left_a_list_gets_nothing_though_its_partner_key_has_changed_since() {
    let made = "Create List{CustomerKey=five ListName=five PartnerKey=p1}";
    let by_p2 = definition("Active", "List{PartnerKey=p2}");
    for joining in ["CustomerKey=five", "PartnerKey=p1"] {
        let [ann, ben] = sends_after(&[
            made,
            &leaving("ann", joining),
            "Update List{CustomerKey=five PartnerKey=p2}",
            &by_p2,
        ]);
        assert!(ann.ends_with(LEFT), "{joining}: {ann}");
        assert_eq!(ben, "OK Created TriggeredSend");
    }
}

#[test]
fn who_has_left_a_list_that_is_gone_gets_nothing_and_one_that_was_made_again_has_no_members() {
    let by_key = definition("Active", "List{CustomerKey=five}");
    let made = "Create List{CustomerKey=five ListName=five}";
    let gone = [
        made,
        &leaving("ann", "CustomerKey=five"),
        &by_key,
        "Delete List{CustomerKey=five}",
    ];
    let [ann, _] = sends_after(&gone);
    assert!(ann.ends_with(LEFT), "{ann}");
    let [ann, _] = sends_after(&[&gone[..], &[made]].concat());
    assert_eq!(ann, "OK Created TriggeredSend");
}

#[test]
fn an_address_that_unsubscribed_or_bounced_is_not_mailed_under_another_key() {
    let other = "Subscribers{SubscriberKey=other EmailAddress=ANN@example.com}";
    let no = "180008 Unable to queue Triggered Send request. There are no valid subscribers.";
    let ann = "Create Subscriber{SubscriberKey=ann EmailAddress=ann@example.com}";
    for (status, failure) in [
        (
            "Unsubscribed",
            "Error Code: 1 - Subscriber is unsubscribed.",
        ),
        ("Bounced", "Error Code: 2 - Subscriber is held."),
        ("Held", "Error Code: 2 - Subscriber is held."),
    ] {
        let gone = format!("Update Subscriber{{SubscriberKey=ann Status={status}}}");
        let known =
            "Create Subscriber{SubscriberKey=other EmailAddress=ann@example.com Status=Active}";
        let expected = format!("{no} [0: {failure}]");
        check_send(&[ann, &gone], other, &expected);
        check_send(&[ann, &gone, known], other, &expected);
        check_send(
            &[ann, &gone, known],
            "Subscribers{SubscriberKey=other}",
            &expected,
        );
        check_send(&[known, ann, &gone], other, &expected);
        // The same in one send, behind the one whose doing it is.
        let back = "Update Subscriber{SubscriberKey=ANN Status=Active}";
        check_send(
            &[ann, &gone, known, back],
            other,
            "OK Created TriggeredSend",
        );
        check_send(
            &[ann, &gone, "Delete Subscriber{SubscriberKey=ann}"],
            other,
            &expected,
        );
    }
    check_send(
        &[
            ann,
            "Update Subscriber{SubscriberKey=ann Status=Unsubscribed}",
        ],
        "Subscribers{SubscriberKey=other EmailAddress=bob@example.com}",
        "OK Created TriggeredSend",
    );
}

#[test]
fn whoever_gets_no_mail_has_an_event() {
    let gone = "Update Subscriber{SubscriberKey=ann Status=Unsubscribed}";
    let ann = "Create Subscriber{SubscriberKey=ann EmailAddress=ann@example.com}";
    let world = check_send(
        &[ann, gone],
        &format!(
            "{ANN} Subscribers{{SubscriberKey=bob EmailAddress=bad}} Subscribers{{EmailAddress=eve@example.com}}"
        ),
        "OK Created TriggeredSend [0: Error Code: 1 - Subscriber is unsubscribed.] \
         [1: Error Code: 5 - The Email Address for this subscriber has invalid syntax.]",
    );
    assert_eq!(world.mails.len(), 1);
    let events = world
        .table
        .values()
        .filter(|stored| objects::is_event(&stored.object));
    let mut reports: Vec<String> = events
        .map(|stored| {
            let event = &stored.object;
            let reason = event.at("PartnerProperties.Value").expect("a reason");
            let key = event.text_of("SubscriberKey").expect("a key");
            format!(
                "{} {key} {}",
                event.type_name.as_deref().unwrap_or_default(),
                reason.text
            )
        })
        .collect();
    reports.sort();
    let unsubscribed = "NotSentEvent ann Error Code: 1 - Subscriber is unsubscribed.";
    let bad = "NotSentEvent bob Error Code: 5 - The Email Address for this subscriber has invalid syntax.";
    assert_eq!(reports, [unsubscribed, bad]);
}
