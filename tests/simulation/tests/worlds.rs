//! Two thousand worlds, those that once failed, and one of them twice.
//!
//! `SIMULATION_WORLDS` and `SIMULATION_SEED` choose others.

use simulation::generators;
use simulation::happenings::Flaw;
use simulation::worlds::{Account, forwarded, live, many, of_seed};

const WORLDS: u64 = 2_000;

#[expect(
    clippy::disallowed_methods,
    reason = "which worlds are lived is chosen from outside"
)]
fn chosen(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_world_keeps_its_promises() {
    let worlds = chosen("SIMULATION_WORLDS").unwrap_or(WORLDS);
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    match many(chosen("SIMULATION_SEED").unwrap_or(0), worlds, threads) {
        Err(broken) => panic!("{}", broken.report()),
        Ok(account) => {
            println!("{account:#?}");
            if worlds >= WORLDS {
                nothing_is_missing(&account);
            }
        }
    }
}

fn nothing_is_missing(account: &Account) {
    let codes = Flaw::ALL.map(Flaw::error_code).into_iter();
    let codes = codes
        .chain([200, 203, 211, 213, 214, 215, 222])
        .map(|code| format!("code {code}"));
    let statuses =
        "Gathering Scheduled Queued Processing Complete Error Expired Cancelled NotProcessed";
    let expected = codes.chain(statuses.split(' ').map(str::to_owned));
    let expected = expected.chain(KINDS.map(str::to_owned));
    let missing: Vec<_> = expected
        .filter(|what| !account.seen.contains_key(what))
        .collect();
    assert!(missing.is_empty(), "never seen: {missing:?}");
}

const KINDS: [&str; 36] = [
    "sends a part",
    "sends a part with LoseRequest",
    "sends a part with LoseAnswer",
    "sends a part with Throttle",
    "sends a part with Conflict",
    "sends a part with CrashBefore",
    "sends a part with CrashAfter",
    "sends a call alone",
    "sends a call with a key",
    "key used",
    "sent again past its time",
    "two at the door",
    "processes",
    "processes with LoseAnswer",
    "processes with Conflict",
    "processes with CrashBefore",
    "processes with CrashAfter",
    "processes with Hang",
    "notifies with CrashAfter",
    "notifies with Hang",
    "killed at its deadline",
    "two process",
    "two notify",
    "ticks amid work",
    "a message comes again",
    "ticks with CrashAfter",
    "ticks with Hang",
    "the clock jumps",
    "all is settled",
    "maintenance true",
    "maintenance false",
    "cancelled",
    "cancels with CrashAfter",
    "a receiver answers badly",
    "a receiver is not there",
    "a receiver never answers",
];

#[test]
fn what_failed_once_does_not_fail_again() {
    for line in include_str!("../seeds.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let seed = line
            .split_whitespace()
            .next()
            .and_then(|seed| seed.parse().ok());
        if let Err(broken) = of_seed(seed.expect("a seed")) {
            panic!("{}", broken.report());
        }
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in 0..20 {
        let history = generators::world(seed);
        let (_, once) = live(seed, &history).expect("a world that keeps its promises");
        let (_, again) = live(seed, &history).expect("a world that keeps its promises");
        assert_eq!(once, again, "seed {seed}");
    }
}

/// Worlds whose calls are forwarded.
const FORWARDED: u64 = 300;

#[test]
fn forwarded_calls_are_neither_lost_nor_done_twice_nor_out_of_order() {
    let from = chosen("SIMULATION_SEED").unwrap_or(0);
    let worlds = chosen("SIMULATION_WORLDS").unwrap_or(FORWARDED);
    let endings = forwarded(from..from + worlds).unwrap_or_else(|why| panic!("{why}"));
    println!("{endings:?}");
    for ending in ["done", "refused", "unknown", "not processed"] {
        assert!(endings.contains_key(ending), "never seen: {ending}");
    }
}
