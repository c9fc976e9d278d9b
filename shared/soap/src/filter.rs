//! Filters of Retrieve: read from the request, and applied to objects.

use std::cmp::Ordering::{self, Equal, Greater, Less};

use jiff::Timestamp;
use jiff::tz::Offset;

use crate::element::Element;
use crate::fault::Fault;
use crate::fields::{self, unreadable};
use crate::time;

/// The operator of a simple filter. The last ones are for data filters, but have the same meaning
/// here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Equals,
    NotEquals,
    GreaterThan,
    LessThan,
    IsNull,
    IsNotNull,
    GreaterThanOrEqual,
    LessThanOrEqual,
    /// Both ends included.
    Between,
    In,
    /// Contains.
    Like,
    ExistsInString,
    ExistsInStringAsAWord,
    NotExistsInString,
    BeginsWith,
    EndsWith,
    Contains,
    NotContains,
    IsAnniversary,
    IsNotAnniversary,
    GreaterThanAnniversary,
    LessThanAnniversary,
}

const OPERATORS: [(&str, Operator); 22] = [
    ("equals", Operator::Equals),
    ("notEquals", Operator::NotEquals),
    ("greaterThan", Operator::GreaterThan),
    ("lessThan", Operator::LessThan),
    ("isNull", Operator::IsNull),
    ("isNotNull", Operator::IsNotNull),
    ("greaterThanOrEqual", Operator::GreaterThanOrEqual),
    ("lessThanOrEqual", Operator::LessThanOrEqual),
    ("between", Operator::Between),
    ("IN", Operator::In),
    ("like", Operator::Like),
    ("existsInString", Operator::ExistsInString),
    ("existsInStringAsAWord", Operator::ExistsInStringAsAWord),
    ("notExistsInString", Operator::NotExistsInString),
    ("beginsWith", Operator::BeginsWith),
    ("endsWith", Operator::EndsWith),
    ("contains", Operator::Contains),
    ("notContains", Operator::NotContains),
    ("isAnniversary", Operator::IsAnniversary),
    ("isNotAnniversary", Operator::IsNotAnniversary),
    ("greaterThanAnniversary", Operator::GreaterThanAnniversary),
    ("lessThanAnniversary", Operator::LessThanAnniversary),
];

#[derive(Clone, Copy)]
enum Logic {
    And,
    Or,
}

const LOGIC: [(&str, Logic); 2] = [("OR", Logic::Or), ("AND", Logic::And)];

/// Which objects are selected.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    Simple {
        /// A path with dots.
        property: String,
        operator: Operator,
        values: Vec<String>,
        dates: Vec<Timestamp>,
    },
    And(Vec<Filter>),
    Or(Vec<Filter>),
}

/// Reads a FilterPart by its type, or without a type by its content.
pub(crate) fn read(part: &Element) -> Result<Filter, Fault> {
    match part.type_name.as_deref() {
        Some("SimpleFilterPart") => read_simple(part),
        Some("ComplexFilterPart") => read_complex(part),
        None if part.child("Property").is_some() => read_simple(part),
        None if part.child("LeftOperand").is_some() => read_complex(part),
        other => Err(unreadable(
            &part.name,
            other.unwrap_or_default(),
            "a filter of type SimpleFilterPart or ComplexFilterPart",
        )),
    }
}

fn read_simple(part: &Element) -> Result<Filter, Fault> {
    let operator = fields::choice(part, "SimpleOperator", &OPERATORS)?;
    let property = fields::trimmed(part, "Property")?.filter(|property| !property.is_empty());
    let (Some(property), Some(operator)) = (property, operator) else {
        return Err(Fault::client(
            "A SimpleFilterPart needs a Property and a SimpleOperator",
        ));
    };
    let dates = fields::texts(part, "DateValue")?;
    let read_date = |text: &String| {
        time::read_date_time(text).ok_or_else(|| {
            unreadable(
                "DateValue",
                text,
                "a date and time like 2026-11-20T10:00:00Z",
            )
        })
    };
    Ok(Filter::Simple {
        property: property.to_owned(),
        operator,
        values: fields::texts(part, "Value")?,
        dates: dates.iter().map(read_date).collect::<Result<_, _>>()?,
    })
}

fn read_complex(part: &Element) -> Result<Filter, Fault> {
    let additional = fields::single(part, "AdditionalOperands")?;
    let operands = [
        fields::single(part, "LeftOperand")?,
        fields::single(part, "RightOperand")?,
    ];
    let operands = operands.into_iter().flatten();
    let operands = operands.chain(additional.iter().flat_map(|list| list.all("Operand")));
    let operands: Vec<Filter> = operands.map(read).collect::<Result<_, _>>()?;
    if operands.is_empty() {
        return Err(Fault::client("A ComplexFilterPart needs a LeftOperand"));
    }
    match fields::choice(part, "LogicalOperator", &LOGIC)? {
        Some(Logic::And) => Ok(Filter::And(operands)),
        Some(Logic::Or) => Ok(Filter::Or(operands)),
        None => Err(Fault::client("A ComplexFilterPart needs a LogicalOperator")),
    }
}

impl Filter {
    /// Whether an object is selected. Text is compared without regard to case, times as times, and
    /// for the order numbers as numbers. A property that the object does not have only matches
    /// `isNull`.
    pub fn admits(&self, object: &Element) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.admits(object)),
            Self::Or(parts) => parts.iter().any(|part| part.admits(object)),
            Self::Simple {
                property,
                operator,
                values,
                dates,
            } => {
                let found = property_of(object, property);
                compare(found, *operator, values, dates)
            }
        }
    }

    /// The same filter without surrounding blanks in the values of these properties.
    #[must_use]
    pub fn trimming(self, properties: &[&str]) -> Self {
        let trimming = |parts: Vec<Self>| {
            let parts = parts.into_iter().map(|part| part.trimming(properties));
            parts.collect()
        };
        match self {
            Self::And(parts) => Self::And(trimming(parts)),
            Self::Or(parts) => Self::Or(trimming(parts)),
            Self::Simple {
                property,
                operator,
                values,
                dates,
            } if properties.contains(&property.as_str()) => Self::Simple {
                property,
                operator,
                values: values.iter().map(|value| value.trim().to_owned()).collect(),
                dates,
            },
            Self::Simple { .. } => self,
        }
    }

    /// The properties that it compares, each path as often as it occurs.
    pub fn properties(&self) -> Vec<&str> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::properties).collect(),
            Self::Simple { property, .. } => vec![property],
        }
    }

    /// The values, one of which every selected object has in that property: those of an `equals` or
    /// `IN`, alone or joined by AND with other conditions.
    pub fn equals(&self, property: &str) -> Option<&[String]> {
        match self {
            Self::And(parts) => parts.iter().find_map(|part| part.equals(property)),
            Self::Or(_) => None,
            Self::Simple {
                property: of,
                operator: Operator::Equals,
                values,
                dates,
            } if of == property && dates.is_empty() => values.get(..1),
            Self::Simple {
                property: of,
                operator: Operator::In,
                values,
                dates,
            } if of == property && dates.is_empty() => Some(values),
            Self::Simple { .. } => None,
        }
    }
}

/// The value of a property; for a row of a data extension, of a column.
fn property_of<'a>(object: &'a Element, path: &str) -> Option<&'a str> {
    if let Some(found) = object.at(path) {
        return Some(found)
            .filter(|found| !found.nil)
            .map(|found| found.text.as_str());
    }
    let columns = object.child("Properties")?;
    let column = columns.all("Property").find(|column| {
        column
            .text_of("Name")
            .is_some_and(|name| name.eq_ignore_ascii_case(path))
    })?;
    column.text_of("Value")
}

fn compare(
    found: Option<&str>,
    operator: Operator,
    values: &[String],
    dates: &[Timestamp],
) -> bool {
    let Some(found) = found.filter(|found| !found.is_empty()) else {
        return operator == Operator::IsNull;
    };
    let same = |at: usize| is_same(found, values.get(at), dates.get(at));
    let is = |at: usize, wanted: &[Ordering]| {
        let ordering = ordering(found, values.get(at), dates.get(at));
        ordering.is_some_and(|ordering| wanted.contains(&ordering))
    };
    let spelt = |test: fn(&str, &str) -> bool| {
        let value = values.first().map_or("", |value| value.trim_matches('%'));
        test(&found.to_lowercase(), &value.to_lowercase())
    };
    let anniversary = |wanted: &[Ordering]| {
        let instant = dates
            .first()
            .copied()
            .or_else(|| time::read_date_time(values.first()?));
        let ordering = instant.and_then(|instant| anniversary(found, instant));
        ordering.is_some_and(|ordering| wanted.contains(&ordering))
    };
    match operator {
        Operator::IsNull => false,
        Operator::IsNotNull => true,
        Operator::Equals => same(0) == Some(true),
        Operator::In => (0..values.len().max(dates.len())).any(|at| same(at) == Some(true)),
        Operator::NotEquals => same(0) == Some(false),
        Operator::GreaterThan => is(0, &[Greater]),
        Operator::LessThan => is(0, &[Less]),
        Operator::GreaterThanOrEqual => is(0, &[Greater, Equal]),
        Operator::LessThanOrEqual => is(0, &[Less, Equal]),
        Operator::Between => is(0, &[Greater, Equal]) && is(1, &[Less, Equal]),
        Operator::Like | Operator::Contains | Operator::ExistsInString => {
            spelt(|found, value| found.contains(value))
        }
        Operator::NotContains | Operator::NotExistsInString => {
            spelt(|found, value| !found.contains(value))
        }
        Operator::ExistsInStringAsAWord => spelt(|found, value| {
            found
                .split(|c: char| !c.is_alphanumeric())
                .any(|word| word == value)
        }),
        Operator::BeginsWith => spelt(|found, value| found.starts_with(value)),
        Operator::EndsWith => spelt(|found, value| found.ends_with(value)),
        Operator::IsAnniversary => anniversary(&[Equal]),
        Operator::IsNotAnniversary => anniversary(&[Less, Greater]),
        Operator::GreaterThanAnniversary => anniversary(&[Greater]),
        Operator::LessThanAnniversary => anniversary(&[Less]),
    }
}

/// Whether two values are equal. Numbers are text here: the keys `007` and `7` are different.
fn is_same(found: &str, value: Option<&String>, date: Option<&Timestamp>) -> Option<bool> {
    if let Some(ordering) = in_time(found, value, date) {
        return Some(ordering == Equal);
    }
    value.map(|value| found.to_lowercase() == value.to_lowercase())
}

/// How two values compare.
fn ordering(found: &str, value: Option<&String>, date: Option<&Timestamp>) -> Option<Ordering> {
    if let Some(ordering) = in_time(found, value, date) {
        return Some(ordering);
    }
    let value = value?;
    if let (Some(found), Some(value)) = (number(found), number(value)) {
        return found.partial_cmp(&value);
    }
    Some(found.to_lowercase().cmp(&value.to_lowercase()))
}

/// The order of two times, if both are.
fn in_time(found: &str, value: Option<&String>, date: Option<&Timestamp>) -> Option<Ordering> {
    let instant = match date {
        Some(date) => *date,
        None => time::read_date_time(value?)?,
    };
    time::read_date_time(found).map(|found| found.cmp(&instant))
}

/// A plain decimal number; `NaN`, `inf` and `1e5` are text.
fn number(text: &str) -> Option<f64> {
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte));
    is_plain.then(|| text.parse().ok()).flatten()
}

/// Compares month and day only.
fn anniversary(found: &str, instant: Timestamp) -> Option<Ordering> {
    let day = |at: Timestamp| {
        let date = Offset::UTC.to_datetime(at).date();
        (date.month(), date.day())
    };
    Some(day(time::read_date_time(found)?).cmp(&day(instant)))
}
