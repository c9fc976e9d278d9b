//! What holds for any text and any filter.

use calls::AccountId;
use jiff::Timestamp;
use objects::{Overlay, Recipient, retrieve_from, sent_event};
use proptest::prelude::*;
use soap::{Filter, Operator};

use crate::world::World;

/// Any text that XML can carry, but for the quote that these tests write a value with.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        Just('\t'),
        Just('\n'),
        Just(' '),
        proptest::char::range('!', '&'),
        proptest::char::range('(', '~'),
        proptest::char::range('\u{A0}', '\u{D7FF}'),
        proptest::char::range('\u{E000}', '\u{FFFD}'),
        proptest::char::range('\u{10000}', '\u{10FFFF}'),
    ];
    proptest::collection::vec(character, 1..40).prop_map(|text| text.into_iter().collect())
}

/// A time within some minutes, often the same, and now and then between two milliseconds.
fn time() -> impl Strategy<Value = Timestamp> {
    (0_i64..300, prop_oneof![Just(0), Just(1), Just(500_000)]).prop_map(|(second, nanosecond)| {
        Timestamp::new(1_800_000_000 + second, nanosecond).expect("a time")
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let operator = prop_oneof![
        Just(Operator::Equals),
        Just(Operator::NotEquals),
        Just(Operator::GreaterThan),
        Just(Operator::GreaterThanOrEqual),
        Just(Operator::LessThan),
        Just(Operator::LessThanOrEqual),
        Just(Operator::Between),
        Just(Operator::In),
        Just(Operator::IsNotNull),
    ];
    let property = prop_oneof![Just("EventDate"), Just("CreatedDate")];
    let dates = proptest::collection::vec(time(), 0..3);
    let simple =
        (property, operator, dates).prop_map(|(property, operator, dates)| Filter::Simple {
            property: property.to_owned(),
            operator,
            values: Vec::new(),
            dates,
        });
    simple.prop_recursive(3, 12, 3, |inner| {
        let parts = || proptest::collection::vec(inner.clone(), 1..4);
        prop_oneof![parts().prop_map(Filter::And), parts().prop_map(Filter::Or)]
    })
}

proptest! {
    #[test]
    fn a_row_gives_back_any_text_that_xml_can_carry(text in text()) {
        let mut world = World::new();
        world.call("Create DataExtension{CustomerKey=k Name=P Fields{Field{Name=Id FieldType=Number IsPrimaryKey=true} Field{Name=Words}}}");
        world.call(&format!("Create DataExtensionObject{{CustomerKey=k Properties{{Property{{Name=Id Value=7}} Property{{Name=Words Value='{text}'}}}}}}"));
        let rows = world.table.values().map(|stored| &stored.object);
        let columns = rows.filter_map(|row| row.child("Properties"));
        let words = columns.flat_map(|columns| columns.all("Property"));
        let words = words.filter(|column| column.text_of("Name") == Some("Words"));
        let words: Vec<&str> = words.filter_map(|column| column.text_of("Value")).collect();
        prop_assert_eq!(words, [text.as_str()]);
    }

    /// What a look leaves unread is nothing that the filter would have let through.
    #[test]
    fn no_event_that_a_filter_admits_lies_outside_of_what_is_read(at in time(), filter in filter()) {
        let account = AccountId("acme".to_owned());
        let recipient = Recipient {
            account: account.clone(),
            subscriber_account: account.clone(),
            subscriber_key: "ann".to_owned(),
            send_id: 7,
            definition_object_id: String::new(),
        };
        let (key, event) = sent_event(&recipient, "0a_1_0", at);
        let overlay = Overlay::new(&account);
        let source = retrieve_from(&overlay, "SentEvent").expect("known").expect("a source");
        prop_assert_eq!(&source.partition, &key.partition);
        let range = source.within(Some(&filter));
        let is_read = range.after.is_none_or(|after| key.sort > after)
            && range.before.is_none_or(|before| key.sort < before);
        prop_assert!(is_read || !filter.admits(&event), "{filter:?} at {at}");
    }
}
