//! SQS FIFO: order, blocked groups, repeats, refusals and dead letters.

use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, MessageSystemAttributeName, SendMessageBatchRequestEntry,
};
use jiff::SignedDuration;
use local::names::HIGH_QUEUE;

use crate::{cloud, queue_url, sqs};

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
async fn a_message_received_too_often_is_a_dead_letter() {
    let cloud = cloud();
    sqs(&cloud)
        .send_message()
        .queue_url(queue_url())
        .message_group_id("a")
        .message_body("poison")
        .send()
        .await
        .expect("a send");
    for count in 1..=local::names::RECEIVE_COUNT_MAX {
        let deliveries = cloud.sqs().receive(HIGH_QUEUE, 10);
        assert_eq!(deliveries[0].receive_count, count);
        let visible = cloud.sqs().next_visible_at().expect("in flight");
        cloud.clock().set(visible);
    }
    assert!(cloud.sqs().receive(HIGH_QUEUE, 10).is_empty());
    assert_eq!(cloud.sqs().dead_letters(HIGH_QUEUE)[0].body, "poison");
    assert_eq!(cloud.sqs().depth(HIGH_QUEUE), 0);
}
