//! TriggeredSendDefinition: its checks, its settings, and what it refers to.

use crate::triggered_sends::{ANN, EMAIL, check_send, definition, send};
use crate::unmailed::{LEFT, leaving, sends_after};
use crate::world::{World, check, summary};

#[test]
fn a_definition_must_be_able_to_send() {
    let not_configured =
        "18001 The Triggered Send Definition is not completely configured or in a new status";
    let created = "OK TriggeredSendDefinition created";
    let updated = "OK TriggeredSendDefinition updated";
    check(&[&send(ANN)], &["18002 Invalid Customer Key"]);
    check(
        &[&definition("New", ""), &send(ANN)],
        &[created, not_configured],
    );
    check(
        &[
            &definition("Active", ""),
            "Update TriggeredSendDefinition{CustomerKey=welcome TriggeredSendStatus=Canceled}",
            &send(ANN),
            "Update TriggeredSendDefinition{CustomerKey=welcome TriggeredSendStatus=Active}",
            "Update TriggeredSendDefinition{CustomerKey=welcome Description=x}",
        ],
        &[
            created,
            updated,
            "18002 Triggered Send must be in an Active or Inactive status",
            "17000 The TriggeredSendDefinition cannot be activated: it is canceled",
            "17003 The TriggeredSendDefinition cannot be updated: it is canceled",
        ],
    );
    check(
        &[
            "Create TriggeredSend{Subscribers{EmailAddress=a@b.co}}",
            "Create TriggeredSend{TriggeredSendDefinition{ObjectID=0000abcd-0000} Subscribers{EmailAddress=a@b.co}}",
            "Update TriggeredSend{TriggeredSendDefinition{CustomerKey=x}}",
        ],
        &[
            "18002 The Triggered Send Object must contain the Triggered Send ID or the Customer Key",
            "18000 TriggeredSendObjectNotFound: there is no such TriggeredSendDefinition",
            "5 Cannot perform Update on objects of type TriggeredSend",
        ],
    );
    check_send(
        &[],
        "CorrelationID=c",
        "180007 The Triggered Send Object must have subscribers associated with it",
    );
}

#[test]
fn an_inactive_definition_holds_its_mails() {
    let mut world = World::new();
    world.call(&definition("Inactive", ""));
    assert_eq!(
        summary(&world.call(&send(ANN))[0]),
        "OK Created TriggeredSend"
    );
    assert!(world.mails[0].held);
    assert_eq!(world.mails[0].definition, "welcome");
}

#[test]
fn definitions_refer_to_stored_emails() {
    let mut world = World::new();
    let email =
        world.call("Create Email{Name=Mail Subject=Stored TextBody='%%xx%%text' HTMLBody=html}");
    let id = email[0].new_id.expect("an ID");
    for (number, email) in [
        "CustomerKey=mail".to_owned(),
        format!("ID={id}"),
        "Name=Mail Subject=Own".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        let created = world.call(&format!(
            "Create TriggeredSendDefinition{{CustomerKey=d{number} TriggeredSendStatus=Active Email{{{email}}}}}"
        ));
        assert_eq!(
            summary(&created[0]),
            "OK TriggeredSendDefinition created",
            "{email}"
        );
        let sent = world.call(&format!(
            "Create TriggeredSend{{TriggeredSendDefinition{{CustomerKey=d{number}}} Subscribers{{EmailAddress=a@b.co EmailTypePreference=Text}}}}"
        ));
        assert_eq!(summary(&sent[0]), "OK Created TriggeredSend");
    }
    let found: Vec<(&str, Option<&str>, Option<&str>)> = world
        .mails
        .iter()
        .map(|mail| {
            (
                mail.subject.as_str(),
                mail.text.as_deref(),
                mail.html.as_deref(),
            )
        })
        .collect();
    let stored = ("Stored", Some("text"), None);
    assert_eq!(found, [stored, stored, ("Own", Some("text"), None)]);
}

#[test]
fn definitions_are_checked() {
    check(
        &[
            "Create TriggeredSendDefinition{Name=x}",
            "Create TriggeredSendDefinition{CustomerKey=a TriggeredSendStatus=Active}",
            "Create TriggeredSendDefinition{CustomerKey=a Email{ID=7}}",
            "Create TriggeredSendDefinition{CustomerKey=a TriggeredSendStatus=Sleepy}",
            "Create TriggeredSendDefinition{CustomerKey=a TriggeredSendStatus=Canceled}",
            "Create TriggeredSendDefinition{CustomerKey=a}",
            "Create TriggeredSendDefinition{CustomerKey=a}",
            "Delete TriggeredSendDefinition{CustomerKey=a}",
            "Delete TriggeredSendDefinition{CustomerKey=a}",
            "Perform(start) TriggeredSendDefinition{CustomerKey=a}",
        ],
        &[
            "17100 TriggeredSendDefinitionCustomerKeyInvalid: a CustomerKey is needed",
            "17000 The TriggeredSendDefinition cannot be activated: it has no Email",
            "17010 The Email of the TriggeredSendDefinition was not found",
            "17101 Sleepy is not a status of a TriggeredSendDefinition",
            "17101 A TriggeredSendDefinition is created New, Active or Inactive",
            "OK TriggeredSendDefinition created",
            "1 A TriggeredSendDefinition with this CustomerKey already exists",
            "OK TriggeredSendDefinition deleted",
            "18000 TriggeredSendObjectNotFound: there is no such TriggeredSendDefinition",
            "100 The Perform method is not supported for the TriggeredSendDefinition object",
        ],
    );
}

#[test]
fn settings_of_a_definition_are_honoured() {
    let known = "Create Subscriber{SubscriberKey=ann EmailAddress=old@example.com Lists{CustomerKey=five Status=Unsubscribed}}";
    for (settings, before, expected, stored) in [
        (
            "AutoAddSubscribers=false",
            None,
            "[0: Error Code: 11 - Subscriber is not on the All Subscribers list.]",
            None,
        ),
        (
            "AutoUpdateSubscribers=true",
            Some(known),
            "OK Created TriggeredSend",
            Some("EmailAddress=ann@example.com"),
        ),
        (
            "AutoUpdateSubscribers=false",
            Some(known),
            "OK Created TriggeredSend",
            Some("EmailAddress=old@example.com"),
        ),
        (
            "List{CustomerKey=five}",
            Some(known),
            "[0: Error Code: 31 - Subscriber is unsubscribed from the list.]",
            None,
        ),
        (
            "List{CustomerKey=six}",
            Some(known),
            "OK Created TriggeredSend",
            None,
        ),
        (
            "EmailSubject='%%unknown%% '",
            None,
            "[0: Error Code: 127 - The subject of the email is empty.]",
            None,
        ),
        (
            "EmailSubject=Own ReplyToAddress=re@example.com",
            None,
            "OK Created TriggeredSend",
            None,
        ),
    ] {
        let mut world = World::new();
        assert!(world.call("Create List{ListName=five} List{ListName=six}")[1].ok);
        assert!(world.call(&definition("Active", settings))[0].ok);
        before
            .iter()
            .for_each(|call| assert!(world.call(call)[0].ok));
        let found = summary(&world.call(&send(ANN))[0]);
        assert!(found.ends_with(expected), "{settings}: {found}");
        if let Some(stored) = stored {
            assert!(world.stored("Subscriber")[0].contains(stored), "{settings}");
        }
    }
}

/// What a definition names is that list for good, whoever has the PartnerKey later.
#[test]
fn a_definition_stays_with_its_list_when_the_partner_key_goes_to_another() {
    let [ann, ben] = sends_after(&[
        "Create List{CustomerKey=five ListName=five PartnerKey=p} List{CustomerKey=six ListName=six}",
        &definition("Active", "List{PartnerKey=p}"),
        "Update List{CustomerKey=five PartnerKey=q}",
        "Update List{CustomerKey=six PartnerKey=p}",
        &leaving("ann", "CustomerKey=five"),
        &leaving("ben", "CustomerKey=six"),
    ]);
    assert!(ann.ends_with(LEFT), "{ann}");
    assert_eq!(ben, "OK Created TriggeredSend");
}

#[test]
fn a_definition_stays_with_its_email_when_the_partner_key_goes_to_another() {
    let mut world = World::new();
    for call in [
        "Create Email{CustomerKey=e Name=e PartnerKey=p Subject=Right TextBody=x} Email{CustomerKey=f Name=f Subject=Wrong TextBody=x}",
        "Create TriggeredSendDefinition{CustomerKey=welcome TriggeredSendStatus=Active Email{PartnerKey=p}}",
        "Update Email{CustomerKey=e PartnerKey=q}",
        "Update Email{CustomerKey=f PartnerKey=p}",
    ] {
        let results = world.call(call);
        assert!(
            results.iter().all(|result| result.ok),
            "{call}: {results:?}"
        );
    }
    assert!(world.call(&send(ANN))[0].ok);
    assert_eq!(world.mails[0].subject, "Right");
}

#[test]
fn an_address_with_a_name_before_it_is_split() {
    let from = |settings: &str| {
        let mut world = World::new();
        world.call("Create SenderProfile{CustomerKey=p FromAddress='Profile <p@example.com>'}");
        let made = world.call(&format!(
            "Create TriggeredSendDefinition{{CustomerKey=welcome TriggeredSendStatus=Active {EMAIL} {settings}}}"
        ));
        if !made[0].ok {
            return summary(&made[0]);
        }
        let sent = world.call(&send(ANN));
        let Some(mail) = world.mails.first() else {
            return summary(&sent[0]);
        };
        let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        format!(
            "{} {}, {} {}",
            shown(&mail.from_name),
            shown(&mail.from_address),
            shown(&mail.reply_to_name),
            shown(&mail.reply_to)
        )
    };
    for (settings, expected) in [
        ("", "- -, - -"),
        ("FromAddress=us@example.com", "- us@example.com, - -"),
        (
            "FromAddress='Shop <shop@example.com>' ReplyToAddress='Ann Smith <ann@b\u{fc}cher.example>'",
            "Shop shop@example.com, Ann Smith ann@xn--bcher-kva.example",
        ),
        (
            "FromName=Us FromAddress='Shop <shop@example.com>'",
            "Us shop@example.com, - -",
        ),
        (
            "SenderProfile{FromAddress='Profile <p@example.com>'}",
            "Profile p@example.com, - -",
        ),
        (
            "SenderProfile{FromAddress=nobody}",
            "180008 Unable to queue Triggered Send request. There are no valid subscribers. \
             [0: Error Code: 140 - The From or Reply-To address has invalid syntax.]",
        ),
        (
            "FromAddress=Shop",
            "204 FromAddress of the TriggeredSendDefinition: 'Shop' is not a mail address",
        ),
        (
            "ReplyToAddress=j\u{fc}rgen@example.com",
            "204 ReplyToAddress of the TriggeredSendDefinition: mail cannot be sent to \
             'j\u{fc}rgen@example.com': of an address only the part behind the @ may be outside ASCII",
        ),
    ] {
        assert_eq!(from(settings), expected, "{settings}");
    }
}

#[test]
fn script_is_refused_wherever_it_stands_and_never_sent() {
    let own = |field: &str| {
        format!(
            "Create TriggeredSendDefinition{{CustomerKey=a TriggeredSendStatus=Active {field}}}"
        )
    };
    let says = |place: &str| {
        format!("204 {place} has AMPscript, which is not run here: send its values as Attributes")
    };
    check(
        &[
            &own("EmailSubject='%%=v(@x)=%%' Email{TextBody=x}"),
            &own("Email{HTMLBody='<p>%%[ set @x = 1 ]%%</p>'}"),
            &own("Email{Subject=x TextBody='%%=v(@x)=%%'}"),
        ],
        &[&says("EmailSubject"), &says("HTMLBody"), &says("TextBody")],
    );
    let stored = |words: &str| {
        format!("Create Email{{CustomerKey=mail Name=x Subject=x TextBody='{words}'}}")
    };
    let activate = own("Email{CustomerKey=mail}");
    check(
        &[&stored("%%=v(@x)=%%"), &activate],
        &[
            "OK Email created",
            "17000 The TriggeredSendDefinition cannot be activated: its Email has AMPscript, which is not run here",
        ],
    );
    let send = "Create TriggeredSend{TriggeredSendDefinition{CustomerKey=a} Subscribers{EmailAddress=a@b.co}}";
    let world = check(
        &[
            &stored("plain"),
            &activate,
            "Update Email{CustomerKey=mail TextBody='%%=v(@x)=%%'}",
            send,
        ],
        &[
            "OK Email created",
            "OK TriggeredSendDefinition created",
            "OK Email updated",
            "18002 The Email has AMPscript, which is not run here",
        ],
    );
    assert!(world.mails.is_empty());
}

#[test]
fn a_classification_counts_where_it_is_said_or_stored() {
    let stored = "Create SendClassification{CustomerKey=slow Name=Slow SendPriority=Low SendClassificationType=Operational}";
    for (classification, priority, is_commercial) in [
        ("", objects::SendPriority::Normal, true),
        (
            "SendClassification{CustomerKey=slow}",
            objects::SendPriority::Low,
            false,
        ),
        (
            "SendClassification{Name=Slow}",
            objects::SendPriority::Low,
            false,
        ),
        (
            "SendClassification{CustomerKey=slow SendPriority=Burst}",
            objects::SendPriority::Burst,
            false,
        ),
        (
            "SendClassification{CustomerKey=other}",
            objects::SendPriority::Normal,
            true,
        ),
    ] {
        let mut world = World::new();
        world.call(stored);
        assert!(world.call(&definition("Active", classification))[0].ok);
        assert!(world.call(&send(ANN))[0].ok);
        assert_eq!(world.mails[0].priority, priority, "{classification}");
        assert_eq!(
            world.mails[0].is_commercial, is_commercial,
            "{classification}"
        );
    }
}

#[test]
fn a_mail_waits_for_its_hours_or_is_dropped_outside_them() {
    let hours = "SendWindowOpen=08:00:00 SendWindowClose=18:00:00";
    // It is four in the morning in the server's time.
    for (more, not_before, is_dropped) in [
        ("", None, false),
        (
            "SendWindowOpen=00:00:00 SendWindowClose=00:00:00",
            None,
            false,
        ),
        (hours, Some("2026-11-20T14:00:00Z"), false),
        (&format!("{hours} SendWindowDelete=true"), None, true),
    ] {
        let mut world = World::new();
        assert!(world.call(&definition("Active", more))[0].ok);
        assert!(world.call(&send(ANN))[0].ok);
        let order = objects::SendOrder::from(world.mails[0].clone());
        let at = not_before.map(|at| at.parse().expect("a time"));
        assert_eq!(order.not_before(world.now), at, "{more}");
        assert_eq!(order.is_dropped(world.now), is_dropped, "{more}");
        let noon = "2026-11-20T18:00:00Z".parse().expect("a time");
        assert!(order.not_before(noon).is_none() && !order.is_dropped(noon));
    }
    check(
        &[
            &definition("Active", "SendWindowOpen=08:00:00"),
            &definition("Active", "SendWindowOpen=8am SendWindowClose=18:00:00"),
        ],
        &[
            "204 A send window has both SendWindowOpen and SendWindowClose",
            "204 SendWindowOpen and SendWindowClose must be times such as 08:00:00",
        ],
    );
}
