//! The product on its local cloud, for one world: which requests are made, which messages are
//! delivered, which faults happen, and how late the index is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use aws_smithy_types::retry::RetryConfig;
use calls::{AccountId, BackendName, SafeToRepeat};
use cloud::Random;
use cloud::accounts::backends::{BackendLogin, BackendSettings};
use cloud::accounts::{Account, AccountBackend, Caller};
use jiff::{SignedDuration, Timestamp};
use local::stack::{EventSource, LOCAL, LOCAL_WEBHOOK_SECRET};
use local::{
    CallbackAnswer, CapturedCallback, InjectedFault, Killed, LocalClock, LocalCloud,
    ReceivedMessage, Stack,
};

use crate::dice::Dice;
use crate::generators::START_MS;
use crate::happenings::{Error, Failing};
use crate::requests::{TOKEN, texts};

/// Messages in one batch, as in the template.
const BATCH: usize = 10;

/// Where the notifier's queue stands among [`EventSource::ALL`].
const NOTIFIER: usize = 3;

/// More rounds than this without coming to rest would be an error of the product.
const ROUNDS_MAX: usize = 300;

/// Where the backend is, in worlds that have one.
const BACKEND: &str = "https://backend.example/Service.asmx";

pub struct Stage {
    stack: Stack,
    /// Every message that was delivered: it may be delivered again.
    delivered: Vec<ReceivedMessage>,
    /// How many of the next replies fail.
    failing: Arc<Mutex<(u8, Failing)>>,
    /// How often each `webhook-id` was accepted.
    taken: Arc<Mutex<BTreeMap<String, u32>>>,
    /// Invocations that were killed at their deadline.
    killed: AtomicU64,
}

/// One call, as AsyncRequestResult tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub request_id: String,
    pub status: String,
    pub ended: Option<Timestamp>,
}

impl Stage {
    pub async fn new(seed: u64) -> anyhow::Result<Self> {
        let start = Timestamp::from_millisecond(START_MS)?;
        let local = LocalCloud::with_tables_at(LocalClock::frozen_at(start))?;
        // In a third of the worlds the index of what is due lags.
        if seed.is_multiple_of(3) {
            let lag = i64::try_from(seed / 3 % 8).unwrap_or_default();
            local
                .dynamodb()
                .let_index_lag(SignedDuration::from_secs(1 + lag))?;
        }
        let dice = Mutex::new(Dice::new(seed ^ 0x00ad_d1c7));
        let random = Random::from_fn(move || {
            let mut dice = dice.lock().expect("nobody panics with it");
            u128::from(dice.draw()) << 64 | u128::from(dice.draw())
        });
        // Without retries of the SDK's own, every fault reaches the product.
        let connector = local.http_connector();
        let stack = Stack::new(local, connector, random, RetryConfig::disabled());
        let stack = stack.looking_where_something_is();
        let caller = Caller::of(AccountId(LOCAL.to_owned()));
        let secret = LOCAL_WEBHOOK_SECRET.to_owned();
        let account = Account::new(caller.account.clone(), LOCAL, secret);
        stack.cloud.accounts.put_account(&account).await?;
        // Valid for as long as any world lasts.
        let later = start + SignedDuration::from_hours(24);
        stack
            .cloud
            .accounts
            .keep_token(TOKEN, &caller, later)
            .await?;
        let failing = Arc::new(Mutex::new((0, Failing::NoAnswer)));
        let plan = Arc::clone(&failing);
        let taken = Arc::new(Mutex::new(BTreeMap::new()));
        let taking = Arc::clone(&taken);
        stack.local.callbacks().answer_by(move |callback| {
            // What goes to a backend is no reply.
            if callback.url == BACKEND {
                return None;
            }
            let failed = fail(&plan);
            if failed.is_none() {
                let id = callback.header("webhook-id").unwrap_or_default().to_owned();
                let mut taking = taking.lock().expect("nobody panics with it");
                *taking.entry(id).or_default() += 1;
            }
            failed
        });
        Ok(Self {
            stack,
            delivered: Vec::new(),
            failing,
            taken,
            killed: AtomicU64::new(0),
        })
    }

    /// From now on calls are forwarded to a backend that answers like this; `safe`: what is
    /// declared safe to repeat.
    pub async fn forwards(
        &self,
        safe: &[&str],
        mut answer: impl FnMut(&CapturedCallback) -> CallbackAnswer + Send + 'static,
    ) -> anyhow::Result<()> {
        self.stack
            .local
            .callbacks()
            .answer_by(move |request| (request.url == BACKEND).then(|| answer(request)));
        let name = BackendName::parse("backend");
        let name = name.ok_or_else(|| anyhow::anyhow!("it is a name"))?;
        let login = BackendLogin::User {
            name: "user".to_owned(),
        };
        let settings = BackendSettings {
            timeout_s: 10,
            concurrency: Some(4),
            ..BackendSettings::new(BACKEND, login)
        };
        let accounts = &self.stack.cloud.accounts;
        accounts.put_backend(&name, &settings, "secret").await?;
        let account = AccountId(LOCAL.to_owned());
        let declared = safe.iter().filter_map(|text| SafeToRepeat::parse(text));
        let declared: Vec<SafeToRepeat> = declared.collect();
        let forwards = |account: &mut Account| {
            account.backend = AccountBackend::Forward(name.clone());
            account.safe_to_repeat.clone_from(&declared);
        };
        accounts.change_account(&account, forwards).await?;
        Ok(())
    }

    pub fn now_ms(&self) -> i64 {
        self.stack.local.clock().now().as_millisecond()
    }

    pub fn jump(&self, ms: i64) {
        self.stack
            .local
            .clock()
            .advance(SignedDuration::from_millis(ms));
    }

    pub fn requests_made(&self) -> u64 {
        self.stack.local.faults().requests_made()
    }

    /// A fault of one of the next requests to AWS.
    pub fn expect(&self, error: Option<Error>) {
        if let Some(Error { nth, fault }) = error {
            let faults = self.stack.local.faults();
            faults.at(faults.requests_made() + nth, fault);
        }
    }

    /// Requests to AWS take their time, so that functions overtake each other.
    pub fn spread(&self, seed: u64) {
        let mut dice = Dice::new(seed);
        self.stack.local.faults().by(move |_, _| {
            Some(InjectedFault::Delay(std::time::Duration::from_millis(
                dice.below(12),
            )))
        });
    }

    /// No faults any more. `true`: the function had died.
    pub fn all_clear(&self) -> bool {
        let faults = self.stack.local.faults();
        let crashed = faults.crashed();
        faults.clear();
        faults.restart();
        crashed
    }

    pub async fn ask(&self, envelope: String, idempotency_key: Option<&str>) -> (u16, String) {
        let mut headers = BTreeMap::from([(
            "content-type".to_owned(),
            "text/xml; charset=utf-8".to_owned(),
        )]);
        if let Some(key) = idempotency_key {
            headers.insert("idempotency-key".to_owned(), key.to_owned());
        }
        let request = ingest::Request {
            method: "POST".to_owned(),
            path: "/Service.asmx".to_owned(),
            query: String::new(),
            headers,
            body: envelope.into_bytes(),
            origin: "https://aftercall.example".to_owned(),
            api_id: String::new(),
            source: String::new(),
        };
        let response = ingest::answer(&self.stack.cloud, &request).await;
        (response.status, response.body)
    }

    pub async fn look(&self, envelope: String) -> anyhow::Result<Vec<Seen>> {
        let (status, body) = self.ask(envelope, None).await;
        anyhow::ensure!(status == 200, "a retrieval is answered {status}: {body}");
        let seen = body.split("<Results").skip(1).map(|result| Seen {
            request_id: texts(result, "ObjectID").concat(),
            status: texts(result, "Status").concat(),
            ended: texts(result, "CompleteDate")
                .first()
                .and_then(|text| text.parse().ok()),
        });
        Ok(seen.collect())
    }

    fn receive(&mut self, queue: usize) -> Vec<ReceivedMessage> {
        let batch = self
            .stack
            .local
            .sqs()
            .receive(EventSource::ALL[queue].queue(), BATCH);
        self.delivered.extend(batch.iter().cloned());
        batch
    }

    async fn run(&self, queue: usize, batch: &[ReceivedMessage]) -> Vec<ReceivedMessage> {
        let began = tokio::time::Instant::now();
        let ran = match EventSource::ALL[queue] {
            EventSource::Processor(priority) => self.stack.functions.process(priority, batch).await,
            EventSource::Notifier => self.stack.functions.notify(batch).await,
        };
        let failed = match ran {
            Ok(failed) => failed,
            // It has said nothing of any of them.
            Err(killed) => {
                self.killed(killed, began);
                return Vec::new();
            }
        };
        let done = batch
            .iter()
            .filter(|delivery| !failed.contains(&delivery.message_id));
        done.cloned().collect()
    }

    /// An invocation that hangs takes all of its time, in which nothing else happens here.
    fn killed(&self, killed: Killed, began: tokio::time::Instant) {
        if killed == Killed::AtDeadline {
            let took = SignedDuration::try_from(began.elapsed()).unwrap_or_default();
            self.stack.local.clock().advance(took);
            self.killed.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// How many invocations were killed at their deadline.
    pub fn killed_at_deadline(&self) -> u64 {
        self.killed.load(Ordering::SeqCst)
    }

    /// One batch of a queue; how many messages there were, and how many are done.
    pub async fn work(&mut self, queue: usize) -> (usize, usize) {
        let batch = self.receive(queue);
        let done = self.run(queue, &batch).await;
        // A function that died deletes nothing.
        if !self.stack.local.faults().crashed() {
            self.stack.local.sqs().delete(&done);
        }
        (batch.len(), done.len())
    }

    /// Two functions get the same batch at the same time.
    pub async fn work_twice(&mut self, queue: usize) {
        let batch = self.receive(queue);
        for delivery in &batch {
            self.stack.local.sqs().deliver_again(delivery);
        }
        let again = self.receive(queue);
        let this = &*self;
        let (one, other) =
            futures_util::future::join(this.run(queue, &batch), this.run(queue, &again)).await;
        self.stack.local.sqs().delete(&one);
        self.stack.local.sqs().delete(&other);
    }

    /// One batch in a function's hands while the timekeeper comes by, and the notifier gets what it
    /// finds.
    pub async fn work_amid_tick(&mut self, queue: usize) {
        let batch = self.receive(queue);
        let this = &*self;
        let found = async {
            this.tick().await;
            let woken = this
                .stack
                .local
                .sqs()
                .receive(EventSource::Notifier.queue(), BATCH);
            this.run(NOTIFIER, &woken).await
        };
        let (done, notified) = futures_util::future::join(this.run(queue, &batch), found).await;
        self.stack.local.sqs().delete(&done);
        self.stack.local.sqs().delete(&notified);
    }

    /// The ids of replies that a receiver has taken more than once.
    pub fn taken_twice(&self) -> Vec<String> {
        let taken = self.taken.lock().expect("nobody panics with it");
        let twice = taken.iter().filter(|(_, times)| **times > 1);
        twice.map(|(id, _)| id.clone()).collect()
    }

    pub fn deliver_again(&self, which: u64) {
        let count = u64::try_from(self.delivered.len()).unwrap_or(0);
        if let Some(delivery) = which
            .checked_rem(count)
            .and_then(|index| self.delivered.get(usize::try_from(index).unwrap_or(0)))
        {
            self.stack.local.sqs().deliver_again(delivery);
        }
    }

    pub async fn tick(&self) -> bool {
        self.stack.local.fire_due();
        let began = tokio::time::Instant::now();
        match self.stack.functions.tick().await {
            Ok(()) => true,
            Err(error) => {
                if let Some(killed) = error.downcast_ref::<Killed>() {
                    self.killed(*killed, began);
                }
                false
            }
        }
    }

    /// Everything that is due and possible, until nothing is left.
    pub async fn settle(&mut self) -> anyhow::Result<()> {
        self.tick().await;
        for _ in 0..ROUNDS_MAX {
            let mut idle = true;
            for queue in 0..EventSource::ALL.len() {
                let (received, _) = self.work(queue).await;
                idle &= received == 0;
            }
            if idle {
                return Ok(());
            }
        }
        anyhow::bail!("it does not come to rest")
    }

    pub async fn maintenance(&self, on: bool) -> anyhow::Result<()> {
        let cloud = &self.stack.cloud;
        Ok(cloud.accounts.set_maintenance(on, cloud.now()).await?)
    }

    /// The next so many replies fail, in place of those that were to fail before.
    pub fn receiver_fails(&self, times: u8, how: Failing) {
        *self.failing.lock().expect("nobody panics with it") = (times, how);
    }

    pub fn callbacks(&self) -> Vec<CapturedCallback> {
        self.stack.local.callbacks().callbacks()
    }

    /// What was asked of AWS, in its order.
    pub fn journal(&self) -> Vec<String> {
        self.stack
            .local
            .faults()
            .journal()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// Messages in the queues.
    pub fn left_in_queues(&self) -> usize {
        EventSource::ALL
            .iter()
            .map(|event_source| self.stack.local.sqs().depth(event_source.queue()))
            .sum()
    }

    /// Records that are due.
    pub fn still_due(&self) -> anyhow::Result<Vec<String>> {
        let entries = self.stack.local.dynamodb().due_entries()?;
        let named = entries.into_iter().map(|(pk, sk)| format!("{pk} {sk}"));
        Ok(named.collect())
    }
}

/// What a receiver answers when it fails.
fn fail(plan: &Mutex<(u8, Failing)>) -> Option<CallbackAnswer> {
    let mut plan = plan.lock().expect("nobody panics with it");
    let (left, how) = *plan;
    plan.0 = left.checked_sub(1)?;
    Some(match how {
        Failing::Status(status) => CallbackAnswer::status(status),
        Failing::Unreachable => CallbackAnswer::ConnectionFails,
        Failing::NoAnswer => CallbackAnswer::NoAnswer,
    })
}
