//! A caller, and the world around it.

mod account;
mod seen;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_smithy_types::retry::RetryConfig;
use calls::AccountId;
use cloud::accounts::Caller;
use cloud::accounts::backends::DeployedBackend;
use cloud::aws::lanes::Concurrency;
use cloud::{Random, Settings};
use ingest::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use local::functions::{Functions, InProcess};
use local::{Lifecycle, LocalClock, LocalCloud, Stack};
use sha2::{Digest, Sha256};

use crate::answer::Answer;
use crate::call::Call;
use crate::log_watch::Watched;
use crate::look::{Look, Retrieved};
use crate::memory::AS_DEPLOYED;
use crate::metric_lines::MetricLines;

/// When every story begins.
pub const BEGINNING: &str = "2026-03-02T09:00:00Z";

/// Where the caller is called back, unless a story says otherwise.
pub const ADDRESS: &str = "https://client.example.com/done";

/// Signs the callbacks of every account.
pub const SECRET: &str = "whsec_am91cm5leXMtd2ViaG9vay1zZWNyZXQtMDAwMDAwMDA=";

/// A token is good for 18 minutes; after this a caller fetches another.
const TOKEN_USED: SignedDuration = SignedDuration::from_mins(17);

/// One caller of an account, and the product on a local cloud.
pub struct Story {
    pub stack: Stack,
    random: Random,
    retries: RetryConfig,
    lifecycle: Lifecycle,
    account: String,
    async_by_default: bool,
    /// Its API client, where that has a queue.
    client: Option<calls::ClientKey>,
    token: String,
    token_from: Timestamp,
    _watched: Watched,
}

/// A caller whom the product knows, on a cloud where nothing has happened.
pub async fn a_caller() -> Story {
    Story::with_retries(RetryConfig::standard()).await
}

fn beginning() -> Timestamp {
    BEGINNING.parse().expect("a time")
}

/// As deployed: callbacks go to public https addresses only.
fn settings() -> Settings {
    Settings {
        allow_http_callbacks: false,
        ..local::stack::settings()
    }
}

/// Ids that are drawn by counting, so that every run of a story is the same.
fn counted() -> Random {
    let drawn = Arc::new(AtomicU64::new(0));
    Random::from_fn(move || {
        let number = drawn.fetch_add(1, Ordering::Relaxed);
        let hash = Sha256::digest(number.to_be_bytes());
        hash.iter()
            .take(16)
            .fold(0, |bits, byte| bits << 8 | u128::from(*byte))
    })
}

impl Story {
    /// The same where the AWS clients try so often.
    pub async fn with_retries(retries: RetryConfig) -> Self {
        let clock = LocalClock::with_tokio(beginning());
        Self::at(clock, retries).await
    }

    /// The same where time passes as tokio's does, which the test has paused.
    pub async fn in_time_of_tokio() -> Self {
        let clock = LocalClock::with_tokio(beginning());
        Self::at(clock, RetryConfig::standard()).await
    }

    async fn at(clock: LocalClock, retries: RetryConfig) -> Self {
        let beginning = clock.now();
        let local = LocalCloud::with_tables_at(clock).expect("a local cloud");
        let random = counted();
        let stack = set_on(&local, &random, &retries, AS_DEPLOYED);
        let mut story = Self {
            stack,
            random,
            retries,
            lifecycle: AS_DEPLOYED,
            account: "1001".to_owned(),
            async_by_default: false,
            client: None,
            token: String::new(),
            token_from: beginning,
            _watched: Watched::begin(),
        };
        story.opens_account().await;
        story
    }

    /// Another caller, of an account of its own, in the same world.
    pub async fn another_caller(&self, account: &str) -> Self {
        let mut other = Self {
            stack: self.stack.clone(),
            random: self.random.clone(),
            retries: self.retries.clone(),
            lifecycle: self.lifecycle,
            account: account.to_owned(),
            async_by_default: false,
            client: None,
            token: String::new(),
            token_from: self.now(),
            _watched: Watched::begin(),
        };
        other.opens_account().await;
        other
    }

    /// The same caller, whose calls come to other functions.
    pub fn at_another_function(&self) -> Self {
        Self {
            stack: set_on(self.local(), &self.random, &self.retries, self.lifecycle),
            random: self.random.clone(),
            retries: self.retries.clone(),
            lifecycle: self.lifecycle,
            account: self.account.clone(),
            async_by_default: self.async_by_default,
            client: self.client.clone(),
            token: self.token.clone(),
            token_from: self.token_from,
            _watched: Watched::begin(),
        }
    }

    /// From now on results are kept so many days.
    pub fn keeps_results(&mut self, days: i64) {
        self.stack.cloud.settings.results_days = days;
        let (cloud, lifecycle) = (self.stack.cloud.clone(), self.lifecycle);
        self.stack.functions = Functions::InProcess(Box::new(InProcess { cloud, lifecycle }));
    }

    /// From now on what its functions count is written down.
    pub fn measures(&mut self) -> MetricLines {
        let lines = MetricLines::default();
        self.stack.cloud.metrics = lines.metrics();
        let (cloud, lifecycle) = (self.stack.cloud.clone(), self.lifecycle);
        self.stack.functions = Functions::InProcess(Box::new(InProcess { cloud, lifecycle }));
        lines
    }

    /// What a person's command acts through.
    pub fn cloud(&self) -> &cloud::Cloud {
        &self.stack.cloud
    }

    pub fn account_id(&self) -> String {
        self.account.clone()
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// Whom its credentials stand for.
    pub fn known_as(&self) -> Caller {
        Caller {
            account: AccountId(self.account.clone()),
            async_by_default: self.async_by_default,
            client: self.client.clone(),
        }
    }

    pub fn local(&self) -> &LocalCloud {
        &self.stack.local
    }

    pub fn now(&self) -> Timestamp {
        self.stack.local.clock().now()
    }

    /// Sends a call; what became of it at the door.
    pub async fn sends(&mut self, call: Call) -> Answer {
        let mut headers = BTreeMap::new();
        if let Some(key) = &call.idempotency_key {
            headers.insert("idempotency-key".to_owned(), key.clone());
        }
        self.sends_payload(&call.payload(), headers).await
    }

    /// Sends a call that must be kept for later; its RequestID.
    pub async fn queues(&mut self, call: Call) -> String {
        let answer = self.sends(call).await;
        assert!(answer.is_queued(), "it was not queued: {}", answer.said());
        answer.request_id()
    }

    /// Sends a call to be carried out at once, which must go well.
    pub async fn does(&mut self, call: Call) -> Answer {
        let answer = self.sends(call.at_once()).await;
        assert_eq!(
            answer.overall_status(),
            "OK",
            "it did not go well: {}",
            answer.body
        );
        answer
    }

    pub async fn retrieves(&mut self, look: Look) -> Retrieved {
        let answer = self.sends_payload(&look.payload(), BTreeMap::new()).await;
        Retrieved::of(&answer)
    }

    /// Sends whatever it is in an envelope.
    pub async fn sends_payload(
        &mut self,
        payload: &str,
        headers: BTreeMap<String, String>,
    ) -> Answer {
        if self.now().duration_since(self.token_from) > TOKEN_USED {
            self.fetches_token().await;
        }
        let envelope = self.envelope(payload);
        self.posts(envelope.into_bytes(), headers).await
    }

    pub fn envelope(&self, payload: &str) -> String {
        format!(
            r#"<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soap:Header><fueloauth xmlns="http://exacttarget.com">{}</fueloauth></soap:Header><soap:Body>{payload}</soap:Body></soap:Envelope>"#,
            self.token
        )
    }

    /// Posts these bytes.
    pub async fn posts(&self, body: Vec<u8>, mut headers: BTreeMap<String, String>) -> Answer {
        headers.insert(
            "content-type".to_owned(),
            "text/xml; charset=utf-8".to_owned(),
        );
        let request = Request {
            method: "POST".to_owned(),
            path: "/Service.asmx".to_owned(),
            headers,
            body,
            ..Request::default()
        };
        Answer::read(self.asks(request).await)
    }

    /// Sends any HTTP request.
    pub async fn asks(&self, request: Request) -> Response {
        let request = Request {
            origin: "https://aftercall.example.net".to_owned(),
            ..request
        };
        self.local().usage().count_http_request();
        // Boxed, or the futures of a world that runs by itself outgrow a test's stack.
        Box::pin(ingest::answer(&self.stack.cloud, &request)).await
    }

    /// Everything happens that can without time passing.
    pub async fn settles(&self) {
        self.stack.settle().await;
    }

    /// Time passes, and all that is due on the way happens.
    pub async fn passes(&self, time: SignedDuration) {
        self.stack.settle().await;
        self.stack.pass(time).await;
    }

    /// All functions are started anew: what they had in memory is gone.
    pub fn restarts(&mut self) {
        let local = self.local().clone();
        local.faults().clear();
        local.faults().restart();
        self.stack = set_on(&local, &self.random, &self.retries, self.lifecycle);
    }

    /// From now on so many invocations run side by side for each queue.
    pub fn runs_with(&mut self, concurrency: Concurrency) {
        let settings = Settings {
            concurrency,
            ..settings()
        };
        let (local, random) = (self.local().clone(), self.random.clone());
        let (callbacks, retries) = (local.http_connector(), self.retries.clone());
        let stack = Stack::with_settings(local, settings, callbacks, random, retries);
        self.stack = stack.with_lifecycle(self.lifecycle);
    }

    /// From now on so many texts are begun in a second.
    pub async fn sends_texts_at(&mut self, texts_per_second: u32) {
        let settings = Settings {
            texts_per_second,
            ..settings()
        };
        let (local, random) = (self.local().clone(), self.random.clone());
        let (callbacks, retries) = (local.http_connector(), self.retries.clone());
        let stack = Stack::with_settings(local, settings, callbacks, random, retries);
        self.stack = stack.with_lifecycle(self.lifecycle);
    }

    /// From now on it is deployed with a backend that the template names, and which all accounts have.
    pub fn is_deployed_with(&mut self, backend: &DeployedBackend) {
        let settings = Settings {
            backend: Some(backend.clone()),
            default_backend: Some(backend.name.clone()),
            ..settings()
        };
        let (local, random) = (self.local().clone(), self.random.clone());
        let (callbacks, retries) = (local.http_connector(), self.retries.clone());
        let stack = Stack::with_settings(local, settings, callbacks, random, retries);
        self.stack = stack.with_lifecycle(self.lifecycle);
    }

    /// From now on its functions are killed by these bounds.
    pub fn lives(&mut self, lifecycle: Lifecycle) {
        self.lifecycle = lifecycle;
        self.stack = self.stack.clone().with_lifecycle(lifecycle);
    }

    /// The queues lose all that they hold.
    pub fn queues_are_lost(&self) {
        let sqs = self.local().sqs();
        for queue in local::names::QUEUES {
            sqs.purge(queue);
        }
    }

    pub async fn goes_into_maintenance(&self, on: bool) {
        self.stack
            .cloud
            .accounts
            .set_maintenance(on, self.now())
            .await
            .expect("a switch");
    }
}

fn set_on(
    local: &LocalCloud,
    random: &Random,
    retries: &RetryConfig,
    lifecycle: Lifecycle,
) -> Stack {
    let callbacks = local.http_connector();
    Stack::with_settings(
        local.clone(),
        settings(),
        callbacks,
        random.clone(),
        retries.clone(),
    )
    .with_lifecycle(lifecycle)
}
