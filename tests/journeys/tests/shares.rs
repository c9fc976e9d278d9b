//! Shares: one account's large calls and long conversations hold some of the places and no more, and
//! replies of High do not stand behind replies of Low.

use std::time::Duration;

use cloud::aws::lanes::Concurrency;
use jiff::{SignedDuration, Timestamp};
use journeys::running::{Running, a_caller_in_time, by_id, time_passes};
use journeys::{Call, Story, call, look_for, mail_to, minutes, part, seconds, subscriber};
use local::{AwsRequest, CallbackAnswer, InjectedFault, Service};

/// What a new AWS account has.
const NEW_ACCOUNT: Concurrency = Concurrency {
    high: 2,
    medium: 2,
    low: 2,
    replies: 2,
};

/// What a request to AWS takes here: so much that places are what there is too little of.
const SLOW_AWS: Duration = Duration::from_millis(50);

fn make(name: &str) -> Call {
    call().creating(subscriber(name))
}

/// When a call ended.
async fn ended(caller: &mut Story, request_id: &str) -> Timestamp {
    let look = look_for("AsyncRequestResult")
        .of("CompleteDate")
        .by("RequestID", request_id);
    let lines = caller.retrieves(look).await.lines("CompleteDate");
    lines.concat().parse().expect("it has ended")
}

/// When a call's reply was first posted.
fn replied_at(caller: &Story, request_id: &str) -> Timestamp {
    let callbacks = caller.callbacks();
    let reply_took = callbacks
        .iter()
        .find(|callback| callback.field("RequestID") == Some(request_id));
    reply_took.expect("it was replied to").at
}

/// What one account does to the places.
type Floods = fn(usize) -> Vec<Call>;

/// A call of many objects: fifteen transactions.
fn a_large_call(number: usize) -> Vec<Call> {
    let call = (0..1_200).fold(call(), |call, object| {
        call.and(subscriber(&format!("large-{number}-{object}")))
    });
    vec![call]
}

/// A conversation of many calls.
fn a_long_conversation(number: usize) -> Vec<Call> {
    let name = format!("long-{number}");
    (1..=60).map(|sequence| part(&name, sequence, 60)).collect()
}

/// How long the quiet account's calls take, each with the other's flood before it.
async fn quiet_beside(flood: Option<Floods>, places: Concurrency) -> Vec<SignedDuration> {
    let mut quiet = a_caller_in_time().await;
    quiet.runs_with(places);
    let mut other = quiet.another_caller("2002").await;
    let takes = |aws_request: &AwsRequest| aws_request.service != Service::Callback;
    let faults = quiet.local().faults();
    faults.clear();
    faults.by(move |_, aws_request| takes(aws_request).then_some(InjectedFault::Delay(SLOW_AWS)));
    let running = Running::functions_of(&quiet);
    let mut sent = Vec::new();
    for round in 0..6 {
        // Each in an invocation of its own: they come one after the other.
        for number in 0..5 {
            for call in flood.map_or_else(Vec::new, |flood| flood(round * 5 + number)) {
                other.queues(call).await;
            }
        }
        let now = quiet.now();
        sent.push((quiet.queues(make(&format!("quiet-{round}"))).await, now));
        time_passes(seconds(1)).await;
    }
    time_passes(seconds(60)).await;
    let mut took = Vec::new();
    for (request_id, from) in sent {
        took.push(ended(&mut quiet, &request_id).await.duration_since(from));
    }
    running.stops().await;
    took
}

async fn holds_up_nobody(flood: Floods, places: Concurrency) {
    let alone = quiet_beside(None, places).await;
    let beside = quiet_beside(Some(flood), places).await;
    let longest = alone.iter().max().copied().expect("some");
    for took in &beside {
        assert!(*took <= longest * 2, "{beside:?}, alone {alone:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn large_calls_of_one_account_hold_up_no_other() {
    holds_up_nobody(a_large_call, local::lifecycle::CONCURRENCY).await;
}

#[tokio::test(start_paused = true)]
async fn large_calls_leave_one_of_two_places_to_others() {
    holds_up_nobody(a_large_call, NEW_ACCOUNT).await;
}

#[tokio::test(start_paused = true)]
async fn long_conversations_leave_one_of_two_places_to_others() {
    holds_up_nobody(a_long_conversation, NEW_ACCOUNT).await;
}

/// As many small calls of one account at one instant, and a quiet account's calls behind them: how long
/// these take.
async fn quiet_behind(flood: usize, places: Concurrency) -> Vec<SignedDuration> {
    let mut quiet = a_caller_in_time().await;
    quiet.runs_with(places);
    let mut other = quiet.another_caller("2002").await;
    other.is_limited_to(10_000).await;
    other.runs_with(places);
    let mut flooded = Vec::new();
    for number in 0..flood {
        flooded.push(other.queues(make(&format!("flood-{number}"))).await);
    }
    let takes = |request: &AwsRequest| request.service != Service::Callback;
    let faults = quiet.local().faults();
    faults.by(move |_, request| takes(request).then_some(InjectedFault::Delay(SLOW_AWS)));
    let running = Running::functions_of(&quiet);
    let mut sent = Vec::new();
    for round in 0..6 {
        let now = quiet.now();
        sent.push((quiet.queues(make(&format!("quiet-{round}"))).await, now));
        time_passes(seconds(2)).await;
    }
    time_passes(minutes(5)).await;
    quiet.local().faults().clear();
    let mut took = Vec::new();
    for (request_id, from) in sent {
        took.push(ended(&mut quiet, &request_id).await.duration_since(from));
    }
    running.stops().await;
    assert_eq!(quiet.stored().len(), flood + 6, "all are carried out");
    took
}

async fn flood_holds_up_nobody(places: Concurrency) {
    let alone = quiet_behind(0, places).await;
    let beside = quiet_behind(3_000, places).await;
    let longest = alone.iter().max().copied().expect("some");
    for took in &beside {
        assert!(*took <= longest * 2, "{beside:?}, alone {alone:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn three_thousand_small_calls_of_one_account_hold_up_no_other() {
    flood_holds_up_nobody(local::lifecycle::CONCURRENCY).await;
}

#[tokio::test(start_paused = true)]
async fn three_thousand_small_calls_leave_one_of_two_places_to_others() {
    flood_holds_up_nobody(NEW_ACCOUNT).await;
}

/// Whatever waits in a lane is carried out once, in order and to its end.
#[tokio::test(start_paused = true)]
async fn what_takes_long_is_carried_out_once_and_to_its_end() {
    let mut caller = a_caller_in_time().await;
    caller.runs_with(NEW_ACCOUNT);
    let running = Running::functions_of(&caller);
    let mut large = Vec::new();
    for number in 0..3 {
        for call in a_large_call(number) {
            large.push(caller.queues(call.calling_back(GOOD)).await);
        }
    }
    for call in a_long_conversation(1) {
        caller.queues(call.calling_back(GOOD)).await;
    }
    // One of a conversation that waits in the lane for its time.
    let at = caller.now() + seconds(40);
    for sequence in 1..=30 {
        let part = part("deferred", sequence, 30);
        let part = if sequence == 15 { part.at(at) } else { part };
        caller.queues(part.calling_back(GOOD)).await;
    }
    time_passes(seconds(120)).await;
    for request_id in &large {
        assert_eq!(caller.state(request_id).await, "Complete");
    }
    assert_eq!(caller.states("long-1").await, ["Complete"; 60]);
    assert_eq!(caller.states("deferred").await, ["Complete"; 30]);
    let posted = by_id(&caller.callbacks());
    assert_eq!(posted.len(), 3 + 60 + 30);
    assert!(posted.values().all(|times| times.len() == 1), "each once");
    assert!(caller.due().is_empty(), "{:?}", caller.due());
    running.stops().await;
}

const GOOD: &str = "https://good.example.org/done";

/// An account owes many replies of Low and some of High; how long those of High take.
async fn high_beside_low(low: bool, receiver: fn(usize) -> String) -> Vec<SignedDuration> {
    let mut caller = a_caller_in_time().await;
    caller.is_answered_quickly_at(GOOD).await;
    caller.local().callbacks().answer_by(|callback| {
        let late = match callback.url.contains("slow") {
            true => Duration::from_millis(14_000),
            false => Duration::from_millis(200),
        };
        Some(CallbackAnswer::status(200).late_by(late))
    });
    let running = Running::functions_of(&caller);
    let mut sent = Vec::new();
    for number in 0..300 {
        if low {
            let call = make(&format!("low-{number}")).priority("Low");
            caller.queues(call.calling_back(&receiver(number))).await;
        }
        if number % 30 == 20 {
            let now = caller.now();
            for to in [
                GOOD.to_owned(),
                format!("https://new-{number}.example.org/done"),
            ] {
                let call = make(&format!("high-{number}")).priority("High");
                sent.push((caller.queues(call.calling_back(&to)).await, now));
            }
            time_passes(seconds(2)).await;
        }
    }
    time_passes(seconds(60)).await;
    running.stops().await;
    sent.iter()
        .map(|(request_id, from)| replied_at(&caller, request_id).duration_since(*from))
        .collect()
}

async fn high_does_not_stand_behind(receiver: fn(usize) -> String) {
    let alone = high_beside_low(false, receiver).await;
    let beside = high_beside_low(true, receiver).await;
    let longest = alone.iter().max().copied().expect("some");
    for took in &beside {
        assert!(*took <= longest * 2, "{beside:?}, alone {alone:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn replies_of_high_do_not_stand_behind_those_of_low_to_a_slow_receiver() {
    high_does_not_stand_behind(|_| "https://slow.example.org/done".to_owned()).await;
}

#[tokio::test(start_paused = true)]
async fn replies_of_high_do_not_stand_behind_those_of_low_to_receivers_that_nobody_knows() {
    high_does_not_stand_behind(|number| format!("https://slow-{number}.example.org/done")).await;
}

#[tokio::test(start_paused = true)]
async fn replies_of_high_do_not_stand_behind_those_of_low_to_a_good_receiver() {
    high_does_not_stand_behind(|_| GOOD.to_owned()).await;
}

/// Longest that a post is under way: the receiver does not answer, and what was found is committed.
const POST_MAX: SignedDuration = SignedDuration::from_secs(16);

/// With two places an account has one lane, in which its replies of Low wait in hundreds.
#[tokio::test(start_paused = true)]
async fn with_two_places_a_reply_of_high_waits_for_the_posts_under_way_and_no_longer() {
    const SLOW: &str = "https://slow.example.org/done";
    let callbacks = async |low: usize| {
        let mut caller = a_caller_in_time().await;
        caller.runs_with(NEW_ACCOUNT);
        caller.local().callbacks().answer_by(|callback| {
            let late = match callback.url.contains("slow") {
                true => Duration::from_secs(60),
                false => Duration::from_millis(200),
            };
            Some(CallbackAnswer::status(200).late_by(late))
        });
        let running = Running::functions_of(&caller);
        for number in 0..low {
            let low = make(&format!("low-{number}")).priority("Low");
            caller
                .queues(low.calling_back(SLOW).calling_back(GOOD))
                .await;
        }
        time_passes(seconds(30)).await;
        let mut sent = Vec::new();
        for number in 0..6 {
            for to in [
                GOOD.to_owned(),
                format!("https://new-{number}.example.org/done"),
            ] {
                let now = caller.now();
                let high = make(&format!("high-{number}")).priority("High");
                sent.push((caller.queues(high.calling_back(&to)).await, now));
            }
            time_passes(seconds(7)).await;
        }
        time_passes(seconds(60)).await;
        running.stops().await;
        let took = sent
            .iter()
            .map(|(request_id, from)| replied_at(&caller, request_id).duration_since(*from));
        let posted = by_id(&caller.callbacks());
        let high = sent
            .iter()
            .filter_map(|(request_id, _)| posted.get(request_id));
        assert!(high.into_iter().all(|times| times.len() == 1), "each once");
        took.collect::<Vec<_>>()
    };
    let (alone, beside) = (callbacks(0).await, callbacks(500).await);
    let longest = alone.iter().max().copied().expect("some");
    for took in &beside {
        assert!(
            *took <= longest * 2 + POST_MAX,
            "{beside:?}, alone {alone:?}"
        );
    }
}

/// Mails are the AWS account's: those of replies keep to its rate, too.
#[tokio::test(start_paused = true)]
async fn replies_by_mail_keep_to_the_rate_of_the_mail_service() {
    const RATE: u32 = 5;
    const MAILS: usize = 60;
    let mut caller = a_caller_in_time().await;
    caller.local().ses().set_rate(RATE);
    let running = Running::functions_of(&caller);
    for number in 0..MAILS {
        let call = make(&format!("s-{number}"));
        caller
            .queues(call.replying_to(mail_to(&format!("s-{number}@example.com"))))
            .await;
    }
    time_passes(seconds(240)).await;
    running.stops().await;
    let mut at: Vec<Timestamp> = caller.mails().iter().map(|mail| mail.at).collect();
    at.sort();
    assert_eq!(at.len(), MAILS);
    let most = usize::try_from(RATE).expect("few");
    // What one second brings is there from the start.
    for both in at.windows(2 * most + 1) {
        let took = both[2 * most].duration_since(both[0]);
        assert!(took >= seconds(1), "{took:#} for {}", both.len());
    }
    assert!(caller.due().is_empty(), "{:?}", caller.due());
}

/// One account's hanging receivers leave one of two places of the notifier to others.
#[tokio::test(start_paused = true)]
async fn hanging_receivers_leave_one_of_two_places_to_others() {
    let reply_took = async |hostile: bool| {
        let mut quiet = a_caller_in_time().await;
        quiet.runs_with(NEW_ACCOUNT);
        let mut other = quiet.another_caller("2002").await;
        quiet.local().callbacks().answer_by(|callback| {
            let hangs = callback.url.contains("slow");
            hangs.then(|| CallbackAnswer::status(200).late_by(Duration::from_secs(60)))
        });
        let running = Running::functions_of(&quiet);
        for number in (0..100).filter(|_| hostile) {
            let to = format!("https://slow-{number}.example.org/done");
            other
                .queues(make(&format!("s-{number}")).calling_back(&to))
                .await;
        }
        let mut sent = Vec::new();
        for number in 0..10 {
            time_passes(seconds(10)).await;
            let to = format!("https://new-{number}.example.org/done");
            let now = quiet.now();
            let call = make(&format!("quiet-{number}")).calling_back(&to);
            sent.push((quiet.queues(call).await, now));
        }
        time_passes(seconds(60)).await;
        running.stops().await;
        let took = sent
            .iter()
            .map(|(request_id, from)| replied_at(&quiet, request_id).duration_since(*from));
        took.collect::<Vec<_>>()
    };
    let (alone, beside) = (reply_took(false).await, reply_took(true).await);
    let longest = alone.iter().max().copied().expect("some");
    for took in &beside {
        assert!(*took <= longest * 2, "{beside:?}, alone {alone:?}");
    }
}
