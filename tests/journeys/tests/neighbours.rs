//! A hostile neighbour beside a quiet account: nobody's receiver, and nobody's flood, holds up anybody
//! else, nor the good receivers of its own account. The functions have just started, and nobody has
//! asked any of these receivers before.

mod several;

use std::collections::BTreeMap;
use std::time::Duration;

use cloud::aws::lanes::Concurrency;
use jiff::{SignedDuration, Timestamp};
use journeys::running::{Running, a_caller_in_time, by_id, time_passes};
use journeys::{Call, Story, call, look_for, seconds, subscriber};
use local::CallbackAnswer;
use local::lifecycle::CONCURRENCY;

/// How often the quiet account does all that it does, and how long it waits in between.
const ROUNDS: usize = 25;
const PAUSE: SignedDuration = SignedDuration::from_secs(4);

/// What is owed last has come by then.
const REST: SignedDuration = SignedDuration::from_secs(90);

const GOOD: &str = "https://good.example.org/done";
const BUSY_ONCE: &str = "https://busy.example.org/done";
/// A good receiver of the neighbour's own.
const OWN_GOOD: &str = "https://good.neighbour.example/done";

/// What the neighbour does to others.
struct Neighbour {
    /// Where each of its calls is called back.
    receivers: fn(usize) -> Vec<String>,
    answers: Option<CallbackAnswer>,
    /// Calls that it sends all at once, and then each second.
    at_once: usize,
    each_second: usize,
    call: fn(usize) -> Call,
}

impl Neighbour {
    fn answering(answers: CallbackAnswer) -> Self {
        Self {
            receivers: |_| vec!["https://bad.neighbour.example/done".to_owned()],
            answers: Some(answers),
            at_once: 200,
            each_second: 5,
            call: |number| call().creating(subscriber(&format!("neighbour-{number}"))),
        }
    }
}

/// Hangs for longer than anybody waits.
fn hangs() -> CallbackAnswer {
    answers_after(60_000)
}

fn answers_after(ms: u64) -> CallbackAnswer {
    CallbackAnswer::status(200).late_by(Duration::from_millis(ms))
}

fn is_bad(url: &str) -> bool {
    url.starts_with("https://bad")
}

/// How long things took.
#[derive(Debug, Default)]
struct Took(BTreeMap<&'static str, Vec<SignedDuration>>);

impl Took {
    fn note(&mut self, what: &'static str, from: Timestamp, to: Timestamp) {
        let took = to.duration_since(from);
        self.0.entry(what).or_default().push(took);
    }

    fn longest(&self, what: &str) -> SignedDuration {
        let all = self.0.get(what).into_iter().flatten();
        all.copied().max().expect("something took its time")
    }

    fn median(&self, what: &str) -> SignedDuration {
        let mut all = self.0.get(what).cloned().unwrap_or_default();
        all.sort();
        all[all.len() / 2]
    }
}

fn make(name: &str) -> Call {
    call().creating(subscriber(name))
}

async fn defines_a_send(caller: &mut Story) {
    let definition = r#"<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>welcome</CustomerKey><TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>Welcome</Subject><TextBody>Welcome.</TextBody></Email><FromName>The Shop</FromName><FromAddress>shop@example.com</FromAddress></Objects>"#;
    caller.does(call().creating(definition)).await;
}

fn send_to(name: &str) -> Call {
    call().creating(format!(
        r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey></TriggeredSendDefinition><Subscribers><EmailAddress>{name}@example.com</EmailAddress><SubscriberKey>{name}</SubscriberKey></Subscribers></Objects>"#
    ))
}

/// Calls that were sent, by RequestID, with the instant from which their time is counted.
type Sent = Vec<(String, Timestamp)>;

/// What the quiet account has sent.
#[derive(Default)]
struct QuietRequests {
    calls: Sent,
    deferred: Sent,
    replied: Sent,
    replied_again: Sent,
    mailed: Sent,
}

async fn quiet_rounds(caller: &mut Story) -> QuietRequests {
    let mut sent_by_quiet = QuietRequests::default();
    for round in 0..ROUNDS {
        time_passes(PAUSE).await;
        let name = |what: &str| format!("quiet-{what}-{round}");
        let now = caller.now();
        sent_by_quiet
            .calls
            .push((caller.queues(make(&name("call"))).await, now));
        let now = caller.now();
        let replied = make(&name("told")).calling_back(GOOD);
        sent_by_quiet
            .replied
            .push((caller.queues(replied).await, now));
        let now = caller.now();
        let again = make(&name("again")).calling_back(BUSY_ONCE);
        sent_by_quiet
            .replied_again
            .push((caller.queues(again).await, now));
        let now = caller.now();
        let mail = format!("quietmail{round}");
        caller.queues(send_to(&mail)).await;
        sent_by_quiet
            .mailed
            .push((format!("{mail}@example.com"), now));
        let at = caller.now() + seconds(20);
        let deferred = make(&name("later")).at(at);
        sent_by_quiet
            .deferred
            .push((caller.queues(deferred).await, at));
    }
    sent_by_quiet
}

/// When a call ended.
async fn ended(caller: &mut Story, request_id: &str) -> Timestamp {
    let look = look_for("AsyncRequestResult")
        .of("CompleteDate")
        .by("RequestID", request_id);
    let lines = caller.retrieves(look).await.lines("CompleteDate");
    lines.concat().parse().expect("it has ended")
}

/// When each call was called back, by its RequestID.
fn replied(caller: &Story) -> BTreeMap<String, Vec<Timestamp>> {
    let mut replied: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
    for callback in caller.callbacks() {
        let id = callback.field("RequestID").unwrap_or_default().to_owned();
        replied.entry(id).or_default().push(callback.at);
    }
    replied
}

async fn measure(caller: &mut Story, sent_by_quiet: QuietRequests) -> Took {
    let mut took = Took::default();
    for (id, from) in sent_by_quiet.calls {
        took.note("calls", from, ended(caller, &id).await);
    }
    for (id, from) in sent_by_quiet.deferred {
        took.note("deferred calls", from, ended(caller, &id).await);
    }
    let replied = replied(caller);
    for (id, from) in sent_by_quiet.replied {
        took.note("first replies", from, replied[&id][0]);
    }
    for (id, from) in sent_by_quiet.replied_again {
        let [_, second] = replied[&id][..] else {
            panic!("tried {:?}", replied[&id])
        };
        took.note("second attempts", from, second);
    }
    let mails = caller.mails();
    for (address, from) in sent_by_quiet.mailed {
        let mail = mails.iter().find(|mail| mail.to.contains(&address));
        took.note("mails", from, mail.expect("it is sent").at);
    }
    took
}

/// Floods the world for as long as the quiet account does its rounds; the calls of its own that are
/// told to a good receiver.
async fn misbehaves(caller: &mut Story, neighbour: &Neighbour) -> Sent {
    let mut good = Sent::new();
    let mut number = 0;
    let rounds = i64::try_from(ROUNDS).expect("few") * PAUSE.as_secs();
    for second in 0..rounds {
        let calls = match second {
            0 => neighbour.at_once,
            _ => neighbour.each_second,
        };
        for _ in 0..calls {
            let receivers = (neighbour.receivers)(number);
            let call = receivers
                .iter()
                .fold((neighbour.call)(number), |call, to| call.calling_back(to));
            caller.queues(call).await;
            number += 1;
        }
        if second % 5 == 2 {
            let now = caller.now();
            let call = make(&format!("own-{second}")).calling_back(OWN_GOOD);
            good.push((caller.queues(call).await, now));
        }
        time_passes(seconds(1)).await;
    }
    good
}

/// All of them at once.
async fn all_misbehave(callers: &mut [Story], neighbours: &[Neighbour]) -> Sent {
    let (Some((caller, callers)), Some((neighbour, neighbours))) =
        (callers.split_first_mut(), neighbours.split_first())
    else {
        return Sent::new();
    };
    let others = Box::pin(all_misbehave(callers, neighbours));
    let (mut good, others) = tokio::join!(misbehaves(caller, neighbour), others);
    good.extend(others);
    good
}

/// What the quiet account's calls take, and the replies to the neighbours' own good receivers. Each
/// neighbour is an account of its own, and all are answered alike; without any, one does no harm.
async fn beside(neighbours: &[Neighbour], places: Concurrency) -> Took {
    let mut quiet = a_caller_in_time().await;
    quiet.runs_with(places);
    let mut others = Vec::new();
    for number in 0..neighbours.len().max(1) {
        others.push(quiet.another_caller(&format!("{}", 2_002 + number)).await);
    }
    defines_a_send(&mut quiet).await;
    let answers = neighbours.first().and_then(|one| one.answers.clone());
    let mut refused = std::collections::BTreeSet::new();
    quiet.local().callbacks().answer_by(move |callback| {
        if callback.url == BUSY_ONCE {
            let id = callback.header("webhook-id").unwrap_or_default().to_owned();
            return refused.insert(id).then(|| CallbackAnswer::status(503));
        }
        answers.clone().filter(|_| is_bad(&callback.url))
    });
    let running = Running::functions_of(&quiet);
    let alone = [Neighbour {
        at_once: 0,
        each_second: 0,
        ..Neighbour::answering(hangs())
    }];
    let neighbours = match neighbours.is_empty() {
        true => &alone,
        false => neighbours,
    };
    let misbehaving = all_misbehave(&mut others, neighbours);
    let (sent_by_quiet, own) = tokio::join!(quiet_rounds(&mut quiet), misbehaving);
    time_passes(REST).await;
    let mut took = measure(&mut quiet, sent_by_quiet).await;
    let replied = replied(&quiet);
    for (id, from) in own {
        took.note("own good receiver", from, replied[&id][0]);
    }
    let posted = by_id(&quiet.callbacks());
    let good = posted.values().filter(|times| times.len() > 10);
    assert_eq!(good.count(), 0, "nobody is asked without end");
    drop(running);
    took
}

const OF_QUIET: [&str; 5] = [
    "calls",
    "first replies",
    "second attempts",
    "mails",
    "deferred calls",
];

async fn holds_up_nobody(neighbour: Neighbour) {
    hold_up_nobody(&[neighbour], CONCURRENCY).await;
}

async fn hold_up_nobody(neighbours: &[Neighbour], places: Concurrency) {
    let alone = beside(&[], places).await;
    let beside = beside(neighbours, places).await;
    let longest = |what| (alone.longest(what), beside.longest(what));
    let median = |what| (alone.median(what), beside.median(what));
    for what in OF_QUIET {
        for (alone, beside) in [longest(what), median(what)] {
            assert!(
                beside <= alone * 2,
                "{what} took {beside:#}, alone {alone:#}"
            );
        }
    }
    let (alone, beside) = longest("own good receiver");
    assert!(
        beside <= alone + seconds(5),
        "own took {beside:#}, alone {alone:#}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_hanging_receiver_delays_no_other_account() {
    holds_up_nobody(Neighbour::answering(hangs())).await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_of_fourteen_seconds_delays_no_other_account() {
    holds_up_nobody(Neighbour::answering(answers_after(14_000))).await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_receiver_delays_no_other_account() {
    holds_up_nobody(Neighbour::answering(answers_after(900))).await;
}

#[tokio::test(start_paused = true)]
async fn ten_replies_per_call_to_a_slow_receiver_delay_no_other_account() {
    let ten = Neighbour {
        receivers: |_| vec!["https://bad.neighbour.example/done".to_owned(); 10],
        at_once: 60,
        each_second: 10,
        ..Neighbour::answering(answers_after(600))
    };
    holds_up_nobody(ten).await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_closes_connections_delays_no_other_account() {
    holds_up_nobody(Neighbour::answering(CallbackAnswer::ConnectionFails)).await;
}

#[tokio::test(start_paused = true)]
async fn a_failing_receiver_delays_no_other_account() {
    holds_up_nobody(Neighbour::answering(CallbackAnswer::status(503))).await;
}

fn hang_at_fifty_hosts() -> Neighbour {
    Neighbour {
        receivers: |number| {
            vec![format!(
                "https://bad-{}.neighbour.example/done",
                number % 50
            )]
        },
        ..Neighbour::answering(hangs())
    }
}

#[tokio::test(start_paused = true)]
async fn fifty_host_names_delay_no_other_account() {
    holds_up_nobody(hang_at_fifty_hosts()).await;
}

/// Known as quick to all functions, and then it hangs.
#[tokio::test(start_paused = true)]
async fn a_receiver_that_begins_to_hang_delays_others_only_briefly() {
    let neighbour = Neighbour::answering(hangs());
    let beside = {
        let mut quiet = a_caller_in_time().await;
        let mut other = quiet.another_caller("2002").await;
        defines_a_send(&mut quiet).await;
        other
            .is_answered_quickly_at("https://bad.neighbour.example/done")
            .await;
        let answers = neighbour.answers.clone();
        let mut refused = std::collections::BTreeSet::new();
        quiet.local().callbacks().answer_by(move |callback| {
            if callback.url == BUSY_ONCE {
                let id = callback.header("webhook-id").unwrap_or_default().to_owned();
                return refused.insert(id).then(|| CallbackAnswer::status(503));
            }
            answers.clone().filter(|_| is_bad(&callback.url))
        });
        let running = Running::functions_of(&quiet);
        let (sent_by_quiet, _) =
            tokio::join!(quiet_rounds(&mut quiet), misbehaves(&mut other, &neighbour));
        time_passes(REST).await;
        drop(running);
        measure(&mut quiet, sent_by_quiet).await
    };
    // One attempt of fifteen seconds in each place that was taken before it was known.
    assert!(beside.longest("calls") <= seconds(16), "{beside:?}");
    assert!(beside.median("calls") <= SignedDuration::from_millis(200));
}
