//! The stand-ins as the real SDK sees them.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnConsumedCapacity,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update, WriteRequest,
};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, SqsParameters, Target,
};
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, RawMessage};
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, MessageSystemAttributeName, SendMessageBatchRequestEntry,
};
use aws_smithy_types::retry::RetryConfig;
use jiff::{SignedDuration, Timestamp};
use local::names::{BODIES_BUCKET, CALLS_TABLE, HIGH_QUEUE, SCHEDULE_GROUP, queue_arn};
use local::{CallbackAnswer, Fault, LocalClock, LocalCloud, MailFault, Service};

const NINE: &str = "2026-03-02T09:00:00Z";

fn cloud() -> LocalCloud {
    let clock = LocalClock::frozen_at(NINE.parse().expect("a time"));
    LocalCloud::with_tables_at(clock).expect("a cloud")
}

fn config(cloud: &LocalCloud) -> aws_types::SdkConfig {
    cloud.sdk_config(RetryConfig::disabled())
}

fn dynamodb(cloud: &LocalCloud) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(&config(cloud))
}

fn sqs(cloud: &LocalCloud) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(&config(cloud))
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn key(pk: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text("S"))])
}

fn put(pk: &str) -> Put {
    Put::builder()
        .table_name(CALLS_TABLE)
        .set_item(Some(key(pk)))
        .build()
        .expect("a put")
}

fn queue_url() -> String {
    format!("https://sqs.us-east-1.amazonaws.com/000000000000/{HIGH_QUEUE}")
}

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
    let used = cloud.tally().counts().used(Service::DynamoDb, "PutItem");
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

#[tokio::test(start_paused = true)]
async fn capacity_is_counted_as_aws_counts_it() {
    let cloud = cloud();
    let client = dynamodb(&cloud);
    let mark = cloud.tally().counts();
    let mut due = key("D");
    due.insert("due_shard".to_owned(), text("0"));
    due.insert("due_at".to_owned(), number(1));
    let answer = client
        .put_item()
        .table_name(CALLS_TABLE)
        .set_item(Some(due.clone()))
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .send()
        .await
        .expect("a put");
    let consumed = answer.consumed_capacity.expect("asked for");
    assert_eq!((consumed.capacity_units, consumed.table), (Some(2.0), None));
    let used = cloud
        .tally()
        .since(&mark)
        .used(Service::DynamoDb, "PutItem");
    assert_eq!((used.table_writes, used.index_writes), (1.0, 1.0));

    let update = |expression: &str, value: AttributeValue| {
        client
            .update_item()
            .table_name(CALLS_TABLE)
            .set_key(Some(key("D")))
            .update_expression(expression)
            .expression_attribute_values(":v", value)
            .send()
    };
    let mark = cloud.tally().counts();
    update("SET note = :v", text("x"))
        .await
        .expect("an update");
    let used = cloud
        .tally()
        .since(&mark)
        .used(Service::DynamoDb, "UpdateItem");
    assert_eq!(
        (used.table_writes, used.index_writes),
        (1.0, 0.0),
        "the index has no such attribute"
    );
    let mark = cloud.tally().counts();
    update("SET due_at = :v", number(2))
        .await
        .expect("an update");
    let used = cloud
        .tally()
        .since(&mark)
        .used(Service::DynamoDb, "UpdateItem");
    assert_eq!(
        (used.table_writes, used.index_writes),
        (1.0, 2.0),
        "an index key that moves costs two"
    );

    let mark = cloud.tally().counts();
    let answer = client
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().put(put("E")).build())
        .transact_items(TransactWriteItem::builder().put(put("F")).build())
        .transact_items(TransactWriteItem::builder().put(put("G")).build())
        .send()
        .await
        .expect("a transaction");
    assert!(answer.consumed_capacity.is_none(), "nobody asked");
    let used = cloud
        .tally()
        .since(&mark)
        .used(Service::DynamoDb, "TransactWriteItems");
    assert_eq!((used.table_writes, used.index_writes), (6.0, 0.0));

    let mark = cloud.tally().counts();
    let refused = client
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().put(put("H")).build())
        .transact_items(
            TransactWriteItem::builder()
                .condition_check(
                    ConditionCheck::builder()
                        .table_name(CALLS_TABLE)
                        .set_key(Some(key("E")))
                        .condition_expression("attribute_not_exists(pk)")
                        .build()
                        .expect("a check"),
                )
                .build(),
        )
        .send()
        .await;
    assert!(refused.is_err());
    let used = cloud
        .tally()
        .since(&mark)
        .used(Service::DynamoDb, "TransactWriteItems");
    assert_eq!(
        used.table_writes, 4.0,
        "what a condition refuses is paid for all the same"
    );
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
    let used = cloud.tally().counts();
    assert_eq!(used.used(Service::DynamoDb, "Query").index_reads, 0.5);
    assert_eq!(cloud.refused(), Vec::<String>::new());
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

#[tokio::test(start_paused = true)]
async fn a_fifo_queue_keeps_order_and_blocks_its_groups() {
    let cloud = cloud();
    let client = sqs(&cloud);
    let url = client
        .get_queue_url()
        .queue_name(HIGH_QUEUE)
        .send()
        .await
        .expect("a url");
    assert_eq!(url.queue_url(), Some(queue_url().as_str()));
    let mut batch = client.send_message_batch().queue_url(queue_url());
    for (id, group) in [("1", "a"), ("2", "a"), ("3", "b")] {
        let entry = SendMessageBatchRequestEntry::builder()
            .id(id)
            .message_body(id);
        batch = batch.entries(entry.message_group_id(group).build().expect("an entry"));
    }
    assert_eq!(batch.send().await.expect("a batch").successful().len(), 3);
    let receive = |max: i32| {
        client
            .receive_message()
            .queue_url(queue_url())
            .max_number_of_messages(max)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
    };
    let first = receive(1).await.expect("a receive");
    let message = &first.messages()[0];
    assert_eq!(message.body(), Some("1"));
    let attributes = message.attributes().expect("attributes");
    let group = attributes.get(&MessageSystemAttributeName::MessageGroupId);
    assert_eq!(group.map(String::as_str), Some("a"));
    let second = receive(10).await.expect("a receive");
    assert_eq!(second.messages().len(), 1, "group a is blocked");
    let delete = DeleteMessageBatchRequestEntry::builder().id("1");
    let delete = delete.receipt_handle(message.receipt_handle().expect("a handle"));
    client
        .delete_message_batch()
        .queue_url(queue_url())
        .entries(delete.build().expect("an entry"))
        .send()
        .await
        .expect("a delete");
    assert_eq!(
        receive(10).await.expect("a receive").messages()[0].body(),
        Some("2")
    );
    assert_eq!(cloud.sqs().in_flight(HIGH_QUEUE), 2);
    assert_eq!(cloud.refused(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_repeat_within_five_minutes_is_one_message() {
    let cloud = cloud();
    let client = sqs(&cloud);
    let send = || {
        let send = client.send_message().queue_url(queue_url());
        send.message_group_id("a").message_body("step 1").send()
    };
    let first = send().await.expect("a send");
    cloud.clock().advance(SignedDuration::from_secs(299));
    let again = send().await.expect("a send");
    assert_eq!(first.message_id(), again.message_id());
    assert_eq!(cloud.sqs().depth(HIGH_QUEUE), 1);
    cloud.clock().advance(SignedDuration::from_secs(1));
    send().await.expect("a send");
    assert_eq!(cloud.sqs().depth(HIGH_QUEUE), 2);
}

#[tokio::test(start_paused = true)]
async fn sqs_refuses_as_aws_does() {
    let cloud = cloud();
    let client = sqs(&cloud);
    let send = || {
        client
            .send_message()
            .queue_url(queue_url())
            .message_body("x")
    };
    let code = |error: aws_sdk_sqs::operation::send_message::SendMessageError| {
        error.meta().code().unwrap_or_default().to_owned()
    };
    let error = send()
        .message_group_id("a b")
        .send()
        .await
        .expect_err("a blank");
    assert_eq!(code(error.into_service_error()), "InvalidParameterValue");
    let error = send()
        .message_group_id("a".repeat(129))
        .send()
        .await
        .expect_err("too long");
    assert_eq!(code(error.into_service_error()), "InvalidParameterValue");
    let error = send().send().await.expect_err("no group");
    assert_eq!(code(error.into_service_error()), "MissingParameter");
    let long = "x".repeat((1 << 20) + 1);
    let error = send()
        .message_group_id("a")
        .message_body(long)
        .send()
        .await
        .expect_err("too long");
    assert_eq!(code(error.into_service_error()), "InvalidParameterValue");
    let lost = client
        .send_message()
        .queue_url("https://x/000000000000/none.fifo");
    let error = lost
        .message_group_id("a")
        .message_body("x")
        .send()
        .await
        .expect_err("no queue");
    assert!(error.into_service_error().is_queue_does_not_exist());
}

#[tokio::test(start_paused = true)]
async fn a_message_received_ten_times_is_a_dead_letter() {
    let cloud = cloud();
    sqs(&cloud)
        .send_message()
        .queue_url(queue_url())
        .message_group_id("a")
        .message_body("poison")
        .send()
        .await
        .expect("a send");
    for count in 1..=10 {
        let deliveries = cloud.sqs().receive(HIGH_QUEUE, 10);
        assert_eq!(deliveries[0].receive_count, count);
        let visible = cloud.sqs().next_visible_at().expect("in flight");
        cloud.clock().set(visible);
    }
    assert!(cloud.sqs().receive(HIGH_QUEUE, 10).is_empty());
    assert_eq!(cloud.sqs().dead_letters(HIGH_QUEUE)[0].body, "poison");
    assert_eq!(cloud.sqs().depth(HIGH_QUEUE), 0);
}

fn schedule(
    cloud: &LocalCloud,
    name: &str,
    expression: &str,
) -> aws_sdk_scheduler::operation::create_schedule::builders::CreateScheduleFluentBuilder {
    let parameters = SqsParameters::builder().message_group_id("a").build();
    let target = Target::builder()
        .arn(queue_arn(HIGH_QUEUE))
        .role_arn("arn:aws:iam::000000000000:role/scheduler")
        .input("wake")
        .sqs_parameters(parameters)
        .build()
        .expect("a target");
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off);
    aws_sdk_scheduler::Client::new(&config(cloud))
        .create_schedule()
        .name(name)
        .group_name(SCHEDULE_GROUP)
        .schedule_expression(expression)
        .flexible_time_window(window.build().expect("a window"))
        .action_after_completion(ActionAfterCompletion::Delete)
        .target(target)
}

#[tokio::test(start_paused = true)]
async fn a_schedule_fires_with_its_minute_and_is_gone() {
    let cloud = cloud();
    schedule(&cloud, "call-1", "at(2026-03-02T09:05:30)")
        .send()
        .await
        .expect("a schedule");
    let again = schedule(&cloud, "call-1", "at(2026-03-02T09:06:00)")
        .send()
        .await;
    assert!(
        again
            .expect_err("a conflict")
            .into_service_error()
            .is_conflict_exception()
    );
    let minute: Timestamp = "2026-03-02T09:05:00Z".parse().expect("a time");
    assert_eq!(cloud.scheduler().next_due(), Some(minute));
    cloud.clock().set(minute - SignedDuration::from_secs(1));
    assert_eq!(cloud.fire_due(), 0);
    cloud.clock().set(minute);
    assert_eq!(cloud.fire_due(), 1);
    assert_eq!(cloud.scheduler().next_due(), None);
    let delivery = &cloud.sqs().receive(HIGH_QUEUE, 1)[0];
    assert_eq!(
        (delivery.body.as_str(), delivery.group.as_str()),
        ("wake", "a")
    );
    let client = aws_sdk_scheduler::Client::new(&config(&cloud));
    let gone = client
        .delete_schedule()
        .name("call-1")
        .group_name(SCHEDULE_GROUP)
        .send()
        .await;
    assert!(
        gone.expect_err("gone")
            .into_service_error()
            .is_resource_not_found_exception()
    );
    assert_eq!(cloud.scheduler().undelivered(), Vec::<String>::new());
    assert_eq!(cloud.refused(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_schedule_can_be_late_looked_at_and_taken_back() {
    let cloud = cloud();
    cloud
        .scheduler()
        .set_lateness(SignedDuration::from_secs(59));
    schedule(&cloud, "call-2", "at(2026-03-02T09:05:00)")
        .send()
        .await
        .expect("a schedule");
    let late: Timestamp = "2026-03-02T09:05:59Z".parse().expect("a time");
    assert_eq!(cloud.scheduler().next_due(), Some(late));
    let client = aws_sdk_scheduler::Client::new(&config(&cloud));
    let found = client
        .get_schedule()
        .name("call-2")
        .group_name(SCHEDULE_GROUP)
        .send()
        .await;
    assert_eq!(
        found.expect("a schedule").schedule_expression(),
        Some("at(2026-03-02T09:05:00)")
    );
    let listed = client
        .list_schedules()
        .group_name(SCHEDULE_GROUP)
        .send()
        .await
        .expect("a list");
    assert_eq!(listed.schedules().len(), 1);
    client
        .delete_schedule()
        .name("call-2")
        .group_name(SCHEDULE_GROUP)
        .send()
        .await
        .expect("delete");
    assert_eq!(cloud.scheduler().next_due(), None);
    let bad = schedule(&cloud, "call 3", "at(2026-03-02T09:05:00)")
        .send()
        .await;
    assert!(
        bad.expect_err("a blank")
            .into_service_error()
            .is_validation_exception()
    );
    let bad = schedule(&cloud, "call-3", "at(2026-03-02 09:05)")
        .send()
        .await;
    assert!(
        bad.expect_err("no time")
            .into_service_error()
            .is_validation_exception()
    );
}

#[tokio::test(start_paused = true)]
async fn a_raw_mail_is_kept_with_its_attachments() {
    let cloud = cloud();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("row.csv", zip::write::SimpleFileOptions::default())
        .expect("a file");
    std::io::Write::write_all(&mut zip, b"a,b\n1,2\n").expect("a file");
    let zip = zip.finish().expect("an archive").into_inner();
    let raw = mail_builder::MessageBuilder::new()
        .from(("Aftercall", "noreply@example.com"))
        .to("to@example.com")
        .subject("Grüße")
        .header("X-Call", mail_builder::headers::text::Text::new("42"))
        .text_body("plain")
        .html_body("<p>rich</p>")
        .attachment("application/zip", "rows.zip", zip.clone())
        .write_to_vec()
        .expect("a mail");
    let client = aws_sdk_sesv2::Client::new(&config(&cloud));
    let send = || {
        let message = RawMessage::builder()
            .data(Blob::new(raw.clone()))
            .build()
            .expect("a mail");
        client
            .send_email()
            .content(EmailContent::builder().raw(message).build())
            .send()
    };
    let sent = send().await.expect("a mail");
    let mail = &cloud.ses().mails()[0];
    assert_eq!(sent.message_id(), Some(mail.id.as_str()));
    assert_eq!(mail.from, "Aftercall <noreply@example.com>");
    assert_eq!(
        (mail.subject.as_str(), mail.to.as_slice()),
        ("Grüße", &["to@example.com".to_owned()][..])
    );
    assert_eq!(mail.text.as_deref().map(str::trim), Some("plain"));
    assert_eq!(mail.html.as_deref().map(str::trim), Some("<p>rich</p>"));
    let call = mail.headers.iter().find(|(name, _)| name == "X-Call");
    assert_eq!(call.map(|(_, value)| value.as_str()), Some("42"));
    let attachment = &mail.attachments[0];
    assert_eq!(
        (attachment.name.as_str(), &attachment.content),
        ("rows.zip", &zip)
    );
    assert_eq!(attachment.files[0].name, "row.csv");
    assert_eq!(attachment.files[0].text.as_deref(), Some("a,b\n1,2\n"));
    cloud.ses().refuse_next(MailFault::MessageRejected);
    let error = send().await.expect_err("a fault").into_service_error();
    assert!(error.is_message_rejected());
    cloud.ses().set_fault(Some(MailFault::TooManyRequests));
    let error = send().await.expect_err("a fault").into_service_error();
    assert!(error.is_too_many_requests_exception());
    cloud.ses().set_fault(Some(MailFault::AccountSendingPaused));
    let error = send().await.expect_err("a fault").into_service_error();
    assert!(error.is_sending_paused_exception());
    assert_eq!(cloud.refused(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_simple_mail_is_kept_too() {
    let cloud = cloud();
    let content = |text: &str| {
        aws_sdk_sesv2::types::Content::builder()
            .data(text)
            .build()
            .expect("a text")
    };
    let message = Message::builder()
        .subject(content("subject"))
        .body(Body::builder().text(content("plain")).build())
        .build();
    aws_sdk_sesv2::Client::new(&config(&cloud))
        .send_email()
        .from_email_address("noreply@example.com")
        .destination(
            Destination::builder()
                .to_addresses("to@example.com")
                .build(),
        )
        .content(EmailContent::builder().simple(message).build())
        .send()
        .await
        .expect("a mail");
    let mail = &cloud.ses().mails()[0];
    assert_eq!(
        (mail.subject.as_str(), mail.text.as_deref()),
        ("subject", Some("plain"))
    );
    assert_eq!(mail.html, None);
}

#[tokio::test(start_paused = true)]
async fn an_object_is_written_once_and_read() {
    let cloud = cloud();
    let client = aws_sdk_s3::Client::new(&config(&cloud));
    let put = |body: &'static [u8]| {
        let put = client.put_object().bucket(BODIES_BUCKET).key("a/b c?d");
        put.if_none_match("*")
            .body(ByteStream::from_static(body))
            .send()
    };
    put(b"body").await.expect("a put");
    let error = put(b"other").await.expect_err("it is there");
    assert_eq!(
        error.raw_response().map(|raw| raw.status().as_u16()),
        Some(412)
    );
    assert_eq!(
        error.into_service_error().meta().code(),
        Some("PreconditionFailed")
    );
    let get = |key: &str| client.get_object().bucket(BODIES_BUCKET).key(key).send();
    let body = get("a/b c?d")
        .await
        .expect("a get")
        .body
        .collect()
        .await
        .expect("a body");
    assert_eq!(body.into_bytes().as_ref(), b"body");
    assert!(
        get("none")
            .await
            .expect_err("not there")
            .into_service_error()
            .is_no_such_key()
    );
    let head = client
        .head_object()
        .bucket(BODIES_BUCKET)
        .key("a/b c?d")
        .send()
        .await;
    assert_eq!(head.expect("a head").content_length(), Some(4));
    let head = client
        .head_object()
        .bucket(BODIES_BUCKET)
        .key("none")
        .send()
        .await;
    assert!(
        head.expect_err("not there")
            .into_service_error()
            .is_not_found()
    );
    let list = client
        .list_objects_v2()
        .bucket(BODIES_BUCKET)
        .prefix("a/")
        .send()
        .await;
    assert_eq!(list.expect("a list").contents()[0].key(), Some("a/b c?d"));
    client
        .delete_object()
        .bucket(BODIES_BUCKET)
        .key("a/b c?d")
        .send()
        .await
        .expect("a delete");
    assert_eq!(cloud.s3().keys(BODIES_BUCKET), Vec::<String>::new());
    assert_eq!(cloud.refused(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn lost_requests_and_answers_look_alike_to_the_caller() {
    let cloud = cloud();
    let client = dynamodb(&cloud);
    let put = |pk: &str| {
        client
            .put_item()
            .table_name(CALLS_TABLE)
            .set_item(Some(key(pk)))
            .send()
    };
    cloud.faults().at(1, Fault::LoseRequest);
    cloud.faults().at(2, Fault::LoseAnswer);
    assert!(matches!(put("A").await, Err(SdkError::DispatchFailure(_))));
    assert!(matches!(
        put("B").await,
        Err(SdkError::DispatchFailure(_) | SdkError::TimeoutError(_))
    ));
    let count = client
        .scan()
        .table_name(CALLS_TABLE)
        .send()
        .await
        .expect("a scan")
        .count();
    assert_eq!(count, 1);
    cloud.faults().next(Fault::Throttle);
    let error = put("C").await.expect_err("throttled").into_service_error();
    assert!(error.is_throttling_exception(), "{error:?}");
    cloud
        .faults()
        .once(|asked| asked.operation == "PutItem", Fault::Conflict);
    let error = put("C").await.expect_err("a conflict").into_service_error();
    assert!(error.is_transaction_conflict_exception(), "{error:?}");
    put("C").await.expect("a put");
    let journal = cloud.faults().journal();
    let journal: Vec<_> = journal.iter().map(ToString::to_string).collect();
    assert_eq!(
        journal[0],
        "1 DynamoDB PutItem aftercall-calls A/S [LoseRequest]"
    );
    assert_eq!(cloud.faults().requests_made(), 6);
}

#[tokio::test(start_paused = true)]
async fn throttling_is_tried_again_by_the_sdk() {
    let cloud = cloud();
    cloud.faults().at(1, Fault::Throttle);
    cloud.faults().at(2, Fault::LoseRequest);
    let config = cloud.sdk_config(RetryConfig::standard().with_max_attempts(3));
    let client = aws_sdk_sqs::Client::new(&config);
    let send = client
        .send_message()
        .queue_url(queue_url())
        .message_group_id("a");
    send.message_body("x")
        .send()
        .await
        .expect("the third attempt");
    assert_eq!(cloud.faults().requests_made(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_crash_ends_everything_until_the_restart() {
    let cloud = cloud();
    let config = cloud.sdk_config(RetryConfig::standard());
    let client = aws_sdk_dynamodb::Client::new(&config);
    let put = |pk: &str| {
        client
            .put_item()
            .table_name(CALLS_TABLE)
            .set_item(Some(key(pk)))
            .send()
    };
    cloud.faults().crash_after(2);
    put("A").await.expect("a put");
    assert!(put("B").await.is_err());
    assert!(put("C").await.is_err());
    assert!(cloud.faults().crashed());
    cloud.faults().restart();
    let count = client
        .scan()
        .table_name(CALLS_TABLE)
        .send()
        .await
        .expect("a scan")
        .count();
    assert_eq!(
        count, 2,
        "B happened although nobody heard of it; C did not"
    );
    assert_eq!(cloud.faults().requests_made(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_goes_outside_is_kept_and_answered_as_planned() {
    use aws_smithy_runtime_api::client::http::HttpConnector;
    let cloud = cloud();
    let url = "https://client.example/cb";
    cloud
        .callbacks()
        .answer_next(url, CallbackAnswer::status(503).retry_after(30));
    cloud
        .callbacks()
        .answer_next(url, CallbackAnswer::ConnectionFails);
    cloud.callbacks().answer_next(
        url,
        CallbackAnswer::status(200).late_by(Duration::from_secs(9)),
    );
    let post = || {
        let request = http::Request::post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(aws_smithy_types::body::SdkBody::from("id=1&text=a+b"))
            .expect("a request");
        cloud
            .http_connector()
            .call(request.try_into().expect("a request"))
    };
    let answer = post().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 503);
    assert_eq!(answer.headers().get("retry-after"), Some("30"));
    assert!(post().await.is_err());
    let before = tokio::time::Instant::now();
    assert_eq!(post().await.expect("an answer").status().as_u16(), 200);
    assert_eq!(before.elapsed(), Duration::from_secs(9));
    let callbacks = cloud.callbacks().callbacks();
    assert_eq!(
        callbacks.len(),
        2,
        "nobody saw the one whose connection failed"
    );
    assert_eq!(callbacks[0].field("text"), Some("a b"));
    assert_eq!(
        (callbacks[0].url.as_str(), callbacks[0].at),
        (url, cloud.clock().now())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn other_processes_reach_it_by_a_port() {
    let cloud = LocalCloud::with_tables().expect("a cloud");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(local::port::serve(cloud.clone(), listener));
    // Only the callbacks of the other cloud are used: none here; its connector is not.
    let request = |target: &str, body: &str| {
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {address}\r\nx-amz-target: {target}\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let mut stream = tokio::net::TcpStream::connect(address)
                .await
                .expect("a connection");
            stream.write_all(head.as_bytes()).await.expect("a request");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("an answer");
            answer
        }
    };
    let url = request(
        "AmazonSQS.GetQueueUrl",
        r#"{"QueueName":"aftercall-high.fifo"}"#,
    )
    .await;
    assert!(
        url.contains(&format!("http://{address}/000000000000/{HIGH_QUEUE}")),
        "{url}"
    );
    let tables = request("DynamoDB_20120810.ListTables", "{}").await;
    assert!(
        tables.starts_with("HTTP/1.1 200") && tables.contains(CALLS_TABLE),
        "{tables}"
    );
    let body = format!(r#"{{"QueueUrl":"http://x/1/{HIGH_QUEUE}","WaitTimeSeconds":20}}"#);
    let waiting = tokio::spawn(request("AmazonSQS.ReceiveMessage", &body));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let body = format!(
        r#"{{"QueueUrl":"http://x/1/{HIGH_QUEUE}","MessageBody":"late","MessageGroupId":"a"}}"#
    );
    request("AmazonSQS.SendMessage", &body).await;
    let received = tokio::time::timeout(Duration::from_secs(5), waiting).await;
    let received = received.expect("in time").expect("an answer");
    assert!(received.contains("late"), "{received}");
}
