//! What an event of a service says of one mail, text or call by voice.

use cloud::records::mail_record::MailTag;
use jiff::Timestamp;
use objects::BounceKind;

/// One event, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MailReport {
    pub(crate) tag: MailTag,
    pub(crate) reported: ReportedState,
}

/// What became of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReportedState {
    Delivered,
    /// Taken, and then not sent: a mail holds a virus, a phone was not reached.
    Rejected(String),
    Bounced(BounceReport),
    ComplainedAt(Timestamp),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BounceReport {
    pub(crate) at: Timestamp,
    pub(crate) kind: BounceKind,
    pub(crate) category: String,
    pub(crate) smtp_code: Option<String>,
    pub(crate) smtp_reason: Option<String>,
}
