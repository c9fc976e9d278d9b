//! What a field of a data extension asks of its values beside their type: MinLength, MinValue, MaxValue, and
//! the items of a restricted picklist.

use std::cmp::Ordering;

use soap::Element;

use crate::tree;

const MIN_LENGTH: &str = "MinLength";
const MIN_VALUE: &str = "MinValue";
const MAX_VALUE: &str = "MaxValue";
const RESTRICTED: &str = "IsRestrictedPicklist";
const ITEMS: &str = "PicklistItems";

/// How values of a type are compared, as they are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueOrder {
    /// They are texts, which have a length and no order.
    Text,
    /// They are decimal numbers.
    Number,
    /// They are texts whose order is that of the dates.
    Date,
    /// They have neither.
    Nothing,
}

/// The bounds of one field. What cannot be read of a stored definition bounds nothing; of one that is made or
/// changed it is refused by [`FieldBounds::check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldBounds<'a> {
    order: ValueOrder,
    min_length: usize,
    least: Option<&'a str>,
    most: Option<&'a str>,
    /// The values that there are; `None`: any.
    items: Option<&'a Element>,
}

impl<'a> FieldBounds<'a> {
    pub(crate) fn of(definition: &'a Element, order: ValueOrder) -> Self {
        let bound = |name: &str| tree::filled(definition, name).map(str::trim);
        let is_restricted = tree::is_true(definition, RESTRICTED) == Some(true);
        Self {
            order,
            min_length: min_length(definition).ok().flatten().unwrap_or(0),
            least: bound(MIN_VALUE),
            most: bound(MAX_VALUE),
            items: definition.child(ITEMS).filter(|_| is_restricted),
        }
    }

    /// What is wrong with the bounds that a definition says. `spelled`: a value as it is kept, if it is one
    /// of the field's type.
    pub(crate) fn check(
        definition: &Element,
        order: ValueOrder,
        max_length: Option<usize>,
        spelled: impl Fn(&str) -> Option<String>,
    ) -> Result<(), String> {
        let length = min_length(definition)?.filter(|length| *length > 0);
        if length.is_some() && order != ValueOrder::Text {
            return Err(format!("{MIN_LENGTH} is for fields of text"));
        }
        if let (Some(least), Some(most)) = (length, max_length)
            && least > most
        {
            return Err(format!("the {MIN_LENGTH} [{least}] is more than {most}"));
        }
        let bounds = FieldBounds::of(definition, order);
        for (name, bound) in [(MIN_VALUE, bounds.least), (MAX_VALUE, bounds.most)] {
            let Some(bound) = bound else { continue };
            let is_readable = match order {
                ValueOrder::Number => is_decimal(bound),
                ValueOrder::Date => spelled(bound).is_some(),
                ValueOrder::Text | ValueOrder::Nothing => {
                    return Err(format!("{name} is for numbers and dates"));
                }
            };
            if !is_readable {
                return Err(format!("the {name} [{bound}] is no value of the field"));
            }
        }
        if let (Some(least), Some(most)) = (bounds.least, bounds.most)
            && bounds.compare(least, most, &spelled) == Ordering::Greater
        {
            return Err(format!(
                "the {MIN_VALUE} [{least}] is more than the {MAX_VALUE} [{most}]"
            ));
        }
        if tree::is_true(definition, RESTRICTED) == Some(true) {
            let items: Vec<&str> = bounds.items.into_iter().flat_map(values_in).collect();
            if items.is_empty() {
                return Err(format!("{RESTRICTED} needs {ITEMS}, each with a Value"));
            }
            if let Some(wrong) = items.into_iter().find(|item| spelled(item).is_none()) {
                return Err(format!(
                    "the item [{wrong}] of {ITEMS} is no value of the field"
                ));
            }
        }
        Ok(())
    }

    /// What these bounds say against a value as it is kept. An empty one is none.
    pub(crate) fn against(
        &self,
        value: &str,
        spelled: impl Fn(&str) -> Option<String>,
    ) -> Option<String> {
        if value.is_empty() {
            return None;
        }
        if self.min_length > 0 && value.chars().count() < self.min_length {
            let least = self.min_length;
            return Some(format!("is too short: {least} characters at least"));
        }
        if let Some(least) = self
            .least
            .filter(|it| self.compare(value, it, &spelled).is_lt())
        {
            return Some(format!("is less than {least}"));
        }
        if let Some(most) = self
            .most
            .filter(|it| self.compare(value, it, &spelled).is_gt())
        {
            return Some(format!("is more than {most}"));
        }
        let items = self.items?;
        let is_value = |item: &str| spelled(item).as_deref() == Some(value);
        match values_in(items).any(is_value) {
            true => None,
            false => Some("is none of its PicklistItems".to_owned()),
        }
    }

    /// Whether all values that fitted `before` fit these, too.
    pub(crate) fn widen(&self, before: &Self, spelled: impl Fn(&str) -> Option<String>) -> bool {
        let reaches = |now: Option<&str>, then: Option<&str>, beyond: Ordering| match (now, then) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(now), Some(then)) => self.compare(now, then, &spelled) != beyond,
        };
        let has_all = match (self.items, before.items) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(now), Some(then)) => {
                values_in(then).all(|item| values_in(now).any(|it| spelled(it) == spelled(item)))
            }
        };
        self.min_length <= before.min_length
            && reaches(self.least, before.least, Ordering::Greater)
            && reaches(self.most, before.most, Ordering::Less)
            && has_all
    }

    /// A value, or a bound, beside a bound. What has no order is equal.
    fn compare(
        &self,
        one: &str,
        other: &str,
        spelled: &impl Fn(&str) -> Option<String>,
    ) -> Ordering {
        match self.order {
            ValueOrder::Number => compare_decimals(one, other),
            ValueOrder::Date => match (spelled(one), spelled(other)) {
                (Some(one), Some(other)) => one.cmp(&other),
                _ => Ordering::Equal,
            },
            ValueOrder::Text | ValueOrder::Nothing => Ordering::Equal,
        }
    }
}

fn min_length(definition: &Element) -> Result<Option<usize>, String> {
    let text = tree::filled(definition, MIN_LENGTH).map(str::trim);
    let length = text.map(str::parse::<usize>).transpose();
    length.map_err(|_bad| {
        let text = text.unwrap_or_default();
        format!("the {MIN_LENGTH} [{text}] is not a number")
    })
}

/// The values of a picklist, as they were said.
fn values_in(items: &Element) -> impl Iterator<Item = &str> {
    let items = items.all("PicklistItem");
    items.filter_map(|item| tree::filled(item, "Value"))
}

/// A decimal number in its parts: whether it is below zero, the digits before the point without zeros in
/// front, and those behind it without zeros at the end.
fn parts_of(text: &str) -> Option<(bool, &str, &str)> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    let (whole, fraction) = (
        whole.trim_start_matches('0'),
        fraction.trim_end_matches('0'),
    );
    let is_zero = whole.is_empty() && fraction.is_empty();
    Some((is_negative && !is_zero, whole, fraction))
}

fn is_decimal(text: &str) -> bool {
    parts_of(text).is_some()
}

/// Exactly, however many digits they have. What is no number is equal to all.
fn compare_decimals(one: &str, other: &str) -> Ordering {
    let (Some(one), Some(other)) = (parts_of(one), parts_of(other)) else {
        return Ordering::Equal;
    };
    let size = |(_, whole, fraction): (bool, &str, &str)| {
        (whole.len(), whole.to_owned(), fraction.to_owned())
    };
    match (one.0, other.0) {
        (false, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, false) => size(one).cmp(&size(other)),
        (true, true) => size(other).cmp(&size(one)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_compared_by_their_value() {
        let ascending = [
            "-10.5",
            "-10.05",
            "-2",
            "-0.1",
            "0",
            "0.005",
            "0.05",
            "1",
            "9.9",
            "10",
            "123456789012345678901234567890.1",
        ];
        for pair in ascending.windows(2) {
            assert_eq!(
                compare_decimals(pair[0], pair[1]),
                Ordering::Less,
                "{pair:?}"
            );
            assert_eq!(
                compare_decimals(pair[1], pair[0]),
                Ordering::Greater,
                "{pair:?}"
            );
        }
        for (one, other) in [
            ("-0.00", "0"),
            ("007", "7.0"),
            ("+1.50", "1.5"),
            (".5", "0.5"),
        ] {
            assert_eq!(
                compare_decimals(one, other),
                Ordering::Equal,
                "{one} {other}"
            );
        }
        for text in ["", "-", ".", "1e3", "1,5", "x"] {
            assert!(!is_decimal(text), "{text}");
        }
    }
}
