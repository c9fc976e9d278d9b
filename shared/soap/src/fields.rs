//! Reads typed values from the payload's tree. A value that cannot be read is the caller's error: a
//! Client fault that names the element and its value.

use jiff::Timestamp;

use crate::element::Element;
use crate::fault::{Fault, echo};
use crate::header::only;
use crate::time;
use crate::xml;

/// The only child of that name, unless it is nil. Two are refused, because choosing one would be a
/// guess.
pub(crate) fn single<'a>(parent: &'a Element, name: &str) -> Result<Option<&'a Element>, Fault> {
    let found = only(
        parent.children.iter().filter(|child| child.name == name),
        name,
    )?;
    Ok(found.filter(|child| !child.nil))
}

/// The text exactly as it is, including blanks.
pub(crate) fn text<'a>(parent: &'a Element, name: &str) -> Result<Option<&'a str>, Fault> {
    single(parent, name)?.map(text_of).transpose()
}

/// The text of an element that may contain nothing else.
pub(crate) fn text_of(element: &Element) -> Result<&str, Fault> {
    if element.children.is_empty() {
        return Ok(&element.text);
    }
    Err(Fault::client(format!(
        "Element '{}' must hold text, not elements",
        echo(&element.name)
    )))
}

/// The text without surrounding blanks.
pub(crate) fn trimmed<'a>(parent: &'a Element, name: &str) -> Result<Option<&'a str>, Fault> {
    Ok(text(parent, name)?.map(xml::trimmed))
}

/// The text of every child of that name, in order.
pub(crate) fn texts(parent: &Element, name: &str) -> Result<Vec<String>, Fault> {
    let children = parent
        .children
        .iter()
        .filter(|child| child.name == name && !child.nil);
    children
        .map(|child| text_of(child).map(str::to_owned))
        .collect()
}

/// An `xsd:int` or `xsd:long`.
pub(crate) fn number(parent: &Element, name: &str) -> Result<Option<i64>, Fault> {
    parsed(parent, name, "a whole number", |text| text.parse().ok())
}

pub(crate) fn boolean(parent: &Element, name: &str) -> Result<Option<bool>, Fault> {
    parsed(parent, name, "true or false", |text| match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    })
}

pub(crate) fn date_time(parent: &Element, name: &str) -> Result<Option<Timestamp>, Fault> {
    parsed(
        parent,
        name,
        "a date and time like 2026-11-20T10:00:00Z",
        time::read_date_time,
    )
}

/// A value of an enumeration; `choices` are the names as in the schema.
pub(crate) fn choice<T: Copy>(
    parent: &Element,
    name: &str,
    choices: &[(&str, T)],
) -> Result<Option<T>, Fault> {
    let find = |text: &str| {
        choices
            .iter()
            .find(|(known, _)| *known == text)
            .map(|(_, value)| *value)
    };
    if let Some(value) = text(parent, name)?.and_then(|text| find(xml::trimmed(text))) {
        return Ok(Some(value));
    }
    let known: Vec<&str> = choices.iter().map(|(known, _)| *known).collect();
    parsed(parent, name, &format!("one of {}", known.join(", ")), find)
}

fn parsed<T>(
    parent: &Element,
    name: &str,
    expected: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Fault> {
    let Some(text) = trimmed(parent, name)? else {
        return Ok(None);
    };
    let value = parse(text).ok_or_else(|| unreadable(name, text, expected))?;
    Ok(Some(value))
}

/// The fault for a value of the wrong type.
pub(crate) fn unreadable(name: &str, text: &str, expected: &str) -> Fault {
    Fault::client(format!(
        "Element '{}' is '{}', expected {expected}",
        echo(name),
        echo(text)
    ))
}
