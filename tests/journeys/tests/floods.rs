//! Floods: thousands of calls of one account, at once or deferred to one instant, and of several
//! accounts together. What a quiet account does beside them takes at most twice as long as alone.

use std::collections::BTreeMap;
use std::time::Duration;

use cloud::aws::lanes::Concurrency;
use jiff::{SignedDuration, Timestamp};
use journeys::running::{Running, a_caller_in_time, time_passes};
use journeys::{Call, Story, call, look_for, minutes, part, seconds, subscriber};
use local::lifecycle::CONCURRENCY;
use local::{AwsRequest, InjectedFault, Service};

/// What a new AWS account has.
const NEW_ACCOUNT: Concurrency = Concurrency {
    high: 2,
    medium: 2,
    low: 2,
    replies: 2,
};

/// What a request to AWS takes here: so much that places are what there is too little of.
const SLOW_AWS: Duration = Duration::from_millis(50);

/// Calls of a flood for one instant.
const MANY: usize = 600;

/// Due at once, of one account: so many that one place is at them until the quiet account is done.
const VERY_MANY: usize = 1_500;

const GOOD: &str = "https://good.example.org/done";

/// How often the quiet account does all that it does, and how long it waits in between.
const ROUNDS: usize = 12;
const PAUSE: SignedDuration = SignedDuration::from_secs(2);

/// What is flooded, before the quiet account begins. `at`: when half of its rounds are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flood {
    None,
    /// For now, of so many accounts.
    Calls(usize),
    /// For one instant, of so many accounts.
    Deferred(usize),
    /// Conversations whose first call is for one instant.
    DeferredConversations,
    /// One account's that are due at once, and another's that are deferred to one instant.
    Both,
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

impl Flood {
    /// Sends all of it. Gives back how many calls that are.
    async fn pours(self, others: &mut [Story; 2], at: Timestamp) -> usize {
        let [one, other] = others;
        match self {
            Self::None => 0,
            Self::Calls(accounts) => {
                let mut sent = 0;
                for from in [one, other].into_iter().take(accounts) {
                    sent += pours_calls(from, VERY_MANY, None).await;
                }
                sent
            }
            Self::Deferred(accounts) => {
                let mut sent = 0;
                for from in [one, other].into_iter().take(accounts) {
                    sent += pours_calls(from, MANY, Some(at)).await;
                }
                sent
            }
            Self::DeferredConversations => {
                for number in 0..MANY / 2 {
                    let name = format!("flood-{number}");
                    one.queues(part(&name, 1, 2).at(at)).await;
                    one.queues(part(&name, 2, 2)).await;
                }
                MANY / 2 * 2
            }
            Self::Both => {
                let now = pours_calls(one, VERY_MANY, None).await;
                now + pours_calls(other, MANY, Some(at)).await
            }
        }
    }
}

async fn pours_calls(from: &mut Story, calls: usize, at: Option<Timestamp>) -> usize {
    for number in 0..calls {
        let call = make(&format!("flood-{number}"));
        let call = match at {
            Some(at) => call.at(at),
            None => call,
        };
        from.queues(call).await;
    }
    calls
}

/// When a call ended.
async fn ended(caller: &mut Story, request_id: &str) -> Timestamp {
    let look = look_for("AsyncRequestResult")
        .of("CompleteDate")
        .by("RequestID", request_id);
    let lines = caller.retrieves(look).await.lines("CompleteDate");
    lines.concat().parse().expect("it has ended")
}

/// Calls that were sent, by RequestID, with the instant from which their time is counted.
type Sent = Vec<(String, Timestamp)>;

#[derive(Default)]
struct QuietRequests {
    calls: Sent,
    replied: Sent,
    mailed: Sent,
    deferred: Sent,
}

async fn quiet_rounds(quiet: &mut Story, at: Timestamp) -> QuietRequests {
    let mut sent = QuietRequests::default();
    for round in 0..ROUNDS {
        let name = |what: &str| format!("quiet-{what}-{round}");
        let now = quiet.now();
        sent.calls
            .push((quiet.queues(make(&name("call"))).await, now));
        let replied = make(&name("told")).calling_back(GOOD);
        sent.replied.push((quiet.queues(replied).await, now));
        let mail = format!("quietmail{round}");
        quiet.queues(send_to(&mail)).await;
        sent.mailed.push((format!("{mail}@example.com"), now));
        let due = if now < at - seconds(1) {
            at
        } else {
            now + seconds(5)
        };
        let deferred = make(&name("later")).at(due);
        sent.deferred.push((quiet.queues(deferred).await, due));
        time_passes(PAUSE).await;
    }
    sent
}

/// The longest that each kind of what the quiet account did took.
type Longest = BTreeMap<&'static str, SignedDuration>;

async fn measure(quiet: &mut Story, sent: QuietRequests) -> Longest {
    let mut longest = Longest::new();
    let mut note = |what, from: Timestamp, to: Timestamp| {
        let took = longest.entry(what).or_insert(SignedDuration::ZERO);
        *took = (*took).max(to.duration_since(from));
    };
    for (id, from) in sent.calls {
        note("calls", from, ended(quiet, &id).await);
    }
    for (id, from) in sent.deferred {
        note("deferred calls", from, ended(quiet, &id).await);
    }
    let callbacks = quiet.callbacks();
    for (id, from) in sent.replied {
        let mut own = callbacks
            .iter()
            .filter(|it| it.field("RequestID") == Some(&id));
        note("first replies", from, own.next().expect("replied to").at);
        assert!(own.next().is_none(), "once");
    }
    let mails = quiet.mails();
    for (address, from) in sent.mailed {
        let mail = mails.iter().find(|mail| mail.to.contains(&address));
        note("mails", from, mail.expect("it is sent").at);
    }
    longest
}

/// What the quiet account's doings take beside a flood.
async fn beside(flood: Flood, places: Concurrency, ahead: SignedDuration) -> Longest {
    let mut quiet = a_caller_in_time().await;
    quiet.runs_with(places);
    let mut others = [
        quiet.another_caller("2002").await,
        quiet.another_caller("3003").await,
    ];
    for other in &mut others {
        other.is_limited_to(10_000).await;
        other.runs_with(places);
    }
    defines_a_send(&mut quiet).await;
    quiet.is_answered_quickly_at(GOOD).await;
    let at = quiet.now() + ahead;
    let poured = flood.pours(&mut others, at).await;
    let takes = |request: &AwsRequest| request.service != Service::Callback;
    let faults = quiet.local().faults();
    faults.clear();
    faults.by(move |_, request| takes(request).then_some(InjectedFault::Delay(SLOW_AWS)));
    let running = Running::functions_of(&quiet);
    let rounds = i32::try_from(ROUNDS / 2).expect("few");
    let before = ahead - PAUSE * rounds;
    time_passes(before.max(SignedDuration::ZERO)).await;
    let sent = quiet_rounds(&mut quiet, at).await;
    time_passes(minutes(5)).await;
    quiet.local().faults().clear();
    let longest = measure(&mut quiet, sent).await;
    running.stops().await;
    let of_quiet = 3 * ROUNDS;
    let stored = quiet.stored().len();
    assert!(stored >= poured + of_quiet, "all are carried out: {stored}");
    longest
}

/// Deferred calls wait in their queue from the start.
const SOON: SignedDuration = SignedDuration::from_secs(30);

/// They wait with the scheduler first.
const LATER: SignedDuration = SignedDuration::from_secs(200);

async fn holds_up_nobody(flood: Flood, places: Concurrency, ahead: SignedDuration) {
    let alone = beside(Flood::None, places, ahead).await;
    let beside = beside(flood, places, ahead).await;
    assert_eq!(alone.len(), 4);
    for (what, took) in &beside {
        assert!(
            *took <= alone[what] * 2,
            "{what}: {beside:#?}, alone {alone:#?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn two_accounts_leave_one_of_two_places_to_others() {
    holds_up_nobody(Flood::Calls(2), NEW_ACCOUNT, SOON).await;
}

#[tokio::test(start_paused = true)]
async fn calls_deferred_to_one_instant_hold_up_no_other() {
    holds_up_nobody(Flood::Deferred(1), CONCURRENCY, SOON).await;
}

#[tokio::test(start_paused = true)]
async fn calls_deferred_to_one_instant_leave_one_of_two_places_to_others() {
    holds_up_nobody(Flood::Deferred(1), NEW_ACCOUNT, SOON).await;
}

#[tokio::test(start_paused = true)]
async fn calls_that_the_scheduler_wakes_at_one_instant_hold_up_no_other() {
    holds_up_nobody(Flood::Deferred(2), CONCURRENCY, LATER).await;
}

#[tokio::test(start_paused = true)]
async fn calls_that_the_scheduler_wakes_at_one_instant_leave_one_of_two_places_to_others() {
    holds_up_nobody(Flood::Deferred(2), NEW_ACCOUNT, LATER).await;
}

#[tokio::test(start_paused = true)]
async fn conversations_deferred_to_one_instant_hold_up_no_other() {
    holds_up_nobody(Flood::DeferredConversations, CONCURRENCY, SOON).await;
}

#[tokio::test(start_paused = true)]
async fn one_account_for_now_and_one_for_an_instant_hold_up_no_other() {
    holds_up_nobody(Flood::Both, CONCURRENCY, SOON).await;
}

#[tokio::test(start_paused = true)]
async fn one_account_for_now_and_one_for_an_instant_leave_one_of_two_places_to_others() {
    holds_up_nobody(Flood::Both, NEW_ACCOUNT, SOON).await;
}
