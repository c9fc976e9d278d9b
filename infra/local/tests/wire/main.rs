//! The stand-ins as the real SDK sees them.

mod callbacks;
mod errors;
mod folder;
mod keys;
mod mails;
mod objects;
mod port;
mod queues;
mod schedules;
mod secrets;
mod tables;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Put};
use aws_smithy_types::retry::RetryConfig;
use local::names::{CALLS_TABLE, HIGH_QUEUE};
use local::{LocalClock, LocalCloud};

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
