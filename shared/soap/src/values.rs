//! Values and their types: whether what a caller sent is of the type that the model says, and how it
//! is written where it is given back.
//!
//! Programs write more than the schema has: `True`, a day without a time, blanks around a number, an
//! empty element where there is nothing. All of that is read, and written as the schema has it. What
//! cannot be read as its type is refused at the door: kept, it would make our own answers wrong.

use std::borrow::Cow;

use crate::element::Element;
use crate::fault::echo;
use crate::model::{self, Complex, SimpleType};
use crate::nearest::nearest_name;
use crate::time;
use crate::xml::trimmed;

/// What a name has that may hold a credential: the value behind it is never shown.
const SECRET: [&str; 4] = ["password", "secret", "token", "credential"];

/// Most values of an enumeration that a message lists; of a longer one it names the nearest.
const VALUES_NAMED_MAX: usize = 8;

/// A value that is not of its type, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidValue(pub String);

/// The first value of an object that is not of its type. What the model does not have is not
/// checked.
pub fn invalid_value(object: &Element) -> Option<InvalidValue> {
    let complex = model::model().complex(object.type_name.as_deref()?)?;
    find(object, complex, &mut Vec::new())
}

fn find<'a>(
    parent: &'a Element,
    complex: &Complex,
    path: &mut Vec<&'a str>,
) -> Option<InvalidValue> {
    for child in parent.children.iter().filter(|child| !child.nil) {
        let Some(position) = complex.position(&child.name) else {
            continue;
        };
        path.push(&child.name);
        let invalid = match complex.content(position, child.type_name.as_deref()) {
            Some(inner) => find(child, inner, path),
            None => check(child, complex.child_type(position), path),
        };
        if invalid.is_some() {
            return invalid;
        }
        path.pop();
    }
    None
}

fn check(element: &Element, type_name: Option<&str>, path: &[&str]) -> Option<InvalidValue> {
    let type_name = type_name?;
    // Many programs write an empty element where there is no value.
    let is_judged = element.children.is_empty() && !trimmed(&element.text).is_empty();
    if !is_judged || canonical(type_name, &element.text).is_some() {
        return None;
    }
    let name = echo(&path.join("."));
    let expected = expected(type_name, trimmed(&element.text));
    Some(InvalidValue(match is_secret(path) {
        true => format!("The value of element '{name}' is not shown, expected {expected}"),
        false => format!(
            "Element '{name}' is '{}', expected {expected}",
            echo(&element.text)
        ),
    }))
}

fn is_secret(path: &[&str]) -> bool {
    path.iter().any(|name| {
        let name = name.to_lowercase();
        SECRET.iter().any(|secret| name.contains(secret))
    })
}

/// What a value of that type looks like, in words.
fn expected(type_name: &str, text: &str) -> String {
    match type_name {
        "boolean" => "true or false".to_owned(),
        "byte" | "short" | "int" | "long" | "integer" => {
            format!("a whole number (xsd:{type_name})")
        }
        "double" => "a number (xsd:double)".to_owned(),
        "dateTime" => "a date and time like 2026-11-20T10:00:00Z (xsd:dateTime)".to_owned(),
        "time" => "a time like 10:00:00 (xsd:time)".to_owned(),
        "base64Binary" => "Base64 (xsd:base64Binary)".to_owned(),
        named => match model::model().simple(named) {
            Some(SimpleType::Values(values)) if values.len() > VALUES_NAMED_MAX => {
                let meant = nearest_name(text, values.iter().copied());
                let meant = meant.map_or_else(String::new, |meant| format!(". Is {meant} meant?"));
                format!("one of the {} values of {named}{meant}", values.len())
            }
            Some(SimpleType::Values(values)) => {
                format!("one of {} ({named})", values.join(", "))
            }
            Some(SimpleType::Pattern(pattern)) => format!("{pattern} ({named})"),
            None => named.to_owned(),
        },
    }
}

/// A value as the schema writes it; `None`: it is none of that type. A type that is not known takes
/// anything.
pub(crate) fn canonical<'a>(type_name: &str, text: &'a str) -> Option<Cow<'a, str>> {
    if type_name == "string" {
        return Some(Cow::Borrowed(text));
    }
    let value = trimmed(text);
    let as_it_is = |is_one: bool| is_one.then_some(Cow::Borrowed(value));
    match type_name {
        "boolean" => boolean(value).map(Cow::Borrowed),
        "byte" => as_it_is(value.parse::<i8>().is_ok()),
        "short" => as_it_is(value.parse::<i16>().is_ok()),
        "int" => as_it_is(value.parse::<i32>().is_ok()),
        "long" => as_it_is(value.parse::<i64>().is_ok()),
        "integer" => as_it_is(is_integer(value)),
        "double" => as_it_is(is_double(value)),
        "dateTime" => date_time(value),
        "time" => as_it_is(time::is_time(value)),
        "base64Binary" => as_it_is(is_base64(value)),
        named => match model::model().simple(named) {
            Some(SimpleType::Values(values)) => as_it_is(values.contains(&value)),
            // The one pattern that the protocol has.
            Some(SimpleType::Pattern(_)) => as_it_is(is_guid_in_braces(value)),
            None => Some(Cow::Borrowed(text)),
        },
    }
}

/// Whether an element of that type is written at all: an empty number is not.
pub(crate) fn is_written(type_name: &str, text: &str) -> bool {
    canonical(type_name, text).is_some()
}

/// .NET and Python write `True`.
fn boolean(value: &str) -> Option<&'static str> {
    let is = |word: &str| value.eq_ignore_ascii_case(word);
    match value {
        "1" => Some("1"),
        "0" => Some("0"),
        _ if is("true") => Some("true"),
        _ if is("false") => Some("false"),
        _ => None,
    }
}

fn is_integer(value: &str) -> bool {
    let digits = value.strip_prefix(['+', '-']).unwrap_or(value);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_double(value: &str) -> bool {
    let is_number = |value: &str| {
        let is_digit = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
        value.bytes().all(is_digit) && value.parse::<f64>().is_ok()
    };
    matches!(value, "INF" | "-INF" | "NaN") || is_number(value)
}

/// A day alone is its midnight, as .NET reads it.
fn date_time(value: &str) -> Option<Cow<'_, str>> {
    if time::read_date_time(value).is_some() {
        return Some(Cow::Borrowed(value));
    }
    let midnight = format!("{value}T00:00:00");
    time::read_date_time(&midnight).map(|_| Cow::Owned(midnight))
}

fn is_base64(value: &str) -> bool {
    let mut letters = 0_usize;
    let mut padding = 0_usize;
    for byte in value.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        match byte {
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => letters += 1,
            _ => return false,
        }
    }
    padding <= 2 && (letters + padding).is_multiple_of(4)
}

fn is_guid_in_braces(value: &str) -> bool {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    let inside = value
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    let Some(inside) = inside else { return false };
    let groups: Vec<&str> = inside.split('-').collect();
    let is_group = |(group, length): (&&str, usize)| {
        group.len() == length && group.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    groups.len() == GROUPS.len() && groups.iter().zip(GROUPS).all(is_group)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expected` is what is written; `-`: it is no value of that type.
    #[track_caller]
    fn check(type_name: &str, text: &str, expected: &str) {
        let found = canonical(type_name, text);
        assert_eq!(
            found.as_deref().unwrap_or("-"),
            expected,
            "{type_name} {text}"
        );
    }

    #[test]
    fn values_are_read_as_programs_write_them_and_written_as_the_schema_does() {
        check("string", " as it is ", " as it is ");
        for (text, expected) in [
            ("true", "true"),
            ("True", "true"),
            (" FALSE\n", "false"),
            ("1", "1"),
            ("0", "0"),
            ("yes", "-"),
            ("", "-"),
        ] {
            check("boolean", text, expected);
        }
        for (text, expected) in [
            ("7", "7"),
            (" +7 ", "+7"),
            ("-2147483648", "-2147483648"),
            ("2147483648", "-"),
            ("c", "-"),
            ("7.0", "-"),
            ("", "-"),
        ] {
            check("int", text, expected);
        }
        check("long", "2147483648", "2147483648");
        check("short", "32768", "-");
        check("byte", "-128", "-128");
        check("byte", "200", "-");
        check(
            "integer",
            "123456789012345678901234567890",
            "123456789012345678901234567890",
        );
        check("integer", "-", "-");
        for (text, expected) in [
            ("1.5e3", "1.5e3"),
            ("INF", "INF"),
            ("infinity", "-"),
            ("nan", "-"),
            ("1,5", "-"),
        ] {
            check("double", text, expected);
        }
    }

    #[test]
    fn dates_times_and_bytes_have_their_forms() {
        for (text, expected) in [
            ("2026-11-20T10:00:00", "2026-11-20T10:00:00"),
            (
                "2026-11-20T10:00:00.123+02:00",
                "2026-11-20T10:00:00.123+02:00",
            ),
            ("0001-01-01T00:00:00", "0001-01-01T00:00:00"),
            (" 2026-11-20 ", "2026-11-20T00:00:00"),
            ("2026-02-30", "-"),
            ("11/20/2026", "-"),
            ("soon", "-"),
        ] {
            check("dateTime", text, expected);
        }
        check("time", "10:00:00", "10:00:00");
        check("time", "10:00:00.5Z", "10:00:00.5Z");
        check("time", "25:00:00", "-");
        check("base64Binary", "AAEC\n", "AAEC");
        check("base64Binary", "AA==", "AA==");
        check("base64Binary", "AAE", "-");
        let guid = "{6F9619FF-8B86-D011-B42D-00C04FC964FF}";
        check("instanceid", guid, guid);
        check("instanceid", "6F9619FF", "-");
        check("RequestType", " Asynchronous ", "Asynchronous");
        check("RequestType", "asynchronous", "-");
    }

    fn subscriber(field: Element) -> Element {
        Element::new("Objects").typed("Subscriber").with(field)
    }

    #[test]
    fn the_value_its_element_and_the_type_are_named() {
        let said = |object: &Element| invalid_value(object).map_or_else(String::new, |it| it.0);
        for (field, expected) in [
            (
                Element::of("ID", "c"),
                "Element 'ID' is 'c', expected a whole number (xsd:int)",
            ),
            (
                Element::of("Status", "active"),
                "Element 'Status' is 'active', expected one of Active, Bounced, Held, Unsubscribed, Deleted (SubscriberStatus)",
            ),
            (
                Element::new("Lists").with(Element::of("ID", "c")),
                "Element 'Lists.ID' is 'c', expected a whole number (xsd:int)",
            ),
            (Element::of("ID", " 7 "), ""),
            (Element::of("ID", ""), ""),
            (Element::of("Unknown", "c"), ""),
            (
                Element {
                    nil: true,
                    ..Element::of("ID", "")
                },
                "",
            ),
        ] {
            assert_eq!(said(&subscriber(field)), expected);
        }
        assert_eq!(
            said(&Element::new("Objects").with(Element::of("ID", "c"))),
            ""
        );
    }

    #[test]
    fn a_value_that_may_be_a_credential_is_not_shown() {
        let user = Element::new("Objects")
            .typed("AccountUser")
            .with(Element::of("MustChangePassword", "s3cr3t"));
        let said = invalid_value(&user).expect("no boolean").0;
        assert_eq!(
            said,
            "The value of element 'MustChangePassword' is not shown, expected true or false"
        );
    }
}
