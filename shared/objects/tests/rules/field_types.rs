//! Each type of field: what it takes and how it keeps it, its bounds and its defaults, and where what is wrong
//! with a value is said.

use crate::world::{World, check, summary};

/// What a row with this value comes to: the value as it is kept, or what is said of it.
fn taken(field: &str, value: &str) -> String {
    let mut world = World::new();
    let made = world.call(&format!(
        "Create DataExtension{{CustomerKey=k Fields{{Field{{Name=Id IsPrimaryKey=true}} Field{{Name=F {field}}}}}}}"
    ));
    assert!(made[0].ok, "{field}: {}", summary(&made[0]));
    let result = world.call(&format!(
        "Create DataExtensionObject{{CustomerKey=k Properties{{Property{{Name=Id Value=1}} {value}}}}}"
    ));
    if !result[0].ok {
        return summary(&result[0]);
    }
    let stored = world.stored("DataExtensionObject").remove(0);
    let value = stored.split_once("Name=F Value=").map(|(_, value)| value);
    let value = value.and_then(|value| value.split_once('}'));
    value.map_or("null".to_owned(), |(value, _)| value.to_owned())
}

fn value(text: &str) -> String {
    format!("Property{{Name=F Value='{text}'}}")
}

/// `values`: as they come, and as they are kept, or the code that they are refused with.
#[track_caller]
fn check_type(field: &str, values: &[(&str, &str)]) {
    for (text, expected) in values {
        let found = taken(field, &value(text));
        match expected
            .parse::<u32>()
            .is_ok_and(|code| [5, 17, 20].contains(&code))
        {
            true => {
                let said = format!("[value F: {expected}]");
                assert!(
                    found.starts_with("310007 ") && found.ends_with(&said),
                    "{field} {text}: {found}"
                );
            }
            false => assert_eq!(found, *expected, "{field} {text}"),
        }
    }
}

#[test]
fn text_is_kept_as_it_is_up_to_its_length() {
    let (longest, longer) = ("x".repeat(4_000), "x".repeat(4_001));
    for field_type in ["", "FieldType=Text", "FieldType=Base16Encrypted"] {
        check_type(
            field_type,
            &[
                (" a b ", " a b "),
                ("", ""),
                (&longest, &longest),
                (&longer, "17"),
            ],
        );
    }
    check_type(
        "MaxLength=3",
        &[("\u{1f600}\u{e9}x", "\u{1f600}\u{e9}x"), ("1234", "17")],
    );
}

#[test]
fn a_number_is_whole_and_has_one_spelling() {
    check_type(
        "FieldType=Number",
        &[
            ("007", "7"),
            ("-12", "-12"),
            ("2147483647", "2147483647"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("9223372036854775808", "20"),
            ("1.5", "20"),
            ("1,000", "20"),
            ("", "null"),
        ],
    );
}

#[test]
fn a_decimal_has_its_digits_and_is_rounded() {
    check_type(
        "FieldType=Decimal MaxLength=5 Scale=2",
        &[
            ("123.455", "123.46"),
            ("-0.004", "0.00"),
            ("1234", "20"),
            ("1e3", "20"),
            ("", "null"),
        ],
    );
    check_type(
        "FieldType=Decimal",
        &[
            ("1234567890123456.78", "1234567890123456.78"),
            ("12345678901234567", "20"),
        ],
    );
    check_type(
        "FieldType=Decimal MaxLength=3 Scale=0",
        &[("99.5", "100"), ("999.5", "20")],
    );
}

#[test]
fn a_date_is_kept_in_server_time_to_the_second() {
    check_type(
        "FieldType=Date",
        &[
            ("2026-11-20T10:00:00.9Z", "2026-11-20T04:00:00"),
            ("11/20/2026 1:05 PM", "2026-11-20T13:05:00"),
            ("11/20/2026", "2026-11-20T00:00:00"),
            ("0001-01-01T00:00:00", "0001-01-01T00:00:00"),
            ("9999-12-31T23:59:59", "9999-12-31T23:59:59"),
            ("2026-02-29", "20"),
            ("tomorrow", "20"),
            ("", "null"),
        ],
    );
}

#[test]
fn a_boolean_is_true_or_false() {
    check_type(
        "FieldType=Boolean",
        &[
            ("1", "True"),
            ("YES", "True"),
            ("f", "False"),
            ("2", "20"),
            ("", "null"),
        ],
    );
}

#[test]
fn an_email_address_is_one_that_can_be_sent_to() {
    let long = format!("{}@example.com", "x".repeat(243));
    for field_type in ["EmailAddress", "Base16EncryptedEmail"] {
        check_type(
            &format!("FieldType={field_type}"),
            &[
                ("ann@example.com", "ann@example.com"),
                ("ann", "5"),
                (&long, "5"),
                ("", "null"),
            ],
        );
    }
    check_type(
        "FieldType=EmailAddress MaxLength=10",
        &[("a@b.co", "a@b.co"), ("ann@example.com", "17")],
    );
}

#[test]
fn a_phone_number_has_fifty_characters_at_most() {
    let (longest, longer) = ("1".repeat(50), "1".repeat(51));
    check_type(
        "FieldType=Phone",
        &[
            ("+1 (317) 423-3928", "+1 (317) 423-3928"),
            (&longest, &longest),
            (&longer, "17"),
            ("call me", "20"),
            ("", "null"),
        ],
    );
}

#[test]
fn a_locale_names_a_language_and_a_region() {
    check_type(
        "FieldType=Locale",
        &[
            ("en-US", "en-US"),
            ("de", "de"),
            ("zh-Hant-TW", "zh-Hant-TW"),
            ("english", "20"),
            ("", "null"),
        ],
    );
}

#[test]
fn what_is_not_said_is_the_default_and_what_is_null_is_not() {
    for (field, expected) in [
        ("DefaultValue=x", "x"),
        ("FieldType=Number DefaultValue=07", "7"),
        ("FieldType=Decimal DefaultValue=1.005", "1.01"),
        ("FieldType=Date DefaultValue=Now()", "2026-11-20T04:00:00"),
        (
            "FieldType=Date DefaultValue=getdate()",
            "2026-11-20T04:00:00",
        ),
        ("FieldType=Boolean DefaultValue=true", "True"),
        ("FieldType=EmailAddress DefaultValue=a@b.co", "a@b.co"),
        ("FieldType=Phone DefaultValue=123", "123"),
        ("FieldType=Locale DefaultValue=en-US", "en-US"),
        ("IsRequired=true DefaultValue=x", "x"),
    ] {
        assert_eq!(taken(field, ""), expected, "{field}");
        let said_null = taken(field, "Property{Name=F Value=nil}");
        match field.contains("IsRequired") {
            true => assert!(said_null.ends_with("[value F: 19]"), "{said_null}"),
            false => assert_eq!(said_null, "null", "{field}"),
        }
    }
}

#[test]
fn bounds_of_a_field_that_cannot_be_are_refused_with_its_definition() {
    for (field, why) in [
        (
            "MaxLength=4001",
            "the MaxLength [4001] of field [F] is 4000 at most for Text",
        ),
        (
            "FieldType=EmailAddress MaxLength=255",
            "the MaxLength [255] of field [F] is 254 at most for EmailAddress",
        ),
        (
            "FieldType=Phone MaxLength=51",
            "the MaxLength [51] of field [F] is 50 at most for Phone",
        ),
        (
            "FieldType=Decimal MaxLength=39",
            "the MaxLength [39] of field [F] is 38 at most for Decimal",
        ),
        (
            "FieldType=Decimal MaxLength=3 Scale=4",
            "the Scale [4] of field [F] is more than its 3 digits",
        ),
        (
            "FieldType=Decimal Scale=-1",
            "the Scale [-1] of field [F] is not a number",
        ),
        (
            "MaxLength=3 DefaultValue=four",
            "DefaultValue: The value for column [F] is too long: 3 characters at most",
        ),
    ] {
        check(
            &[&format!(
                "Create DataExtension{{CustomerKey=k Fields{{Field{{Name=F {field}}}}}}}"
            )],
            &[&format!("310007 Data Extension validation error: {why}")],
        );
    }
}

/// All at once: those of the primary key apart from the others.
#[test]
fn all_that_is_wrong_with_a_row_is_said_field_by_field() {
    let define = "Create DataExtension{CustomerKey=k Fields{Field{Name=A FieldType=Number IsPrimaryKey=true} Field{Name=B IsPrimaryKey=true} Field{Name=C FieldType=Date} Field{Name=D MaxLength=2} Field{Name=E IsRequired=true}}}";
    let row = |call: &str, keys: &str, set: &str| {
        format!("{call} DataExtensionObject{{CustomerKey=k Properties{{{set}}} Keys{{{keys}}}}}")
    };
    let pair = |name: &str, value: &str| format!("{{Name={name} Value={value}}}");
    let set = |name: &str, value: &str| format!("Property{}", pair(name, value));
    let key = |name: &str, value: &str| format!("Key{}", pair(name, value));
    let both = [key("A", "1"), key("B", "x")].join(" ");
    let wrong = [set("C", "soon"), set("D", "long"), set("X", "1")].join(" ");
    let invalid = "The value for column [C] is not a valid date. Parse error [InvalidDate]";
    check(
        &[
            define,
            &row("Create", &both, &wrong),
            &row("Create", &key("A", "x"), &set("E", "e")),
            &row("Create", &key("A", "1"), &set("E", "e")),
            &row("Create", &both, ""),
            &row("Create", &both, &set("E", "e")),
            &row("Create", &both, &set("E", "e")),
            &row("Update", &both, &set("A", "2")),
            &row("Delete", &key("A", "1"), ""),
        ],
        &[
            "OK Data Extension created.",
            &format!("310007 {invalid} [value C: 20] [value D: 17] [value X: 20]"),
            "310007 The value for column [A] is not a valid number. Parse error [InvalidNumber] [key A: 20]",
            "310007 The value for column [B] is required [key B: 19]",
            "310007 The value for column [E] is required [value E: 19]",
            "OK Created DataExtensionObject",
            "68000 Violation of PRIMARY KEY constraint 'PK_k'. Cannot insert duplicate key in object 'k'. The duplicate key value is (1, x). [key A: 21] [key B: 21]",
            "310007 The value for column [A] differs between Keys and Properties [key A: 20]",
            "310007 The value for column [B] is required [key B: 19]",
        ],
    );
}

#[test]
fn a_text_has_its_least_length_unless_it_is_empty() {
    check_type(
        "MinLength=3 MaxLength=5",
        &[("abc", "abc"), ("ab", "20"), ("", ""), ("abcdef", "17")],
    );
    check_type(
        "FieldType=Phone MinLength=4",
        &[("1234", "1234"), ("123", "20"), ("", "null")],
    );
    let short = taken("MinLength=3", &value("ab"));
    assert_eq!(
        short,
        "310007 The value for column [F] is too short: 3 characters at least [value F: 20]"
    );
}

#[test]
fn numbers_and_dates_lie_between_their_bounds() {
    check_type(
        "FieldType=Number MinValue=-3 MaxValue=10",
        &[
            ("-3", "-3"),
            ("-4", "20"),
            ("10", "10"),
            ("11", "20"),
            ("", "null"),
        ],
    );
    check_type(
        "FieldType=Decimal MaxLength=6 Scale=2 MinValue=0.5 MaxValue=99.995",
        &[
            ("0.50", "0.50"),
            ("0.49", "20"),
            ("99.99", "99.99"),
            ("100", "20"),
        ],
    );
    check_type(
        "FieldType=Date MinValue=2026-01-01 MaxValue=12/31/2026",
        &[
            ("1/1/2026", "2026-01-01T00:00:00"),
            ("2025-12-31T23:59:59", "20"),
            ("2026-12-31", "2026-12-31T00:00:00"),
            ("2026-12-31T00:00:01", "20"),
        ],
    );
    let small = taken("FieldType=Number MinValue=5", &value("4"));
    assert_eq!(
        small,
        "310007 The value for column [F] is less than 5 [value F: 20]"
    );
}

#[test]
fn a_restricted_picklist_has_the_values_that_there_are() {
    let items = "PicklistItems{PicklistItem{Label=Red Value=red} PicklistItem{Value=blue}}";
    check_type(
        &format!("IsRestrictedPicklist=true {items}"),
        &[("red", "red"), ("blue", "blue"), ("Red", "20"), ("", "")],
    );
    check_type(items, &[("green", "green")]);
    check_type(
        "FieldType=Number IsRestrictedPicklist=true PicklistItems{PicklistItem{Value=007} PicklistItem{Value=8}}",
        &[("7", "7"), ("08", "8"), ("9", "20")],
    );
}

#[test]
fn bounds_beside_the_length_that_cannot_be_are_refused_with_their_definition() {
    for (field, why) in [
        ("MinLength=x", "the MinLength [x] is not a number"),
        (
            "MinLength=4 MaxLength=3",
            "the MinLength [4] is more than 3",
        ),
        (
            "FieldType=Number MinLength=4",
            "MinLength is for fields of text",
        ),
        ("MinValue=a", "MinValue is for numbers and dates"),
        (
            "FieldType=Boolean MaxValue=1",
            "MaxValue is for numbers and dates",
        ),
        (
            "FieldType=Number MinValue=low",
            "the MinValue [low] is no value of the field",
        ),
        (
            "FieldType=Date MaxValue=soon",
            "the MaxValue [soon] is no value of the field",
        ),
        (
            "FieldType=Decimal MinValue=2 MaxValue=1.5",
            "the MinValue [2] is more than the MaxValue [1.5]",
        ),
        (
            "IsRestrictedPicklist=true",
            "IsRestrictedPicklist needs PicklistItems, each with a Value",
        ),
        (
            "FieldType=Number IsRestrictedPicklist=true PicklistItems{PicklistItem{Value=red}}",
            "the item [red] of PicklistItems is no value of the field",
        ),
    ] {
        let expected = format!("310007 Data Extension validation error: field [F]: {why}");
        let fields = format!("Field{{Name=F {field}}}");
        check(
            &[
                &format!("Create DataExtension{{CustomerKey=k Fields{{{fields}}}}}"),
                "Create DataExtension{CustomerKey=k Fields{Field{Name=Id}}}",
                &format!(
                    "Create DataExtensionField{{Name=F {field} DataExtension{{CustomerKey=k}}}}"
                ),
            ],
            &[&expected, "OK Data Extension created.", &expected],
        );
    }
    check(
        &["Create DataExtension{CustomerKey=k Fields{Field{Name=F MinLength=3 DefaultValue=ab}}}"],
        &[
            "310007 Data Extension validation error: DefaultValue: The value for column [F] is too short: 3 characters at least",
        ],
    );
}

/// Rows that are there go on fitting.
#[test]
fn bounds_can_only_be_widened() {
    let update = |field: &str| {
        format!("Update DataExtension{{CustomerKey=k Fields{{Field{{Name=F {field}}}}}}}")
    };
    for (begin, narrower, wider) in [
        ("MinLength=3", "MinLength=4", "MinLength=2"),
        ("FieldType=Number MinValue=3", "MinValue=4", "MinValue=-1"),
        ("FieldType=Number MaxValue=3", "MaxValue=2", "MaxValue=10"),
        (
            "FieldType=Date MaxValue=2026-01-01",
            "MaxValue=12/31/2025",
            "MaxValue=1/2/2026",
        ),
        (
            "IsRestrictedPicklist=true PicklistItems{PicklistItem{Value=a} PicklistItem{Value=b}}",
            "PicklistItems{PicklistItem{Value=a} PicklistItem{Value=c}}",
            "PicklistItems{PicklistItem{Value=b} PicklistItem{Value=a} PicklistItem{Value=c}}",
        ),
        ("MaxLength=5", "MinLength=1", "MinLength=0"),
    ] {
        check(
            &[
                &format!("Create DataExtension{{CustomerKey=k Fields{{Field{{Name=F {begin}}}}}}}"),
                &update(narrower),
                &update(wider),
            ],
            &[
                "OK Data Extension created.",
                "310007 Data Extension validation error: the MinLength, MinValue, MaxValue and PicklistItems of field [F] can only be widened",
                "OK Data Extension updated.",
            ],
        );
    }
}

/// What a definition of an attribute would ask of attributes is not kept in silence.
#[test]
fn bounds_of_attributes_are_refused_by_name() {
    for field in [
        "IsRequired=true",
        "MinLength=2",
        "MinValue=1",
        "MaxValue=2",
        "IsRestrictedPicklist=true",
    ] {
        let (name, _) = field.split_once('=').expect("a field");
        check(
            &[&format!("Create PropertyDefinition{{Name=City {field}}}")],
            &[&format!(
                "204 {name} of a PropertyDefinition is not held against attributes here"
            )],
        );
    }
    check(
        &[
            "Create PropertyDefinition{Name=City IsRequired=false MinLength=0 MaxLength=50 DefaultValue=x}",
        ],
        &["OK PropertyDefinition created"],
    );
}
