//! The values of a row: what the caller says of each column, and what is wrong with it.

use soap::{Detail, Element, FieldError};

use crate::field::{Field, InvalidFieldValue, REQUIRED};
use crate::verdict::{Refused, Stop};

/// What is wrong with a value, or with a field. The original's code.
pub(crate) const VALIDATION: u32 = 310_007;

/// Columns that every row has, whatever its data extension says: its number, never given to another
/// row, and the time when it was made. They stand behind its own.
pub(crate) const SYSTEM_COLUMNS: [&str; 2] = ["_CustomObjectKey", "_CreatedDate"];

/// What the caller says of a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ColumnInput {
    #[default]
    Nothing,
    Null,
    Value(String),
}

pub(crate) fn detail(
    error_message: Option<String>,
    key_errors: Vec<FieldError>,
    value_errors: Vec<FieldError>,
) -> Detail {
    Detail::DataExtension {
        error_message,
        key_errors,
        value_errors,
    }
}

/// The fields that are wrong.
#[derive(Default)]
pub(crate) struct ColumnError {
    pub(crate) keys: Vec<FieldError>,
    pub(crate) values: Vec<FieldError>,
}

impl ColumnError {
    /// `right`, if nothing is wrong.
    pub(crate) fn or<T>(self, right: T) -> Result<T, Stop> {
        let Some(first) = self.keys.first().or(self.values.first()) else {
            return Ok(right);
        };
        let message = first.error_message.clone();
        Err(Refused {
            code: VALIDATION,
            message: message.clone(),
            detail: detail(Some(message), self.keys, self.values),
        }
        .into())
    }
}

pub(crate) fn error_of(field: &Field<'_>, invalid: InvalidFieldValue) -> FieldError {
    FieldError {
        name: field.name.to_owned(),
        error_code: invalid.code,
        error_message: invalid.message,
    }
}

pub(crate) fn required(field: &Field<'_>) -> InvalidFieldValue {
    let message = format!("The value for column [{}] is required", field.name);
    InvalidFieldValue {
        code: REQUIRED,
        message,
    }
}

/// Whether Keys name another row than Properties do.
pub(crate) fn is_moved(property: &ColumnInput, key: &ColumnInput) -> bool {
    *property != ColumnInput::Nothing && property != key
}

pub(crate) fn key_values<'a>(
    fields: &'a [Field<'_>],
    column_input: &'a [ColumnInput],
) -> impl Iterator<Item = &'a str> {
    fields
        .iter()
        .zip(column_input)
        .filter(|(field, _)| field.is_key)
        .filter_map(|(_, column_input)| match column_input {
            ColumnInput::Value(value) => Some(value.as_str()),
            ColumnInput::Nothing | ColumnInput::Null => None,
        })
}

/// The name-value pairs of a row, as they come and as they are stored.
pub(crate) fn pairs<'a>(
    object: &'a Element,
    group: &'static str,
    property: &'static str,
) -> impl Iterator<Item = &'a Element> {
    object.all(group).flat_map(move |group| group.all(property))
}

pub(crate) fn pair(name: &str, value: String) -> Element {
    Element::new("Property")
        .with(Element::of("Name", name))
        .with(Element::of("Value", value))
}

pub(crate) fn stored_value(stored: &Element, name: &str) -> ColumnInput {
    let mut all = pairs(stored, "Properties", "Property");
    let same = all.find(|pair| {
        pair.text_of("Name")
            .is_some_and(|n| n.eq_ignore_ascii_case(name))
    });
    match same.and_then(|pair| pair.text_of("Value")) {
        Some(value) => ColumnInput::Value(value.to_owned()),
        None => ColumnInput::Nothing,
    }
}
