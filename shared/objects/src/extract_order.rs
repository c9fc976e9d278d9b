//! What an extract of the results of calls is asked to write: read from names and values, which an
//! Extract has as its Parameters and a DataExtractActivity as its PartnerProperties.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use soap::Element;

/// The extract, as Extract and ExtractDescription name it.
pub const ASYNC_RESULTS: &str = "Async Results Data Extract";

/// The same by its ObjectID: what the ID of an Extract says.
pub const ASYNC_RESULTS_ID: &str = "6f3c4d3e-8b0a-4c57-9d3c-1c5be2a7d0f1";

/// The zone of times without one: the server time of Marketing Cloud.
pub(crate) const ZONE: Offset = Offset::constant(-6);

/// How clients write dates beside the XML way.
const DATE_TIMES: [&str; 4] = [
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%Y-%m-%d %I:%M %p",
    "%Y-%m-%d %H:%M:%S",
];
const DATES: [&str; 2] = ["%m/%d/%Y", "%Y-%m-%d"];

/// Longest name of a file: with what stands before it, a key of the bucket.
pub(crate) const FILE_NAME_CHARS_MAX: usize = 200;

/// The parameters that there are.
const STARTS: &str = "StartDate";
const ENDS: &str = "EndDate";
const FILE_NAME: &str = "OutputFileName";
const HEADERS: &str = "HasColumnHeaders";
const FORMAT: &str = "Format";
const QUOTES: &str = "QuoteText";
const DELIMITER: &str = "ColumnDelimiter";
/// Samples send it as 0; it means nothing here.
const ASYNC_ID: &str = "_AsyncID";
const KNOWN: [&str; 8] = [
    STARTS, ENDS, FILE_NAME, HEADERS, FORMAT, QUOTES, DELIMITER, ASYNC_ID,
];

/// Which results are written, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtractOrder {
    /// Of calls that arrived from one time to another, both included.
    pub from: Timestamp,
    pub to: Timestamp,
    pub file_name: String,
    pub has_headers: bool,
    pub quotes_all: bool,
    pub delimiter: u8,
}

impl ExtractOrder {
    /// `now`: when it was asked for, which no extract goes beyond. The refusal is said in words.
    pub fn read<'a>(
        parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
        now: Timestamp,
    ) -> Result<Self, String> {
        let mut given = BTreeMap::new();
        for (name, value) in parameters {
            let Some(known) = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name)) else {
                let name = soap::echo(name);
                let known = KNOWN.join(", ");
                return Err(format!(
                    "The extract has no parameter '{name}'; it has {known}"
                ));
            };
            given.insert(*known, value.trim());
        }
        let given = |name: &str| given.get(name).copied().filter(|value| !value.is_empty());
        let from = given(STARTS).map(|text| date(STARTS, text)).transpose()?;
        let to = given(ENDS).map(|text| date(ENDS, text)).transpose()?;
        let Some(from) = from else {
            return Err(format!(
                "The extract needs a {STARTS}: results of calls from then on are written"
            ));
        };
        let to = to.unwrap_or(now).min(now);
        if from > to {
            return Err(format!("The {STARTS} of the extract is after its {ENDS}"));
        }
        let format = given(FORMAT).unwrap_or("csv");
        if !format.eq_ignore_ascii_case("csv") {
            let format = soap::echo(format);
            return Err(format!(
                "The {FORMAT} of the extract is csv, not '{format}'"
            ));
        }
        Ok(Self {
            from,
            to,
            file_name: file_name(given(FILE_NAME))?,
            has_headers: flag(HEADERS, given(HEADERS), true)?,
            quotes_all: flag(QUOTES, given(QUOTES), false)?,
            delimiter: delimiter(given(DELIMITER))?,
        })
    }
}

/// The names and values of an object's PartnerProperties.
pub(crate) fn properties_of(object: &Element) -> impl Iterator<Item = (&str, &str)> {
    object.all("PartnerProperties").map(|property| {
        let of = |name| property.text_of(name).unwrap_or_default();
        (of("Name"), of("Value"))
    })
}

/// A date as clients write it: what stands for a whole day is its end where an end is named.
pub(crate) fn date(name: &str, text: &str) -> Result<Timestamp, String> {
    if let Some(at) = soap::read_date_time(text) {
        return Ok(at);
    }
    let in_zone = |at: DateTime| ZONE.to_timestamp(at).ok();
    let date_times = DATE_TIMES.iter();
    let mut read = date_times.filter_map(|form| DateTime::strptime(form, text).ok());
    let dates = DATES.iter();
    let mut days = dates.filter_map(|form| Date::strptime(form, text).ok());
    let at = read.next().or_else(|| {
        let day = days.next()?.to_datetime(jiff::civil::Time::midnight());
        // The whole of the last day is meant.
        let is_end = name != STARTS;
        let end = day
            .checked_add(SignedDuration::from_millis(86_399_999))
            .ok();
        if is_end { end } else { Some(day) }
    });
    at.and_then(in_zone).ok_or_else(|| {
        format!(
            "The {name} '{}' is no date and time like 2026-11-20T10:00:00Z or \
             11/20/2026 10:00:00 AM",
            soap::echo(text)
        )
    })
}

fn flag(name: &str, text: Option<&str>, otherwise: bool) -> Result<bool, String> {
    match text.map(str::to_ascii_lowercase).as_deref() {
        None => Ok(otherwise),
        Some("true" | "1") => Ok(true),
        Some("false" | "0") => Ok(false),
        Some(other) => Err(format!(
            "The {name} of the extract is true or false, not '{}'",
            soap::echo(other)
        )),
    }
}

fn delimiter(text: Option<&str>) -> Result<u8, String> {
    match text.map(str::as_bytes) {
        None => Ok(b','),
        Some(b"\\t" | b"tab" | b"TAB" | b"Tab") => Ok(b'\t'),
        Some([one]) if one.is_ascii_punctuation() && *one != b'"' => Ok(*one),
        Some(_) => Err(format!(
            "The {DELIMITER} of the extract is one character of punctuation, or tab"
        )),
    }
}

/// A name without folders: what stands before it is the account's.
fn file_name(text: Option<&str>) -> Result<String, String> {
    let Some(name) = text else {
        return Err(format!("The extract needs an {FILE_NAME}, results.csv say"));
    };
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._- ".contains(letter);
    let is_name =
        name.chars().all(is_plain) && name.len() <= FILE_NAME_CHARS_MAX && !name.starts_with('.');
    if is_name {
        return Ok(name.to_owned());
    }
    Err(format!(
        "The {FILE_NAME} '{}' of the extract may have letters, digits, blanks and . _ - only, at \
         most {FILE_NAME_CHARS_MAX} of them, and does not begin with a full stop",
        soap::echo(name)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-28T12:00:00Z".parse().expect("a time")
    }

    fn read(parameters: &[(&str, &str)]) -> Result<ExtractOrder, String> {
        ExtractOrder::read(parameters.iter().copied(), now())
    }

    #[test]
    fn dates_are_read_as_clients_write_them() {
        for (text, expected) in [
            ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
            ("2026-11-20T10:00:00", "2026-11-20T16:00:00Z"),
            ("11/20/2026 10:00:00 AM", "2026-11-20T16:00:00Z"),
            ("1/2/2026 1:05:00 PM", "2026-01-02T19:05:00Z"),
            ("11/20/2026 10:00 PM", "2026-11-21T04:00:00Z"),
            ("2026-11-20 10:00 AM", "2026-11-20T16:00:00Z"),
            ("11/20/2026", "2026-11-20T06:00:00Z"),
            ("1/1/1900 1:00:00 AM", "1900-01-01T07:00:00Z"),
        ] {
            let order = read(&[("StartDate", text), ("OutputFileName", "a.csv")]);
            let order = order.unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(order.from, expected.parse().expect("a time"), "{text}");
            assert_eq!(order.to, now());
        }
        let day = read(&[
            ("startdate", "11/20/2026"),
            ("EndDate", "11/20/2026"),
            ("OutputFileName", "a.csv"),
        ]);
        let last = "2026-11-21T05:59:59.999Z".parse().expect("a time");
        assert_eq!(day.expect("a day").to, last);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let start = ("StartDate", "11/20/2026");
        let file = ("OutputFileName", "a.csv");
        for (parameters, why) in [
            (vec![file], "StartDate"),
            (vec![start], "OutputFileName"),
            (vec![("StartDate", "soon"), file], "'soon'"),
            (vec![start, file, ("EndDate", "11/19/2026")], "after"),
            (vec![start, ("OutputFileName", "../a.csv")], "'../a.csv'"),
            (vec![start, ("OutputFileName", ".a")], "full stop"),
            (vec![start, file, ("Format", "xml")], "'xml'"),
            (
                vec![start, file, ("HasColumnHeaders", "perhaps")],
                "'perhaps'",
            ),
            (
                vec![start, file, ("ColumnDelimiter", "ab")],
                "ColumnDelimiter",
            ),
            (
                vec![start, file, ("ExtractSends", "true")],
                "'ExtractSends'",
            ),
        ] {
            let refused = read(&parameters).expect_err("refused");
            assert!(refused.contains(why), "{refused}");
        }
    }
}
