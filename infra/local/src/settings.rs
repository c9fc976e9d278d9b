//! The functions' settings here, as the template would set them.

use cloud::{OwnHosts, PhoneSenders, Settings};

use crate::lifecycle::CONCURRENCY;
use crate::names;

/// The settings that the template would give the functions.
pub fn settings() -> Settings {
    let url = |queue: &str| {
        format!(
            "https://sqs.us-east-1.amazonaws.com/{}/{queue}",
            names::ACCOUNT
        )
    };
    Settings {
        calls_table: names::CALLS_TABLE.to_owned(),
        objects_table: names::OBJECTS_TABLE.to_owned(),
        accounts_table: names::ACCOUNTS_TABLE.to_owned(),
        high_queue_url: url(names::HIGH_QUEUE),
        medium_queue_url: url(names::MEDIUM_QUEUE),
        low_queue_url: url(names::LOW_QUEUE),
        replies_queue_url: url(names::REPLIES_QUEUE),
        schedule_group: names::SCHEDULE_GROUP.to_owned(),
        schedule_role_arn: format!("arn:aws:iam::{}:role/aftercall-schedules", names::ACCOUNT),
        bodies_bucket: names::BODIES_BUCKET.to_owned(),
        mail_sender: "aftercall@localhost.example".to_owned(),
        mail_configuration_set: names::MAIL_CONFIGURATION_SET.to_owned(),
        unsubscribe_url: "https://aftercall.example.net/unsubscribe/".to_owned(),
        phone_senders: PhoneSenders {
            text: vec![names::TEXT_SENDER.to_owned()],
            voice: vec![names::VOICE_SENDER.to_owned()],
        },
        // More than any test sends.
        texts_per_second: 1_000,
        results_days: 30,
        calls_per_second: 0,
        concurrency: CONCURRENCY,
        password_key: Some(names::password_key_arn()),
        backend: None,
        default_backend: None,
        allow_http_callbacks: true,
        public_url: String::new(),
        own_hosts: OwnHosts::default(),
        metrics_namespace: String::new(),
    }
}
