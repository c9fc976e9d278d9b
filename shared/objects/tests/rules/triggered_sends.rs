//! Triggered sends: who gets which mail.

use crate::world::{World, summary};

pub(crate) const EMAIL: &str = "Email{Subject='Hi %%First%%' HTMLBody='<b>%%first%%</b>' TextBody='%%FIRST%% <%%emailaddr%%>'}";

pub(crate) fn definition(status: &str, more: &str) -> String {
    format!(
        "Create TriggeredSendDefinition{{CustomerKey=welcome TriggeredSendStatus={status} FromName=Us FromAddress=us@example.com {EMAIL} {more}}}"
    )
}

pub(crate) fn send(subscribers: &str) -> String {
    format!("Create TriggeredSend{{TriggeredSendDefinition{{CustomerKey=welcome}} {subscribers}}}")
}

pub(crate) const ANN: &str = "Subscribers{SubscriberKey=ann EmailAddress=ann@example.com Attributes{Name=First Value='A&n'}}";

/// What became of a send under an active definition, after `before`.
#[track_caller]
pub(crate) fn check_send(before: &[&str], subscribers: &str, expected: &str) -> World {
    let mut world = World::new();
    assert!(world.call(&definition("Active", ""))[0].ok);
    for call in before {
        assert!(world.call(call)[0].ok, "{call}");
    }
    assert_eq!(summary(&world.call(&send(subscribers))[0]), expected);
    world
}

#[test]
fn one_mail_per_valid_subscriber() {
    let world = check_send(&[], ANN, "OK Created TriggeredSend");
    let [mail] = &world.mails[..] else {
        panic!("one mail: {:?}", world.mails)
    };
    assert_eq!(mail.to, "ann@example.com");
    assert!(!mail.held);
    assert_eq!(mail.subject, "Hi A&n");
    assert_eq!(mail.html.as_deref(), Some("<b>A&amp;n</b>"));
    assert_eq!(mail.text.as_deref(), Some("A&n <ann@example.com>"));
    assert_eq!(mail.from_name.as_deref(), Some("Us"));
    assert_eq!(mail.from_address.as_deref(), Some("us@example.com"));
    assert_eq!(
        world.stored("Subscriber"),
        [
            "SubscriberKey=ann Status=Active EmailAddress=ann@example.com Attributes{Name=First Value=A&n}"
        ]
    );
}

#[test]
fn a_result_has_the_send_as_it_came() {
    let mut world = World::new();
    world.call(&definition("Active", ""));
    let results = world.call(&send(&format!("CorrelationID=c {ANN}")));
    assert_eq!(results[0].correlation_id.as_deref(), Some("c"));
    assert_eq!(results[0].new_id, Some(0));
    let object = results[0].object.as_ref().expect("an object");
    assert_eq!(object.type_name.as_deref(), Some("TriggeredSend"));
    assert_eq!(object.all("Subscribers").count(), 1);
    assert_eq!(results[0].object_type, "TriggeredSend");
}

#[test]
fn bad_subscribers_do_not_stop_good_ones() {
    let long = "x".repeat(255);
    let subscribers = format!(
        "Subscribers{{EmailAddress=bad}} {ANN} Subscribers{{SubscriberKey=bob}} Subscribers{{Attributes{{Name=a Value=b}}}} \
         Subscribers{{SubscriberKey={long} EmailAddress=a@b.co}}"
    );
    let world = check_send(
        &[],
        &subscribers,
        "OK Created TriggeredSend \
         [0: Error Code: 5 - The Email Address for this subscriber has invalid syntax.] \
         [2: Error Code: 4 - The Email Address for this subscriber is missing.] \
         [3: Error Code: 4 - The Email Address for this subscriber is missing.] \
         [4: Error Code: 30 - The Subscriber Key for this subscriber is too long.]",
    );
    assert_eq!(world.mails.len(), 1);
    assert_eq!(world.mails[0].to, "ann@example.com");
    assert_eq!(
        world.stored("Subscriber").len(),
        1,
        "only who is mailed is added"
    );
}

#[test]
fn the_address_of_a_known_subscriber_need_not_be_said() {
    let known = "Create Subscriber{SubscriberKey=ann EmailAddress=ann@example.com Attributes{Name=First Value=Stored}}";
    let world = check_send(
        &[known],
        "Subscribers{SubscriberKey=ann}",
        "OK Created TriggeredSend",
    );
    assert_eq!(world.mails[0].to, "ann@example.com");
    assert_eq!(world.mails[0].subject, "Hi Stored");
}

#[test]
fn attributes_come_from_the_subscriber_then_the_store_then_the_send() {
    let known = "Create Subscriber{SubscriberKey=ann EmailAddress=ann@example.com Attributes{Name=First Value=stored}}";
    let of_send = "Attributes{Name=First Value=send}";
    for (before, subscriber, expected) in [
        (&[known][..], ANN, "Hi A&n"),
        (&[known], "Subscribers{SubscriberKey=ann}", "Hi stored"),
        (&[], "Subscribers{EmailAddress=ann@example.com}", "Hi send"),
    ] {
        let world = check_send(
            before,
            &format!("{subscriber} {of_send}"),
            "OK Created TriggeredSend",
        );
        assert_eq!(world.mails[0].subject, expected);
    }
}

#[test]
fn mail_goes_to_the_punycode_of_an_international_domain() {
    let sent = check_send(
        &[],
        "Subscribers{SubscriberKey=a EmailAddress=ann@b\u{fc}cher.example} \
         Subscribers{SubscriberKey=b EmailAddress=j\u{fc}rgen@example.com}",
        "OK Created TriggeredSend [1: Error Code: 5 - The Email Address for this subscriber has invalid syntax.]",
    );
    assert_eq!(sent.mails[0].to, "ann@xn--bcher-kva.example");
    let stored = &sent.stored("Subscriber")[0];
    assert!(
        stored.contains("EmailAddress=ann@b\u{fc}cher.example"),
        "{stored}"
    );
}

#[test]
fn a_mail_too_large_for_the_table_is_a_failure() {
    let mut world = World::new();
    let body = "x".repeat(200_000);
    let made = world.call("Create TriggeredSendDefinition{CustomerKey=welcome TriggeredSendStatus=Active Email{Subject=s HTMLBody='%%a%%%%a%%'}}");
    assert!(made[0].ok);
    let sent = world.call(&send(&format!(
        "Subscribers{{EmailAddress=a@b.co Attributes{{Name=a Value={body}}}}}"
    )));
    assert!(summary(&sent[0]).ends_with("[0: Error Code: 130 - The email is too large.]"));
}

#[test]
fn all_subscribers_are_counted_over_all_units() {
    let many: Vec<String> = (0..50)
        .map(|n| {
            format!(
                "Subscribers{{EmailAddress={}}}",
                if n == 33 {
                    "a@b.co".to_owned()
                } else {
                    "bad".to_owned()
                }
            )
        })
        .collect();
    let mut world = World::new();
    world.call(&definition("Active", ""));
    let results = world.call(&send(&many.join(" ")));
    let found = summary(&results[0]);
    assert!(
        found.starts_with("OK Created TriggeredSend [0: ") && found.contains("[49: "),
        "{found}"
    );
    assert!(!found.contains("[33: "));
    assert_eq!(world.mails[0].to, "a@b.co");
}
