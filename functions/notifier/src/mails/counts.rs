//! Which service hands mails, texts and calls by voice on, and what becomes of them, as metrics.

use cloud::Cloud;
use cloud::metrics::Metric;
use cloud::records::mail_record::MailState;

/// What hands it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendService {
    Mail,
    /// Texts and calls by voice.
    Phone,
}

/// Its service has taken it. `parts`: what a text is paid by.
pub(super) fn sent(cloud: &Cloud, service: SendService, parts: u32) {
    match service {
        SendService::Mail => cloud.metrics.count(Metric::MailsSent),
        SendService::Phone => {
            cloud.metrics.count(Metric::TextsSent);
            cloud.metrics.add(Metric::TextParts, parts.into());
        }
    }
}

/// Its service did not take it, and is asked again later.
pub(super) fn put_off(cloud: &Cloud, service: SendService) {
    cloud.metrics.count(match service {
        SendService::Mail => Metric::MailsPutOff,
        SendService::Phone => Metric::TextsPutOff,
    });
}

/// It is committed that it was not sent, or that nobody knows.
pub(super) fn not_sent(cloud: &Cloud, service: SendService, state: MailState) {
    let metric = match (state, service) {
        (MailState::Failed, SendService::Mail) => Metric::MailsFailed,
        (MailState::Failed, SendService::Phone) => Metric::TextsFailed,
        (MailState::Unknown, SendService::Mail) => Metric::MailsUnknown,
        (MailState::Unknown, SendService::Phone) => Metric::TextsUnknown,
        (MailState::Pending | MailState::Sending(_) | MailState::Sent(_), _) => return,
    };
    cloud.metrics.count(metric);
}
