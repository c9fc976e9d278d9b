//! What a person does about calls: cancelled, given another time, submitted once more; whatever is cut off
//! on the way, and done once more.

use std::time::Duration;

use aws_smithy_types::retry::RetryConfig;
use calls::{AccountId, ConversationId, RequestId, SequenceCode};
use cloud::act::Run;
use cloud::act::cancel::CancelAnswer;
use cloud::act::reschedule::RescheduleAnswer;
use cloud::act::resubmit::{Resubmission, ResubmitAnswer};
use cloud::read::state::ConversationState;
use jiff::Timestamp;
use journeys::record::everything;
use journeys::story::ADDRESS;
use journeys::{Story, a_caller, attribute, call, hours, minutes, part, seconds, subscriber};
use local::AwsRequest;
use local::faults::InjectedFault;

const NEW: &str = "order-1-again";

/// The timekeeper finds what nobody is woken for; what it comes to takes another minute.
const FOUND: i64 = 3;

fn account() -> AccountId {
    AccountId("1001".to_owned())
}

/// The second of four calls fails; the third is for later.
async fn fails(caller: &mut Story) {
    caller.does(call().creating(subscriber("taken"))).await;
    let part = |number| part("order-1", number, 4).calling_back(ADDRESS);
    caller.queues(part(1)).await;
    caller.queues(part(2).creating(subscriber("taken"))).await;
    let third = part(3).creating(attribute("ann", "Step", "3"));
    caller.queues(third.at("2026-03-02T11:00:00Z")).await;
    caller.queues(part(4).deleting(subscriber("ann"))).await;
    caller.settles().await;
}

async fn resubmits(caller: &Story, with_failed: bool, run: Run) -> ResubmitAnswer {
    let answer = resubmits_as(caller, "order-1", NEW, with_failed, run).await;
    answer.expect("the table is there")
}

async fn resubmits_as(
    caller: &Story,
    source: &str,
    target: &str,
    with_failed: bool,
    run: Run,
) -> Result<ResubmitAnswer, cloud::Error> {
    let (account, target) = (account(), ConversationId::parse(target).expect("a name"));
    let wanted = Resubmission {
        account: &account,
        source,
        target: &target,
        with_failed,
        without_missing: false,
    };
    caller.stack.cloud.resubmit(&wanted, run).await
}

fn sequences(answer: &ResubmitAnswer) -> Vec<(u32, u32)> {
    match answer {
        ResubmitAnswer::Done(calls) | ResubmitAnswer::Already(calls) => {
            let both = calls.iter().map(|it| (it.from.get(), it.to.get()));
            both.collect()
        }
        other @ (ResubmitAnswer::Unknown
        | ResubmitAnswer::PartOf(_)
        | ResubmitAnswer::NotEnded(_)
        | ResubmitAnswer::NothingLeft
        | ResubmitAnswer::PartsMissing(_)
        | ResubmitAnswer::FateUnknown(_)
        | ResubmitAnswer::NotKept(_)
        | ResubmitAnswer::NameTaken) => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_carried_out_is_submitted_once_more_from_1_on() {
    let mut caller = a_caller().await;
    fails(&mut caller).await;
    let before = everything(caller.local());
    let rehearsed = resubmits(&caller, false, Run::Rehearsed).await;
    assert_eq!(sequences(&rehearsed), [(3, 1), (4, 2)]);
    assert_eq!(everything(caller.local()), before, "nothing is changed");

    let done = resubmits(&caller, false, Run::Real).await;
    assert_eq!(done, rehearsed);
    caller.passes(minutes(FOUND)).await;
    assert_eq!(caller.states(NEW).await, ["Scheduled", "Queued"]);
    let again = resubmits(&caller, false, Run::Real).await;
    assert!(matches!(again, ResubmitAnswer::Already(_)), "{again:?}");
    let others = resubmits(&caller, true, Run::Real).await;
    assert_eq!(others, ResubmitAnswer::NameTaken);

    let before = caller.replies().len();
    caller.passes(hours(2)).await;
    assert_eq!(caller.states(NEW).await, ["Complete", "Complete"]);
    assert_eq!(caller.stored(), ["order-1-1", "taken"]);
    assert_eq!(caller.replies()[before..], ["done 1 OK", "done 2 OK"]);
    let ResubmitAnswer::Done(calls) = done else {
        panic!("{done:?}");
    };
    let state = caller.state(&calls[0].to_request.0).await;
    assert_eq!(state, "Complete", "it is found by its new RequestID");
}

#[tokio::test(start_paused = true)]
async fn the_failed_call_is_submitted_only_if_it_is_wanted() {
    let mut caller = a_caller().await;
    fails(&mut caller).await;
    // Its time has passed by then, so it is now.
    caller.passes(hours(3)).await;
    caller.does(call().deleting(subscriber("taken"))).await;
    let done = resubmits(&caller, true, Run::Real).await;
    assert_eq!(sequences(&done), [(2, 1), (3, 2), (4, 3)]);
    caller.passes(minutes(FOUND)).await;
    assert_eq!(caller.states(NEW).await, ["Complete"; 3]);
    assert_eq!(caller.stored(), ["order-1-1", "taken"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_submitted_says_why() {
    let mut caller = a_caller().await;
    fails(&mut caller).await;
    let says = async |source: &str, target: &str, caller: &Story| {
        let answer = resubmits_as(caller, source, target, false, Run::Real).await;
        answer.expect("the table is there")
    };
    assert_eq!(says("nobody", NEW, &caller).await, ResubmitAnswer::Unknown);
    let itself = says("order-1", "order-1", &caller).await;
    assert_eq!(itself, ResubmitAnswer::NameTaken);

    let first = caller.queues(part("order-2", 1, 2)).await;
    let part_of = says(&first, NEW, &caller).await;
    let conversation = ConversationId::parse("order-2").expect("a name");
    assert_eq!(part_of, ResubmitAnswer::PartOf(conversation));
    let early = says("order-2", NEW, &caller).await;
    assert_eq!(
        early,
        ResubmitAnswer::NotEnded(ConversationState::Gathering)
    );
    caller.passes(minutes(10)).await;
    let missing = vec![SequenceCode::new(2).expect("not zero")];
    let silent = says("order-2", NEW, &caller).await;
    assert_eq!(silent, ResubmitAnswer::PartsMissing(missing));

    let good = caller.queues(call().creating(subscriber("bob"))).await;
    caller.settles().await;
    assert_eq!(says(&good, NEW, &caller).await, ResubmitAnswer::NothingLeft);

    // The name is used by its caller, who has sent one of two parts.
    caller.queues(part("mine", 1, 2)).await;
    let taken = says("order-1", "mine", &caller).await;
    assert_eq!(taken, ResubmitAnswer::NameTaken);
    caller.queues(part("mine", 2, 2)).await;
    caller.settles().await;
    assert_eq!(caller.states("mine").await, ["Complete"; 2]);
}

/// Plays it in a world that is cut at one of its requests; says how many there were.
async fn resubmitted(cut: Option<(u64, InjectedFault, u32)>) -> u64 {
    let tries = cut.map_or(3, |(_, _, tries)| tries);
    let mut caller = Story::with_retries(RetryConfig::standard().with_max_attempts(tries)).await;
    fails(&mut caller).await;
    let faults = caller.local().faults().clone();
    let first = faults.requests_made();
    if let Some((at, fault, _)) = cut {
        faults.at(first + at, fault);
    }
    drop(resubmits_as(&caller, "order-1", NEW, false, Run::Real).await);
    let made = faults.requests_made() - first;
    caller.restarts();
    let again = resubmits(&caller, false, Run::Real).await;
    assert_eq!(sequences(&again), [(3, 1), (4, 2)], "{cut:?}");
    caller.passes(hours(3)).await;
    assert_eq!(caller.states(NEW).await, ["Complete"; 2], "{cut:?}");
    assert_eq!(caller.stored(), ["order-1-1", "taken"], "{cut:?}");
    let replies = caller.replies();
    let ok = replies.iter().filter(|line| line.ends_with("OK")).count();
    assert_eq!(ok, 3, "{cut:?}: {replies:?}");
    assert!(caller.due().is_empty(), "{cut:?}");
    made
}

#[tokio::test(start_paused = true)]
async fn resubmitting_may_be_cut_off_at_any_request_and_done_again() {
    let requests = resubmitted(None).await;
    assert!(requests > 8, "{requests}");
    for at in 1..=requests {
        for (fault, tries) in [
            (InjectedFault::CrashBefore, 3),
            (InjectedFault::CrashAfter, 3),
            (InjectedFault::LoseAnswer, 1),
            (InjectedFault::LoseAnswer, 3),
        ] {
            resubmitted(Some((at, fault, tries))).await;
        }
    }
}

async fn cancels(caller: &Story, id: &str, run: Run) -> CancelAnswer {
    let cloud = &caller.stack.cloud;
    let answer = cloud.cancel_by_hand(&account(), id, run).await;
    answer.expect("the table is there")
}

#[tokio::test(start_paused = true)]
async fn what_has_not_started_is_cancelled_and_its_caller_hears_of_it() {
    let mut caller = a_caller().await;
    let later = call().creating(subscriber("ann")).calling_back(ADDRESS);
    let later = caller.queues(later.at("2026-03-02T12:00:00Z")).await;
    caller.queues(part("c", 1, 2)).await;
    let rehearsed = cancels(&caller, &later, Run::Rehearsed).await;
    assert_eq!(rehearsed, CancelAnswer::Cancelled { calls: 1 });
    caller.passes(minutes(1)).await;
    assert_eq!(caller.state(&later).await, "Scheduled");

    assert_eq!(cancels(&caller, &later, Run::Real).await, rehearsed);
    assert_eq!(
        cancels(&caller, &later, Run::Real).await,
        CancelAnswer::Already
    );
    assert_eq!(cancels(&caller, "c", Run::Real).await, rehearsed);
    caller.passes(minutes(FOUND)).await;
    assert_eq!(caller.replies(), ["done Error 204"]);
    caller.passes(hours(4)).await;
    assert_eq!(caller.state(&later).await, "Cancelled");
    assert_eq!(caller.states("c").await, ["Cancelled"]);
    assert!(caller.stored().is_empty() && caller.due().is_empty());

    let done = caller.queues(call().creating(subscriber("bob"))).await;
    caller.settles().await;
    let late = cancels(&caller, &done, Run::Real).await;
    assert_eq!(late, CancelAnswer::TooLate(ConversationState::Complete));
    assert_eq!(
        cancels(&caller, "x", Run::Real).await,
        CancelAnswer::Unknown
    );
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

async fn reschedules(caller: &Story, id: &str, to: Option<&str>) -> RescheduleAnswer {
    let (account, id) = (account(), RequestId(id.to_owned()));
    let cloud = &caller.stack.cloud;
    let answer = cloud.reschedule_by_hand(&account, &id, to.map(time), Run::Real);
    answer.await.expect("the table is there")
}

const AT_11: &str = "2026-03-02T11:00:00Z";
const AT_14: &str = "2026-03-02T14:00:00Z";

#[tokio::test(start_paused = true)]
async fn a_call_that_has_not_begun_gets_another_time() {
    let mut caller = a_caller().await;
    let alone = caller.queues(call().creating(subscriber("ann")).at(AT_11));
    let alone = alone.await;
    caller.queues(part("c", 1, 2)).await;
    let second = caller.queues(part("c", 2, 2).at(AT_11)).await;
    caller.settles().await;
    let moved = RescheduleAnswer::Rescheduled {
        before: Some(time(AT_11)),
    };
    for id in [&alone, &second] {
        assert_eq!(reschedules(&caller, id, Some(AT_14)).await, moved);
    }
    // Not at the old time.
    caller.passes(hours(4)).await;
    assert_eq!(caller.state(&alone).await, "Scheduled");
    assert_eq!(caller.state(&second).await, "Scheduled");
    assert_eq!(caller.stored(), ["c-1"]);
    // Earlier again.
    reschedules(&caller, &second, Some("2026-03-02T13:10:00Z")).await;
    caller.passes(minutes(12)).await;
    assert_eq!(caller.state(&second).await, "Complete");
    assert_eq!(caller.state(&alone).await, "Scheduled");
    caller.passes(hours(1)).await;
    assert_eq!(caller.state(&alone).await, "Complete");

    let late = reschedules(&caller, &alone, None).await;
    assert_eq!(late, RescheduleAnswer::TooLate);
    let unknown = reschedules(&caller, "x", None).await;
    assert_eq!(unknown, RescheduleAnswer::Unknown);
    let other = caller.queues(
        call()
            .creating(subscriber("bob"))
            .at("2026-03-03T00:00:00Z"),
    );
    let other = other.await;
    let far = reschedules(&caller, &other, Some("2026-05-01T00:00:00Z")).await;
    assert!(matches!(far, RescheduleAnswer::Refused(refusal) if refusal.error_code() == 226));
    reschedules(&caller, &other, None).await;
    caller.passes(seconds(125)).await;
    assert_eq!(caller.state(&other).await, "Complete", "now");
}

/// Plays both in a world that is cut at one of their requests; says how many there were.
async fn moved_and_cancelled(cut: Option<(u64, InjectedFault)>) -> u64 {
    let mut caller = a_caller().await;
    let alone = caller.queues(call().creating(subscriber("ann")).at(AT_11));
    let alone = alone.await;
    caller.queues(part("c", 1, 2)).await;
    let second = caller.queues(part("c", 2, 2).at(AT_11)).await;
    let gone = caller.queues(part("gone", 1, 1).calling_back(ADDRESS).at(AT_11));
    gone.await;
    caller.settles().await;
    let faults = caller.local().faults().clone();
    let first = faults.requests_made();
    if let Some((at, fault)) = cut {
        faults.at(first + at, fault);
    }
    let cloud = caller.stack.cloud.clone();
    let act = async |cloud: &cloud::Cloud| -> Result<(), cloud::Error> {
        for id in [&alone, &second] {
            let id = RequestId(id.clone());
            cloud
                .reschedule_by_hand(&account(), &id, Some(time(AT_14)), Run::Real)
                .await?;
        }
        cloud.cancel_by_hand(&account(), "gone", Run::Real).await?;
        Ok(())
    };
    drop(act(&cloud).await);
    let made = faults.requests_made() - first;
    caller.restarts();
    act(&caller.stack.cloud.clone())
        .await
        .expect("a whole world");
    caller.passes(hours(4)).await;
    for id in [&alone, &second] {
        assert_eq!(caller.state(id).await, "Scheduled", "{cut:?}");
    }
    caller.passes(hours(2)).await;
    for id in [&alone, &second] {
        assert_eq!(caller.state(id).await, "Complete", "{cut:?}");
    }
    assert_eq!(caller.stored(), ["ann", "c-1", "c-2"], "{cut:?}");
    assert_eq!(caller.replies(), ["done 1 Error 204"], "{cut:?}");
    assert!(caller.due().is_empty(), "{cut:?}");
    made
}

#[tokio::test(start_paused = true)]
async fn other_times_and_cancelling_may_be_cut_off_at_any_request_and_done_again() {
    let requests = moved_and_cancelled(None).await;
    assert!(requests > 6, "{requests}");
    for at in 1..=requests {
        for fault in [
            InjectedFault::CrashBefore,
            InjectedFault::CrashAfter,
            InjectedFault::LoseAnswer,
        ] {
            moved_and_cancelled(Some((at, fault))).await;
        }
    }
}

/// A run has read the call when it is moved, and commits too late: it reads the call again.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_moved_under_a_run_waits_for_its_new_time() {
    let mut caller = a_caller().await;
    let moved = caller.queues(part("c", 1, 1).at(AT_11)).await;
    let faults = caller.local().faults().clone();
    let is_commit = |request: &AwsRequest| request.operation == "TransactWriteItems";
    faults.once(is_commit, InjectedFault::Delay(Duration::from_secs(3)));
    let moving = async {
        while caller.stack.cloud.now() < time(AT_11) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        reschedules(&caller, &moved, Some(AT_14)).await
    };
    let (answer, ()) = tokio::join!(moving, caller.passes(hours(3)));
    let before = Some(time(AT_11));
    assert_eq!(answer, RescheduleAnswer::Rescheduled { before });
    assert_eq!(caller.state(&moved).await, "Scheduled");
    assert!(caller.stored().is_empty(), "never early");
    caller.passes(hours(3)).await;
    assert_eq!(caller.state(&moved).await, "Complete");
    assert_eq!(caller.stored(), ["c-1"]);
}
