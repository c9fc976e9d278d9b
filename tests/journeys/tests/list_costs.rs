//! What an operator's lists cost: requests and read units of one page, and never a scan.

use calls::AccountId;
use cloud::conversation::unknown::UnknownQuery;
use cloud::read::conversation_list::{ListCursor, ListOrder};
use cloud::read::replies::{DeliveryState, ReplyQuery};
use journeys::story::ADDRESS;
use journeys::{Story, a_caller, call, days, hours, subscriber};
use local::{CallbackAnswer, Counts};

/// Requests of a page, and the read units of tables and indexes; a scan among them fails the test.
fn used(counts: &Counts) -> (f64, f64) {
    let mut requests = 0.0;
    let mut units = 0.0;
    for (_, operation, used) in counts.operations() {
        assert_ne!(operation, "Scan");
        requests += used.requests;
        units += used.table_reads + used.index_reads;
    }
    (requests, units)
}

fn account() -> AccountId {
    AccountId("1001".to_owned())
}

/// So many replies that were given up.
async fn with_failed_replies(count: usize) -> Story {
    let mut caller = a_caller().await;
    caller
        .local()
        .callbacks()
        .answer_by(|_| Some(CallbackAnswer::status(410)));
    for number in 0..count {
        let name = format!("person-{number}");
        let made = call().creating(subscriber(&name)).calling_back(ADDRESS);
        caller.queues(made).await;
    }
    caller.passes(hours(1)).await;
    caller
}

fn failed(caller: &Story) -> ReplyQuery {
    ReplyQuery {
        account: account(),
        from: caller.now() - days(1),
        to: caller.now(),
        order: ListOrder::NewestFirst,
        states: vec![DeliveryState::Retrying, DeliveryState::GivenUp],
        receiver: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_of_failed_replies_costs_its_parts_and_its_records() {
    let caller = with_failed_replies(40).await;
    let usage = caller.local().usage().clone();
    for size in [10, 50] {
        let mark = usage.counts();
        let query = failed(&caller);
        let page = caller
            .cloud()
            .reply_page(&query, ListCursor::default(), size);
        let page = page.await.expect("the table is there");
        assert_eq!(page.replies.len(), size.min(40));
        let (requests, units) = used(&usage.since(&mark));
        // Eight parts of the index and a batch of records, once or twice; each record is one unit.
        assert!(requests <= 2.0 * 9.0, "{size}: {requests} requests");
        assert!(units <= 2.0 * 8.0 + 50.0, "{size}: {units} units");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_of_what_is_unknown_is_one_request() {
    let caller = with_failed_replies(1).await;
    let usage = caller.local().usage().clone();
    let mark = usage.counts();
    let query = UnknownQuery {
        account: Some(account()),
        with_settled: false,
        limit: 50,
    };
    let found = caller.cloud().unknown_calls(&query).await;
    assert!(found.expect("the table is there").is_empty());
    let (requests, units) = used(&usage.since(&mark));
    assert!(requests <= 1.0 && units <= 1.0, "{requests} {units}");
    let mark = usage.counts();
    let found = caller.cloud().unknown_mails(&query).await;
    assert!(found.expect("the table is there").is_empty());
    let (requests, units) = used(&usage.since(&mark));
    assert!(requests <= 1.0 && units <= 1.0, "{requests} {units}");
}
