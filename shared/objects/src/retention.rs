//! How long a data extension and its rows are kept, as its definition says:
//!
//! | the definition says                  | what ends                                                |
//! |--------------------------------------|----------------------------------------------------------|
//! | RowBasedRetention true               | each row, a period after it was made                     |
//! | DeleteAtEndOfRetentionPeriod true    | all rows at once, with each period again, or on a day    |
//! | neither                              | the data extension with its rows, after a period or on a day |
//!
//! Whoever reads asks here, so that what has ended is not read whether it is deleted or not. Deleting is
//! for `upkeep`, and for the table itself, which removes rows some days later.

use jiff::{SignedDuration, Span, Timestamp, civil};
use serde::{Deserialize, Serialize};
use soap::Element;

use crate::columns::{ColumnInput, SYSTEM_COLUMNS, stored_value};
use crate::extract_order::{ZONE, date};
use crate::key;
use crate::row_partitions::{DATA_EXTENSION, ROWS, with_fresh_rows};
use crate::tree;

/// Since when the period of a definition counts. Ours, as those below.
pub(crate) const SINCE: &str = "_RetainedSince";

/// Rows that were made no later than this have ended, whatever the definition says by now.
pub(crate) const GONE_BEFORE: &str = "_GoneBefore";

/// Says in a row from when on the table may remove it.
const EXPIRES: &str = "_Expires";

/// How long a row that has ended stays in the table at least. A period that is made longer must reach
/// the rows that are there before the table removes them.
const REMOVED_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Longest period, in days. Beyond it nobody means a period.
const PERIOD_DAYS_MAX: i64 = 36_525;

pub(crate) const LENGTH: &str = "DataRetentionPeriodLength";
pub(crate) const PERIOD: &str = "DataRetentionPeriod";
pub(crate) const UNIT_NUMBER: &str = "DataRetentionPeriodUnitOfMeasure";
pub(crate) const UNTIL: &str = "RetainUntil";
const BY_ROW: &str = "RowBasedRetention";
const ROWS_ONLY: &str = "DeleteAtEndOfRetentionPeriod";
pub(crate) const RESET_ON_IMPORT: &str = "ResetRetentionPeriodOnImport";

/// What a period is counted in: its name, and its number in the field that is older.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PeriodUnit {
    Days,
    Weeks,
    Months,
    Years,
}

impl PeriodUnit {
    const ALL: [Self; 4] = [Self::Days, Self::Weeks, Self::Months, Self::Years];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Days => "Days",
            Self::Weeks => "Weeks",
            Self::Months => "Months",
            Self::Years => "Years",
        }
    }

    pub(crate) const fn number(self) -> &'static str {
        match self {
            Self::Days => "3",
            Self::Weeks => "4",
            Self::Months => "5",
            Self::Years => "6",
        }
    }

    const fn days(self) -> i64 {
        match self {
            Self::Days => 1,
            Self::Weeks => 7,
            Self::Months => 30,
            Self::Years => 365,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RetentionPeriod {
    pub(crate) length: i64,
    pub(crate) unit: PeriodUnit,
}

impl RetentionPeriod {
    fn span(self) -> Span {
        let span = Span::new();
        let span = match self.unit {
            PeriodUnit::Days => span.try_days(self.length),
            PeriodUnit::Weeks => span.try_weeks(self.length),
            PeriodUnit::Months => span.try_months(self.length),
            PeriodUnit::Years => span.try_years(self.length),
        };
        span.unwrap_or_default()
    }

    /// By the calendar of the server: a month after January 31 is the last day of February.
    pub(crate) fn after(self, begin: Timestamp) -> Timestamp {
        let end = ZONE.to_datetime(begin).checked_add(self.span());
        end.and_then(|end| ZONE.to_timestamp(end))
            .unwrap_or(Timestamp::MAX)
    }

    /// The latest time whose period is over by then.
    pub(crate) fn latest_over(self, by: Timestamp) -> Timestamp {
        let day = SignedDuration::from_hours(24);
        let begin = ZONE.to_datetime(by).checked_sub(self.span());
        let Ok(mut begin) = begin.and_then(|begin| ZONE.to_timestamp(begin)) else {
            return Timestamp::MIN;
        };
        // Several days of a long month end on the same day of a short one.
        while self.after(begin + day) <= by {
            begin += day;
        }
        begin
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetentionEnd {
    After(RetentionPeriod),
    At(Timestamp),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetentionPolicy {
    ForGood,
    /// Each row by itself.
    EachRow(RetentionPeriod),
    AllRows(RetentionEnd),
    /// The data extension, too.
    Whole(RetentionEnd),
}

impl RetentionPolicy {
    /// What a definition says, or what is wrong with it.
    pub(crate) fn read(definition: &Element) -> Result<Self, String> {
        let period = period_in(definition)?;
        if tree::is_true(definition, BY_ROW) == Some(true) {
            let why = || format!("{BY_ROW} needs a {LENGTH} and a {PERIOD}");
            return period.map(Self::EachRow).ok_or_else(why);
        }
        let until = tree::filled(definition, UNTIL).map(str::trim);
        let until = until.filter(|text| !text.is_empty());
        let until = until.map(|text| date(UNTIL, text)).transpose()?;
        let end = match (until, period) {
            (Some(until), _) => RetentionEnd::At(until),
            (None, Some(period)) => RetentionEnd::After(period),
            (None, None) => return Ok(Self::ForGood),
        };
        Ok(match tree::is_true(definition, ROWS_ONLY) {
            Some(true) => Self::AllRows(end),
            Some(false) | None => Self::Whole(end),
        })
    }

    pub(crate) const fn period_of_rows(self) -> Option<RetentionPeriod> {
        match self {
            Self::EachRow(period) => Some(period),
            Self::ForGood | Self::AllRows(_) | Self::Whole(_) => None,
        }
    }

    const fn end(self) -> Option<RetentionEnd> {
        match self {
            Self::AllRows(end) | Self::Whole(end) => Some(end),
            Self::ForGood | Self::EachRow(_) => None,
        }
    }
}

fn period_in(definition: &Element) -> Result<Option<RetentionPeriod>, String> {
    let length = tree::filled(definition, LENGTH).map(str::trim);
    let length = match length {
        None | Some("0") => return Ok(None),
        Some(text) => text.parse::<i64>().ok().filter(|length| *length > 0),
    };
    let length = length.ok_or_else(|| format!("{LENGTH} is a number from 0 on"))?;
    let named = |name: &str| {
        let mut units = PeriodUnit::ALL.into_iter();
        units.find(|unit| unit.name() == name || unit.number() == name)
    };
    let said = [PERIOD, UNIT_NUMBER];
    let said = said.iter().find_map(|name| tree::filled(definition, name));
    let unit = said.and_then(|text| named(text.trim())).ok_or_else(|| {
        format!(
            "{PERIOD} is Days, Weeks, Months or Years, or {UNIT_NUMBER} 3, 4, 5 or 6 for one of them"
        )
    })?;
    if length.saturating_mul(unit.days()) > PERIOD_DAYS_MAX {
        return Err(format!("{LENGTH} is a hundred years at most"));
    }
    Ok(Some(RetentionPeriod { length, unit }))
}

fn instant(definition: &Element, name: &str) -> Option<Timestamp> {
    definition.text_of(name)?.parse().ok()
}

/// When all rows of a data extension end, or it ends itself, if that is not behind it.
pub(crate) fn ends_at(definition: &Element) -> Option<Timestamp> {
    let policy = RetentionPolicy::read(definition).ok()?;
    let since = instant(definition, SINCE).or_else(|| instant(definition, "CreatedDate"));
    let since = since.unwrap_or(Timestamp::UNIX_EPOCH);
    match policy.end()? {
        RetentionEnd::After(period) => Some(period.after(since)),
        // What has ended on a day does not end again.
        RetentionEnd::At(until) => Some(until).filter(|until| *until > since),
    }
}

/// What is left of a stored object.
pub(crate) enum Retained {
    /// All of it.
    Whole,
    /// A data extension without the rows that it had.
    WithoutRows(Box<Element>),
    /// Nothing.
    Nothing,
}

/// What is left at a time of an object that is stored.
pub(crate) fn retained(stored: &Element, now: Timestamp) -> Retained {
    if stored.type_name.as_deref() != Some(DATA_EXTENSION) {
        return Retained::Whole;
    }
    let has_ended = |definition: &Element| ends_at(definition).filter(|end| *end <= now);
    let Some(mut end) = has_ended(stored) else {
        return Retained::Whole;
    };
    if !matches!(
        RetentionPolicy::read(stored),
        Ok(RetentionPolicy::AllRows(_))
    ) {
        return Retained::Nothing;
    }
    let mut definition = stored.clone();
    loop {
        // The same for everybody, so that rows which are written before it is stored are found after.
        let before = definition.text_of(ROWS).unwrap_or_default();
        let rows = key::rows_of(&format!("{before} {end}"), 0);
        if let Some(fresh) = with_fresh_rows(&definition, rows) {
            definition = fresh;
        }
        tree::set(&mut definition, SINCE, end.to_string());
        match has_ended(&definition) {
            Some(next) => end = next,
            None => return Retained::WithoutRows(Box::new(definition)),
        }
    }
}

/// When the rows of a data extension end, each by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowRetention {
    period: Option<RetentionPeriod>,
    gone_before: Option<Timestamp>,
}

impl RowRetention {
    pub fn of(definition: &Element) -> Self {
        let policy = RetentionPolicy::read(definition).ok();
        Self {
            period: policy.and_then(RetentionPolicy::period_of_rows),
            gone_before: instant(definition, GONE_BEFORE),
        }
    }

    /// Whether a row has ended, so that nobody sees it.
    pub fn has_ended(&self, row: &Element, now: Timestamp) -> bool {
        if *self == Self::default() {
            return false;
        }
        let Some(made) = made_at(row) else {
            return false;
        };
        self.gone_before.is_some_and(|gone| made <= gone)
            || self.period.is_some_and(|period| period.after(made) <= now)
    }

    /// From when on the table may remove a row.
    pub fn removed_from(&self, row: &Element) -> Option<Timestamp> {
        let end = self.period?.after(made_at(row)?);
        end.checked_add(REMOVED_AFTER).ok()
    }

    /// Writes that into the row.
    pub(crate) fn mark(&self, row: &mut Element) {
        if let Some(at) = self.removed_from(row) {
            tree::set(row, EXPIRES, at.to_string());
        }
    }
}

/// From when on the table may remove a stored object, if ever: what a row says.
pub fn removed_from(stored: &Element) -> Option<Timestamp> {
    instant(stored, EXPIRES)
}

/// When a row was made, to the second.
fn made_at(row: &Element) -> Option<Timestamp> {
    let [_, created] = SYSTEM_COLUMNS;
    let ColumnInput::Value(text) = stored_value(row, created) else {
        return None;
    };
    let made: civil::DateTime = text.parse().ok()?;
    ZONE.to_timestamp(made).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(fields: &[(&str, &str)]) -> Element {
        let mut definition = Element::new("Objects").typed(DATA_EXTENSION);
        for (name, text) in fields {
            definition.children.push(Element::of(name, *text));
        }
        definition
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_period_is_counted_by_the_calendar_of_the_server() {
        for (length, unit, begin, end) in [
            ("30", "Days", "2026-01-31T12:00:00Z", "2026-03-02T12:00:00Z"),
            ("2", "Weeks", "2026-01-31T12:00:00Z", "2026-02-14T12:00:00Z"),
            (
                "1",
                "Months",
                "2026-01-31T12:00:00Z",
                "2026-02-28T12:00:00Z",
            ),
            // January is not over in the server's zone.
            ("1", "5", "2026-02-01T05:00:00Z", "2026-03-01T05:00:00Z"),
            ("1", "6", "2028-02-29T12:00:00Z", "2029-02-28T12:00:00Z"),
        ] {
            let definition = definition(&[(LENGTH, length), (PERIOD, unit), (SINCE, begin)]);
            assert_eq!(ends_at(&definition), Some(at(end)), "{length} {unit}");
        }
    }

    #[test]
    fn what_has_ended_differs_from_what_has_not_by_a_day() {
        let month = RetentionPeriod {
            length: 1,
            unit: PeriodUnit::Months,
        };
        for (by, latest) in [
            ("2026-02-28T12:00:00Z", "2026-01-31T12:00:00Z"),
            ("2026-03-15T12:00:00Z", "2026-02-15T12:00:00Z"),
        ] {
            assert_eq!(month.latest_over(at(by)), at(latest));
            assert!(month.after(at(latest)) <= at(by));
        }
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for (fields, why) in [
            (vec![(BY_ROW, "true")], "RowBasedRetention needs"),
            (vec![(LENGTH, "-1")], "number from 0 on"),
            (vec![(LENGTH, "7")], "Days, Weeks, Months or Years"),
            (vec![(LENGTH, "48"), (UNIT_NUMBER, "0")], "3, 4, 5 or 6"),
            (vec![(LENGTH, "101"), (PERIOD, "Years")], "hundred years"),
            (vec![(UNTIL, "some day")], "'some day'"),
        ] {
            let refused = RetentionPolicy::read(&definition(&fields)).expect_err("refused");
            assert!(refused.contains(why), "{refused}");
        }
        for fields in [
            vec![],
            vec![(LENGTH, "0"), (UNIT_NUMBER, "0"), (UNTIL, "")],
            vec![
                (BY_ROW, "false"),
                (ROWS_ONLY, "false"),
                (RESET_ON_IMPORT, "true"),
            ],
        ] {
            let read = RetentionPolicy::read(&definition(&fields));
            assert_eq!(read, Ok(RetentionPolicy::ForGood), "{fields:?}");
        }
    }

    /// Whoever looks sees the same fresh rows, however many periods are over.
    #[test]
    fn rows_that_end_together_are_replaced_once_for_each_period() {
        let begun = definition(&[
            (LENGTH, "1"),
            (PERIOD, "Days"),
            (ROWS_ONLY, "true"),
            (SINCE, "2026-01-01T00:00:00Z"),
            (ROWS, "first"),
        ]);
        let seen = |definition: &Element, now: &str| match retained(definition, at(now)) {
            Retained::Whole => None,
            Retained::WithoutRows(becomes) => Some(*becomes),
            Retained::Nothing => panic!("the data extension stays"),
        };
        assert_eq!(seen(&begun, "2026-01-01T23:59:59Z"), None);
        let once = seen(&begun, "2026-01-02T00:00:00Z").expect("replaced");
        assert_eq!(
            once,
            seen(&begun, "2026-01-02T12:00:00Z").expect("replaced")
        );
        let stored_between = seen(&once, "2026-01-03T00:00:00Z").expect("replaced");
        let at_once = seen(&begun, "2026-01-03T00:00:00Z").expect("replaced");
        assert_eq!(stored_between, at_once);
        assert_eq!(crate::row_partitions::names_in(&at_once).count(), 3);
    }
}
