//! Calls that are scheduled, that expire, and whose results expire.

use journeys::story::ADDRESS;
use journeys::{
    Call, Story, a_caller, call, days, look_for, minutes, part, post_to, seconds, subscriber,
};
use local::faults::InjectedFault;
use local::names::MEDIUM_QUEUE;

/// Creates a subscriber of that name.
pub(crate) fn make(name: &str) -> Call {
    call().creating(subscriber(name))
}

/// When a call ended, as its caller can see.
async fn ended(caller: &mut Story, request_id: &str) -> String {
    let look = look_for("AsyncRequestResult")
        .of("CompleteDate")
        .by("RequestID", request_id);
    caller
        .retrieves(look)
        .await
        .lines("CompleteDate")
        .join("; ")
}

#[tokio::test(start_paused = true)]
async fn a_call_runs_at_its_time_to_the_second() {
    // It is nine o'clock in UTC.
    runs_at("2026-03-02T09:30:00Z", "2026-03-02T09:30:00Z").await;
    runs_at("2026-03-02T11:30:30+02:00", "2026-03-02T09:30:30Z").await;
    runs_at("2026-03-02T04:00:01-05:30", "2026-03-02T09:30:01Z").await;
    // A time without zone is six hours behind UTC.
    runs_at("2026-03-02T03:30:00", "2026-03-02T09:30:00Z").await;
    runs_at("2026-03-02T09:00:07Z", "2026-03-02T09:00:07Z").await;
    runs_at("2026-03-02T09:05:00Z", "2026-03-02T09:05:00Z").await;
    runs_at("2026-03-02T09:05:01Z", "2026-03-02T09:05:01Z").await;
    runs_at("2026-04-01T09:00:00Z", "2026-04-01T09:00:00Z").await;
    // What is past is now.
    runs_at("2026-03-02T02:59:00", "2026-03-02T09:00:00Z").await;
    runs_at("2020-01-01T00:00:00Z", "2026-03-02T09:00:00Z").await;
}

/// A queue holds 120,000 messages in flight, and no more.
#[tokio::test(start_paused = true)]
async fn only_what_is_due_within_a_minute_waits_in_the_queue() {
    let mut caller = a_caller().await;
    let begins = caller.now();
    for number in 0..20_i64 {
        let far = begins + minutes(3) + seconds(number);
        caller.queues(make(&format!("far-{number}")).at(far)).await;
        let first = part(&format!("order-{number}"), 1, 2).at(far);
        caller.queues(first).await;
        caller.queues(part(&format!("order-{number}"), 2, 2)).await;
    }
    caller.settles().await;
    let in_queue = |caller: &Story| caller.local().sqs().depth(MEDIUM_QUEUE);
    assert_eq!(in_queue(&caller), 0);
    assert_eq!(caller.local().scheduler().schedules().len(), 40);
    let near = make("near").at(begins + seconds(60));
    caller.queues(near).await;
    caller.settles().await;
    assert_eq!(in_queue(&caller), 1);
    caller.passes(minutes(4)).await;
    assert_eq!(caller.stored().len(), 20 + 40 + 1);
}

async fn runs_at(scheduled: &str, runs: &str) {
    let mut caller = a_caller().await;
    let sent = caller.queues(make("ann").at(scheduled)).await;
    caller.settles().await;
    let runs_at: jiff::Timestamp = runs.parse().expect("a time");
    let wait = runs_at.duration_since(caller.now());
    if !wait.is_zero() {
        assert_eq!(caller.state(&sent).await, "Scheduled");
        let far = usize::from(wait > minutes(1));
        assert_eq!(
            caller.local().scheduler().schedules().len(),
            far,
            "far ones are scheduled"
        );
        caller.passes(wait - seconds(1)).await;
        assert_eq!(caller.state(&sent).await, "Scheduled", "a second before");
        assert!(caller.stored().is_empty(), "never early");
        caller.passes(seconds(1)).await;
    }
    assert_eq!(
        ended(&mut caller, &sent).await,
        runs,
        "scheduled for {scheduled}"
    );
    caller.passes(minutes(10)).await;
    assert_eq!(caller.stored(), ["ann"], "and once");
    assert!(caller.local().scheduler().schedules().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_second_is_not_rounded_to_early() {
    let mut caller = a_caller().await;
    let sent = caller
        .queues(make("ann").at("2026-03-02T09:00:10.250Z"))
        .await;
    caller.passes(seconds(10)).await;
    assert_eq!(caller.state(&sent).await, "Scheduled");
    caller.passes(seconds(1)).await;
    assert_eq!(caller.state(&sent).await, "Complete");
}

#[tokio::test(start_paused = true)]
async fn in_a_conversation_those_behind_wait_too() {
    let mut caller = a_caller().await;
    let at_half_past = part("order-1", 2, 3)
        .at("2026-03-02T09:30:00Z")
        .calling_back(ADDRESS);
    caller
        .queues(part("order-1", 3, 3).calling_back(ADDRESS))
        .await;
    caller.queues(at_half_past).await;
    caller
        .queues(part("order-1", 1, 3).calling_back(ADDRESS))
        .await;
    caller.passes(seconds(29 * 60 + 59)).await;
    assert_eq!(caller.replies(), ["done 1 OK"]);
    assert_eq!(
        caller.states("order-1").await,
        ["Complete", "Scheduled", "Queued"]
    );
    caller.passes(seconds(1)).await;
    assert_eq!(caller.replies(), ["done 1 OK", "done 2 OK", "done 3 OK"]);
    let look = look_for("AsyncRequestResult")
        .of("CompleteDate")
        .by("ConversationID", "order-1");
    assert_eq!(
        caller.retrieves(look).await.lines("CompleteDate"),
        [
            "2026-03-02T09:00:00Z",
            "2026-03-02T09:30:00Z",
            "2026-03-02T09:30:00Z"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_conversation_waits_for_its_first_call_whoever_comes_last() {
    let mut caller = a_caller().await;
    caller
        .queues(part("order-1", 1, 2).at("2026-03-02T09:04:00Z"))
        .await;
    caller
        .queues(part("order-1", 2, 2).at("2026-03-02T09:20:00Z"))
        .await;
    caller.passes(seconds(239)).await;
    assert_eq!(caller.states("order-1").await, ["Scheduled", "Scheduled"]);
    caller.passes(seconds(1)).await;
    assert_eq!(caller.states("order-1").await, ["Complete", "Scheduled"]);
    caller.passes(minutes(16)).await;
    assert_eq!(caller.states("order-1").await, ["Complete", "Complete"]);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_was_lost_makes_a_call_at_most_a_minute_late() {
    let mut caller = a_caller().await;
    let is_create = |aws_request: &local::AwsRequest| aws_request.operation == "CreateSchedule";
    caller
        .local()
        .faults()
        .when(is_create, InjectedFault::LoseRequest);
    let sent = caller.queues(make("ann").at("2026-03-02T09:30:00Z")).await;
    assert!(caller.local().scheduler().schedules().is_empty());
    caller.passes(minutes(31)).await;
    let ended = ended(&mut caller, &sent).await;
    assert!(
        ("2026-03-02T09:30:00Z"..="2026-03-02T09:31:00Z").contains(&ended.as_str()),
        "{ended}"
    );
}

/// The timekeeper reads the index in parts: half of them do not answer.
#[tokio::test(start_paused = true)]
async fn a_part_of_the_index_that_cannot_be_read_keeps_no_other_waiting() {
    let mut caller = a_caller().await;
    let is_create = |aws_request: &local::AwsRequest| aws_request.operation == "CreateSchedule";
    caller
        .local()
        .faults()
        .when(is_create, InjectedFault::LoseRequest);
    let names: Vec<String> = ('a'..='p').map(String::from).collect();
    for name in &names {
        caller.queues(make(name).at("2026-03-02T09:30:00Z")).await;
    }
    let asks_first_half = |aws_request: &local::AwsRequest| {
        let part = aws_request.json["ExpressionAttributeValues"][":shard"]["S"].as_str();
        part.is_some_and(|part| part < "20")
    };
    let faults = caller.local().faults();
    faults.when(asks_first_half, InjectedFault::LoseRequest);
    caller.passes(minutes(31)).await;
    let of_second_half = caller.stored().len();
    assert!(
        (1..names.len()).contains(&of_second_half),
        "{of_second_half}"
    );
    let recovered = caller.stack.recover().await;
    assert!(recovered.is_err(), "and it is said that it did not go well");
    caller.local().faults().clear();
    caller.passes(minutes(1)).await;
    assert_eq!(caller.stored(), names);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_time_has_passed_when_its_turn_comes_is_not_carried_out() {
    let mut caller = a_caller().await;
    let when =
        |place: &str, when| post_to(&format!("https://client.example.com/{place}")).when(when);
    let until = |name: &str, time: &str| {
        let call = make(name)
            .until(time)
            .replying_to(when("expired", "OnExpired"));
        call.replying_to(when("conversation", "OnConversationError"))
    };
    caller.goes_into_maintenance(true).await;
    let late = caller.queues(until("late", "2026-03-02T09:10:00Z")).await;
    let soon = caller.queues(until("soon", "2026-03-02T09:30:00Z")).await;
    caller.passes(minutes(11)).await;
    assert_eq!(caller.state(&late).await, "Queued", "its turn has not come");
    caller.goes_into_maintenance(false).await;
    caller.passes(minutes(2)).await;
    assert_eq!(caller.state(&late).await, "Expired");
    assert_eq!(caller.state(&soon).await, "Complete");
    let outcome = caller.outcome(&late).await;
    assert!(outcome.starts_with("Error 228 Expired."), "{outcome}");
    assert_eq!(caller.stored(), ["soon"]);
    let mut replies = caller.replies();
    replies.sort();
    assert_eq!(replies, ["conversation Error 228", "expired Error 228"]);
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_call_runs_before_it_expires() {
    let mut caller = a_caller().await;
    let call = make("ann")
        .at("2026-03-02T09:30:00Z")
        .until("2026-03-02T09:30:01Z");
    let sent = caller.queues(call).await;
    caller.passes(minutes(60)).await;
    assert_eq!(caller.state(&sent).await, "Complete");
}

/// Each result of a Delete in a line.
pub(crate) fn lines(answer: &journeys::Answer) -> Vec<String> {
    let results = answer.results();
    let fields = ["StatusCode", "ErrorCode", "StatusMessage", "OrdinalID"];
    results.iter().map(|result| result.line(&fields)).collect()
}

#[tokio::test(start_paused = true)]
async fn results_are_kept_for_thirty_days_after_the_call_has_ended() {
    let mut caller = a_caller().await;
    let late = caller.queues(make("late").at("2026-03-12T09:00:00Z")).await;
    caller.queues(part("order-1", 1, 1)).await;
    caller.passes(days(30) - seconds(1)).await;
    assert_eq!(caller.outcomes("order-1").await, ["1 OK"]);
    caller.passes(seconds(2)).await;
    assert!(
        caller.outcomes("order-1").await.is_empty(),
        "gone, whether or not it was swept"
    );
    caller.local().dynamodb().sweep_expired().expect("a sweep");
    assert!(caller.outcomes("order-1").await.is_empty());
    caller.passes(days(10) - seconds(2)).await;
    assert_eq!(caller.outcome(&late).await, "OK", "it ended ten days later");
}

/// What clients write where they mean never: .NET's first and last times.
#[tokio::test(start_paused = true)]
async fn the_last_time_that_can_be_written_is_a_time() {
    let mut caller = a_caller().await;
    for last in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.9999999"] {
        let answer = caller.sends(make("ann").at(last)).await;
        assert_eq!(answer.error_code(), 226, "{}", answer.said());
        let both = make("ann").at(last).until(last);
        assert_eq!(caller.sends(both).await.error_code(), 226);
        let answer = caller.sends(make("ann").at_once().at(last)).await;
        assert_eq!(answer.http_status, 200, "{}", answer.said());
    }
    let soon = "2026-03-12T09:00:00Z";
    let kept = make("bob").at(soon).until("9999-12-31T23:59:59Z");
    let kept = caller.queues(kept).await;
    let keyed = make("cid").until("9999-12-31T23:59:59.9999999").keyed("k");
    let keyed = caller.queues(keyed).await;
    caller.passes(minutes(1)).await;
    assert_eq!(caller.state(&kept).await, "Scheduled");
    assert_eq!(caller.state(&keyed).await, "Complete");
    caller.passes(days(10)).await;
    assert_eq!(caller.state(&kept).await, "Complete");
    let first = "0001-01-01T00:00:00";
    let answer = caller.sends(make("dan").until(first)).await;
    assert_eq!(answer.error_code(), 228);
    let past = caller.queues(make("dan").at(first)).await;
    caller.settles().await;
    assert_eq!(caller.state(&past).await, "Complete");
}

/// The calls themselves are kept for half a year more.
#[tokio::test(start_paused = true)]
async fn a_call_whose_results_are_kept_no_longer_has_no_state_either() {
    let mut caller = a_caller().await;
    let many = (0..200).map(|number| subscriber(&format!("s{number}")));
    let mut ids = vec![
        caller.queues(make("alone")).await,
        caller.queues(call().doing("Create", many.collect())).await,
    ];
    let nobody =
        r#"<Objects xsi:type="Subscriber"><SubscriberKey>nobody</SubscriberKey></Objects>"#;
    for call in [
        part("whole", 1, 2),
        part("whole", 2, 2),
        part("failed", 1, 2).updating(nobody),
        part("failed", 2, 2),
        part("silent", 1, 2),
        part("waits", 1, 2),
        part("waits", 2, 2).at("2026-04-01T09:00:00Z"),
    ] {
        ids.push(caller.queues(call).await);
    }
    let waits = ids.pop().expect("the last one");
    caller.passes(minutes(10)).await;
    caller.goes_into_maintenance(true).await;
    caller.passes(days(29)).await;
    let mut there = Vec::new();
    for id in &ids {
        there.push(caller.state(id).await);
    }
    assert_eq!(
        there.join(" "),
        "Complete Complete Complete Complete Error NotProcessed NotProcessed Complete"
    );
    caller.passes(days(1)).await;
    for swept in [false, true] {
        for id in &ids {
            assert_eq!(caller.state(id).await, "", "{id} {swept}");
        }
        for conversation in ["whole", "failed", "silent"] {
            assert!(caller.states(conversation).await.is_empty(), "{swept}");
        }
        assert_eq!(caller.states("waits").await, ["Queued"], "{swept}");
        caller.local().dynamodb().sweep_expired().expect("a sweep");
    }
    assert_eq!(caller.state(&waits).await, "Queued");
}
