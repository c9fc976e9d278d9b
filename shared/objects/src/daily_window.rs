//! A time of the day in which something may be sent, or may not: from one clock time to another, in a
//! zone of a fixed offset.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

const DAY_S: i64 = 86_400;

/// The offset of times that name no zone: the original's server time, all year round.
const SERVER_OFFSET_S: i64 = -6 * 3_600;

/// Longest offset of a zone.
const OFFSET_MAX_S: i64 = 14 * 3_600;

/// From `opens` until just before `closes`, over midnight if that is earlier. Both are seconds of a
/// day of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyWindow {
    opens: i64,
    closes: i64,
}

/// What is wrong with a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadDailyWindow {
    /// A time is no `HH:MM` or `HH:MM:SS`, or both are the same.
    Time,
    /// The zone is no offset such as `-06:00`. Names of zones are not known here.
    Zone,
}

impl DailyWindow {
    /// Reads two times of the day, each in the zone that it names itself, else in `zone`, else in the
    /// server's.
    pub(crate) fn parse(
        opens: &str,
        closes: &str,
        zone: Option<&str>,
    ) -> Result<Self, BadDailyWindow> {
        let zone = zone.map_or(Ok(SERVER_OFFSET_S), |zone| {
            offset(zone.trim()).ok_or(BadDailyWindow::Zone)
        })?;
        let (opens, closes) = (second(opens.trim(), zone)?, second(closes.trim(), zone)?);
        match opens == closes {
            true => Err(BadDailyWindow::Time),
            false => Ok(Self { opens, closes }),
        }
    }

    /// Whether an instant lies in it.
    pub fn contains(self, at: Timestamp) -> bool {
        let open_for = (self.closes - self.opens).rem_euclid(DAY_S);
        since(self.opens, at) < open_for
    }

    /// When it opens next, after an instant.
    pub fn opens_after(self, at: Timestamp) -> Timestamp {
        next(self.opens, at)
    }

    /// When it closes next, after an instant.
    pub fn closes_after(self, at: Timestamp) -> Timestamp {
        next(self.closes, at)
    }
}

/// Seconds since it was last that second of the day.
fn since(second: i64, at: Timestamp) -> i64 {
    (at.as_second() - second).rem_euclid(DAY_S)
}

fn next(second: i64, at: Timestamp) -> Timestamp {
    let whole = at.as_second() + DAY_S - since(second, at);
    Timestamp::from_second(whole).unwrap_or(at + SignedDuration::from_secs(DAY_S))
}

/// The second of a day of UTC that a clock shows in a zone.
fn second(text: &str, zone: i64) -> Result<i64, BadDailyWindow> {
    let end = text.find(['Z', '+', '-']).unwrap_or(text.len());
    let (clock, own) = text.split_at(end);
    let zone = match own {
        "" => zone,
        own => offset(own).ok_or(BadDailyWindow::Zone)?,
    };
    // Parts of a second are read and do not count.
    let clock = clock.split('.').next().unwrap_or_default();
    let parts: Option<Vec<i64>> = clock.split(':').map(two_digits).collect();
    let seconds = match parts.as_deref() {
        Some([hours @ 0..24, minutes @ 0..60]) => hours * 3_600 + minutes * 60,
        Some([hours @ 0..24, minutes @ 0..60, seconds @ 0..60]) => {
            hours * 3_600 + minutes * 60 + seconds
        }
        _ => return Err(BadDailyWindow::Time),
    };
    Ok((seconds - zone).rem_euclid(DAY_S))
}

/// Seconds that a zone is ahead of UTC.
fn offset(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, clock) = match text.split_at_checked(1)? {
        ("+", clock) => (1, clock),
        ("-", clock) => (-1, clock),
        _ => return None,
    };
    let (hours, minutes) = clock.split_once(':')?;
    let seconds = two_digits(hours)? * 3_600 + two_digits(minutes).filter(|m| *m < 60)? * 60;
    (seconds <= OFFSET_MAX_S).then_some(sign * seconds)
}

fn two_digits(text: &str) -> Option<i64> {
    let is_two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_two)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(window: (&str, &str, Option<&str>), at: &str, is_in: bool, opens: &str, closes: &str) {
        let (from, to, zone) = window;
        let window = DailyWindow::parse(from, to, zone).expect("a window");
        let at: Timestamp = at.parse().expect("a time");
        assert_eq!(window.contains(at), is_in, "{at}");
        assert_eq!(window.opens_after(at).to_string(), opens);
        assert_eq!(window.closes_after(at).to_string(), closes);
    }

    #[test]
    fn a_window_opens_and_closes_each_day_in_its_zone() {
        let day = ("08:00", "20:00:00.000", Some("+01:00"));
        let (opens, closes) = ("2026-11-21T07:00:00Z", "2026-11-20T19:00:00Z");
        check(day, "2026-11-20T07:00:00Z", true, opens, closes);
        check(day, "2026-11-20T18:59:59Z", true, opens, closes);
        let closes = "2026-11-21T19:00:00Z";
        check(day, "2026-11-20T19:00:00Z", false, opens, closes);
        check(
            day,
            "2026-11-20T06:59:59Z",
            false,
            "2026-11-20T07:00:00Z",
            "2026-11-20T19:00:00Z",
        );
    }

    #[test]
    fn a_window_may_go_over_midnight_and_is_in_server_time_by_itself() {
        let night = ("21:00", "08:00", None);
        let (opens, closes) = ("2026-11-21T03:00:00Z", "2026-11-20T14:00:00Z");
        check(night, "2026-11-20T13:59:59Z", true, opens, closes);
        check(
            night,
            "2026-11-20T14:00:00Z",
            false,
            opens,
            "2026-11-21T14:00:00Z",
        );
        let zoned = ("21:00Z", "21:30-06:00", Some("+05:30"));
        check(
            zoned,
            "2026-11-20T22:00:00Z",
            true,
            "2026-11-21T21:00:00Z",
            "2026-11-21T03:30:00Z",
        );
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for (opens, closes, zone, wrong) in [
            ("8:00", "20:00", None, BadDailyWindow::Time),
            ("08:00", "24:00", None, BadDailyWindow::Time),
            ("08:00", "08:00", None, BadDailyWindow::Time),
            ("", "20:00", None, BadDailyWindow::Time),
            (
                "08:00",
                "20:00",
                Some("Europe/Vienna"),
                BadDailyWindow::Zone,
            ),
            ("08:00", "20:00", Some("+15:00"), BadDailyWindow::Zone),
            ("08:00", "20:00+1:00", None, BadDailyWindow::Zone),
        ] {
            assert_eq!(DailyWindow::parse(opens, closes, zone), Err(wrong));
        }
    }
}
