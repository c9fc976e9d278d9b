//! Dates as the protocol writes them: `xsd:dateTime`, without a zone in the service's own time.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;

/// The zone of a time without zone: the service's own time, Central Standard Time all year.
const SERVICE_OFFSET_HOURS: i8 = -6;

/// Widest zone that the schema allows, in minutes.
const OFFSET_MINUTES_MAX: i32 = 14 * 60;

/// Reads an `xsd:dateTime`: `2026-11-20T10:00:00`, with fraction and with `Z` or an offset if
/// there is one. Blanks around it do not count, everything else must be exact. A fraction finer
/// than nanoseconds is cut, and so are the last hours of the year 9999, which no Timestamp reaches:
/// clients write them where they mean never. `None`: it is not one, or it is beyond that year.
pub fn read_date_time(text: &str) -> Option<Timestamp> {
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    let (date, rest) = text.split_once('T')?;
    let date = read_date(date)?;
    let zone_at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(zone_at);
    let offset = read_zone(zone)?;
    // The end of a day may be written as an hour 24; it is the next day's beginning.
    let (date, time) = match time.strip_prefix("24:00:00") {
        Some(fraction) if fraction.is_empty() || is_zero_fraction(fraction) => {
            (date.tomorrow().ok()?, Time::midnight())
        }
        Some(_) => return None,
        None => (date, read_time(time)?),
    };
    let at = offset.to_timestamp(date.to_datetime(time));
    Some(at.unwrap_or(Timestamp::MAX))
}

/// The same where a time without zone is in UTC: WS-Security's own times.
pub(crate) fn read_utc_date_time(text: &str) -> Option<Timestamp> {
    // A text that names its zone cannot have another one appended.
    read_date_time(&format!("{}Z", text.trim())).or_else(|| read_date_time(text))
}

/// Whether it is an `xsd:time`: `10:00:00`, with fraction and with `Z` or an offset if there is one.
pub(crate) fn is_time(text: &str) -> bool {
    let zone_at = text.find(['Z', '+', '-']).unwrap_or(text.len());
    let (time, zone) = text.split_at(zone_at);
    read_time(time).is_some() && read_zone(zone).is_some()
}

/// Writes a time as `xsd:dateTime` in UTC: `2026-11-20T10:00:00Z`, with a fraction if it has one.
pub fn write_date_time(at: Timestamp) -> String {
    at.to_string()
}

/// A number of exactly so many digits.
fn digits(text: &str, count: usize) -> Option<i16> {
    let is_number = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

fn two_digits(text: &str) -> Option<i8> {
    digits(text, 2).and_then(|number| i8::try_from(number).ok())
}

fn read_date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let year = digits(parts.next()?, 4).filter(|year| *year > 0)?;
    let month = two_digits(parts.next()?)?;
    let day = two_digits(parts.next()?)?;
    parts
        .next()
        .is_none()
        .then(|| Date::new(year, month, day).ok())
        .flatten()
}

fn read_time(text: &str) -> Option<Time> {
    let (clock, fraction) = text
        .split_once('.')
        .map_or((text, None), |(a, b)| (a, Some(b)));
    let mut parts = clock.split(':');
    let hour = two_digits(parts.next()?)?;
    let minute = two_digits(parts.next()?)?;
    let second = two_digits(parts.next()?).filter(|second| *second < 60)?;
    let nanosecond = fraction.map_or(Some(0), read_fraction)?;
    parts
        .next()
        .is_none()
        .then(|| Time::new(hour, minute, second, nanosecond).ok())
        .flatten()
}

/// Nanoseconds of the digits behind the point.
fn read_fraction(text: &str) -> Option<i32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.bytes()
        .chain(std::iter::repeat(b'0'))
        .take(9)
        .try_fold(0_i32, |sum, byte| {
            sum.checked_mul(10)?.checked_add(i32::from(byte - b'0'))
        })
}

fn is_zero_fraction(text: &str) -> bool {
    text.strip_prefix('.').is_some_and(|zeros| {
        read_fraction(zeros).is_some() && zeros.bytes().all(|byte| byte == b'0')
    })
}

fn read_zone(text: &str) -> Option<Offset> {
    match text {
        "" => Offset::from_hours(SERVICE_OFFSET_HOURS).ok(),
        "Z" => Some(Offset::UTC),
        _ => {
            let sign = if text.starts_with('-') { -1 } else { 1 };
            let (hours, minutes) = text.get(1..)?.split_once(':')?;
            let minutes = i32::from(two_digits(minutes)?);
            let total = i32::from(two_digits(hours)?) * 60 + minutes;
            if minutes > 59 || total > OFFSET_MINUTES_MAX {
                return None;
            }
            Offset::from_seconds(sign * total * 60).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_honoured_and_none_means_the_services_own() {
        check("2026-11-20T10:00:00Z", Some("2026-11-20T10:00:00Z"));
        check("2026-11-20T10:00:00", Some("2026-11-20T16:00:00Z"));
        check("2026-07-20T10:00:00", Some("2026-07-20T16:00:00Z"));
        check("2026-11-20T10:00:00+02:00", Some("2026-11-20T08:00:00Z"));
        check("2026-11-20T10:00:00-14:00", Some("2026-11-21T00:00:00Z"));
        check(" \n2026-11-20T10:00:00Z\t", Some("2026-11-20T10:00:00Z"));
    }

    #[test]
    fn fractions_are_kept_to_the_nanosecond() {
        check("2026-11-20T10:00:00.5Z", Some("2026-11-20T10:00:00.5Z"));
        check(
            "2026-11-20T10:00:00.1234567899Z",
            Some("2026-11-20T10:00:00.123456789Z"),
        );
        check("2026-11-20T10:00:00.Z", None);
    }

    #[test]
    fn the_day_may_end_at_twenty_four() {
        check("2026-12-31T24:00:00Z", Some("2027-01-01T00:00:00Z"));
        check("2026-12-31T24:00:00.000Z", Some("2027-01-01T00:00:00Z"));
        check("2026-12-31T24:00:01Z", None);
    }

    /// The last one of .NET, as it writes it with and without zone.
    #[test]
    fn what_is_beyond_the_last_time_is_the_last_time() {
        let last = Timestamp::MAX.to_string();
        check("9999-12-30T22:00:00Z", Some("9999-12-30T22:00:00Z"));
        for text in [
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59.9999999",
            "9999-12-31T00:00:00-14:00",
            &last,
        ] {
            check(text, Some(&last));
        }
        check("0001-01-01T00:00:00+14:00", Some("0000-12-31T10:00:00Z"));
        check("9999-12-32T00:00:00Z", None);
        check("10000-01-01T00:00:00Z", None);
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "now",
            "2026-11-20",
            "2026-11-20 10:00:00Z",
            "2026-11-20T10:00Z",
            "2026-11-20t10:00:00Z",
            "2026-11-20T10:00:00z",
            "26-11-20T10:00:00Z",
            "2026-13-01T10:00:00Z",
            "2026-02-29T10:00:00Z",
            "2026-1-20T10:00:00Z",
            "0000-01-01T00:00:00Z",
            "-2026-01-01T00:00:00Z",
            "12026-01-01T00:00:00Z",
            "2026-11-20T25:00:00Z",
            "2026-11-20T10:60:00Z",
            "2016-12-31T23:59:60Z",
            "2026-11-20T10:00:00+2:00",
            "2026-11-20T10:00:00+14:01",
            "2026-11-20T10:00:00+0200",
            "2026-11-20T10:00:00+02:60",
            "2026-11-20T10:00:00ZZ",
            "2026-11-20T10:00:00Z[UTC]",
            "+2026-11-20T10:00:00Z",
            "2026-11-20T+1:00:00Z",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn times_are_written_in_utc() {
        let at = read_date_time("2026-11-20T10:00:00.250").expect("a time");
        assert_eq!(write_date_time(at), "2026-11-20T16:00:00.25Z");
    }

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let expected: Option<Timestamp> = expected.map(|text| text.parse().expect("a time"));
        assert_eq!(read_date_time(text), expected, "{text:?}");
    }
}
