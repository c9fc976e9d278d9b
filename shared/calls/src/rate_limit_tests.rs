//! Several function instances and one record: there are never more calls than permits, in whatever
//! order the instances read and write.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{
    Count, CountCondition, Limit, RateLimit, RateLimitAnswer, Reservation, ReservationResult,
    Window,
};

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
    fn change(&mut self, taking: Reservation) -> ReservationResult {
        self.writes += 1;
        let before = match (taking.condition, self.count) {
            (CountCondition::Nothing, Some(found)) if found.window >= taking.window => {
                return ReservationResult::Refused(found);
            }
            (CountCondition::Nothing, _) => 0,
            (CountCondition::AtMost(most), Some(found))
                if found.window == taking.window && found.taken <= most =>
            {
                found.taken
            }
            (CountCondition::AtMost(_), found) => {
                return ReservationResult::Refused(found.expect("it was there before"));
            }
        };
        let taken = before + taking.permits;
        let window = taking.window;
        self.count = Some(Count { window, taken });
        ReservationResult::Made { taken }
    }
}

fn apply(permits: &mut RateLimit, record: &mut Record, taking: Reservation) {
    match record.change(taking) {
        ReservationResult::Made { taken } => permits.took(taking, taken),
        ReservationResult::Refused(count) => permits.observe(count),
    }
}

/// A function alone with the record: whether the call is made.
fn calls(permits: &mut RateLimit, record: &mut Record, limit: Limit, now: Timestamp) -> bool {
    loop {
        match permits.ask(1, limit, now) {
            RateLimitAnswer::Allowed => return true,
            RateLimitAnswer::NotBefore(_) => return false,
            RateLimitAnswer::After(taking) => apply(permits, record, taking),
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
    // It has to see its own pace first: 1, 2, 6, 18, 25, 25 ...
    assert!(record.writes <= 45, "{} for a burst", record.writes);
    for _ in 0..1_000 {
        assert!(!calls(&mut permits, &mut record, limit(100), noon()));
    }
    assert!(record.writes <= 45, "and none for those that are refused");
}

/// Writes for each call of one function that calls steadily, by calls a second and the limit.
fn writes_per_call(calls_per_second: i64, limit: Limit) -> f64 {
    const SECONDS: i64 = 100;
    let (mut permits, mut record) = (RateLimit::default(), Record::default());
    let mut made = 0;
    for call in 0..calls_per_second * SECONDS {
        let now = noon() + SignedDuration::from_millis(call * 1_000 / calls_per_second);
        made += u32::from(calls(&mut permits, &mut record, limit, now));
    }
    assert_eq!(i64::from(made), calls_per_second * SECONDS);
    f64::from(record.writes) / f64::from(made)
}

#[test]
fn a_count_costs_little_where_there_is_plenty_and_where_there_is_not() {
    // Far from the limit a function that is called once in a second takes for all of a window.
    assert!(writes_per_call(1, limit(100)) < 0.2);
    assert!(writes_per_call(10, limit(100)) < 0.06);
    // At the limit for two seconds at a time.
    assert!(writes_per_call(20, limit(20)) < 0.15);
    assert!(writes_per_call(100, limit(100)) < 0.06);
}

/// A record that functions share, and the calls that were made, by milliseconds.
struct Shared {
    limit: Limit,
    functions: Vec<RateLimit>,
    record: Record,
    made_at: Vec<i64>,
}

impl Shared {
    fn among(functions: usize, limit: Limit) -> Self {
        Self {
            limit,
            functions: vec![RateLimit::default(); functions],
            record: Record::default(),
            made_at: Vec::new(),
        }
    }

    fn call(&mut self, function: usize, at_ms: i64) {
        let now = noon() + SignedDuration::from_millis(at_ms);
        if calls(
            &mut self.functions[function],
            &mut self.record,
            self.limit,
            now,
        ) {
            self.made_at.push(at_ms);
        }
    }

    /// The fewest calls of any ten seconds from there on.
    fn fewest_in_ten_seconds(&self, from_ms: i64, until_ms: i64) -> usize {
        let starts = (from_ms..=until_ms - 10_000).step_by(250);
        let made_in = |start: i64| {
            let before = |at: i64| self.made_at.partition_point(|made| *made < at);
            before(start + 10_000) - before(start)
        };
        starts.map(made_in).min().expect("some windows")
    }
}

/// Calls to an account of a limit of 100 a second, over a hundred functions: by their number a
/// second and by which function each of them comes to.
fn at_its_limit(a_second: i64, mut function: impl FnMut(&mut u64, i64) -> usize) -> Shared {
    const SECONDS: i64 = 60;
    let mut shared = Shared::among(100, limit(100));
    let mut dice = 17;
    for call in 0..a_second * SECONDS {
        let at_ms = call * 1_000 / a_second;
        let at = function(&mut dice, call) % 100;
        shared.call(at, at_ms);
    }
    shared
}

#[test]
fn an_account_at_its_limit_uses_what_it_was_granted_over_a_hundred_functions() {
    let turns = |_: &mut u64, call: i64| usize::try_from(call).expect("small");
    let any = |dice: &mut u64, _: i64| next(dice);
    // Half of the calls come to ten of them, as where those that were busy last are asked first.
    let few = |dice: &mut u64, _: i64| match next(dice) % 2 {
        0 => next(dice) % 10,
        _ => next(dice),
    };
    for a_second in [100, 150, 400] {
        for (how, shared) in [
            ("turns", at_its_limit(a_second, turns)),
            ("any", at_its_limit(a_second, any)),
            ("few", at_its_limit(a_second, few)),
        ] {
            let fewest = shared.fewest_in_ten_seconds(0, 60_000);
            println!(
                "{a_second} a second by {how}: at least {fewest} of 1,000 in any ten seconds, {} \
                 made with {} writes",
                shared.made_at.len(),
                shared.record.writes
            );
            assert!(
                fewest >= 900,
                "{fewest} of 1,000, {a_second} a second by {how}"
            );
        }
    }
}

/// Sixty of the first hundred were refused when each function took 25 for its first call.
#[test]
fn the_first_call_of_each_of_a_hundred_functions_is_made() {
    let mut shared = Shared::among(100, limit(100));
    for function in 0..100 {
        shared.call(function, 0);
    }
    assert_eq!(shared.made_at.len(), 100);
}

#[test]
fn a_refusal_names_the_start_of_the_next_window() {
    let (mut permits, mut record) = (RateLimit::default(), Record::default());
    let now = noon() + SignedDuration::from_millis(3_500);
    while calls(&mut permits, &mut record, limit(1), now) {}
    let next = noon() + SignedDuration::from_secs(10);
    assert_eq!(
        permits.ask(1, limit(1), now),
        RateLimitAnswer::NotBefore(next)
    );
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
    for _ in 0..10 {
        assert!(calls(&mut permits, &mut record, limit(100), noon()));
    }
    let taken = record.count.expect("counted").taken;
    let made = (0..100)
        .filter(|_| calls(&mut permits, &mut record, limit(1), noon()))
        .count();
    assert!(
        made < 100 && u32::try_from(10 + made) == Ok(taken),
        "what was taken before"
    );
}

#[test]
fn a_large_call_takes_as_many_permits_as_its_bytes_cost() {
    let limit = limit(100);
    let permits = [0, 2_000, 255_999, 256_000, 5_000_000].map(|bytes| limit.permits_for(bytes));
    assert_eq!(permits, [1, 1, 1, 2, 20]);
    let small = Limit::of(1).expect("a limit");
    assert_eq!(small.permits_for(5_000_000), 5, "half of ten");
}

/// Calls of different sizes, over functions that share the record.
#[test]
fn large_calls_and_small_ones_take_no_more_permits_than_there_are() {
    for large in [2, 5, 20, 500] {
        let mut record = Record::default();
        let mut functions = [RateLimit::default(); 5];
        let limit = limit(100);
        let mut taken = 0;
        for number in 0..5_000_usize {
            let size = if number % 3 == 0 { large } else { 1 };
            let permits = &mut functions[number % 5];
            let made = loop {
                match permits.ask(size, limit, noon()) {
                    RateLimitAnswer::Allowed => break true,
                    RateLimitAnswer::NotBefore(_) => break false,
                    RateLimitAnswer::After(taking) => apply(permits, &mut record, taking),
                }
            };
            taken += if made { size } else { 0 };
        }
        assert!((900..=1_000).contains(&taken), "{taken} with {large}");
    }
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
                0 | 1 => match permits[at].ask(1, limit, now) {
                    RateLimitAnswer::Allowed => *made.entry(permits[at].window).or_default() += 1,
                    RateLimitAnswer::NotBefore(_) => {}
                    RateLimitAnswer::After(taking) => under_way[at].push(taking),
                },
                2 => {
                    if let Some(taking) = under_way[at].pop() {
                        apply(&mut permits[at], &mut record, taking);
                    }
                }
                _ => {
                    if let Some(taking) = under_way[at].last() {
                        // Made, but nobody heard; the next one makes it again.
                        record.change(*taking);
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
