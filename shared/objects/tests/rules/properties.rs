//! What holds for any text and any filter.

use calls::AccountId;
use jiff::Timestamp;
use objects::{Overlay, Recipient, retrieve_from, sent_event};
use proptest::prelude::*;
use soap::{Filter, Operator};

use crate::world::{World, read_call};

/// Any text that XML can carry.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        Just('\t'),
        Just('\n'),
        Just('\r'),
        Just('\''),
        Just(' '),
        proptest::char::range('!', '\u{D7FF}'),
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

/// A row as a naive program would keep it: typed, and compared by the language's own rules.
#[derive(Clone, Debug)]
struct NaiveRow {
    number: i64,
    word: Option<String>,
}

/// A filter as it is asked, with its value read.
#[derive(Clone, Debug)]
enum NaiveFilter {
    Number(Operator, Vec<i64>),
    Word(Operator, Vec<String>),
    Both(Vec<NaiveFilter>),
    Either(Vec<NaiveFilter>),
}

/// What an operator says of something that is there.
fn compares<T: Ord>(operator: Operator, found: &T, values: &[T]) -> bool {
    let value = &values[0];
    match operator {
        Operator::Equals => found == value,
        Operator::NotEquals => found != value,
        Operator::GreaterThan => found > value,
        Operator::GreaterThanOrEqual => found >= value,
        Operator::LessThan => found < value,
        Operator::LessThanOrEqual => found <= value,
        Operator::Between => found >= value && found <= &values[1],
        Operator::In => values.contains(found),
        Operator::IsNull => false,
        Operator::IsNotNull => true,
        Operator::Like
        | Operator::ExistsInString
        | Operator::ExistsInStringAsAWord
        | Operator::NotExistsInString
        | Operator::BeginsWith
        | Operator::EndsWith
        | Operator::Contains
        | Operator::NotContains
        | Operator::IsAnniversary
        | Operator::IsNotAnniversary
        | Operator::GreaterThanAnniversary
        | Operator::LessThanAnniversary => panic!("{operator:?} is not among these"),
    }
}

impl NaiveFilter {
    fn admits(&self, row: &NaiveRow) -> bool {
        match self {
            Self::Number(Operator::IsNull, _) => false,
            Self::Number(operator, values) => compares(*operator, &row.number, values),
            Self::Word(Operator::IsNull, _) => row.word.is_none(),
            Self::Word(operator, values) => {
                let values: Vec<String> = values.iter().map(|word| word.to_lowercase()).collect();
                let found = row.word.as_ref().map(|word| word.to_lowercase());
                found.is_some_and(|found| compares(*operator, &found, &values))
            }
            Self::Both(parts) => parts.iter().all(|part| part.admits(row)),
            Self::Either(parts) => parts.iter().any(|part| part.admits(row)),
        }
    }

    fn query(&self) -> Filter {
        let simple = |property: &str, operator: Operator, values: Vec<String>| Filter::Simple {
            property: property.to_owned(),
            operator,
            values,
            dates: Vec::new(),
        };
        match self {
            Self::Number(operator, values) => {
                let values = values.iter().map(i64::to_string).collect();
                simple("Count", *operator, values)
            }
            Self::Word(operator, values) => simple("WORD", *operator, values.clone()),
            Self::Both(parts) => Filter::And(parts.iter().map(Self::query).collect()),
            Self::Either(parts) => Filter::Or(parts.iter().map(Self::query).collect()),
        }
    }
}

fn naive_filter() -> impl Strategy<Value = NaiveFilter> {
    let operator = || {
        proptest::sample::select(vec![
            Operator::Equals,
            Operator::NotEquals,
            Operator::GreaterThan,
            Operator::GreaterThanOrEqual,
            Operator::LessThan,
            Operator::LessThanOrEqual,
            Operator::Between,
            Operator::In,
            Operator::IsNull,
            Operator::IsNotNull,
        ])
    };
    let numbers = proptest::collection::vec(-12_i64..12, 2..4);
    let words = proptest::collection::vec("[abAB]{1,2}", 2..4);
    let simple = prop_oneof![
        (operator(), numbers).prop_map(|(operator, values)| NaiveFilter::Number(operator, values)),
        (operator(), words).prop_map(|(operator, values)| NaiveFilter::Word(operator, values)),
    ];
    simple.prop_recursive(3, 12, 3, |inner| {
        let parts = || proptest::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            parts().prop_map(NaiveFilter::Both),
            parts().prop_map(NaiveFilter::Either)
        ]
    })
}

fn naive_rows() -> impl Strategy<Value = Vec<NaiveRow>> {
    let word = proptest::option::of("[abAB]{1,2}");
    let row = (-12_i64..12, word).prop_map(|(number, word)| NaiveRow { number, word });
    proptest::collection::vec(row, 1..8)
}

proptest! {
    /// From the call that stores them to the filter of a Retrieve.
    #[test]
    fn a_filter_admits_the_rows_that_a_naive_one_does(rows in naive_rows(), filter in naive_filter()) {
        let mut world = World::new();
        world.call("Create DataExtension{CustomerKey=k Name=P Fields{Field{Name=Id FieldType=Number IsPrimaryKey=true} Field{Name=Count FieldType=Number} Field{Name=Word}}}");
        for (id, row) in rows.iter().enumerate() {
            let word = row.word.iter().map(|word| format!("Property{{Name=Word Value={word}}}"));
            let word: String = word.collect();
            let call = format!("Create DataExtensionObject{{CustomerKey=k Properties{{Property{{Name=Id Value={id}}} Property{{Name=Count Value={}}} {word}}}}}", row.number);
            prop_assert!(world.call(&call)[0].ok, "{}", call);
        }
        let query = filter.query();
        let of_row = |stored: &&objects::Stored| stored.object.type_name.as_deref() == Some("DataExtensionObject");
        let stored = world.table.values().filter(of_row);
        let mut found: Vec<String> = stored
            .filter(|stored| query.admits(&stored.object))
            .filter_map(|stored| {
                let columns = stored.object.child("Properties")?;
                let mut columns = columns.all("Property");
                let id = columns.find(|column| column.text_of("Name") == Some("Id"))?;
                id.text_of("Value").map(str::to_owned)
            })
            .collect();
        found.sort();
        let admitted = rows.iter().enumerate().filter(|(_, row)| filter.admits(row));
        let expected: Vec<String> = admitted.map(|(id, _)| id.to_string()).collect();
        prop_assert_eq!(found, expected, "{:?}", filter);
    }

    #[test]
    fn a_row_gives_back_any_text_that_xml_can_carry(text in text()) {
        let mut world = World::new();
        world.call("Create DataExtension{CustomerKey=k Name=P Fields{Field{Name=Id FieldType=Number IsPrimaryKey=true} Field{Name=Words}}}");
        let mut call = read_call("Create DataExtensionObject{CustomerKey=k Properties{Property{Name=Id Value=7} Property{Name=Words Value=}}}");
        call.objects[0].children[1].children[1].children[1].text.clone_from(&text);
        let result = &world.call_of(call, &|_unit| false)[0];
        prop_assert!(result.ok, "{}", result.status_message);
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
