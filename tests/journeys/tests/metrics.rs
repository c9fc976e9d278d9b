//! What the functions count of their work, and what that takes of the logs.

use journeys::backend::Does;
use journeys::metric_lines::MetricLines;
use journeys::story::ADDRESS;
use journeys::{Call, Story, a_caller, call, hours, minutes, part, seconds, subscriber};
use local::{CallbackAnswer, InjectedFault, Service};

/// Most bytes that an invocation writes for its metrics, with the 26 that CloudWatch adds to a line:
/// of a call that is taken in, of a batch of one that is carried out with its reply, and of a batch of
/// ten. At $0.50 a GB a million single calls are 21 cents, and 10 in batches of ten; docs/benchmarks.md
/// says so.
const BYTES_OF_ACCEPTING_MAX: usize = 190;
const BYTES_OF_BATCH_MAX: usize = 260;

async fn a_measured_caller() -> (Story, MetricLines) {
    let mut caller = a_caller().await;
    let lines = caller.measures();
    // Its functions are warm.
    caller.queues(one("warm")).await;
    caller.settles().await;
    lines.take();
    (caller, lines)
}

/// A request that changes nothing.
const VERSION: &str = r#"<VersionInfoRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><IncludeVersionHistory>false</IncludeVersionHistory></VersionInfoRequestMsg>"#;

fn one(key: &str) -> Call {
    call().creating(subscriber(key))
}

fn bytes(lines: &[String]) -> usize {
    lines.iter().map(|line| line.len() + 1 + 26).sum()
}

#[tokio::test(start_paused = true)]
async fn a_process_counts_once_that_it_was_started() {
    let mut caller = a_caller().await;
    let lines = caller.measures();
    caller.queues(one("ann")).await;
    assert_eq!(lines.counted(), ["Accepted 1", "ColdStarts of ingest 1"]);
    caller.queues(one("bob")).await;
    assert_eq!(lines.counted(), ["Accepted 1"]);
}

#[tokio::test(start_paused = true)]
async fn each_call_counts_once_as_what_became_of_it() {
    let (mut caller, lines) = a_measured_caller().await;
    // Once, however often it is sent.
    for _ in 0..3 {
        caller.queues(part("c", 1, 1)).await;
    }
    assert_eq!(lines.counted(), ["Accepted 1"]);
    // The second part is another's, and the first is not carried out.
    caller.queues(part("d", 1, 2)).await;
    caller.sends(part("d", 2, 3)).await;
    caller.sends(part("d", 2, 2)).await;
    let refused = [
        "Accepted 1",
        "Refused 2",
        "Refused of 200 1",
        "Refused of 213 1",
    ];
    assert_eq!(lines.counted(), refused);
    // The second fails, the third is not carried out.
    caller
        .queues(part("f", 1, 3).creating(subscriber("zed")))
        .await;
    caller
        .queues(part("f", 2, 3).creating(subscriber("zed")))
        .await;
    caller.queues(part("f", 3, 3)).await;
    caller.settles().await;
    let ended = [
        "Accepted 3",
        "CallsFailed 1",
        "CarriedOut 3",
        "NotCarriedOut 2",
    ];
    assert_eq!(lines.counted(), ended);
    caller.queues(part("s", 1, 2)).await;
    caller.passes(minutes(7)).await;
    let silent = lines.counted();
    assert_eq!(
        silent,
        ["Accepted 1", "NotCarriedOut 1", "SilenceTimeouts 1"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_silence_that_the_next_part_finds_counts_once_too() {
    let (mut caller, lines) = a_measured_caller().await;
    caller.queues(part("s", 1, 2)).await;
    caller.local().clock().advance(seconds(301));
    caller.sends(part("s", 2, 2)).await;
    let found = [
        "Accepted 1",
        "Refused 1",
        "Refused of 203 1",
        "SilenceTimeouts 1",
    ];
    assert_eq!(lines.counted(), found);
    caller.passes(minutes(7)).await;
    assert_eq!(lines.counted(), ["NotCarriedOut 1"]);
}

#[tokio::test(start_paused = true)]
async fn logins_that_are_not_good_and_calls_that_come_too_soon_are_counted() {
    let mut caller = a_caller().await;
    caller.is_limited_to(1).await;
    let lines = caller.measures();
    lines.take();
    let good = caller.envelope(VERSION);
    let wrong = good.replace(caller.token(), "wrong");
    let none = good.replace("fueloauth", "nothing");
    for bad in [wrong, none] {
        caller.posts(bad.into_bytes(), [].into()).await;
    }
    assert_eq!(
        lines.counted(),
        ["ColdStarts of ingest 1", "LoginsFailed 2"]
    );
    for _ in 0..30 {
        caller.sends(one("ann")).await;
    }
    let totals = lines.totals();
    assert_eq!(totals["Accepted"] + totals["RateLimited"], 30, "{totals:?}");
    assert!(totals["RateLimited"] >= 10, "{totals:?}");
}

#[tokio::test(start_paused = true)]
async fn replies_count_by_what_each_attempt_came_to() {
    let (mut caller, lines) = a_measured_caller().await;
    let callbacks = caller.local().callbacks();
    callbacks.answer_next(ADDRESS, CallbackAnswer::status(500));
    caller.queues(one("ann").calling_back(ADDRESS)).await;
    caller.passes(minutes(1)).await;
    let retried = [
        "Accepted 1",
        "CarriedOut 1",
        "RepliesDelivered 1",
        "RepliesFailed 1",
    ];
    assert_eq!(lines.counted(), retried);
    let callbacks = caller.local().callbacks();
    callbacks.answer_always(ADDRESS, CallbackAnswer::status(410));
    caller.queues(one("bob").calling_back(ADDRESS)).await;
    caller.passes(hours(1)).await;
    assert_eq!(
        lines.counted(),
        ["Accepted 1", "CarriedOut 1", "RepliesGivenUp 1"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_maintenance_holds_back_is_counted_by_priority_each_minute() {
    let (mut caller, lines) = a_measured_caller().await;
    caller.goes_into_maintenance(true).await;
    for number in 0..3 {
        caller
            .queues(one(&format!("low-{number}")).priority("Low"))
            .await;
    }
    caller.queues(one("high").priority("High")).await;
    caller.passes(minutes(3)).await;
    lines.take();
    caller.passes(minutes(1)).await;
    assert_eq!(lines.counted(), ["WaitingHigh 1", "WaitingLow 3"]);
    caller.goes_into_maintenance(false).await;
    caller.passes(minutes(2)).await;
    lines.take();
    caller.passes(minutes(10)).await;
    assert_eq!(
        lines.counted(),
        [""; 0],
        "nothing waits, and nothing is said"
    );
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_is_not_ready_is_counted_with_what_waits_for_it() {
    let mut caller = a_caller().await;
    let backend = caller.forwards().await;
    let lines = caller.measures();
    backend.does(Does::Down);
    caller.queues(one("ann").priority("Low")).await;
    caller.passes(minutes(3)).await;
    let totals = lines.totals();
    assert_eq!(
        (totals["BackendsNotReady"], totals["WaitingLow"]),
        (1, 1),
        "{totals:?}"
    );
    assert!(!totals.contains_key("CarriedOut"), "{totals:?}");
    backend.does(Does::AndHangs);
    caller.passes(minutes(1)).await;
    backend.does(Does::Well);
    caller.passes(minutes(10)).await;
    let totals = lines.totals();
    assert_eq!(totals["CarriedOut"], 1, "{totals:?}");
    backend.does(Does::AndHangs);
    caller.queues(one("bob")).await;
    caller.passes(minutes(10)).await;
    assert_eq!(lines.totals()["CallsUnknown"], 1);
}

/// Not the age of what is held on purpose: deferred calls are due at their time, and those in
/// maintenance when it is over.
#[tokio::test(start_paused = true)]
async fn the_oldest_that_is_due_and_not_gone_on_with_counts_by_priority() {
    let (mut caller, lines) = a_measured_caller().await;
    caller.queues(one("later").at("2026-03-02T12:00:00Z")).await;
    let no_commit = |request: &local::AwsRequest| request.operation == "TransactWriteItems";
    caller
        .local()
        .faults()
        .when(no_commit, InjectedFault::Refuse(500));
    caller.queues(one("ann").priority("Low")).await;
    caller.passes(minutes(30)).await;
    let totals = lines.totals();
    let waited = totals["OldestDueLow"];
    assert!((20 * 60..=30 * 60).contains(&waited), "{totals:?}");
    assert!(!totals.contains_key("OldestDueMedium"), "{totals:?}");
    caller.local().faults().clear();
    caller.passes(minutes(6)).await;
    lines.take();
    caller.passes(hours(4)).await;
    let totals = lines.totals();
    assert_eq!(totals["CarriedOut"], 1, "the deferred one: {totals:?}");
    let late = totals.get("OldestDueMedium").copied().unwrap_or(0);
    assert!(
        late <= 60 && !totals.contains_key("OldestDueLow"),
        "{totals:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_takes_few_bytes_of_the_log_for_its_metrics_and_a_minute_of_rest_none() {
    let (mut caller, lines) = a_measured_caller().await;
    caller.queues(one("ann").calling_back(ADDRESS)).await;
    let accepting = lines.take();
    caller.settles().await;
    let batch_of_one = lines.take();
    for number in 0..10 {
        let call = one(&format!("ann-{number}"));
        caller.queues(call.calling_back(ADDRESS)).await;
    }
    lines.take();
    caller.settles().await;
    let batch_of_ten = lines.take();
    let said = [&accepting, &batch_of_one, &batch_of_ten].map(|lines| bytes(lines));
    println!("accepting, a batch of one, a batch of ten: {said:?} bytes");
    println!("{accepting:?}\n{batch_of_ten:?}");
    assert_eq!(
        [1, 1, 1],
        [&accepting, &batch_of_one, &batch_of_ten].map(Vec::len)
    );
    assert!(said[0] <= BYTES_OF_ACCEPTING_MAX, "{said:?}");
    assert!(
        said[1] <= BYTES_OF_BATCH_MAX && said[2] <= BYTES_OF_BATCH_MAX,
        "{said:?}"
    );
    caller.passes(hours(24)).await;
    assert_eq!(lines.take(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn who_counts_nothing_reads_nothing_more() {
    let mut caller = a_caller().await;
    caller.goes_into_maintenance(true).await;
    caller.queues(one("ann")).await;
    caller.passes(minutes(5)).await;
    let queries = |caller: &Story| {
        caller
            .local()
            .usage()
            .counts()
            .used_of(Service::DynamoDb)
            .requests
    };
    let minute = async |caller: &Story| {
        let before = queries(caller);
        caller.passes(minutes(1)).await;
        queries(caller) - before
    };
    let without = minute(&caller).await;
    caller.measures();
    let with = minute(&caller).await;
    assert!(
        (with - without - 64.0).abs() < 1e-9,
        "one look at each part: {without}, {with}"
    );
}
