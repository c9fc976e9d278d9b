//! What an operator finds and mends: conversations that failed, replies that did not get through, what
//! waits; secrets that are replaced while both are good.

use calls::{AccountId, QueuePriority, SequenceCode};
use cloud::accounts::Login;
use cloud::accounts::login_records::{LoginEdit, LoginEdited};
use cloud::act::Run;
use cloud::act::pause::PauseAnswer;
use cloud::act::resend::ResendAnswer;
use cloud::outbound::callback::{SignatureCheck, check_signature};
use cloud::pauses::Pause;
use cloud::read::conversation_list::{
    BackendFilter, ConversationFilter, ListCursor, ListOrder, ListQuery, ListedBy, LookBack,
};
use cloud::read::replies::{DeliveryState, ReplyId, ReplyQuery};
use cloud::read::state::ConversationState;
use cloud::read::timeline::TimelineEvent;
use cloud::records::reply_record::ReplyRecord;
use jiff::Timestamp;
use journeys::record::everything;
use journeys::story::{ADDRESS, SECRET};
use journeys::{Story, a_caller, call, days, hours, minutes, part, seconds, subscriber};
use local::faults::InjectedFault;

use local::{CallbackAnswer, CapturedCallback, Service};

const OTHER: &str = "https://other.example.com/cb";

fn account() -> AccountId {
    AccountId("1001".to_owned())
}

fn failed(states: &[ConversationState], order: ListOrder) -> ListQuery {
    ListQuery {
        account: account(),
        by: ListedBy::Failed,
        from: Timestamp::MIN,
        to: Timestamp::MAX,
        look_back: LookBack::Nothing,
        order,
        filter: ConversationFilter {
            states: states.to_vec(),
            ..ConversationFilter::default()
        },
    }
}

/// Names of the conversations that a list has, read in pages of that size.
async fn listed(caller: &Story, query: &ListQuery, size: usize) -> Vec<String> {
    let list = caller.cloud().conversation_list();
    let mut names = Vec::new();
    let mut cursor = Some(ListCursor::default());
    while let Some(from) = cursor {
        let page = list
            .page(query, from, size)
            .await
            .expect("the table is there");
        let name = |record: &cloud::records::conversation_record::ConversationRecord| {
            let name = record.conversation.conversation_id.as_ref();
            name.map_or_else(|| "-".to_owned(), |name| name.as_str().to_owned())
        };
        names.extend(page.conversations.iter().map(|it| name(&it.record)));
        cursor = page.next;
    }
    names
}

fn replies(states: &[DeliveryState]) -> ReplyQuery {
    ReplyQuery {
        account: account(),
        from: Timestamp::MIN,
        to: Timestamp::MAX,
        order: ListOrder::OldestFirst,
        states: states.to_vec(),
        receiver: None,
    }
}

const FAILING: [DeliveryState; 2] = [DeliveryState::Retrying, DeliveryState::GivenUp];

async fn found(caller: &Story, query: &ReplyQuery, size: usize) -> Vec<ReplyRecord> {
    let mut found = Vec::new();
    let mut cursor = Some(ListCursor::default());
    while let Some(from) = cursor {
        let page = caller.cloud().reply_page(query, from, size).await;
        let page = page.expect("the table is there");
        found.extend(page.replies);
        cursor = page.next;
    }
    found
}

/// Its receiver is down; three replies lie in three kinds of places.
async fn with_three_replies_pending(caller: &mut Story) -> Vec<String> {
    let callbacks = caller.local().callbacks();
    callbacks.answer_always(ADDRESS, CallbackAnswer::status(503));
    let mut requests = Vec::new();
    let alone = call().creating(subscriber("ann")).calling_back(ADDRESS);
    requests.push(caller.queues(alone).await);
    for number in [1, 2] {
        let part = part("order-1", number, 2).calling_back(ADDRESS);
        // The second has its reply in a record of its own.
        let part = match number {
            1 => part,
            _ => part.calling_back(OTHER),
        };
        requests.push(caller.queues(part).await);
    }
    caller.settles().await;
    caller.passes(minutes(3)).await;
    requests
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_listed_by_the_time_at_which_it_did_and_nothing_else_is() {
    let mut caller = a_caller().await;
    for number in 0..30 {
        let name = format!("good-{number}");
        caller.queues(part(&name, 1, 1)).await;
    }
    caller.does(call().creating(subscriber("taken"))).await;
    for number in 0..5 {
        let name = format!("bad-{number}");
        caller.queues(part(&name, 1, 2)).await;
        caller
            .queues(part(&name, 2, 2).creating(subscriber("taken")))
            .await;
        caller.settles().await;
        caller.passes(seconds(1)).await;
    }
    caller.queues(part("late", 1, 2)).await;
    let before = caller.local().usage().counts();
    let bad = ["bad-0", "bad-1", "bad-2", "bad-3", "bad-4"];
    let oldest = failed(&[], ListOrder::OldestFirst);
    assert_eq!(listed(&caller, &oldest, 2).await, bad);
    let used = caller.local().usage().since(&before);
    assert!(used.used(Service::DynamoDb, "Scan").requests < 0.5);
    caller.passes(minutes(10)).await;
    let newest = failed(&[], ListOrder::NewestFirst);
    let names = listed(&caller, &newest, 100).await;
    assert_eq!((names[0].as_str(), names.len()), ("late", 6), "{names:?}");
    let late = failed(&[ConversationState::TimedOut], ListOrder::OldestFirst);
    assert_eq!(listed(&caller, &late, 100).await, ["late"]);
    let mut of_backend = newest.clone();
    of_backend.filter.backend = Some(BackendFilter::BuiltIn);
    assert_eq!(listed(&caller, &of_backend, 100).await.len(), 6);
    let name = calls::BackendName::parse("mc").expect("a name");
    of_backend.filter.backend = Some(BackendFilter::Forwarded(name));
    assert!(listed(&caller, &of_backend, 100).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failure_costs_one_write_unit_more_and_a_reply_that_is_delivered_none() {
    let mut caller = a_caller().await;
    caller.does(call().creating(subscriber("taken"))).await;
    let usage = caller.local().usage().clone();
    let mark = usage.counts();
    caller
        .queues(call().creating(subscriber("taken")).calling_back(ADDRESS))
        .await;
    caller
        .queues(
            part("c", 1, 2)
                .creating(subscriber("taken"))
                .calling_back(ADDRESS),
        )
        .await;
    caller.queues(part("c", 2, 2).calling_back(ADDRESS)).await;
    caller.settles().await;
    caller.passes(minutes(10)).await;
    let lists = |mark| usage.since(mark).used_of(Service::DynamoDb).list_writes;
    assert!((lists(&mark) - 4.0).abs() < 1e-9, "{}", lists(&mark));

    // A reply: one entry with its first failed attempt, which goes when it is delivered.
    let mark = usage.counts();
    let callbacks = caller.local().callbacks();
    for _ in 0..3 {
        callbacks.answer_next(ADDRESS, CallbackAnswer::status(500));
    }
    caller
        .queues(call().creating(subscriber("bob")).calling_back(ADDRESS))
        .await;
    caller.settles().await;
    caller.passes(hours(3)).await;
    assert_eq!(caller.callbacks().len(), 3 + 4);
    assert!((lists(&mark) - 3.0).abs() < 1e-9, "{}", lists(&mark));
    assert!(found(&caller, &replies(&FAILING), 10).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn replies_that_did_not_get_through_are_found_with_their_log_wherever_they_lie() {
    let mut caller = a_caller().await;
    let requests = with_three_replies_pending(&mut caller).await;
    let all = found(&caller, &replies(&FAILING), 1).await;
    assert_eq!(all.len(), 3, "{all:?}");
    let mut pending: Vec<&str> = all
        .iter()
        .map(|it| it.reply.request_id.0.as_str())
        .collect();
    let mut expected: Vec<&str> = requests.iter().map(String::as_str).collect();
    pending.sort_unstable();
    expected.sort_unstable();
    assert_eq!(pending, expected);
    for record in &all {
        assert!(record.reply.attempts.len() >= 2, "{record:?}");
        let id = ReplyId::of(&record.reply);
        let same = caller.cloud().reply_of_id(&account(), &id).await;
        assert_eq!(same.expect("the table is there").as_ref(), Some(record));
        assert_eq!(id.to_string(), record.reply.id());
    }
    let delivered = found(&caller, &replies(&[DeliveryState::Delivered]), 10).await;
    assert_eq!(delivered.len(), 1, "that to the other receiver");
    let of_other = ReplyQuery {
        receiver: Some("https://other.example.com/".to_owned()),
        ..replies(&[])
    };
    assert_eq!(found(&caller, &of_other, 10).await.len(), 1);
    let early = ReplyQuery {
        to: "2026-01-01T00:00:00Z".parse().expect("a time"),
        ..replies(&FAILING)
    };
    assert!(found(&caller, &early, 10).await.is_empty());

    let list = caller.cloud().conversation_list();
    let header = list.find(&account(), "order-1").await;
    let header = header.expect("the table is there").expect("it is there");
    let of_it = caller
        .cloud()
        .replies_from(&header, SequenceCode::FIRST)
        .await;
    let of_it = of_it.expect("the table is there");
    let sequences: Vec<u32> = of_it
        .replies
        .iter()
        .map(|it| it.reply.sequence.get())
        .collect();
    assert_eq!((sequences, of_it.next), (vec![1, 2, 2], None));
    let whole = caller.cloud().whole_conversation(&header.key, 100).await;
    let whole = whole.expect("the table is there").expect("it is there");
    assert_eq!(
        (whole.calls.len(), whole.replies.len(), whole.is_complete),
        (2, 3, true)
    );
    let timeline = whole.timeline();
    assert_eq!(timeline[0].event, TimelineEvent::Opened);
    let attempts = timeline.iter();
    let attempts = attempts.filter(|it| matches!(it.event, TimelineEvent::ReplyAttempt(..)));
    assert!(attempts.count() >= 5, "{timeline:?}");
    let overview = caller.cloud().overview(&caller.cloud().accounts).await;
    let overview = overview.expect("the table is there");
    assert_eq!((overview.replies.count, overview.is_complete), (3, true));
}

#[tokio::test(start_paused = true)]
async fn a_reply_is_sent_again_with_the_same_id_and_all_attempts_anew() {
    let mut caller = a_caller().await;
    with_three_replies_pending(&mut caller).await;
    // Until all attempts are used up.
    caller.passes(days(8)).await;
    let given_up = found(&caller, &replies(&[DeliveryState::GivenUp]), 10).await;
    assert_eq!(given_up.len(), 3);
    let cloud = caller.cloud().clone();
    let before = everything(caller.local());
    let id = ReplyId::of(&given_up[0].reply);
    let rehearsed = cloud.resend_reply(&account(), &id, Run::Rehearsed).await;
    let resent = ResendAnswer::Resent(DeliveryState::GivenUp);
    assert_eq!(rehearsed.expect("the table is there"), resent);
    assert_eq!(everything(caller.local()), before, "nothing is changed");
    caller
        .local()
        .callbacks()
        .answer_always(ADDRESS, CallbackAnswer::status(200));
    let posted = caller.callbacks().len();
    for record in &given_up {
        let id = ReplyId::of(&record.reply);
        let done = cloud.resend_reply(&account(), &id, Run::Real).await;
        assert_eq!(done.expect("the table is there"), resent);
        let again = cloud.resend_reply(&account(), &id, Run::Real).await;
        assert_eq!(again.expect("the table is there"), ResendAnswer::Already);
    }
    caller.passes(minutes(3)).await;
    let callbacks = caller.callbacks();
    let id_of = |callback: &CapturedCallback| callback.header("webhook-id").map(str::to_owned);
    let mut ids: Vec<_> = callbacks[posted..].iter().filter_map(id_of).collect();
    ids.sort();
    let mut expected: Vec<_> = given_up.iter().map(|it| it.reply.id()).collect();
    expected.sort();
    assert_eq!(ids, expected, "each once");
    assert!(found(&caller, &replies(&FAILING), 10).await.is_empty());
    // A reply that was delivered may be sent again, too.
    let done = cloud.resend_reply(&account(), &id, Run::Real).await;
    let delivered = ResendAnswer::Resent(DeliveryState::Delivered);
    assert_eq!(done.expect("the table is there"), delivered);
    caller.passes(minutes(3)).await;
    assert_eq!(caller.callbacks().len(), posted + 4);
    let unknown = ReplyId::parse("msg_0f0e0d0c0b0a09080706050403020100_0").expect("an id");
    let none = cloud.resend_reply(&account(), &unknown, Run::Real).await;
    assert_eq!(none.expect("the table is there"), ResendAnswer::Unknown);
    caller.passes(days(40)).await;
    assert!(caller.due().is_empty());
}

/// Sends all of them again in a world that is cut at one of its requests, and once more.
async fn resent_all(cut: Option<(u64, InjectedFault)>) -> u64 {
    let mut caller = a_caller().await;
    with_three_replies_pending(&mut caller).await;
    caller
        .local()
        .callbacks()
        .answer_always(ADDRESS, CallbackAnswer::status(200));
    let posted = caller.callbacks().len();
    let faults = caller.local().faults().clone();
    let first = faults.requests_made();
    if let Some((at, fault)) = cut {
        faults.at(first + at, fault);
    }
    let all = async |cloud: &cloud::Cloud| -> Result<(), cloud::Error> {
        let query = replies(&FAILING);
        let page = cloud.reply_page(&query, ListCursor::default(), 10).await?;
        for record in &page.replies {
            cloud.resend_at(record, cloud.now(), Run::Real).await?;
        }
        Ok(())
    };
    drop(all(&caller.stack.cloud.clone()).await);
    let made = faults.requests_made() - first;
    caller.restarts();
    all(&caller.stack.cloud.clone())
        .await
        .expect("a whole world");
    caller.passes(minutes(5)).await;
    assert_eq!(caller.callbacks().len(), posted + 3, "{cut:?}");
    assert!(
        found(&caller, &replies(&FAILING), 10).await.is_empty(),
        "{cut:?}"
    );
    made
}

#[tokio::test(start_paused = true)]
async fn sending_all_again_may_be_cut_off_at_any_request_and_each_goes_out_once() {
    let requests = resent_all(None).await;
    assert!(requests > 8, "{requests}");
    for at in 1..=requests {
        for fault in [
            InjectedFault::CrashBefore,
            InjectedFault::CrashAfter,
            InjectedFault::LoseAnswer,
        ] {
            resent_all(Some((at, fault))).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_webhook_secrets_sign_while_both_hold() {
    const NEW: &str = "whsec_bmV3LXNlY3JldC1uZXctc2VjcmV0LW5ldy1zZWNyZXQ=";
    let mut caller = a_caller().await;
    let accounts = &caller.cloud().accounts.clone();
    let until = caller.now() + hours(24);
    let rotated = accounts.rotate_webhook_secret(&account(), NEW, until).await;
    assert!(rotated.expect("the table is there").is_some());
    let checks = |caller: &Story| {
        let callbacks = caller.callbacks();
        let last = callbacks.last().expect("a callback").clone();
        let now = caller.now();
        let check = move |secret| {
            let header = |name| last.header(name).unwrap_or_default();
            let of = (header("webhook-id"), header("webhook-timestamp"));
            let body = last.body.as_bytes();
            check_signature(secret, of, body, header("webhook-signature"), now)
        };
        [check(NEW), check(SECRET)]
    };
    caller
        .queues(call().creating(subscriber("ann")).calling_back(ADDRESS))
        .await;
    caller.settles().await;
    assert_eq!(checks(&caller), [SignatureCheck::Good; 2]);
    caller.passes(hours(25)).await;
    caller
        .queues(call().creating(subscriber("bob")).calling_back(ADDRESS))
        .await;
    caller.settles().await;
    assert_eq!(
        checks(&caller),
        [SignatureCheck::Good, SignatureCheck::Wrong]
    );
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_rotated_or_disabled_is_let_in_as_long_as_is_said() {
    let caller = a_caller().await;
    let accounts = caller.cloud().accounts.clone();
    let who = caller.known_as();
    let made = accounts.put_login(Login::Client, "shop", "old", &who).await;
    made.expect("the table is there");
    let edit = async |edit: LoginEdit<'_>| {
        let edited = accounts
            .edit_login(Login::Client, "shop", edit, Run::Real)
            .await;
        edited.expect("the table is there")
    };
    let lets_in = async |caller: &Story, secret: &str| {
        let cloud = caller.cloud();
        let found = cloud
            .accounts
            .log_in(Login::Client, "shop", secret, cloud.now())
            .await;
        found.expect("the table is there").is_some()
    };
    assert!(lets_in(&caller, "old").await);
    let rotate = LoginEdit::Rotate {
        secret: "new",
        previous_until: Some(caller.now() + hours(1)),
    };
    assert!(matches!(edit(rotate).await, LoginEdited::Done(_)));
    assert!(lets_in(&caller, "old").await && lets_in(&caller, "new").await);
    caller.passes(minutes(59)).await;
    assert!(lets_in(&caller, "old").await);
    caller.passes(minutes(2)).await;
    assert!(!lets_in(&caller, "old").await && lets_in(&caller, "new").await);

    assert!(matches!(
        edit(LoginEdit::Disable).await,
        LoginEdited::Done(_)
    ));
    assert!(!lets_in(&caller, "new").await);
    edit(LoginEdit::Enable).await;
    assert!(lets_in(&caller, "new").await);
    // Another function has let it in a moment ago, and remembers that for three minutes.
    let elsewhere = caller.at_another_function();
    assert!(lets_in(&elsewhere, "new").await);
    let switched = accounts.switch_account(&account(), true, Run::Real).await;
    let switched = switched.expect("the table is there").expect("it is there");
    assert!(switched.account.is_disabled && switched.logins >= 1);
    assert!(!lets_in(&caller, "new").await);
    caller.passes(minutes(4)).await;
    assert!(!lets_in(&elsewhere, "new").await);
    accounts
        .switch_account(&account(), false, Run::Real)
        .await
        .expect("the table is there");
    assert!(lets_in(&caller, "new").await);
    assert!(matches!(
        edit(LoginEdit::Delete).await,
        LoginEdited::Done(_)
    ));
    assert!(!lets_in(&caller, "new").await);
    assert_eq!(edit(LoginEdit::Disable).await, LoginEdited::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_taken_back_is_no_good_after_three_minutes() {
    let caller = a_caller().await;
    let (accounts, who) = (caller.cloud().accounts.clone(), caller.known_as());
    accounts
        .keep_token("secret", &who, caller.now())
        .await
        .expect("the table is there");
    let elsewhere = caller.at_another_function();
    let is_good = async |story: &Story| {
        let cloud = story.cloud();
        let state = cloud.accounts.look_up_token("secret", cloud.now()).await;
        matches!(state, Ok(cloud::accounts::TokenState::Good(_)))
    };
    assert!(is_good(&caller).await && is_good(&elsewhere).await);
    let listed = accounts
        .tokens_of(&account(), caller.now())
        .await
        .expect("a list");
    assert!(!listed.is_empty());
    let deleted = accounts.delete_tokens_of(&account(), Run::Real).await;
    assert_eq!(deleted.expect("the table is there"), listed.len());
    assert!(!is_good(&caller).await, "here at once");
    caller.passes(minutes(4)).await;
    assert!(!is_good(&elsewhere).await);
}

#[tokio::test(start_paused = true)]
async fn the_overview_says_what_waits_and_what_for() {
    let mut caller = a_caller().await;
    caller.queues(part("half", 1, 2)).await;
    let later = call()
        .creating(subscriber("ann"))
        .at("2026-03-03T00:00:00Z");
    caller.queues(later).await;
    caller.settles().await;
    caller.goes_into_maintenance(true).await;
    let high = call().creating(subscriber("bob")).priority("High");
    caller.queues(high).await;
    caller.settles().await;
    caller.passes(minutes(2)).await;
    let cloud = caller.cloud();
    let overview = cloud
        .overview(&cloud.accounts)
        .await
        .expect("the table is there");
    assert!(overview.maintenance.holds_at(caller.now()) && overview.is_complete);
    assert_eq!(overview.gathering.count, 1);
    let parked = overview.parked.get(&QueuePriority::High);
    let since = parked
        .and_then(|depth| depth.oldest)
        .expect("one is parked");
    assert!(caller.now().duration_since(since) <= minutes(3), "{since}");
    let waiting =
        overview.scheduled.count + overview.parked.values().map(|it| it.count).sum::<usize>();
    assert_eq!(waiting, 2, "{overview:?}");
    let recent = cloud.recent(&account(), caller.now() - hours(1)).await;
    let recent = recent.expect("the table is there");
    assert_eq!(
        (recent.opened, recent.failed, recent.is_complete),
        (3, 0, true)
    );
}

fn pause(account: Option<&str>, priority: Option<QueuePriority>) -> Pause {
    Pause {
        account: account.map(|id| AccountId(id.to_owned())),
        priority,
        since: Timestamp::UNIX_EPOCH,
        until: None,
        reason: "a test".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_account_waits_and_everybody_else_goes_on() {
    let mut caller = a_caller().await;
    let mut other = caller.another_caller("1002").await;
    let cloud = caller.cloud().clone();
    let of_account = pause(Some("1001"), None);
    let before = everything(caller.local());
    let rehearsed = cloud
        .pause(&cloud.accounts, &of_account, Run::Rehearsed)
        .await;
    assert_eq!(rehearsed.expect("the table is there"), PauseAnswer::Done);
    assert_eq!(everything(caller.local()), before, "nothing is changed");
    for expected in [PauseAnswer::Done, PauseAnswer::Already] {
        let paused = cloud.pause(&cloud.accounts, &of_account, Run::Real).await;
        assert_eq!(paused.expect("the table is there"), expected);
    }
    for number in [2, 1] {
        caller
            .queues(part("order-1", number, 2).calling_back(ADDRESS))
            .await;
    }
    let alone = caller.queues(call().creating(subscriber("ann"))).await;
    let others = other.queues(call().creating(subscriber("bob"))).await;
    caller.passes(hours(3)).await;
    assert_eq!(other.state(&others).await, "Complete");
    assert_eq!(caller.states("order-1").await, ["Queued"; 2]);
    assert_eq!(caller.state(&alone).await, "Queued");
    assert!(caller.callbacks().is_empty());
    let overview = cloud
        .overview(&cloud.accounts)
        .await
        .expect("the table is there");
    let name = of_account.name().expect("a name");
    assert_eq!(overview.held.get(&name).map(|depth| depth.count), Some(2));
    assert_eq!(overview.maintenance.pauses.len(), 1);

    let resumed = cloud.resume(&cloud.accounts, &of_account, Run::Real).await;
    assert_eq!(resumed.expect("the table is there"), PauseAnswer::Done);
    caller.passes(minutes(3)).await;
    assert_eq!(caller.states("order-1").await, ["Complete"; 2]);
    assert_eq!(caller.state(&alone).await, "Complete");
    assert_eq!(caller.replies(), ["done 1 OK", "done 2 OK"]);
    let again = cloud.resume(&cloud.accounts, &of_account, Run::Real).await;
    assert_eq!(again.expect("the table is there"), PauseAnswer::Already);
    caller.passes(hours(1)).await;
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_paused_priority_waits_also_while_maintenance_comes_and_goes() {
    let mut caller = a_caller().await;
    let cloud = caller.cloud().clone();
    let of_low = pause(None, Some(QueuePriority::Low));
    let paused = cloud.pause(&cloud.accounts, &of_low, Run::Real).await;
    paused.expect("the table is there");
    let low = caller
        .queues(call().creating(subscriber("ann")).priority("Low"))
        .await;
    let high = caller
        .queues(call().creating(subscriber("bob")).priority("High"))
        .await;
    caller.passes(minutes(2)).await;
    assert_eq!(caller.state(&low).await, "Queued");
    assert_eq!(caller.state(&high).await, "Complete");
    caller.goes_into_maintenance(true).await;
    caller.passes(minutes(5)).await;
    caller.goes_into_maintenance(false).await;
    caller.passes(hours(2)).await;
    assert_eq!(caller.state(&low).await, "Queued");
    let resumed = cloud.resume(&cloud.accounts, &of_low, Run::Real).await;
    resumed.expect("the table is there");
    caller.passes(minutes(3)).await;
    assert_eq!(caller.state(&low).await, "Complete");
}

/// Pauses and resumes in a world that is cut at one of their requests, and once more.
async fn paused_and_resumed(cut: Option<(u64, InjectedFault)>) -> u64 {
    let mut caller = a_caller().await;
    let of_account = pause(Some("1001"), None);
    let faults = caller.local().faults().clone();
    let mut made = 0;
    for is_pause in [true, false] {
        let first = faults.requests_made();
        if let Some((at, fault)) = cut.filter(|(at, _)| *at > made) {
            faults.at(first + at - made, fault);
        }
        let act = async |cloud: &cloud::Cloud| match is_pause {
            true => cloud.pause(&cloud.accounts, &of_account, Run::Real).await,
            false => cloud.resume(&cloud.accounts, &of_account, Run::Real).await,
        };
        drop(act(&caller.stack.cloud.clone()).await);
        made += faults.requests_made() - first;
        caller.restarts();
        act(&caller.stack.cloud.clone())
            .await
            .expect("a whole world");
        if is_pause {
            caller.queues(call().creating(subscriber("ann"))).await;
            caller.passes(minutes(5)).await;
            assert!(caller.stored().is_empty(), "{cut:?}");
        }
    }
    caller.passes(minutes(5)).await;
    assert_eq!(caller.stored(), ["ann"], "{cut:?}");
    made
}

#[tokio::test(start_paused = true)]
async fn pausing_and_resuming_may_be_cut_off_at_any_request_and_done_again() {
    let requests = paused_and_resumed(None).await;
    assert!(requests > 4, "{requests}");
    for at in 1..=requests {
        for fault in [
            InjectedFault::CrashBefore,
            InjectedFault::CrashAfter,
            InjectedFault::LoseAnswer,
        ] {
            paused_and_resumed(Some((at, fault))).await;
        }
    }
}
