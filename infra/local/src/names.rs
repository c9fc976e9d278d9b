//! The names of the product's tables, queues, bucket, schedule group and key, and of the account
//! they are in.
//!
//! Queues and schedule group are called as in a stack `aftercall`; in a deployed set, AWS names the
//! rest.

/// The account that everything here belongs to.
pub const ACCOUNT: &str = "000000000000";
pub const REGION: &str = "us-east-1";

pub const CALLS_TABLE: &str = "aftercall-calls";
pub const OBJECTS_TABLE: &str = "aftercall-objects";
pub const ACCOUNTS_TABLE: &str = "aftercall-accounts";
pub const TABLES: [&str; 3] = [CALLS_TABLE, OBJECTS_TABLE, ACCOUNTS_TABLE];

/// The index of what must be looked at again.
pub const DUE_INDEX: &str = "due";

/// The index of conversations by account and time.
pub const ACCOUNT_INDEX: &str = "account";

/// The index of what failed.
pub const FAILED_INDEX: &str = "failed";

pub const HIGH_QUEUE: &str = "aftercall-high.fifo";
pub const MEDIUM_QUEUE: &str = "aftercall-medium.fifo";
pub const LOW_QUEUE: &str = "aftercall-low.fifo";
pub const REPLIES_QUEUE: &str = "aftercall-replies.fifo";
pub const QUEUES: [&str; 4] = [HIGH_QUEUE, MEDIUM_QUEUE, LOW_QUEUE, REPLIES_QUEUE];

/// The product's queues' visibility timeout.
pub const VISIBILITY_SECONDS: i64 = cloud::aws::queues::VISIBILITY.as_secs();

/// How often a message is received before it is given up.
pub const RECEIVE_COUNT_MAX: u32 = cloud::aws::queues::RECEIVES_MAX;

pub const BODIES_BUCKET: &str = "aftercall-bodies";
pub const SCHEDULE_GROUP: &str = "aftercall";

/// The SES configuration set of triggered mails.
pub const MAIL_CONFIGURATION_SET: &str = "aftercall";

/// What texts and calls by voice come from.
pub const TEXT_SENDER: &str = "+12065550100";
pub const VOICE_SENDER: &str = "+12065550101";

/// The KMS key of encrypted passwords.
pub const PASSWORD_KEY: &str = "11111111-2222-3333-4444-555555555555";

pub fn password_key_arn() -> String {
    format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{PASSWORD_KEY}")
}

/// `aftercall-high.fifo` has `aftercall-high-dead.fifo`.
pub fn dead_letter_queue(queue: &str) -> String {
    format!("{}-dead.fifo", queue.trim_end_matches(".fifo"))
}

pub fn queue_arn(queue: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}")
}

/// The queue's name, if the ARN is of a queue.
pub fn queue_of_arn(arn: &str) -> Option<&str> {
    let parts: Vec<_> = arn.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "sqs", _, _, queue] => Some(queue),
        _ => None,
    }
}

/// A queue is known by the last part of its URL, whatever address it begins with.
pub(crate) fn queue_of_url(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}
