//! The index of what is due lags behind its records, and a record that somebody's transaction is at
//! cannot be written for a moment: neither is an outage.

use aws_smithy_types::retry::RetryConfig;
use journeys::story::ADDRESS;
use journeys::{Story, a_caller, call, hours, minutes, part, seconds, subscriber};
use local::{InjectedFault, Service};

/// A caller in a world whose index shows what was so long ago.
async fn a_caller_whose_index_lags(by: jiff::SignedDuration) -> Story {
    let caller = a_caller().await;
    let dynamodb = caller.local().dynamodb();
    dynamodb.let_index_lag(by).expect("an index");
    caller
}

fn requests(caller: &Story, service: Service, operation: &str) -> f64 {
    caller
        .local()
        .usage()
        .counts()
        .used(service, operation)
        .requests
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_doubled_where_the_index_lags() {
    for lag in [seconds(1), seconds(30), minutes(10)] {
        let mut caller = a_caller_whose_index_lags(lag).await;
        for number in [2, 3, 1] {
            caller
                .queues(part("c", number, 3).calling_back(ADDRESS))
                .await;
        }
        caller
            .queues(part("silent", 1, 2).calling_back(ADDRESS))
            .await;
        let later = call().creating(subscriber("ann")).calling_back(ADDRESS);
        caller.queues(later.at("2026-03-02T09:45:00Z")).await;
        // Whatever was woken is lost, so that all depends on the index.
        caller.queues_are_lost();
        caller.passes(hours(3)).await;
        let replies = caller.replies();
        for line in ["done 1 OK", "done 2 OK", "done 3 OK", "done OK"] {
            let times = replies.iter().filter(|replies| *replies == line).count();
            assert_eq!(times, 1, "{line} with a lag of {lag:?}: {replies:?}");
        }
        assert_eq!(caller.states("silent").await.len(), 1, "{lag:?}");
        assert_eq!(caller.states("c").await, ["Complete"; 3], "{lag:?}");
        assert!(caller.due().is_empty(), "{lag:?}");
    }
}

/// A header says when it is due; an entry that says otherwise is of an earlier state.
#[tokio::test(start_paused = true)]
async fn index_entries_without_pending_work_are_skipped() {
    let mut caller = a_caller_whose_index_lags(minutes(10)).await;
    // A part that waits: the entry of its first minute stays in the index.
    caller.queues(part("gathers", 1, 2)).await;
    // A call that waits for its time behind another one: it was woken, and waits.
    caller
        .queues(part("waits", 1, 2).at("2026-03-02T12:00:00Z"))
        .await;
    caller.queues(part("waits", 2, 2)).await;
    caller.passes(minutes(2)).await;
    caller
        .queues(part("gathers", 2, 2).at("2026-03-02T12:00:00Z"))
        .await;
    caller.settles().await;
    let looked_at = |caller: &Story| requests(caller, Service::DynamoDb, "GetItem");
    let before = (acted(&caller), looked_at(&caller));
    for _ in 0..20 {
        caller.passes(seconds(60)).await;
    }
    assert_eq!(acted(&caller), before.0);
    assert!(looked_at(&caller) > before.1, "its entries were never seen");
}

/// What was written, and what was sent to queues.
fn acted(caller: &Story) -> [f64; 3] {
    let sent = |operation| requests(caller, Service::Sqs, operation);
    let written = requests(caller, Service::DynamoDb, "PutItem");
    [written, sent("SendMessage"), sent("SendMessageBatch")]
}

/// The same of mails: those of a definition that is not active were looked at, and wait.
#[tokio::test(start_paused = true)]
async fn index_entries_of_settled_mails_are_skipped() {
    let mut caller = a_caller_whose_index_lags(minutes(10)).await;
    let definition = r#"<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>welcome</CustomerKey><TriggeredSendStatus>Inactive</TriggeredSendStatus><Email><Subject>Welcome</Subject><TextBody>Welcome.</TextBody></Email><FromName>The Shop</FromName><FromAddress>shop@example.com</FromAddress></Objects>"#;
    caller.does(call().creating(definition)).await;
    let send = r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey></TriggeredSendDefinition><Subscribers><EmailAddress>ann@example.com</EmailAddress><SubscriberKey>ann</SubscriberKey></Subscribers></Objects>"#;
    caller.queues(call().creating(send)).await;
    caller.settles().await;
    let batches = |caller: &Story| requests(caller, Service::Sqs, "SendMessageBatch");
    let before = batches(&caller);
    for _ in 0..16 {
        caller.passes(seconds(60)).await;
    }
    assert!(batches(&caller) > before, "they were due once more");
    let looked_at = |caller: &Story| requests(caller, Service::DynamoDb, "GetItem");
    let before = (acted(&caller), looked_at(&caller));
    for _ in 0..8 {
        caller.passes(seconds(60)).await;
    }
    assert_eq!(acted(&caller), before.0);
    assert!(looked_at(&caller) > before.1, "their entry was never seen");
}

#[tokio::test(start_paused = true)]
async fn a_put_that_meets_a_transaction_is_retried() {
    // The header of a conversation, and its call.
    for sort in ["/CONVERSATION", "/CALL#0000000002"] {
        let mut caller = Story::with_retries(RetryConfig::disabled()).await;
        caller.queues(part("c", 1, 2)).await;
        let is_it = move |aws_request: &local::AwsRequest| {
            aws_request.operation == "PutItem" && aws_request.key.ends_with(sort)
        };
        caller.local().faults().once(is_it, InjectedFault::Conflict);
        caller.queues(part("c", 2, 2)).await;
        let met = caller.local().faults().journal();
        assert!(
            met.iter()
                .any(|entry| entry.fault == Some(InjectedFault::Conflict)),
            "{sort} was never put"
        );
        caller.settles().await;
        assert_eq!(caller.states("c").await, ["Complete"; 2], "{sort}");
    }
}
