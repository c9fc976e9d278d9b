//! Objects are found by every key that they have.

use crate::world::check;

#[test]
fn an_object_is_found_by_each_of_its_keys() {
    for key in [
        "CustomerKey=k",
        "PartnerKey=p",
        "PartnerKey=P",
        "ListName=News",
        "ListName=news",
    ] {
        let world = check(
            &[
                "Create List{CustomerKey=k PartnerKey=p ListName=News}",
                &format!("Update List{{{key} Description=found}}"),
            ],
            &["OK Created List.", "OK Updated List."],
        );
        let stored = world.stored("List").join("");
        assert!(stored.contains("Description=found"), "{key}: {stored}");
        check(
            &[
                "Create List{CustomerKey=k PartnerKey=p ListName=News}",
                &format!("Delete List{{{key}}}"),
                "Update List{CustomerKey=k Description=x}",
                "Update List{PartnerKey=p Description=x}",
                "Update List{ListName=News Description=x}",
            ],
            &[
                "OK Created List.",
                "OK List deleted",
                "13000 The List was not found",
                "13000 The List was not found",
                "13000 The List was not found",
            ],
        );
    }
}

#[test]
fn every_kind_of_object_has_a_partner_key() {
    for (kind, more) in [
        ("Email", "Name=e"),
        ("SenderProfile", "Name=s"),
        ("TriggeredSendDefinition", "Email{Subject=s TextBody=t}"),
        ("DataExtension", "Name=d Fields{Field{Name=f}}"),
        ("Subscriber", "SubscriberKey=k EmailAddress=a@b.co"),
    ] {
        let world = check(
            &[
                &format!("Create {kind}{{CustomerKey=k PartnerKey=p {more}}}"),
                &format!("Update {kind}{{PartnerKey=p Description=found}}"),
                &format!("Delete {kind}{{PartnerKey=p}}"),
            ],
            &match kind {
                "Email" => ["OK Email created", "OK Email updated", "OK Email deleted"],
                "SenderProfile" => [
                    "OK SenderProfile created",
                    "OK SenderProfile updated",
                    "OK SenderProfile deleted",
                ],
                "TriggeredSendDefinition" => [
                    "OK TriggeredSendDefinition created",
                    "OK TriggeredSendDefinition updated",
                    "OK TriggeredSendDefinition deleted",
                ],
                "DataExtension" => [
                    "OK Data Extension created.",
                    "OK Data Extension updated.",
                    "OK Data Extension deleted.",
                ],
                _ => [
                    "OK Created Subscriber.",
                    "OK Updated Subscriber.",
                    "OK Subscriber deleted",
                ],
            },
        );
        assert!(world.left().is_empty(), "{kind} leaves nothing behind");
    }
}

#[test]
fn a_partner_key_is_one_objects_alone() {
    let world = check(
        &[
            "Create Email{CustomerKey=a PartnerKey=p}",
            "Create Email{CustomerKey=b PartnerKey=P}",
            "Create Email{PartnerKey=p}",
            "Create Email{CustomerKey=b PartnerKey=q}",
            "Update Email{CustomerKey=b PartnerKey=p}",
            "Update Email{CustomerKey=a PartnerKey=r}",
            "Update Email{CustomerKey=b PartnerKey=p}",
            "Update Email{PartnerKey=p Name=b}",
            "Create Email{PartnerKey=alone}",
            "Update Email{PartnerKey=alone Name=c}",
        ],
        &[
            "OK Email created",
            "1 Another object has this PartnerKey already",
            "1 An object with this name or CustomerKey already exists",
            "OK Email created",
            "1 Another object has this PartnerKey already",
            "OK Email updated",
            "OK Email updated",
            "OK Email updated",
            "OK Email created",
            "OK Email updated",
        ],
    );
    assert_eq!(
        world.stored("Email"),
        [
            "PartnerKey=r CustomerKey=a",
            "PartnerKey=alone CustomerKey=alone Name=c",
            "PartnerKey=p CustomerKey=b Name=b",
        ]
    );
}

#[test]
fn a_name_that_several_have_finds_none_of_them() {
    let which = "204 More than one Email has this Name: say which one is meant by its CustomerKey";
    check(
        &[
            "Create Email{CustomerKey=a Name=same}",
            "Create Email{CustomerKey=b Name=Same}",
            "Update Email{Name=same Description=x}",
            "Delete Email{Name=same}",
            "Update Email{CustomerKey=b Name=other}",
            "Update Email{Name=same Description=x}",
            "Update Email{Name=other Description=x}",
            "Delete Email{Name=other}",
        ],
        &[
            "OK Email created",
            "OK Email created",
            which,
            which,
            "OK Email updated",
            "OK Email updated",
            "OK Email updated",
            "OK Email deleted",
        ],
    );
    let many: Vec<String> = (0..30)
        .map(|number| format!("Email{{CustomerKey=k{number} Name=many}}"))
        .collect();
    let mut world = crate::world::World::new();
    let made = world.call(&format!("Create {}", many.join(" ")));
    assert!(made.iter().all(|result| result.ok));
    let found = world.call("Update Email{Name=many Description=x}");
    assert_eq!(found[0].error_code, Some(204));
}

#[test]
fn a_key_of_one_is_not_the_name_of_another() {
    let world = check(
        &[
            "Create Email{CustomerKey=x Name=y}",
            "Create Email{CustomerKey=y Name=z}",
            "Update Email{Name=y Description=first}",
            "Update Email{Name=z Description=second}",
            "Update Email{Name=x Description=nobody}",
        ],
        &[
            "OK Email created",
            "OK Email created",
            "OK Email updated",
            "OK Email updated",
            "3 The object was not found",
        ],
    );
    assert_eq!(
        world.stored("Email"),
        [
            "CustomerKey=x Name=y Description=first",
            "CustomerKey=y Name=z Description=second",
        ]
    );
}
