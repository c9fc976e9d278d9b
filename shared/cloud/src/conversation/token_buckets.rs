//! Token buckets that all functions share: how often mails are sent, and calls of a queue begun.
//!
//! | pk                     | sk       | holds                                      |
//! |------------------------|----------|--------------------------------------------|
//! | `BUCKET#texts`         | `BUCKET` | version, when full again; texts and calls by voice |
//! | `BUCKET#mails`         | `BUCKET` | version, when full again, SES's rate, since when |
//! | key of an order queue  | `BUCKET` | version, when full again                   |
//! | `BUCKET#backend-<name>` | `BUCKET` | the same                                  |

use calls::{Rate, TokenBucket, TokenPriority, TokensTaken};
use jiff::{SignedDuration, Timestamp};

use crate::Cloud;
use crate::aws::table::Key;
use crate::error::{CommitError, Committed, Error, SHARED_RECORD_CONFLICTS_MAX};
use crate::records::item::{ItemReader, ItemWriter};

const SORT: &str = "BUCKET";

/// How long SES's answer about its rate is used, by all functions together: `GetAccount` may be
/// called once a second in an AWS account.
const RATE_KNOWN: SignedDuration = SignedDuration::from_mins(15);

/// When SES is asked again after it did not answer.
const RATE_AGAIN: SignedDuration = SignedDuration::from_secs(30);

/// The rate of SES's sandbox, in thousandths a second: used if SES does not say its rate.
const SANDBOX_THOUSANDTHS: u32 = 1_000;

/// For how long no mail is sent after SES has throttled one.
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

/// What says how many tokens a second there are.
#[derive(Clone, Copy, Debug)]
enum RateSource {
    /// SES, whose answer is kept in the record.
    MailService,
    Fixed(Rate),
}

/// Whether mails may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTokens {
    /// So many may be sent now.
    Some(u32),
    NotBefore(Timestamp),
}

impl Cloud {
    /// Takes tokens for mails: at most SES's rate, over all functions together.
    pub async fn take_mail_tokens(
        &self,
        wanted: u32,
        priority: TokenPriority,
    ) -> Result<MailTokens, Error> {
        self.take_tokens(&mails_key(), RateSource::MailService, priority, wanted)
            .await
    }

    /// SES has throttled a mail: no function sends one for a while. Returns when mails may be sent
    /// again.
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

    /// Takes tokens for texts and voice calls, over all functions together.
    pub async fn take_text_tokens(&self, wanted: u32) -> Result<MailTokens, Error> {
        let Some(rate) = self.text_rate() else {
            return Ok(MailTokens::NotBefore(self.now() + RATE_KNOWN));
        };
        let rate = RateSource::Fixed(rate);
        self.take_tokens(&texts_key(), rate, TokenPriority::First, wanted)
            .await
    }

    /// The service has throttled a text: no function sends one for a while.
    pub async fn pause_texts(&self) -> Result<Timestamp, Error> {
        let (key, now) = (texts_key(), self.now());
        let until = now + THROTTLED_PAUSE;
        let record = self.bucket(&key, now).await?;
        if let Some(rate) = self.text_rate() {
            let emptied = record.bucket.empty_until(rate, until);
            let _whoever = Committed::of(self.put_bucket(&key, record, emptied).await)?;
        }
        Ok(until)
    }

    fn text_rate(&self) -> Option<Rate> {
        Rate::of_thousandths(self.settings.texts_per_second.saturating_mul(1_000))
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
            // In microseconds: rounded up, each token would come back too early.
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

    /// Takes a token to begin one call of an ordered queue. `None`: it may begin now.
    pub async fn take_queue_token(
        &self,
        queue: &calls::ConversationKey,
        rate: Rate,
    ) -> Result<Option<Timestamp>, Error> {
        self.take_token(&Key::new(&queue.0, SORT), rate).await
    }

    /// Takes a token to send one call to a backend that takes so many a second. `None`: it may be
    /// sent now.
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

    /// `None`: it was taken.
    async fn take_token(&self, key: &Key, rate: Rate) -> Result<Option<Timestamp>, Error> {
        let rate = RateSource::Fixed(rate);
        let taken = self.take_tokens(key, rate, TokenPriority::First, 1).await?;
        Ok(match taken {
            MailTokens::Some(_) => None,
            MailTokens::NotBefore(at) => Some(at),
        })
    }

    /// Takes up to `wanted` tokens out of the bucket of that key.
    async fn take_tokens(
        &self,
        key: &Key,
        rate: RateSource,
        priority: TokenPriority,
        wanted: u32,
    ) -> Result<MailTokens, Error> {
        for _ in 0..SHARED_RECORD_CONFLICTS_MAX {
            let now = self.now();
            let mut record = self.bucket(key, now).await?;
            let rate = match rate {
                RateSource::MailService => self.mail_rate(&mut record, now).await,
                RateSource::Fixed(rate) => Some(rate),
            };
            let Some(rate) = rate else {
                return Ok(MailTokens::NotBefore(now + RATE_KNOWN));
            };
            let (tokens, remaining) = match record.bucket.take_as(priority, rate, wanted, now) {
                TokensTaken::NotBefore(at) => return Ok(MailTokens::NotBefore(at)),
                TokensTaken::Some { tokens, remaining } => (tokens, remaining),
            };
            match Committed::of(self.put_bucket(key, record, remaining).await)? {
                Committed::Written(()) => return Ok(MailTokens::Some(tokens)),
                Committed::Conflict => {}
            }
        }
        // Many take tokens at present, so they will be done soon.
        Ok(MailTokens::NotBefore(
            self.now() + SignedDuration::from_secs(1),
        ))
    }

    /// SES's rate: what the record says of it, or what SES says if that is old. `None`: no mail may be
    /// sent.
    async fn mail_rate(&self, record: &mut BucketRecord, now: Timestamp) -> Option<Rate> {
        let is_known = |since: Timestamp| now.duration_since(since) < RATE_KNOWN;
        let thousandths = match record.rate {
            Some((thousandths, since)) if is_known(since) => thousandths,
            before => match Box::pin(self.mail.thousandths_per_second()).await {
                Some(said) => {
                    record.rate = Some((said, now));
                    said
                }
                None => {
                    let before = before.map_or(SANDBOX_THOUSANDTHS, |(rate, _)| rate);
                    record.rate = Some((before, now - RATE_KNOWN + RATE_AGAIN));
                    before
                }
            },
        };
        Rate::of_thousandths(thousandths)
    }
}

fn texts_key() -> Key {
    Key::new("BUCKET#texts", SORT)
}

fn mails_key() -> Key {
    Key::new("BUCKET#mails", SORT)
}
