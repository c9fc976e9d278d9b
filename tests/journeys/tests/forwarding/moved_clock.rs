//! The local server's clock, moved on while calls are in flight to their backend.

use std::time::Duration;

use cloud::accounts::backends::BackendSettings;
use journeys::backend::{Does, settings};
use journeys::running::{Running, a_caller_in_time, time_passes};
use journeys::{call, minutes, seconds, subscriber};

/// A machine that is busy takes longer than the server waits before it moves its clock. The clock then
/// stands until what is under way has ended, or the call would be taken for unknown.
#[tokio::test(start_paused = true)]
async fn the_clock_is_not_moved_while_a_call_is_in_flight() {
    let mut caller = a_caller_in_time().await;
    let in_pieces = BackendSettings {
        timeout_s: 20,
        objects_per_call: 1,
        ..settings()
    };
    let backend = caller.forwards_as(&in_pieces).await;
    backend.does(Does::WellAfter(Duration::from_secs(15)));
    let running = Running::functions_of(&caller);
    let all = ["a", "b", "c"].map(subscriber);
    let sent = caller.queues(call().doing("Create", all.into())).await;
    time_passes(seconds(1)).await;
    let stack = caller.stack.clone();
    let began = caller.now();
    // The first two pieces take half a minute, of which one second has passed; the third is another
    // invocation's.
    let (passed, by_the_clock) = tokio::join!(stack.pass_running(minutes(3)), async {
        time_passes(seconds(25)).await;
        caller.now().duration_since(began)
    });
    passed.expect("nothing is kept on a disk");
    assert_eq!(by_the_clock, seconds(25), "no more than has really passed");
    assert!(caller.now().duration_since(began) >= minutes(3));
    assert_eq!(backend.keys(), ["a", "b", "c"], "each piece once");
    assert_eq!(caller.outcome(&sent).await, "OK");
    drop(running);
}
