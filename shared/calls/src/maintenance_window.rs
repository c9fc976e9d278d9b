//! A time for which maintenance is planned, of the server itself or of a backend.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Most windows that are planned at a time, of the server or of one backend: they lie in a record that
/// everybody reads.
pub const WINDOWS_MAX: usize = 20;

/// Longest reason, in characters.
pub const REASON_CHARS_MAX: usize = 200;

/// From one instant until another, which is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceWindow {
    pub from: Timestamp,
    pub to: Timestamp,
    pub reason: String,
}

/// Why a window is not planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWindow {
    #[error("it ends before it begins")]
    Backwards,
    #[error("it has ended already")]
    Past,
    #[error("a reason has 1 to {REASON_CHARS_MAX} characters")]
    Reason,
    #[error("{WINDOWS_MAX} are planned already")]
    Full,
}

impl MaintenanceWindow {
    pub fn plan(
        from: Timestamp,
        to: Timestamp,
        reason: &str,
        now: Timestamp,
    ) -> Result<Self, BadWindow> {
        if to <= from {
            return Err(BadWindow::Backwards);
        }
        if to <= now {
            return Err(BadWindow::Past);
        }
        if !(1..=REASON_CHARS_MAX).contains(&reason.chars().count()) {
            return Err(BadWindow::Reason);
        }
        Ok(Self {
            from,
            to,
            reason: reason.to_owned(),
        })
    }

    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.to
    }

    pub fn is_over(&self, now: Timestamp) -> bool {
        self.to <= now
    }

    /// Adds this one to those that are planned: the same twice is one, and what is over makes room.
    pub fn planned_among(self, windows: &mut Vec<Self>, now: Timestamp) -> Result<(), BadWindow> {
        windows.retain(|it| !it.is_over(now));
        if windows.contains(&self) {
            return Ok(());
        }
        if windows.len() >= WINDOWS_MAX {
            return Err(BadWindow::Full);
        }
        windows.push(self);
        windows.sort_by_key(|it| (it.from, it.to));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn a_window_lies_ahead_and_has_a_reason() {
        let plan = |from, to, reason| MaintenanceWindow::plan(at(from), at(to), reason, at(100));
        assert!(plan(50, 200, "x").is_ok(), "it may have begun");
        assert_eq!(plan(200, 200, "x"), Err(BadWindow::Backwards));
        assert_eq!(plan(50, 100, "x"), Err(BadWindow::Past));
        assert_eq!(plan(150, 200, ""), Err(BadWindow::Reason));
        assert_eq!(plan(150, 200, &"x".repeat(201)), Err(BadWindow::Reason));
    }

    #[test]
    fn it_holds_from_its_beginning_until_its_end() {
        let window = MaintenanceWindow::plan(at(10), at(20), "x", at(0)).expect("a window");
        let holds = [9, 10, 19, 20].map(|second| window.holds_at(at(second)));
        assert_eq!(holds, [false, true, true, false]);
    }

    #[test]
    fn windows_are_bounded_and_what_is_over_makes_room() {
        let mut windows = Vec::new();
        let plan = |number: i64, windows: &mut Vec<MaintenanceWindow>, now| {
            let window = MaintenanceWindow::plan(at(number), at(100 + number), "x", at(0));
            window.and_then(|it| it.planned_among(windows, at(now)))
        };
        for number in (1..=20).rev() {
            assert_eq!(plan(number, &mut windows, 0), Ok(()));
        }
        assert_eq!(plan(1, &mut windows, 0), Ok(()), "it is planned already");
        assert_eq!(plan(21, &mut windows, 0), Err(BadWindow::Full));
        assert!(windows.is_sorted_by_key(|it| it.from));
        assert_eq!(plan(21, &mut windows, 101), Ok(()));
        assert_eq!(windows.len(), 20);
    }
}
