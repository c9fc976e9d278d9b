//! Subscribers and lists.

use crate::world::{World, check, read_call, summary};

const ANN: &str = "Create Subscriber{SubscriberKey=ann EmailAddress=ann@example.com}";

#[test]
fn a_subscriber_is_created_once() {
    check(
        &[
            ANN,
            ANN,
            "Create Subscriber{SubscriberKey=ANN EmailAddress=other@example.com}",
        ],
        &[
            "OK Created Subscriber.",
            "12014 The subscriber is already on the list",
            "12014 The subscriber is already on the list",
        ],
    );
}

#[test]
fn the_address_names_a_subscriber_without_key() {
    let world = check(
        &[
            "Create Subscriber{EmailAddress=ann@example.com}",
            "Update Subscriber{SubscriberKey=Ann@Example.com Status=Unsubscribed}",
        ],
        &["OK Created Subscriber.", "OK Updated Subscriber."],
    );
    assert_eq!(
        world.stored("Subscriber"),
        [format!(
            "SubscriberKey=ann@example.com Status=Unsubscribed EmailAddress=ann@example.com UnsubscribedDate={}",
            crate::world::NOW
        )]
    );
}

#[test]
fn what_is_wrong_with_a_subscriber_has_a_code() {
    check(
        &[
            "Create Subscriber{SubscriberKey=a}",
            "Create Subscriber{SubscriberKey=a EmailAddress=nonsense}",
            "Create Subscriber{Status=Active}",
            "Create Subscriber{SubscriberKey=a CustomerKey=b EmailAddress=a@b.co}",
            "Create Subscriber{EmailAddress=a@b.co Status=Bounced}",
            "Create Subscriber{EmailAddress=a@b.co Status=Sleeping}",
            "Create Subscriber{EmailAddress=a@b.co Attributes{Value=x}}",
            "Update Subscriber{ID=7 Status=Active}",
            "Update Subscriber{SubscriberKey=nobody}",
            "Update Subscriber{EmailAddress=no@body.co}",
            "Delete Subscriber{SubscriberKey=nobody}",
            "Create(UpdateOnly) Subscriber{SubscriberKey=nobody EmailAddress=no@body.co}",
        ],
        &[
            "12000 InvalidEmailAddress: the EmailAddress is missing or has invalid syntax",
            "12000 InvalidEmailAddress: the EmailAddress is missing or has invalid syntax",
            "12000 InvalidEmailAddress: the EmailAddress is missing or has invalid syntax",
            "12021 The SubscriberKey does not match the CustomerKey",
            "12016 The Status cannot be Bounced or Deleted when a subscriber is created",
            "12011 Sleeping is not a status of a subscriber",
            "12011 Every attribute must have a Name",
            "12015 Subscriber Key Not Found. A subscriber is named by its SubscriberKey or EmailAddress, not by its ID",
            "12015 Subscriber Key Not Found",
            "12001 SubscriberNotFound: there is no subscriber of this EmailAddress",
            "12015 Subscriber Key Not Found",
            "12015 Subscriber Key Not Found",
        ],
    );
}

#[test]
fn save_options_are_honoured() {
    let world = check(
        &[
            "Update(UpdateAdd) Subscriber{SubscriberKey=ann EmailAddress=ann@example.com}",
            "Create(UpdateAdd) Subscriber{SubscriberKey=ann EmailAddress=new@example.com}",
            "Create(AddOnly) Subscriber{SubscriberKey=ann EmailAddress=ann@example.com}",
            "Update(Nothing) Subscriber{SubscriberKey=ann EmailAddress=not@example.com}",
            "Create(Delete) Subscriber{SubscriberKey=ann}",
            "Create(UpdateOnly) Subscriber{SubscriberKey=ann EmailAddress=ann@example.com}",
            "Create(Nothing) Subscriber{SubscriberKey=ann EmailAddress=ann@example.com}",
        ],
        &[
            "OK Updated Subscriber.",
            "OK Created Subscriber.",
            "12014 The subscriber is already on the list",
            "OK Nothing was done, as SaveOptions ask",
            "OK Subscriber deleted",
            "12015 Subscriber Key Not Found",
            "OK Nothing was done, as SaveOptions ask",
        ],
    );
    assert!(world.table.is_empty());
}

#[test]
fn attributes_are_merged_by_name() {
    let world = check(
        &[
            "Create Subscriber{EmailAddress=a@b.co Attributes{Name=First Value=Ann} Attributes{Name=Last Value=Lee}}",
            "Update Subscriber{EmailAddress=a@b.co Attributes{Name=first Value=Bea} Attributes{Name=Age Value=7}}",
        ],
        &["OK Created Subscriber.", "OK Updated Subscriber."],
    );
    assert_eq!(
        world.stored("Subscriber"),
        ["SubscriberKey=a@b.co Status=Active EmailAddress=a@b.co \
          Attributes{Name=first Value=Bea} Attributes{Name=Last Value=Lee} Attributes{Name=Age Value=7}"]
    );
}

/// The memberships of the only subscriber, each as its list and its status.
fn memberships(world: &World) -> String {
    let subscriber = world
        .table
        .values()
        .find(|stored| stored.object.type_name.as_deref() == Some("Subscriber"));
    let Some(subscriber) = subscriber else {
        return "no subscriber".to_owned();
    };
    let lists = subscriber.object.all("Lists").map(|list| {
        assert!(list.text_of("ID").is_some() && list.text_of("ObjectID").is_some());
        let text = |name: &str| list.text_of(name).unwrap_or_default().to_owned();
        format!("{} {}", text("CustomerKey"), text("Status"))
    });
    lists.collect::<Vec<_>>().join(", ")
}

/// One change of the memberships of somebody who is on the list `in`, and not on the list `out`.
#[track_caller]
fn check_membership(lists: &str, expected: &str, after: &str) {
    for before in ["", "Status=Unsubscribed"] {
        let mut world = World::new();
        world.call("Create List{ListName=in} List{ListName=out}");
        let id = |name: &str| {
            let list = world.table.values().find(|stored| {
                stored.object.type_name.as_deref() == Some("List")
                    && stored.object.text_of("ListName") == Some(name)
            });
            let list = list.expect("a list");
            list.object.text_of("ID").expect("an ID").to_owned()
        };
        let lists = lists
            .replace("<in>", &id("in"))
            .replace("<out>", &id("out"));
        let made = world.call(&format!(
            "Create Subscriber{{EmailAddress=a@b.co Lists{{CustomerKey=in {before}}}}}"
        ));
        assert_eq!(summary(&made[0]), "OK Created Subscriber.");
        let changed = world.call(&format!("Update Subscriber{{EmailAddress=a@b.co {lists}}}"));
        assert_eq!(summary(&changed[0]), expected, "{lists}");
        let status = if before.is_empty() {
            "Active"
        } else {
            "Unsubscribed"
        };
        assert_eq!(memberships(&world), after.replace('~', status), "{lists}");
    }
}

#[test]
fn a_membership_is_made_changed_and_ended_by_its_rules() {
    let done = "OK Updated Subscriber.";
    // `~`: the status that it had.
    check_membership("Lists{ID=<in> Action=update}", done, "in ~");
    check_membership("Lists{ID=<in>}", done, "in ~");
    check_membership(
        "Lists{List{CustomerKey=in} Status=Held Action=Update}",
        done,
        "in Held",
    );
    check_membership("Lists{CustomerKey=IN Action=delete}", done, "");
    check_membership("Lists{ID=<out> Action=create}", done, "in ~, out Active");
    check_membership("Lists{List{ID=<out>} Status=Held}", done, "in ~, out Held");
    check_membership(
        "Lists{ID=<out> Action=create} Lists{ID=<in> Action=delete}",
        done,
        "out Active",
    );
    check_membership(
        "Lists{ID=<in> Action=create}",
        "13006 The subscriber is already on the list in",
        "in ~",
    );
    for action in ["update", "delete"] {
        check_membership(
            &format!("Lists{{ID=<out> Status=Unsubscribed Action={action}}}"),
            "13007 The subscriber is not on the list out",
            "in ~",
        );
    }
    check_membership(
        "Lists{ID=<out>} Lists{ID=<out> Action=create}",
        "13006 The subscriber is already on the list out",
        "in ~",
    );
    check_membership("Lists=nil", done, "in ~");
}

#[test]
fn a_list_that_is_made_again_begins_without_members() {
    let mut world = World::new();
    let ends = "Lists{CustomerKey=in Action=delete}";
    let joins = "Lists{CustomerKey=in Action=create}";
    for (call, expected) in [
        ("Create List{ListName=in}", "OK Created List."),
        (
            "Create Subscriber{EmailAddress=a@b.co Lists{CustomerKey=in Status=Unsubscribed}}",
            "OK Created Subscriber.",
        ),
        (
            "Update List{CustomerKey=in Description=x}",
            "OK Updated List.",
        ),
        // Still the same list.
        (
            &format!("Update Subscriber{{EmailAddress=a@b.co {joins}}}"),
            "13006 The subscriber is already on the list in",
        ),
        ("Delete List{CustomerKey=in}", "OK List deleted"),
        ("Create List{ListName=in}", "OK Created List."),
        (
            &format!("Update Subscriber{{EmailAddress=a@b.co {ends}}}"),
            "13007 The subscriber is not on the list in",
        ),
        (
            &format!("Update Subscriber{{EmailAddress=a@b.co {joins}}}"),
            "OK Updated Subscriber.",
        ),
    ] {
        let results = world.call(call);
        assert_eq!(summary(&results[0]), expected, "{call}");
    }
    assert_eq!(memberships(&world), "in Active", "and none is left over");
}

#[test]
fn a_membership_names_a_list_that_there_is_and_a_status_and_an_action_that_there_are() {
    check_membership(
        "Lists{ID=999999}",
        "13004 The List ID is unknown: there is no List 999999",
        "in ~",
    );
    check_membership(
        "Lists{CustomerKey=nowhere}",
        "13000 The List was not found: there is none of CustomerKey 'nowhere'",
        "in ~",
    );
    for lists in [
        "Lists{}",
        "Lists{Status=Active}",
        "Lists{List{ListName=in}}",
    ] {
        check_membership(
            lists,
            "13001 The List ID was not specified. Each Lists needs the ID, the ObjectID, the CustomerKey or the PartnerKey of a List",
            "in ~",
        );
    }
    check_membership(
        "Lists{ID=<in> Status=Sleepy}",
        "13014 Sleepy is not a status of a list member",
        "in ~",
    );
    check_membership(
        "Lists{ID=<in> Action=join}",
        "13013 List validation error: the Action 'join' of a membership is none of create, update, upsert and delete",
        "in ~",
    );
}

#[test]
fn results_echo_the_object_with_its_new_id() {
    let mut world = World::new();
    let results = world.call(
        "Create Subscriber{CorrelationID=c-7 EmailAddress=a@b.co} Subscriber{CorrelationID=c-8 EmailAddress=bad}",
    );
    let [created, refused] = &results[..] else {
        panic!("two results")
    };
    let id = created.new_id.expect("a NewID");
    assert!(id > 0);
    assert_eq!(created.correlation_id.as_deref(), Some("c-7"));
    assert_eq!(created.object_type, "Subscriber");
    let echo = created.object.as_ref().expect("the object");
    assert_eq!(
        crate::world::written(echo),
        format!("Objects{{ID={id} CorrelationID=c-7 EmailAddress=a@b.co}}")
    );
    assert_eq!(refused.correlation_id.as_deref(), Some("c-8"));
    assert_eq!(refused.new_id, Some(0));
    let came = read_call("Create Subscriber{CorrelationID=c-8 EmailAddress=bad}").objects;
    assert_eq!(refused.object.as_ref(), came.first());

    let updated = world.call("Update Subscriber{EmailAddress=A@b.co}");
    assert_eq!(updated[0].new_id, None);
    let echo = updated[0].object.as_ref().expect("the object");
    assert_eq!(echo.text_of("ID"), Some(id.to_string().as_str()));
    assert_eq!(
        summary(&world.call("Delete Subscriber{EmailAddress=a@b.co}")[0]),
        "OK Subscriber deleted"
    );
}

#[test]
fn lists_are_found_by_key_name_and_number() {
    let mut world = World::new();
    let created = world.call("Create List{ListName=News Description=old}");
    assert_eq!(summary(&created[0]), "OK Created List.");
    let id = created[0].new_id.expect("an ID");
    let object_id = created[0].new_object_id.clone().expect("an ObjectID");
    for address in [
        "CustomerKey=news".to_owned(),
        "ListName=News".to_owned(),
        format!("ID={id} ListName=News"),
        format!("ObjectID={}", object_id.to_uppercase()),
    ] {
        let updated = world.call(&format!("Update List{{{address} Description='{address}'}}"));
        assert_eq!(summary(&updated[0]), "OK Updated List.", "{address}");
        assert!(
            world.stored("List")[0].contains(&format!("Description={address}")),
            "{address}"
        );
    }
    for address in [
        "ID=7",
        "ObjectID=0000abcd",
        "ID=7 ListName=News",
        "CustomerKey=other",
    ] {
        let updated = world.call(&format!("Update List{{{address}}}"));
        assert_eq!(
            summary(&updated[0]),
            "13000 The List was not found",
            "{address}"
        );
    }
    let deleted = world.call(&format!("Delete List{{ID={id}}}"));
    assert_eq!(summary(&deleted[0]), "OK List deleted");
    assert!(world.table.is_empty(), "the pointer is gone with the list");
}

#[test]
fn what_is_wrong_with_a_list_has_a_code() {
    let long = "x".repeat(51);
    check(
        &[
            "Create List{Description=x}",
            "Create List{CustomerKey=news}",
            &format!("Create List{{ListName={long}}}"),
            "Create List{ListName=News Type=Secret}",
            "Create List{ListName=News}",
            "Create List{ListName=news}",
        ],
        &[
            "13001 The List ID was not specified. An ID, a CustomerKey or a ListName is needed",
            "13013 List validation error: a ListName is required",
            "13010 The List name is too long: 50 characters at most",
            "13013 List validation error: Secret is not a type of list",
            "OK Created List.",
            "1 A List with this name or CustomerKey already exists",
        ],
    );
}
