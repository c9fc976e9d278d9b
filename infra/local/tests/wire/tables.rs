//! DynamoDB: typed errors, cancelled transactions, and what each request costs.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnConsumedCapacity,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update, WriteRequest,
};
use local::names::CALLS_TABLE;
use local::{Counts, LocalCloud, Service};

use crate::{cloud, dynamodb, key, number, put, text};

#[tokio::test(start_paused = true)]
async fn a_failed_condition_is_a_typed_error_with_the_item() {
    let cloud = cloud();
    let client = dynamodb(&cloud);
    let put = || {
        client
            .put_item()
            .table_name(CALLS_TABLE)
            .set_item(Some(key("A")))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    };
    put().send().await.expect("the first put");
    let error = put()
        .send()
        .await
        .expect_err("the second put")
        .into_service_error();
    let PutItemError::ConditionalCheckFailedException(failed) = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        failed.item().and_then(|item| item.get("pk")),
        Some(&text("A"))
    );
    assert_eq!(cloud.refused(), Vec::<String>::new());
    let used = cloud.usage().counts().used(Service::DynamoDb, "PutItem");
    assert_eq!((used.requests, used.table_writes), (2.0, 2.0));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_transaction_gives_a_reason_for_each_action() {
    let cloud = cloud();
    let client = dynamodb(&cloud);
    client
        .put_item()
        .table_name(CALLS_TABLE)
        .set_item(Some(key("A")))
        .send()
        .await
        .expect("put");
    let refused = Put::builder()
        .table_name(CALLS_TABLE)
        .set_item(Some(key("A")))
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .expect("a put");
    let error = client
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().put(put("B")).build())
        .transact_items(TransactWriteItem::builder().put(refused).build())
        .send()
        .await
        .expect_err("the condition")
        .into_service_error();
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        panic!("{error:?}")
    };
    let reasons = cancelled.cancellation_reasons();
    let codes: Vec<_> = reasons.iter().filter_map(|reason| reason.code()).collect();
    assert_eq!(codes, ["None", "ConditionalCheckFailed"]);
    assert!(
        reasons[1]
            .item()
            .is_some_and(|item| item.contains_key("pk"))
    );
    let missing = client
        .get_item()
        .table_name(CALLS_TABLE)
        .set_key(Some(key("B")))
        .send()
        .await;
    assert!(missing.expect("a read").item.is_none());
}

/// Table and index write units of one operation since the mark.
fn writes_since(cloud: &LocalCloud, mark: &Counts, operation: &str) -> (f64, f64) {
    let used = cloud.usage().since(mark).used(Service::DynamoDb, operation);
    (used.table_writes, used.index_writes)
}

fn due(pk: &str, at: i64) -> HashMap<String, AttributeValue> {
    let mut item = key(pk);
    item.insert("due_shard".to_owned(), text("0"));
    item.insert("due_at".to_owned(), number(at));
    item
}

#[tokio::test(start_paused = true)]
async fn an_index_is_paid_for_when_its_entry_changes() {
    let cloud = cloud();
    let client = dynamodb(&cloud);
    let mark = cloud.usage().counts();
    let put = client
        .put_item()
        .table_name(CALLS_TABLE)
        .set_item(Some(due("D", 1)));
    let put = put.return_consumed_capacity(ReturnConsumedCapacity::Total);
    let consumed = put
        .send()
        .await
        .expect("a put")
        .consumed_capacity
        .expect("asked for");
    assert_eq!((consumed.capacity_units, consumed.table), (Some(2.0), None));
    assert_eq!(writes_since(&cloud, &mark, "PutItem"), (1.0, 1.0));

    let update = |expression: &str| {
        let update = client
            .update_item()
            .table_name(CALLS_TABLE)
            .set_key(Some(key("D")));
        update
            .update_expression(expression)
            .expression_attribute_values(":v", number(2))
            .send()
    };
    let mark = cloud.usage().counts();
    update("SET note = :v").await.expect("an update");
    assert_eq!(
        writes_since(&cloud, &mark, "UpdateItem"),
        (1.0, 0.0),
        "it has no such attribute"
    );
    let mark = cloud.usage().counts();
    update("SET due_at = :v").await.expect("an update");
    assert_eq!(
        writes_since(&cloud, &mark, "UpdateItem"),
        (1.0, 2.0),
        "its key moves"
    );
    let mark = cloud.usage().counts();
    update("REMOVE due_at SET note = :v")
        .await
        .expect("an update");
    assert_eq!(
        writes_since(&cloud, &mark, "UpdateItem"),
        (1.0, 1.0),
        "its entry goes"
    );
}

#[tokio::test(start_paused = true)]
async fn a_transaction_costs_double_and_its_index_does_not() {
    let cloud = cloud();
    let client = dynamodb(&cloud);
    let mark = cloud.usage().counts();
    let with_due = Put::builder()
        .table_name(CALLS_TABLE)
        .set_item(Some(due("G", 1)));
    let answer = client
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().put(put("E")).build())
        .transact_items(TransactWriteItem::builder().put(put("F")).build())
        .transact_items(
            TransactWriteItem::builder()
                .put(with_due.build().expect("a put"))
                .build(),
        )
        .send()
        .await
        .expect("a transaction");
    assert!(answer.consumed_capacity.is_none(), "nobody asked");
    assert_eq!(
        writes_since(&cloud, &mark, "TransactWriteItems"),
        (6.0, 1.0)
    );

    let mark = cloud.usage().counts();
    let check = ConditionCheck::builder()
        .table_name(CALLS_TABLE)
        .set_key(Some(key("E")));
    let check = check
        .condition_expression("attribute_not_exists(pk)")
        .build()
        .expect("a check");
    let refused = client
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().put(put("H")).build())
        .transact_items(TransactWriteItem::builder().condition_check(check).build())
        .send()
        .await;
    assert!(refused.is_err());
    let paid = writes_since(&cloud, &mark, "TransactWriteItems");
    assert_eq!(
        paid,
        (4.0, 0.0),
        "what a condition refuses is paid for all the same"
    );
}

#[tokio::test(start_paused = true)]
async fn units_grow_with_the_item_and_doubling_comes_after_rounding() {
    let cloud = cloud();
    let client = dynamodb(&cloud);
    let mut long = key("L");
    long.insert("body".to_owned(), text(&"x".repeat(1500)));
    let mark = cloud.usage().counts();
    let put = client
        .put_item()
        .table_name(CALLS_TABLE)
        .set_item(Some(long.clone()));
    put.send().await.expect("a put");
    assert_eq!(writes_since(&cloud, &mark, "PutItem"), (2.0, 0.0));
    let mark = cloud.usage().counts();
    let put = Put::builder()
        .table_name(CALLS_TABLE)
        .set_item(Some(long))
        .build()
        .expect("a put");
    let transaction = client.transact_write_items();
    let transaction = transaction.transact_items(TransactWriteItem::builder().put(put).build());
    transaction.send().await.expect("a transaction");
    assert_eq!(
        writes_since(&cloud, &mark, "TransactWriteItems"),
        (4.0, 0.0)
    );
    let mark = cloud.usage().counts();
    let get = |consistent: bool| {
        let get = client
            .get_item()
            .table_name(CALLS_TABLE)
            .set_key(Some(key("L")));
        get.consistent_read(consistent).send()
    };
    get(true).await.expect("a read");
    get(false).await.expect("a read");
    let used = cloud
        .usage()
        .since(&mark)
        .used(Service::DynamoDb, "GetItem");
    assert_eq!((used.requests, used.table_reads), (2.0, 1.5));
    println!("{}", cloud.usage().counts());
}

#[tokio::test(start_paused = true)]
async fn every_way_to_read_and_write_works() {
    let cloud = cloud();
    let client = dynamodb(&cloud);
    let write = |pk: &str| {
        let put = aws_sdk_dynamodb::types::PutRequest::builder();
        let put = put.set_item(Some(key(pk))).build().expect("a put");
        WriteRequest::builder().put_request(put).build()
    };
    client
        .batch_write_item()
        .request_items(CALLS_TABLE, vec![write("A"), write("B")])
        .send()
        .await
        .expect("a batch");
    let update = Update::builder()
        .table_name(CALLS_TABLE)
        .set_key(Some(key("A")))
        .update_expression("SET due_shard = :shard, due_at = :at")
        .expression_attribute_values(":shard", text("0"))
        .expression_attribute_values(":at", number(7))
        .build()
        .expect("an update");
    let delete = Delete::builder()
        .table_name(CALLS_TABLE)
        .set_key(Some(key("B")));
    client
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().update(update).build())
        .transact_items(
            TransactWriteItem::builder()
                .delete(delete.build().expect("a delete"))
                .build(),
        )
        .send()
        .await
        .expect("a transaction");
    let due = client
        .query()
        .table_name(CALLS_TABLE)
        .index_name("due")
        .key_condition_expression("due_shard = :shard AND due_at <= :now")
        .expression_attribute_values(":shard", text("0"))
        .expression_attribute_values(":now", number(7))
        .send()
        .await
        .expect("a query");
    assert_eq!(due.items().len(), 1);
    let all = client
        .scan()
        .table_name(CALLS_TABLE)
        .send()
        .await
        .expect("a scan");
    assert_eq!(all.count(), 1);
    let used = cloud.usage().counts();
    assert_eq!(used.used(Service::DynamoDb, "Query").index_reads, 0.5);
    assert_eq!(cloud.refused(), Vec::<String>::new());
}

/// As in AWS: the engine would answer.
#[tokio::test(start_paused = true)]
async fn a_query_by_an_empty_key_is_refused() {
    let cloud = cloud();
    let query = |from: &str| {
        dynamodb(&cloud)
            .query()
            .table_name(CALLS_TABLE)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", text("A"))
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":to", text("9"))
    };
    query("0").send().await.expect("an answer");
    let error = query("").send().await.expect_err("an empty key");
    assert_eq!(error.code(), Some("ValidationException"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_is_not_built_is_refused_loudly() {
    let cloud = cloud();
    let client = dynamodb(&cloud);
    let error = client
        .delete_table()
        .table_name(CALLS_TABLE)
        .send()
        .await
        .expect_err("not built");
    assert_eq!(
        error.raw_response().map(|raw| raw.status().as_u16()),
        Some(501)
    );
    assert_eq!(cloud.refused().len(), 1);
    assert!(
        cloud.refused()[0].contains("DeleteTable"),
        "{:?}",
        cloud.refused()
    );
}
