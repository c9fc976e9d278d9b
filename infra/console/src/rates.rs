//! What the functions count by the minute, read once a minute however many pages are open: each metric of
//! each look is paid for.

use std::sync::Arc;

use cloud::metrics::Metric;
use cloud::read::rates::{MetricSeries, MetricsOutOfReach, PERIOD, StackMetrics};
use jiff::Timestamp;
use tokio::sync::Mutex;

/// What is drawn, and what one of each is.
pub(crate) const DRAWN: [(Metric, &str, &str); 8] = [
    (Metric::Accepted, "Accepted", "calls"),
    (Metric::CarriedOut, "Carried out", "calls"),
    (Metric::CallsFailed, "Failed", "calls"),
    (Metric::Refused, "Refused", "calls"),
    (Metric::RepliesDelivered, "Replies delivered", "replies"),
    (
        Metric::RepliesFailed,
        "Attempts at replies that failed",
        "attempts",
    ),
    (Metric::MailsSent, "Mails sent", "mails"),
    (Metric::LoginsFailed, "Logins that failed", "requests"),
];

/// How far the plots go back.
pub(crate) const MINUTES: i64 = 60;

/// What was read last. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct KnownRates(Arc<Mutex<Option<ReadRates>>>);

type Rates = Result<Vec<MetricSeries>, MetricsOutOfReach>;

struct ReadRates {
    at: Timestamp,
    rates: Rates,
}

impl KnownRates {
    /// As of a minute ago at most. Who comes while they are read waits for them.
    pub(crate) async fn rates(&self, metrics: &StackMetrics, now: Timestamp) -> Rates {
        let mut known = self.0.lock().await;
        if let Some(read) = known.as_ref().filter(|it| it.is_new(now)) {
            return read.rates.clone();
        }
        let drawn = DRAWN.map(|(metric, _, _)| metric);
        let rates = metrics.by_minute(&drawn, MINUTES, now).await;
        *known = Some(ReadRates {
            at: now,
            rates: rates.clone(),
        });
        rates
    }
}

impl ReadRates {
    /// Nothing new is told before the next minute is over. A clock that was moved makes all of it old.
    fn is_new(&self, now: Timestamp) -> bool {
        let minute = |at: Timestamp| at.as_second().div_euclid(PERIOD.as_secs());
        minute(self.at) == minute(now)
    }
}
