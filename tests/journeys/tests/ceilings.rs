//! What one key of the tables has to bear, at so many calls a second: AWS gives one key 3,000 reads and
//! 1,000 writes a second, however large the table is.

use std::collections::BTreeMap;

use journeys::story::ADDRESS;
use journeys::{Story, a_caller, call, seconds, subscriber};
use local::InjectedFault;
use local::due_watch::KeyUse;

/// What a key gives in a second. AWS's figures.
const READS_MAX: f64 = 3_000.0;
const WRITES_MAX: f64 = 1_000.0;

/// What the tables must take.
const CALLS_A_SECOND: f64 = 20_000.0;

const SWITCH: &str = "aftercall-accounts SWITCH/MAINTENANCE";

fn single(number: usize) -> journeys::Call {
    call()
        .creating(subscriber(&format!("ann-{number}")))
        .calling_back(ADDRESS)
}

/// How often each key is used by so many calls of one moment.
async fn keys_of(caller: &mut Story, calls: usize) -> BTreeMap<String, KeyUse> {
    caller.local().dynamodb().count_keys().expect("a watch");
    for number in 0..calls {
        caller.queues(single(number)).await;
    }
    caller.settles().await;
    caller.local().dynamodb().key_uses()
}

/// The calls a second at which the first of all keys but the switch is full, and which that is.
fn first_full(keys: &BTreeMap<String, KeyUse>, calls: usize) -> (f64, String) {
    let full = |key_use: &KeyUse| {
        let calls = f64::from(u32::try_from(calls).expect("small"));
        let reads = READS_MAX * calls / f64::from(key_use.reads);
        reads.min(WRITES_MAX * calls / f64::from(key_use.writes))
    };
    let keys = keys.iter().filter(|(key, _)| *key != SWITCH);
    let full = keys.map(|(key, key_use)| (full(key_use), key.clone()));
    full.min_by(|one, other| one.0.total_cmp(&other.0))
        .expect("some keys")
}

#[tokio::test(start_paused = true)]
async fn no_key_is_full_below_twenty_thousand_calls_a_second() {
    const CALLS: usize = 4_000;
    let mut caller = a_caller().await;
    let keys = keys_of(&mut caller, CALLS).await;
    let parts = keys.keys().filter(|key| key.starts_with("due ")).count();
    assert_eq!(parts, usize::from(cloud::due::SHARDS));
    let (calls_a_second, key) = first_full(&keys, CALLS);
    println!("{key} is full at {calls_a_second:.0} calls a second");
    assert!(
        calls_a_second >= CALLS_A_SECOND,
        "{key} at {calls_a_second:.0}"
    );
    assert_eq!(caller.callbacks().len(), CALLS);
}

/// The switch is read by each function once a second, whatever it carries out: at 20,000 calls a
/// second, some hundred functions carry out 100 to 200 calls each.
#[tokio::test(start_paused = true)]
async fn the_switch_is_read_once_a_second_by_each_function() {
    let mut caller = a_caller().await;
    caller.local().dynamodb().count_keys().expect("a watch");
    for second in 0..5 {
        for number in 0..50 {
            caller.queues(single(50 * second + number)).await;
            // Synchronous ones look at it as well.
            caller.does(single(50 * second + number)).await;
        }
        caller.settles().await;
        caller.local().clock().advance(seconds(1));
    }
    let reads = caller.local().dynamodb().key_uses()[SWITCH].reads;
    assert_eq!(reads, 5, "reads of the switch in five seconds of 500 calls");
}

/// Whether a call for now is refused because of maintenance.
async fn is_held_back(caller: &mut Story) -> bool {
    let answer = caller.sends(single(1).at_once()).await;
    answer.said().contains("In Maintenance")
}

/// Other functions hear of it within a second, those of the process that turns it at once.
#[tokio::test(start_paused = true)]
async fn maintenance_takes_effect_everywhere_within_a_second() {
    let mut here = a_caller().await;
    let mut there = here.at_another_function();
    assert!(!is_held_back(&mut here).await && !is_held_back(&mut there).await);
    for on in [true, false] {
        here.goes_into_maintenance(on).await;
        assert_eq!(is_held_back(&mut here).await, on, "at once");
        here.local().clock().advance(seconds(1));
        assert_eq!(is_held_back(&mut there).await, on, "a second later");
    }
}

/// What is being carried out while the switch is turned is finished before it holds.
#[tokio::test(start_paused = true)]
async fn nothing_is_carried_out_once_the_switch_has_been_turned_here() {
    let mut caller = a_caller().await;
    for number in 0..20 {
        caller.queues(single(number)).await;
    }
    // Every request to AWS takes its time, so that the switch is turned in the middle of the calls.
    let delay = InjectedFault::Delay(std::time::Duration::from_millis(7));
    caller.local().faults().when(|_| true, delay);
    let stack = caller.stack.clone();
    let running = tokio::spawn(async move { stack.settle().await });
    tokio::time::sleep(std::time::Duration::from_millis(40)).await;
    caller.goes_into_maintenance(true).await;
    let carried_out = caller.stored().len();
    running.await.expect("it settles");
    assert_eq!(
        caller.stored().len(),
        carried_out,
        "no more than when it held"
    );
    assert!((1..20).contains(&carried_out), "{carried_out}");
}
