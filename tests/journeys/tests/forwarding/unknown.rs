//! Calls of unknown fate: people list them without a scan, say what became of them, and send them
//! again, once.

use backends::forward::unknown::{Act, Acted, resend, settle};
use calls::{AccountId, RequestId};
use cloud::conversation::unknown::UnknownQuery;
use cloud::records::unknown_record::{UnknownRecord, Verdict};
use journeys::backend::{Does, settings};
use journeys::{Story, a_caller, call, hours, minutes, part, subscriber};
use local::faults::InjectedFault;

use super::{a_forwarding_caller, one};

const LOST: Does = Does::Says(502, "");

async fn listed(caller: &Story, with_settled: bool) -> Vec<UnknownRecord> {
    let query = UnknownQuery {
        account: None,
        with_settled,
        limit: 50,
    };
    let found = caller.cloud().unknown_calls(&query).await;
    found.expect("a list")
}

async fn acts(caller: &Story, request: &str, verdict: Option<Verdict>) -> Acted {
    let (account, request_id) = (
        AccountId(caller.account_id()),
        RequestId(request.to_owned()),
    );
    let act = Act {
        account: &account,
        request_id: &request_id,
        by: "ann",
        why: "looked there",
    };
    let acted = match verdict {
        Some(verdict) => settle(caller.cloud(), act, verdict).await,
        None => resend(caller.cloud(), act).await,
    };
    acted.expect("an act")
}

fn resent_as(acted: Acted) -> String {
    let Acted::Done(record) = acted else {
        panic!("{acted:?}");
    };
    match record.settlement.map(|said| said.verdict) {
        Some(Verdict::Resent(request_id)) => request_id.0,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_knows_is_listed_newest_first_and_nothing_else() {
    let (mut caller, backend) = a_forwarding_caller().await;
    caller.queues(one("good")).await;
    backend.does_next(&[Does::Badly]);
    caller.queues(one("bad")).await;
    caller.settles().await;
    assert!(listed(&caller, true).await.is_empty());
    backend.does_next(&[LOST, LOST]);
    let first = caller
        .queues(part("c", 1, 1).creating(subscriber("a")))
        .await;
    caller.passes(minutes(1)).await;
    let second = caller.queues(one("b")).await;
    caller.passes(minutes(1)).await;
    let list = listed(&caller, false).await;
    let ids: Vec<&str> = list
        .iter()
        .map(|it| it.about.request_id.0.as_str())
        .collect();
    assert_eq!(ids, [&second, &first]);
    assert_eq!(list[1].about.conversation_id.as_deref(), Some("c"));
    assert!(list[0].about.message.starts_with("Unknown."));
}

#[tokio::test(start_paused = true)]
async fn what_is_said_of_a_call_is_kept_and_changes_no_outcome() {
    let (mut caller, backend) = a_forwarding_caller().await;
    backend.does_next(&[LOST]);
    let sent = caller.queues(one("a")).await;
    caller.settles().await;
    let before = caller.outcome(&sent).await;
    let said = acts(&caller, &sent, Some(Verdict::Done)).await;
    assert!(matches!(said, Acted::Done(_)), "{said:?}");
    let again = acts(&caller, &sent, Some(Verdict::Done)).await;
    assert!(matches!(again, Acted::Done(_)), "the same once more");
    for other in [Some(Verdict::NotDone), None] {
        let other = acts(&caller, &sent, other).await;
        assert!(matches!(other, Acted::Otherwise(_)), "{other:?}");
    }
    assert_eq!(caller.outcome(&sent).await, before);
    assert!(listed(&caller, false).await.is_empty());
    let all = listed(&caller, true).await;
    let said = all[0].settlement.as_ref().expect("it was settled");
    assert_eq!(
        (said.by.as_str(), said.why.as_str()),
        ("ann", "looked there")
    );
    assert_eq!(said.at, caller.now());
    caller.passes(hours(1)).await;
    assert_eq!(backend.keys(), ["a"], "nothing is sent");
}

#[tokio::test(start_paused = true)]
async fn whoever_lists_calls_sees_what_was_said_of_them() {
    let (mut caller, backend) = a_forwarding_caller().await;
    let from = caller.now();
    backend.does_next(&[LOST, LOST]);
    let settled = caller.queues(one("a")).await;
    let open = caller.queues(one("b")).await;
    caller.settles().await;
    acts(&caller, &settled, Some(Verdict::NotDone)).await;
    let list = caller.cloud().conversation_list();
    let account = AccountId(caller.account_id());
    let mut shown = Vec::new();
    for request in [&settled, &open] {
        let header = list
            .find(&account, request)
            .await
            .expect("the table answers");
        let header = header.expect("it is there");
        let read = list
            .calls_from(&header.key, calls::SequenceCode::FIRST)
            .await;
        let read = read.expect("the table answers").expect("it is there");
        let outcome = read.calls[0].outcome.as_ref();
        let said = list.settlement_of(&header.key, outcome).await;
        shown.push(said.expect("the table answers").map(|it| it.verdict));
        let all = list.settlements(from).await.expect("the table answers");
        let of = all.get(&(header.key, calls::SequenceCode::FIRST));
        assert_eq!(of.map(|it| it.verdict.clone()), shown[shown.len() - 1]);
    }
    assert_eq!(shown, [Some(Verdict::NotDone), None]);
    let later = caller.now() + hours(1);
    let none = list.settlements(later).await.expect("the table answers");
    assert!(none.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_call_is_sent_again_once_as_a_new_one() {
    let (mut caller, backend) = a_forwarding_caller().await;
    backend.does_next(&[LOST]);
    caller
        .queues(part("c", 2, 2).creating(subscriber("b")))
        .await;
    let sent = caller
        .queues(part("c", 1, 2).creating(subscriber("a")))
        .await;
    caller.settles().await;
    let before = caller.outcomes("c").await;
    let again = resent_as(acts(&caller, &sent, None).await);
    assert_eq!(
        resent_as(acts(&caller, &sent, None).await),
        again,
        "the same"
    );
    caller.passes(minutes(3)).await;
    assert_eq!(
        resent_as(acts(&caller, &sent, None).await),
        again,
        "later, too"
    );
    caller.passes(minutes(3)).await;
    assert_eq!(backend.keys(), ["a", "a"]);
    assert_ne!(again, sent);
    assert_eq!(caller.outcome(&again).await, "OK");
    assert_eq!(caller.outcomes("c").await, before, "what was before stays");
    assert!(caller.due().is_empty());
    assert!(matches!(acts(&caller, &again, None).await, Acted::Known));
    let nobody = acts(&caller, "nobody", None).await;
    assert!(matches!(nobody, Acted::NoSuchCall), "{nobody:?}");
}

#[tokio::test(start_paused = true)]
async fn of_a_call_in_pieces_only_what_nobody_knows_of_is_sent_again() {
    let mut caller = a_caller().await;
    let settings = cloud::accounts::backends::BackendSettings {
        objects_per_call: 2,
        ..settings()
    };
    let backend = caller.forwards_as(&settings).await;
    backend.does_next(&[Does::Well, LOST]);
    let five = (2..=5).fold(one("k1"), |call, it| {
        call.and(subscriber(&format!("k{it}")))
    });
    let sent = caller.queues(five.at("2026-03-02T09:30:00Z")).await;
    caller.passes(hours(1)).await;
    assert_eq!(backend.keys(), ["k1", "k2", "k3", "k4"]);
    let again = resent_as(acts(&caller, &sent, None).await);
    caller.passes(minutes(3)).await;
    assert_eq!(backend.keys().split_off(4), ["k3", "k4", "k5"]);
    assert_eq!(caller.outcome(&again).await, "OK");
}

#[tokio::test(start_paused = true)]
async fn an_act_that_is_cut_anywhere_and_repeated_sends_once() {
    let mut at = 0;
    loop {
        let (mut caller, backend) = a_forwarding_caller().await;
        backend.does_next(&[LOST]);
        let sent = caller.queues(call().creating(subscriber("a"))).await;
        caller.settles().await;
        let faults = caller.local().faults().clone();
        let first = faults.requests_made();
        faults.at(first + at, InjectedFault::LoseAnswer);
        let (account, request_id) = (AccountId(caller.account_id()), RequestId(sent.clone()));
        let act = Act {
            account: &account,
            request_id: &request_id,
            by: "ann",
            why: "w",
        };
        let cut = resend(caller.cloud(), act).await;
        let made = faults.requests_made() - first;
        let again = resent_as(acts(&caller, &sent, None).await);
        caller.passes(minutes(5)).await;
        assert_eq!(backend.keys(), ["a", "a"], "cut at {at}: {cut:?}");
        assert_eq!(caller.outcome(&again).await, "OK");
        if at > made {
            break;
        }
        at += 1;
    }
    assert!(at > 4, "an act makes some requests");
}
