//! Where objects lie for Retrieve.

use calls::AccountId;
use objects::{Missing, Overlay, retrieve_from};
use soap::Element;

use crate::world::{World, now, written};

/// The ID that the list News has in this account.
const NEWS: &str = "780637182";

/// The objects of a type, through its partition; or, with `property=value`, through the one key.
#[track_caller]
fn check(object_type: &str, filter: Option<(&str, &str)>, expected: &[&str]) {
    let mut world = World::new();
    world.call("Create DataExtension{CustomerKey=k Name=People Fields{Field{Name=Id FieldType=Number IsPrimaryKey=true} Field{Name=Hat}}}");
    world.call("Create DataExtensionObject{CustomerKey=k Properties{Property{Name=Id Value=7} Property{Name=Hat Value=red}}}");
    world.call("Create List{ListName=News}");
    world.call("Create Subscriber{SubscriberKey=ann EmailAddress=a@b.co Lists{CustomerKey=News}}");
    let mut overlay = Overlay::new(&AccountId("acme".to_owned()));
    loop {
        match retrieve_from(&overlay, object_type) {
            Err(Missing(keys)) => world.load(&mut overlay, keys),
            Ok(Err(error)) => {
                assert_eq!([error.to_string().as_str()], expected);
                return;
            }
            Ok(Ok(source)) => {
                let key = filter.map(|(property, value)| source.direct_key(property, value, now()));
                let found = world.table.iter().filter(|(at, _)| match &key {
                    Some(Some(key)) => *at == key,
                    Some(None) => false,
                    None => at.partition == source.partition,
                });
                let found: Vec<String> = found
                    .flat_map(|(_, stored)| source.objects_in(stored.object.clone(), now()))
                    .map(|object| {
                        let names = [
                            "SubscriberKey",
                            "ListName",
                            "ListID",
                            "Name",
                            "FieldType",
                            "Id",
                            "Hat",
                        ];
                        let known = names.iter().filter_map(|name| {
                            Some(format!("{name}={}", value_of(&object, name)?))
                        });
                        known.collect::<Vec<_>>().join(" ")
                    })
                    .collect();
                assert_eq!(found, expected);
                return;
            }
        }
    }
}

/// Of a row its column, of everything else the field.
fn value_of<'a>(object: &'a Element, name: &str) -> Option<&'a str> {
    match object.child("Properties") {
        Some(columns) => {
            let mut columns = columns.children.iter();
            let column = columns.find(|column| column.text_of("Name") == Some(name))?;
            column.text_of("Value")
        }
        None => object.text_of(name),
    }
}

#[test]
fn objects_lie_in_the_partition_of_their_type() {
    check("Subscriber", None, &["SubscriberKey=ann"]);
    check("List", None, &["ListName=News"]);
    check("DataExtension", None, &["Name=People"]);
    check("SenderProfile", None, &[]);
}

#[test]
fn rows_lie_where_their_definition_says() {
    check("DataExtensionObject[k]", None, &["Id=7 Hat=red"]);
    check("DataExtensionObject[People]", None, &["Id=7 Hat=red"]);
    check(
        "DataExtensionObject[pets]",
        None,
        &["Data extension does not exist: pets"],
    );
}

#[test]
fn a_key_needs_no_query() {
    check(
        "Subscriber",
        Some(("SubscriberKey", "Ann")),
        &["SubscriberKey=ann"],
    );
    check("Subscriber", Some(("EmailAddress", "a@b.co")), &[]);
    check("List", Some(("CustomerKey", "news")), &["ListName=News"]);
    check(
        "DataExtensionObject[k]",
        Some(("ID", "007")),
        &["Id=7 Hat=red"],
    );
    check("DataExtensionObject[k]", Some(("Hat", "red")), &[]);
}

#[test]
fn what_stands_in_other_objects_is_found_there() {
    check(
        "DataExtensionField",
        None,
        &["Name=Id FieldType=Number", "Name=Hat FieldType=Text"],
    );
    check(
        "DataExtensionField",
        Some(("DataExtension.CustomerKey", "K")),
        &["Name=Id FieldType=Number", "Name=Hat FieldType=Text"],
    );
    check(
        "ListSubscriber",
        Some(("SubscriberKey", "ann")),
        &[&format!("SubscriberKey=ann ListID={NEWS}")],
    );
}

#[test]
fn an_unknown_type_has_no_handler() {
    for unknown in ["subscriber", "DataExtensionObject", "TriggeredSend", ""] {
        check(
            unknown,
            None,
            &[&format!(
                "Unable to find a handler for object type: {unknown}. Object types are case-sensitive, check spelling."
            )],
        );
    }
    let _written = written;
}
