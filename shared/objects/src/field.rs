//! One field of a data extension: what its definition says, and whether a value fits it.

use calls::AccountId;
use jiff::tz::Offset;
use jiff::{Timestamp, civil};
use soap::{Element, MailAddress};

use crate::field_bounds::{FieldBounds, ValueOrder};
use crate::key;
use crate::tree;

/// Longest text of a field, and what one has that names no MaxLength. The protocol's figures.
const TEXT_CHARS_MAX: usize = 4000;
const EMAIL_CHARS_MAX: usize = 254;
const PHONE_CHARS_MAX: usize = 50;
const LOCALE_CHARS_MAX: usize = 50;
const DECIMAL_DIGITS_MAX: usize = 38;
const DECIMAL_DIGITS: usize = 18;

/// Digits behind the point of a decimal that names no Scale.
const SCALE: usize = 2;

/// Server time of the protocol: what a date without zone means. Never daylight saving.
pub const SERVER_OFFSET: Offset = Offset::constant(-6);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldType {
    Text,
    Number,
    Date,
    Boolean,
    EmailAddress,
    Phone,
    Decimal,
    Locale,
}

impl FieldType {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "Text" | "Base16Encrypted" => Some(Self::Text),
            "Number" => Some(Self::Number),
            "Date" => Some(Self::Date),
            "Boolean" => Some(Self::Boolean),
            "EmailAddress" | "Base16EncryptedEmail" => Some(Self::EmailAddress),
            "Phone" => Some(Self::Phone),
            "Decimal" => Some(Self::Decimal),
            "Locale" => Some(Self::Locale),
            _ => None,
        }
    }

    const fn order(self) -> ValueOrder {
        match self {
            Self::Text | Self::EmailAddress | Self::Phone | Self::Locale => ValueOrder::Text,
            Self::Number | Self::Decimal => ValueOrder::Number,
            Self::Date => ValueOrder::Date,
            Self::Boolean => ValueOrder::Nothing,
        }
    }

    /// The largest MaxLength; `None`: it has none that means anything. Of decimals it counts digits.
    const fn length_max(self) -> Option<usize> {
        match self {
            Self::Text => Some(TEXT_CHARS_MAX),
            Self::EmailAddress => Some(EMAIL_CHARS_MAX),
            Self::Phone => Some(PHONE_CHARS_MAX),
            Self::Locale => Some(LOCALE_CHARS_MAX),
            Self::Decimal => Some(DECIMAL_DIGITS_MAX),
            Self::Number | Self::Date | Self::Boolean => None,
        }
    }
}

/// What is wrong with the value of a field: a number of the protocol's list of send failures, which
/// names the same troubles, and a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvalidFieldValue {
    pub(crate) code: u32,
    pub(crate) message: String,
}

pub(crate) const INVALID_EMAIL: u32 = 5;
pub(crate) const TOO_LONG: u32 = 17;
pub(crate) const REQUIRED: u32 = 19;
pub(crate) const INVALID_VALUE: u32 = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a str,
    field_type: FieldType,
    max_length: Option<usize>,
    scale: usize,
    bounds: FieldBounds<'a>,
    pub(crate) is_key: bool,
    pub(crate) is_required: bool,
    pub(crate) default: Option<&'a str>,
}

impl<'a> Field<'a> {
    /// Reads a field's definition; what is wrong with it otherwise.
    pub(crate) fn read(definition: &'a Element) -> Result<Self, String> {
        let name = tree::filled(definition, "Name").ok_or("every field must have a Name")?;
        let type_name = tree::filled(definition, "FieldType").unwrap_or("Text");
        let field_type = FieldType::parse(type_name)
            .ok_or_else(|| format!("the FieldType [{type_name}] of field [{name}] is unknown"))?;
        let count = |property: &str| match tree::filled(definition, property).map(str::trim) {
            None | Some("0") => Ok(None),
            Some(text) => text.parse::<usize>().map(Some).map_err(|_bad| {
                format!("the {property} [{text}] of field [{name}] is not a number")
            }),
        };
        let is_key = tree::is_true(definition, "IsPrimaryKey").unwrap_or(false);
        let max_length = count("MaxLength")?;
        let most = field_type.length_max();
        if let (Some(length), Some(most)) = (max_length, most)
            && length > most
        {
            return Err(format!(
                "the MaxLength [{length}] of field [{name}] is {most} at most for {type_name}"
            ));
        }
        let scale = match (count("Scale")?, tree::filled(definition, "Scale")) {
            (Some(scale), _) => scale,
            (None, Some(_zero)) => 0,
            (None, None) => SCALE,
        };
        let digits = max_length.unwrap_or(DECIMAL_DIGITS);
        if field_type == FieldType::Decimal && scale > digits {
            return Err(format!(
                "the Scale [{scale}] of field [{name}] is more than its {digits} digits"
            ));
        }
        Ok(Self {
            name,
            field_type,
            max_length,
            scale,
            bounds: FieldBounds::of(definition, field_type.order()),
            is_key,
            is_required: is_key || tree::is_true(definition, "IsRequired").unwrap_or(false),
            default: tree::filled(definition, "DefaultValue"),
        })
    }

    /// What is wrong with the bounds that its definition says, beside its MaxLength.
    pub(crate) fn check_bounds(&self, definition: &Element) -> Result<(), String> {
        let spelled = |text: &str| self.spelled(text, Timestamp::UNIX_EPOCH);
        let order = self.field_type.order();
        FieldBounds::check(definition, order, self.chars_max(), spelled)
            .map_err(|why| format!("field [{}]: {why}", self.name))
    }

    /// Why values that fitted `before` may not fit this one.
    pub(crate) fn narrower_than(&self, before: &Self) -> Option<String> {
        let name = self.name;
        let length = |field: &Self| field.max_length.unwrap_or(usize::MAX);
        let is_same = self.field_type == before.field_type
            && self.is_key == before.is_key
            && self.scale == before.scale;
        if !is_same || length(self) < length(before) {
            return Some(format!(
                "the type, the primary key and the Scale of field [{name}] cannot be changed, and its MaxLength can only grow"
            ));
        }
        let spelled = |text: &str| self.spelled(text, Timestamp::UNIX_EPOCH);
        (!self.bounds.widen(&before.bounds, spelled)).then(|| {
            format!("the MinLength, MinValue, MaxValue and PicklistItems of field [{name}] can only be widened")
        })
    }

    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The value as it is kept: `None` is null. A value has one spelling, so that keys can be compared.
    pub(crate) fn take(
        &self,
        text: &str,
        now: Timestamp,
    ) -> Result<Option<String>, InvalidFieldValue> {
        if text.is_empty() && self.field_type != FieldType::Text {
            return Ok(None);
        }
        let taken = self.spelled(text, now).ok_or_else(|| self.invalid())?;
        if let Some(most) = self.chars_max()
            && taken.chars().count() > most
        {
            return Err(self.too_long(most));
        }
        match self.bounds.against(&taken, |text| self.spelled(text, now)) {
            None => Ok(Some(taken)),
            Some(why) => Err(InvalidFieldValue {
                code: INVALID_VALUE,
                message: format!("The value for column [{}] {why}", self.name),
            }),
        }
    }

    /// A value in the one spelling that it has; `None`: it is none of the field's type.
    fn spelled(&self, text: &str, now: Timestamp) -> Option<String> {
        let trimmed = |is_right: fn(&str) -> bool| {
            let text = Some(text.trim()).filter(|text| is_right(text));
            text.map(str::to_owned)
        };
        match self.field_type {
            FieldType::Text => Some(text.to_owned()),
            FieldType::Number => {
                let number = text.trim().parse::<i64>().ok();
                number.map(|number| number.to_string())
            }
            FieldType::Date => date(text.trim(), now),
            FieldType::Boolean => boolean(text.trim()),
            FieldType::EmailAddress => trimmed(|text| MailAddress::parse(text).is_ok()),
            FieldType::Phone => trimmed(is_phone),
            FieldType::Decimal => self.decimal(text.trim()),
            FieldType::Locale => trimmed(is_locale),
        }
    }

    fn chars_max(&self) -> Option<usize> {
        match self.field_type {
            FieldType::Text | FieldType::EmailAddress | FieldType::Phone | FieldType::Locale => {
                self.max_length.or(self.field_type.length_max())
            }
            FieldType::Number | FieldType::Date | FieldType::Boolean | FieldType::Decimal => None,
        }
    }

    fn too_long(&self, most: usize) -> InvalidFieldValue {
        InvalidFieldValue {
            code: TOO_LONG,
            message: format!(
                "The value for column [{}] is too long: {most} characters at most",
                self.name
            ),
        }
    }

    fn invalid(&self) -> InvalidFieldValue {
        let (what, code, reason) = match self.field_type {
            FieldType::Text => ("text", INVALID_VALUE, "InvalidText"),
            FieldType::Number => ("number", INVALID_VALUE, "InvalidNumber"),
            FieldType::Date => ("date", INVALID_VALUE, "InvalidDate"),
            FieldType::Boolean => ("boolean", INVALID_VALUE, "InvalidBoolean"),
            FieldType::EmailAddress => ("email address", INVALID_EMAIL, "InvalidEmailAddress"),
            FieldType::Phone => ("phone number", INVALID_VALUE, "InvalidPhone"),
            FieldType::Decimal => ("decimal", INVALID_VALUE, "InvalidDecimal"),
            FieldType::Locale => ("locale", INVALID_VALUE, "InvalidLocale"),
        };
        let name = self.name;
        let message =
            format!("The value for column [{name}] is not a valid {what}. Parse error [{reason}]");
        InvalidFieldValue { code, message }
    }

    /// Rounds to the scale, half away from zero; refuses what has too many digits before the point.
    fn decimal(&self, text: &str) -> Option<String> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = whole
            .chars()
            .chain(fraction.chars())
            .all(|c| c.is_ascii_digit());
        if !all_digits
            || (whole.is_empty() && fraction.is_empty())
            || fraction.len() > TEXT_CHARS_MAX
        {
            return None;
        }
        let precision = self
            .max_length
            .unwrap_or(DECIMAL_DIGITS)
            .min(DECIMAL_DIGITS_MAX);
        let whole = whole.trim_start_matches('0');
        if whole.len() + self.scale > precision {
            return None;
        }
        let retained: String = fraction
            .chars()
            .chain(std::iter::repeat('0'))
            .take(self.scale)
            .collect();
        let is_up = fraction
            .chars()
            .nth(self.scale)
            .is_some_and(|next| next >= '5');
        let number = format!("0{whole}{retained}").parse::<u128>().ok()? + u128::from(is_up);
        let number = format!("{number:0>width$}", width = self.scale + 1);
        if number.len() > precision.max(self.scale + 1) {
            return None;
        }
        let sign = if number.chars().all(|c| c == '0') {
            ""
        } else {
            sign
        };
        let (whole, fraction) = number.split_at(number.len() - self.scale);
        let point = if fraction.is_empty() { "" } else { "." };
        Some(format!("{sign}{whole}{point}{fraction}"))
    }
}

fn boolean(text: &str) -> Option<String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "y" | "t" => Some("True".to_owned()),
        "false" | "0" | "no" | "n" | "f" => Some("False".to_owned()),
        _ => None,
    }
}

/// As server time in ISO form, so that the order of the texts is the order of the dates.
fn date(text: &str, now: Timestamp) -> Option<String> {
    if ["getdate()", "now()"]
        .iter()
        .any(|now| text.eq_ignore_ascii_case(now))
    {
        return Some(server_time(now));
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(seconds(SERVER_OFFSET.to_datetime(instant)));
    }
    if let Ok(date) = text.parse::<civil::DateTime>() {
        return Some(seconds(date));
    }
    const TIMES: [&str; 4] = [
        "%m/%d/%Y %I:%M:%S %p",
        "%m/%d/%Y %I:%M %p",
        "%m/%d/%Y %H:%M:%S",
        "%m/%d/%Y %H:%M",
    ];
    TIMES
        .iter()
        .find_map(|format| civil::DateTime::strptime(format, text).ok())
        .or_else(|| {
            civil::Date::strptime("%m/%d/%Y", text)
                .ok()
                .map(|day| day.at(0, 0, 0, 0))
        })
        .map(seconds)
}

/// An instant as a value of a Date field.
pub(crate) fn server_time(now: Timestamp) -> String {
    seconds(SERVER_OFFSET.to_datetime(now))
}

fn seconds(date: civil::DateTime) -> String {
    // Cut off, not rounded: a date must not move into the next second.
    date.with()
        .subsec_nanosecond(0)
        .build()
        .unwrap_or(date)
        .to_string()
}

fn is_phone(text: &str) -> bool {
    text.chars().any(|c| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || "+-(). x/".contains(c))
}

fn is_locale(text: &str) -> bool {
    let mut parts = text.split(['-', '_']);
    let is_language =
        |part: &str| (2..=3).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphabetic());
    let is_region = |part: &str| {
        (2..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric())
    };
    parts.next().is_some_and(is_language)
        && parts.by_ref().take(2).all(is_region)
        && parts.next().is_none()
}

/// Whether a definition is of the field of that name.
pub(crate) fn is_called(field: &Element, name: &str) -> bool {
    field
        .text_of("Name")
        .is_some_and(|found| found.eq_ignore_ascii_case(name))
}

/// The ObjectID of a field: always the same for the same field of the same data extension.
pub(crate) fn id(account: &AccountId, definition: &Element, name: &str) -> String {
    let owner = ["ObjectID", "CustomerKey"]
        .iter()
        .find_map(|id| tree::filled(definition, id));
    let field = format!("{}.{name}", owner.unwrap_or_default());
    let number = key::number(account, "DataExtensionField", &field, 0);
    key::guid(account, "DataExtensionField", number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_by_their_type() {
        check("Text:5", "hello", "hello");
        check("Text:5", "h\u{e9}ll\u{f6}", "h\u{e9}ll\u{f6}");
        check("Text:5", "hello!", "17");
        check("Text:", &"x".repeat(4000), &"x".repeat(4000));
        check("Text:", &"x".repeat(4001), "17");
        check("Text:", "", "");
        check("Number:", " 007 ", "7");
        check("Number:", "-5", "-5");
        check("Number:", "5.5", "20");
        check("Number:", "", "null");
        check("Boolean:", "true", "True");
        check("Boolean:", "0", "False");
        check("Boolean:", "maybe", "20");
        check("EmailAddress:", "a@b.co", "a@b.co");
        check("EmailAddress:", "a@b", "5");
        check("Phone:", "+1 (317) 423-3928", "+1 (317) 423-3928");
        check("Phone:", "call me", "20");
        check("Phone:", &"1".repeat(50), &"1".repeat(50));
        check("Phone:", &"1".repeat(51), "17");
        check("Phone:5", "123456", "17");
        check("Locale:", "en-US", "en-US");
        check("Locale:", "de", "de");
        check("Locale:", "english", "20");
    }

    #[test]
    fn dates_become_server_time() {
        check("Date:", "2026-11-20T10:00:00", "2026-11-20T10:00:00");
        check("Date:", "2026-11-20T10:00:00Z", "2026-11-20T04:00:00");
        check(
            "Date:",
            "2026-11-20T10:00:00.75+02:00",
            "2026-11-20T02:00:00",
        );
        check("Date:", "2026-11-20", "2026-11-20T00:00:00");
        check("Date:", "11/20/2026", "2026-11-20T00:00:00");
        check("Date:", "1/2/2026 3:04:05 PM", "2026-01-02T15:04:05");
        check("Date:", "1/2/2026 15:04", "2026-01-02T15:04:00");
        check("Date:", "getdate()", "2026-11-20T04:00:00");
        check("Date:", "Now()", "2026-11-20T04:00:00");
        check("Date:", "2026-02-30", "20");
        check("Date:", "soon", "20");
    }

    #[test]
    fn decimals_are_rounded_to_their_scale() {
        check("Decimal:5", "1.005", "1.01");
        check("Decimal:5", "-0.001", "0.00");
        check("Decimal:5", "999.99", "999.99");
        check("Decimal:5", "999.999", "20");
        check("Decimal:5", "1000", "20");
        check("Decimal:5", ".5", "0.50");
        check("Decimal:5", "1e3", "20");
        check("Decimal:5", "", "null");
        check("Decimal:", "12345678901234567", "20");
    }

    #[track_caller]
    fn check(field: &str, text: &str, expected: &str) {
        let (field_type, max_length) = field.split_once(':').expect("a type and a length");
        let definition = Element::new("Field")
            .with(Element::of("Name", "F"))
            .with(Element::of("FieldType", field_type))
            .with(Element::of("MaxLength", max_length));
        let field = Field::read(&definition).expect("a field");
        let found = match field.take(text, "2026-11-20T10:00:00Z".parse().expect("a time")) {
            Ok(Some(text)) => text,
            Ok(None) => "null".to_owned(),
            Err(invalid) => invalid.code.to_string(),
        };
        assert_eq!(found, expected, "{text}");
    }
}
