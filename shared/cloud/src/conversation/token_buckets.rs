//! Token buckets that all functions share: how often mails are sent, and calls of a queue begun.
//!
//! | pk                     | sk       | holds                                      |
//! |------------------------|----------|--------------------------------------------|
//! | `BUCKET#mails`         | `BUCKET` | version, when full again, SES's rate, since when |
//! | key of an order queue  | `BUCKET` | version, when full again                   |
//! | `BUCKET#backend-<name>` | `BUCKET` | the same                                  |

use calls::{Rate, TokenBucket, TokensTaken};
use jiff::{SignedDuration, Timestamp};

use crate::Cloud;
use crate::aws::table::Key;
use crate::error::{CommitError, Committed, Error, SHARED_RECORD_CONFLICTS_MAX};
use crate::records::item::{ItemReader, ItemWriter};

const SORT: &str = "BUCKET";

/// How long what SES said of its rate is believed, by all functions together: `GetAccount` may be
/// called once a second by a whole AWS account.
const RATE_KNOWN: SignedDuration = SignedDuration::from_mins(15);

/// When SES is asked again after it did not say.
const RATE_AGAIN: SignedDuration = SignedDuration::from_secs(30);

/// The rate of SES's sandbox, in thousandths: taken where SES does not say its rate.
const SANDBOX_THOUSANDTHS: u32 = 1_000;

/// For how long no mail is sent after SES said that it is too much.
const THROTTLED_PAUSE: SignedDuration = SignedDuration::from_secs(5);

#[derive(Clone, Copy, Debug)]
struct BucketRecord {
    version: u64,
    bucket: TokenBucket,
    /// Of the mails' bucket: thousandths a second, and when SES said so.
    rate: Option<(u32, Timestamp)>,
}

impl BucketRecord {
    const fn new(now: Timestamp) -> Self {
        Self {
            version: 0,
            bucket: TokenBucket::full(now),
            rate: None,
        }
    }
}

/// What came of asking to send mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTokens {
    /// So many may be sent now.
    Some(u32),
    NotBefore(Timestamp),
}

impl Cloud {
    /// Asks for tokens to send mails with: at most SES's rate, over all functions together.
    pub async fn take_mail_tokens(&self, wanted: u32) -> Result<MailTokens, Error> {
        let key = mails_key();
        for _ in 0..SHARED_RECORD_CONFLICTS_MAX {
            let now = self.now();
            let mut record = self.bucket(&key, now).await?;
            let known = record
                .rate
                .filter(|(_, since)| now.duration_since(*since) < RATE_KNOWN);
            let thousandths = match known {
                Some((thousandths, _)) => thousandths,
                None => {
                    let before = record.rate.map_or(SANDBOX_THOUSANDTHS, |(rate, _)| rate);
                    match Box::pin(self.mail.thousandths_per_second()).await {
                        Some(said) => {
                            record.rate = Some((said, now));
                            said
                        }
                        None => {
                            record.rate = Some((before, now - RATE_KNOWN + RATE_AGAIN));
                            before
                        }
                    }
                }
            };
            let Some(rate) = Rate::of_thousandths(thousandths) else {
                return Ok(MailTokens::NotBefore(now + RATE_KNOWN));
            };
            let (tokens, remaining) = match record.bucket.take(rate, wanted, now) {
                TokensTaken::NotBefore(at) => return Ok(MailTokens::NotBefore(at)),
                TokensTaken::Some { tokens, remaining } => (tokens, remaining),
            };
            match Committed::of(self.put_bucket(&key, record, remaining).await)? {
                Committed::Written(()) => return Ok(MailTokens::Some(tokens)),
                Committed::Conflict => {}
            }
        }
        // Many are at it, so they get on: come again.
        Ok(MailTokens::NotBefore(
            self.now() + SignedDuration::from_secs(1),
        ))
    }

    /// SES has said that it is too much: nobody sends for a while. When mails may be sent again.
    pub async fn pause_mails(&self) -> Result<Timestamp, Error> {
        let (key, now) = (mails_key(), self.now());
        let until = now + THROTTLED_PAUSE;
        let record = self.bucket(&key, now).await?;
        let thousandths = record.rate.map_or(SANDBOX_THOUSANDTHS, |(rate, _)| rate);
        if let Some(rate) = Rate::of_thousandths(thousandths) {
            let emptied = record.bucket.empty_until(rate, until);
            // Whoever was first is at the same rate, and will be told the same.
            let _whoever = Committed::of(self.put_bucket(&key, record, emptied).await)?;
        }
        Ok(until)
    }

    async fn bucket(&self, key: &Key, now: Timestamp) -> Result<BucketRecord, Error> {
        let Some(item) = self.calls.get(key).await? else {
            return Ok(BucketRecord::new(now));
        };
        let item = ItemReader(item);
        let rate = item
            .maybe_number("thousandths")
            .zip(item.time("rate_since").ok());
        Ok(BucketRecord {
            version: item.number("version")?,
            bucket: TokenBucket {
                full_at: Timestamp::from_microsecond(item.number("full_at")?)
                    .map_err(|_| item.unreadable("full_at"))?,
            },
            rate,
        })
    }

    async fn put_bucket(
        &self,
        key: &Key,
        record: BucketRecord,
        remaining: TokenBucket,
    ) -> Result<(), CommitError> {
        let item = ItemWriter::new(key.clone())
            .number("version", record.version + 1)
            // Exactly: rounded, a token would come back too early each time.
            .number("full_at", remaining.full_at.as_microsecond());
        let item = match record.rate {
            Some((thousandths, since)) => item
                .number("thousandths", thousandths)
                .number("rate_since", since.as_millisecond()),
            None => item,
        };
        let seen = (record.version > 0).then_some(record.version);
        self.calls.put_over(item.done(), seen).await
    }

    /// Asks to begin one call of an order queue. `None`: it may be begun now.
    pub async fn take_queue_token(
        &self,
        queue: &calls::ConversationKey,
        rate: Rate,
    ) -> Result<Option<Timestamp>, Error> {
        self.take_token(&Key::new(&queue.0, SORT), rate).await
    }

    /// Asks to send one call to a backend that is asked so often a second. `None`: it may be sent now.
    pub async fn take_backend_token(
        &self,
        backend: &calls::BackendName,
        per_second: u32,
    ) -> Result<Option<Timestamp>, Error> {
        let key = Key::new(format!("BUCKET#backend-{backend}"), SORT);
        match Rate::of_thousandths(per_second.saturating_mul(1_000)) {
            Some(rate) => self.take_token(&key, rate).await,
            None => Ok(None),
        }
    }

    async fn take_token(&self, key: &Key, rate: Rate) -> Result<Option<Timestamp>, Error> {
        for _ in 0..SHARED_RECORD_CONFLICTS_MAX {
            let now = self.now();
            let record = self.bucket(key, now).await?;
            let remaining = match record.bucket.take(rate, 1, now) {
                TokensTaken::NotBefore(at) => return Ok(Some(at)),
                TokensTaken::Some { remaining, .. } => remaining,
            };
            match Committed::of(self.put_bucket(key, record, remaining).await)? {
                Committed::Written(()) => return Ok(None),
                Committed::Conflict => {}
            }
        }
        Ok(Some(self.now() + SignedDuration::from_secs(1)))
    }
}

fn mails_key() -> Key {
    Key::new("BUCKET#mails", SORT)
}
