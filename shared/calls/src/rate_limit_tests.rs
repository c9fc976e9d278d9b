//! Several functions and one record: never more calls than permits, whatever the order of things.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Count, Limit, Over, RateLimit, RateLimitAnswer, Reservation, Window};

const NOON: &str = "2026-11-21T12:00:00Z";

fn noon() -> Timestamp {
    NOON.parse().expect("a time")
}

fn limit(calls_per_second: u32) -> Limit {
    Limit::of(calls_per_second).expect("a limit")
}

/// The account's record, as a table keeps it.
#[derive(Default)]
struct Record {
    count: Option<Count>,
    writes: u32,
}

impl Record {
    /// The new count, or the one that stood in the way.
    fn change(&mut self, taking: Reservation) -> Result<u32, Count> {
        self.writes += 1;
        let before = match (taking.over, self.count) {
            (Over::Nothing, Some(found)) if found.window >= taking.window => return Err(found),
            (Over::Nothing, _) => 0,
            (Over::AtMost(most), Some(found))
                if found.window == taking.window && found.taken <= most =>
            {
                found.taken
            }
            (Over::AtMost(_), found) => return Err(found.expect("it was there before")),
        };
        let taken = before + taking.permits;
        let window = taking.window;
        self.count = Some(Count { window, taken });
        Ok(taken)
    }
}

fn settle(permits: &mut RateLimit, record: &mut Record, taking: Reservation) {
    match record.change(taking) {
        Ok(count) => permits.took(taking, count),
        Err(found) => permits.found(found),
    }
}

/// A function alone with the record: whether the call is made.
fn calls(permits: &mut RateLimit, record: &mut Record, limit: Limit, now: Timestamp) -> bool {
    loop {
        match permits.ask(limit, now) {
            RateLimitAnswer::Yes => return true,
            RateLimitAnswer::NotBefore(_) => return false,
            RateLimitAnswer::After(taking) => settle(permits, record, taking),
        }
    }
}

#[test]
fn a_function_alone_makes_exactly_so_many_calls_in_a_window() {
    for calls_per_second in [1, 2, 7, 50, 100] {
        let (mut permits, mut record) = (RateLimit::default(), Record::default());
        let limit = limit(calls_per_second);
        for window in 0..3 {
            let now = noon() + SignedDuration::from_secs(10 * window + 9);
            let made = (0..2_000)
                .filter(|_| calls(&mut permits, &mut record, limit, now))
                .count();
            assert_eq!(u32::try_from(made), Ok(calls_per_second * 10));
        }
    }
}

#[test]
fn many_calls_cost_a_write() {
    let (mut permits, mut record) = (RateLimit::default(), Record::default());
    for _ in 0..1_000 {
        assert!(calls(&mut permits, &mut record, limit(100), noon()));
    }
    // One that finds out how the window stands is the first taking itself.
    assert_eq!(record.writes, 40, "25 calls for each");
    for _ in 0..1_000 {
        assert!(!calls(&mut permits, &mut record, limit(100), noon()));
    }
    assert_eq!(record.writes, 40, "and none for those that are refused");
}

#[test]
fn who_is_refused_is_told_when_the_next_window_begins() {
    let (mut permits, mut record) = (RateLimit::default(), Record::default());
    let now = noon() + SignedDuration::from_millis(3_500);
    while calls(&mut permits, &mut record, limit(1), now) {}
    let next = noon() + SignedDuration::from_secs(10);
    assert_eq!(permits.ask(limit(1), now), RateLimitAnswer::NotBefore(next));
    assert!(calls(&mut permits, &mut record, limit(1), next));
}

#[test]
fn a_function_whose_clock_is_behind_counts_in_the_window_of_the_others() {
    let (mut ahead, mut behind, mut record) = Default::default();
    let later = noon() + SignedDuration::from_secs(10);
    let mut made = 0;
    for _ in 0..20 {
        made += u32::from(calls(&mut ahead, &mut record, limit(1), later));
        made += u32::from(calls(&mut behind, &mut record, limit(1), noon()));
    }
    assert_eq!(made, 10);
}

#[test]
fn a_limit_that_is_lowered_holds_at_once_for_what_is_not_taken() {
    let (mut permits, mut record) = (RateLimit::default(), Record::default());
    assert!(calls(&mut permits, &mut record, limit(100), noon()));
    let made = (0..100)
        .filter(|_| calls(&mut permits, &mut record, limit(1), noon()))
        .count();
    assert_eq!(made, 24, "what was taken before");
}

#[test]
fn no_limit_is_none() {
    assert_eq!(Limit::of(0), None);
    assert_eq!(Limit::of(u32::MAX), Limit::of(super::CALLS_PER_SECOND_MAX));
}

/// A number that depends on the one before it and on nothing else.
fn next(seed: &mut u64) -> usize {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    usize::try_from(*seed >> 33).unwrap_or(0)
}

/// Functions with clocks of their own ask, take and hear of it in any order; an answer may be lost
/// and its change made again.
#[test]
fn there_are_never_more_calls_than_permits_however_functions_overtake_each_other() {
    const FUNCTIONS: usize = 7;
    for seed in 1..=200 {
        let mut dice = seed;
        let limit = limit(u32::try_from(1 + next(&mut dice) % 12).expect("small"));
        let mut record = Record::default();
        let mut permits = [RateLimit::default(); FUNCTIONS];
        let mut under_way: [Vec<Reservation>; FUNCTIONS] = Default::default();
        let mut made: BTreeMap<Option<Window>, u32> = BTreeMap::new();
        for step in 0..3_000 {
            let at = next(&mut dice) % FUNCTIONS;
            let skew = i64::try_from(at).expect("small") * 1_300;
            let now = noon() + SignedDuration::from_millis(step * 20 + skew);
            match next(&mut dice) % 4 {
                0 | 1 => match permits[at].ask(limit, now) {
                    RateLimitAnswer::Yes => *made.entry(permits[at].window).or_default() += 1,
                    RateLimitAnswer::NotBefore(_) => {}
                    RateLimitAnswer::After(taking) => under_way[at].push(taking),
                },
                2 => {
                    if let Some(taking) = under_way[at].pop() {
                        settle(&mut permits[at], &mut record, taking);
                    }
                }
                _ => {
                    if let Some(taking) = under_way[at].last() {
                        // Made, but nobody heard; the next one makes it again.
                        record.change(*taking).ok();
                    }
                }
            }
        }
        let most = made.values().max().copied().unwrap_or_default();
        assert!(most <= limit.permits, "{most} of {limit:?}, seed {seed}");
        let all: u32 = made.values().sum();
        assert!(all > 0, "nobody called, seed {seed}");
    }
}
