//! The product's functions on the local cloud, with what AWS does between them: queues are drained,
//! schedules fire, minutes pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use calls::{AccountId, QueuePriority};
use cloud::accounts::{Account, Caller, DigestUserStored, Login};
use cloud::records::conversation_record::parked_shard;
use cloud::{Clock, Cloud, Random, Settings};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::RwLock;

use crate::delivery::ReceivedMessage;
use crate::functions::{Functions, InProcess};
use crate::lifecycle::{self, Lifecycle};
pub use crate::settings::settings;
use crate::{LocalCloud, names};

/// The account, user, password, API client id and secret that are there from the start.
pub const LOCAL: &str = cloud::aws::files::LOCAL_ACCOUNT;

/// The user of the same account and password that may log in by PasswordDigest.
pub const LOCAL_DIGEST_USER: &str = "local-digest";

/// Signs the callbacks of the account `local`.
pub const LOCAL_WEBHOOK_SECRET: &str = "whsec_bG9jYWwtd2ViaG9vay1zZWNyZXQtMDAwMDAwMDAwMDAw";

/// Messages in one batch, as in the template.
const BATCH: usize = 10;

/// The queues that functions are fed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventSource {
    Processor(QueuePriority),
    Notifier,
}

impl EventSource {
    pub const ALL: [Self; 4] = [
        Self::Processor(QueuePriority::High),
        Self::Processor(QueuePriority::Medium),
        Self::Processor(QueuePriority::Low),
        Self::Notifier,
    ];

    pub const fn queue(self) -> &'static str {
        match self {
            Self::Processor(QueuePriority::High) => names::HIGH_QUEUE,
            Self::Processor(QueuePriority::Medium) => names::MEDIUM_QUEUE,
            Self::Processor(QueuePriority::Low) => names::LOW_QUEUE,
            Self::Notifier => names::REPLIES_QUEUE,
        }
    }
}

/// A whole set: the cloud, and the functions on it.
#[derive(Clone)]
pub struct Stack {
    pub local: LocalCloud,
    /// The cloud as the functions see it.
    pub cloud: Cloud,
    pub functions: Functions,
    /// Batches that are in a function's hands.
    pub(crate) busy: Arc<AtomicUsize>,
    /// Held for reading while a function runs, for writing while the clock is moved.
    pub(crate) running: Arc<RwLock<()>>,
}

/// A batch of a queue on its way through a function.
pub struct TakenBatch {
    event_source: EventSource,
    batch: Vec<ReceivedMessage>,
    busy: InvocationGuard,
}

/// Counts as a batch in a function's hands while it exists, however that ends.
pub(crate) struct InvocationGuard(Arc<AtomicUsize>);

impl InvocationGuard {
    fn one_more(busy: &Arc<AtomicUsize>) -> Self {
        busy.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(busy))
    }
}

impl Drop for InvocationGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Stack {
    /// The functions in this process. Callbacks go out through `callbacks`.
    pub fn new(
        local: LocalCloud,
        callbacks: aws_smithy_runtime_api::client::http::SharedHttpConnector,
        random: Random,
        retry: aws_smithy_types::retry::RetryConfig,
    ) -> Self {
        Self::with_settings(local, settings(), callbacks, random, retry)
    }

    /// The same with other settings than the local server's.
    pub fn with_settings(
        local: LocalCloud,
        settings: Settings,
        callbacks: aws_smithy_runtime_api::client::http::SharedHttpConnector,
        random: Random,
        retry: aws_smithy_types::retry::RetryConfig,
    ) -> Self {
        let clock = local.clock().clone();
        let config = local.sdk_config(retry);
        let cloud = Cloud::new(
            settings,
            &config,
            callbacks,
            Clock::from_fn(move || clock.now()),
            random,
        );
        Self {
            local,
            functions: Functions::InProcess(Box::new(InProcess {
                cloud: cloud.clone(),
                lifecycle: lifecycle::DEPLOYED,
            })),
            cloud,
            busy: Arc::default(),
            running: Arc::default(),
        }
    }

    /// The same with other limits of invocations, and another time that messages stay invisible.
    #[must_use]
    pub fn with_lifecycle(mut self, lifecycle: Lifecycle) -> Self {
        for queue in names::QUEUES {
            let sqs = self.local.sqs();
            sqs.set_visibility_timeout(queue, lifecycle.visibility);
        }
        if let Functions::InProcess(in_process) = &mut self.functions {
            in_process.lifecycle = lifecycle;
        }
        self
    }

    /// The same where what the functions count can be read, as of CloudWatch.
    #[must_use]
    pub fn counting(mut self) -> Self {
        let metrics = self.local.recorded_metrics().metrics();
        self.cloud.metrics = metrics.clone();
        if let Functions::InProcess(in_process) = &mut self.functions {
            in_process.cloud.metrics = metrics;
        }
        self
    }

    /// The same where the timekeeper reads only parts of the index that hold something, for long
    /// runs.
    #[must_use]
    pub fn looking_where_something_is(mut self) -> Self {
        let dynamodb = self.local.dynamodb().clone();
        let shards = cloud::due::Shards::from_fn(move || {
            let filled = dynamodb.filled_shards();
            filled.unwrap_or_else(|_| cloud::due::shards().collect())
        });
        self.cloud.shards = shards.clone();
        if let Functions::InProcess(in_process) = &mut self.functions {
            in_process.cloud.shards = shards;
        }
        self
    }

    /// The account `local` with its user and API client, unless it is there.
    pub async fn open_account(&self) -> anyhow::Result<()> {
        let id = AccountId(LOCAL.to_owned());
        if self
            .cloud
            .accounts
            .account(&id, self.cloud.now())
            .await?
            .is_some()
        {
            return Ok(());
        }
        let caller = Caller::of(id.clone());
        self.cloud
            .accounts
            .put_login(Login::User, LOCAL, LOCAL, &caller)
            .await?;
        self.cloud
            .accounts
            .put_login(Login::Client, LOCAL, LOCAL, &caller)
            .await?;
        let stored = self
            .cloud
            .accounts
            .put_digest_user(LOCAL_DIGEST_USER, LOCAL, &caller)
            .await?;
        anyhow::ensure!(
            stored == DigestUserStored::Stored,
            "the local cloud has no key"
        );
        let account = Account::new(id, LOCAL, LOCAL_WEBHOOK_SECRET.to_owned());
        self.cloud.accounts.put_account(&account).await?;
        Ok(())
    }

    /// Takes one batch from a queue through its function. `false`: there was none.
    pub async fn deliver(&self, event_source: EventSource) -> bool {
        match self.take(event_source) {
            Some(batch) => {
                self.carry(batch).await;
                true
            }
            None => false,
        }
    }

    pub(crate) fn one_more_busy(&self) -> InvocationGuard {
        InvocationGuard::one_more(&self.busy)
    }

    /// One batch of a queue, if it has any to give.
    pub fn take(&self, event_source: EventSource) -> Option<TakenBatch> {
        // Counted before it is taken, so that whoever waits for idleness never misses it.
        let busy = InvocationGuard::one_more(&self.busy);
        let batch = self.local.sqs().receive(event_source.queue(), BATCH);
        (!batch.is_empty()).then_some(TakenBatch {
            event_source,
            batch,
            busy,
        })
    }

    /// Takes a batch through its function, and deletes what is done of it.
    pub async fn carry(&self, batch: TakenBatch) {
        let TakenBatch {
            event_source,
            batch,
            busy,
        } = batch;
        let ran = match event_source {
            EventSource::Processor(priority) => self.functions.process(priority, &batch).await,
            EventSource::Notifier => self.functions.notify(&batch).await,
        };
        // A function that died has reported nothing of its batch, so all of it comes again.
        match ran {
            Ok(failed) if !self.local.faults().crashed() => {
                let done: Vec<ReceivedMessage> = batch
                    .into_iter()
                    .filter(|delivery| !failed.contains(&delivery.message_id))
                    .collect();
                self.local.sqs().delete(&done);
            }
            Ok(_) => {}
            Err(killed) => {
                tracing::warn!(
                    ?killed,
                    queue = event_source.queue(),
                    "an invocation was killed"
                );
            }
        }
        drop(busy);
    }

    /// Everything that can be done without time passing. For tests: one batch after the other.
    pub async fn settle(&self) {
        loop {
            self.local.fire_due();
            let mut idle = true;
            for event_source in EventSource::ALL {
                idle &= !self.deliver(event_source).await;
            }
            idle &= !self.deliver_mail_event().await;
            if idle {
                return;
            }
        }
    }

    /// After a start on a folder: the queues are empty, the table is not.
    pub async fn recover(&self) -> anyhow::Result<()> {
        let horizon = SignedDuration::from_mins(10);
        let deadline = self.cloud.now() + SignedDuration::from_hours(1);
        timekeeper::tick_until(&self.cloud, horizon, deadline).await?;
        Ok(())
    }

    /// Turns maintenance on or off, and waits until it holds everywhere.
    pub async fn set_maintenance(&self, on: bool) -> Result<(), cloud::Error> {
        let now = self.cloud.now();
        self.cloud.accounts.set_maintenance(on, now).await?;
        if let Functions::At(_) = &self.functions {
            // Functions remember the switch, as in AWS, and may still finish what they had begun.
            tokio::time::sleep(cloud::maintenance::REMEMBERED.unsigned_abs()).await;
            self.wait_until_idle().await;
        }
        Ok(())
    }

    /// Whether any conversation waits for the end of maintenance.
    pub async fn parked(&self) -> usize {
        let mut parked = 0;
        for shard in cloud::due::shards() {
            let shard = parked_shard(&shard);
            let found = self.cloud.calls.due(&shard, Timestamp::MAX, 1_000).await;
            parked += found.map(|entries| entries.len()).unwrap_or_default();
        }
        parked
    }
}
