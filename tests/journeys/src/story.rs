//! A caller, and the world around it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_smithy_types::retry::RetryConfig;
use calls::{AccountId, DeliveryResult};
use cloud::accounts::backends::DeployedBackend;
use cloud::accounts::{Account, AccountBackend, Caller, Login};
use cloud::aws::lanes::Concurrency;
use cloud::outbound::receiver_health::Receiver;
use cloud::{Random, Settings};
use ingest::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use local::functions::{Functions, InProcess};
use local::{CapturedCallback, CapturedMail, Lifecycle, LocalClock, LocalCloud, Stack};
use sha2::{Digest, Sha256};

use crate::answer::Answer;
use crate::call::Call;
use crate::log_watch::{MARK, Watched};
use crate::look::{Look, Retrieved, look_for};
use crate::memory::AS_DEPLOYED;
use crate::metric_lines::MetricLines;
use crate::record::{self, Record};

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

    /// From now on the calls without RequestType of its API client are queued.
    pub async fn is_async_by_default(&mut self) {
        self.async_by_default = true;
        self.fetches_token().await;
    }

    /// From now on calls of which something is not read are refused.
    pub async fn account_is_strict(&mut self) {
        let account = Account {
            is_strict: true,
            ..self.account_record()
        };
        self.puts(&account).await;
    }

    /// From now on those of all its account's users and clients are.
    pub async fn account_is_async_by_default(&mut self) {
        let account = Account {
            async_by_default: true,
            ..self.account_record()
        };
        self.puts(&account).await;
    }

    fn account_record(&self) -> Account {
        Account {
            id: AccountId(self.account.clone()),
            name: "A caller".to_owned(),
            webhook_secret: SECRET.to_owned(),
            previous_secret: None,
            is_disabled: false,
            async_by_default: false,
            is_strict: false,
            owns: Vec::new(),
            calls_per_second: None,
            queue: calls::QueueSettings::default(),
            backend: AccountBackend::default(),
            safe_to_repeat: Vec::new(),
        }
    }

    async fn opens_account(&mut self) {
        self.stack
            .cloud
            .accounts
            .put_account(&self.account_record())
            .await
            .expect("an account");
        self.is_answered_quickly_at(ADDRESS).await;
        self.fetches_token().await;
    }

    /// Its receiver has been called before, and answered at once.
    pub async fn is_answered_quickly_at(&self, address: &str) {
        let receiver = Receiver::of(&AccountId(self.account.clone()), address);
        let cloud = &self.stack.cloud;
        cloud
            .receiver_answered(&receiver, &DeliveryResult::Taken, Duration::ZERO)
            .await;
    }

    pub async fn fetches_token(&mut self) {
        let now = self.now();
        let caller = self.known_as();
        let token = format!("{MARK}{}", self.random.token());
        self.stack
            .cloud
            .accounts
            .keep_token(&token, &caller, now)
            .await
            .expect("a token");
        (self.token, self.token_from) = (token, now);
    }

    /// From now on its account may make so many calls in a second.
    pub async fn is_limited_to(&mut self, calls_per_second: u32) {
        let account = Account {
            calls_per_second: Some(calls_per_second),
            ..self.account_record()
        };
        self.puts(&account).await;
    }

    /// From now on its account's calls alone are carried out one after another.
    pub async fn has_its_calls_in_order(&mut self) {
        self.queues_as(received()).await;
    }

    /// From now on it calls through such an API client of its account, whose calls alone are.
    pub async fn has_the_calls_of_a_client_in_order(&mut self, id: &str) {
        self.calls_through_a_client(id, received()).await;
    }

    /// From now on its account's calls alone stand in queues like that.
    pub async fn queues_as(&mut self, queue: calls::QueueSettings) {
        let account = Account {
            queue,
            ..self.account_record()
        };
        self.puts(&account).await;
    }

    /// From now on it calls through an API client of its account with that id, whose calls alone stand
    /// in queues like that.
    pub async fn calls_through_a_client(&mut self, id: &str, queue: calls::QueueSettings) {
        let accounts = &self.stack.cloud.accounts;
        let now = self.now();
        let made = accounts.put_login(Login::Client, id, "secret", &self.known_as());
        made.await.expect("a client");
        let changed = accounts.change_client_queue(id, |settings| *settings = queue);
        changed.await.expect("no trouble").expect("it is there");
        let caller = accounts.log_in(Login::Client, id, "secret", now).await;
        self.client = caller.expect("no trouble").expect("it is there").client;
        self.fetches_token().await;
    }

    /// From now on its account may act for these.
    pub async fn owns(&mut self, children: &[&str]) {
        let children = children.iter().map(|id| AccountId((*id).to_owned()));
        let account = Account {
            owns: children.collect(),
            ..self.account_record()
        };
        self.puts(&account).await;
    }

    /// From now on its account's calls are forwarded there; `None`: they are carried out here.
    pub async fn has_backend(&mut self, backend: Option<calls::BackendName>) {
        let account = Account {
            backend: backend.map_or(AccountBackend::BuiltIn, AccountBackend::Forward),
            ..self.account_record()
        };
        self.puts(&account).await;
    }

    /// From now on its account declares these safe to repeat, and is forwarded to that backend.
    pub async fn declares_safe(&mut self, backend: calls::BackendName, what: &[&str]) {
        let declared = what
            .iter()
            .filter_map(|text| calls::SafeToRepeat::parse(text));
        let account = Account {
            backend: AccountBackend::Forward(backend),
            safe_to_repeat: declared.collect(),
            ..self.account_record()
        };
        self.puts(&account).await;
    }

    async fn puts(&mut self, account: &Account) {
        let accounts = &self.stack.cloud.accounts;
        accounts.put_account(account).await.expect("an account");
        self.restarts();
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

    pub fn callbacks(&self) -> Vec<CapturedCallback> {
        self.local().callbacks().callbacks()
    }

    /// Each callback in a line: where to, SequenceCode, OverallStatusCode, ErrorCode.
    pub fn replies(&self) -> Vec<String> {
        self.callbacks().iter().map(replies).collect()
    }

    pub fn mails(&self) -> Vec<CapturedMail> {
        self.local().ses().mails()
    }

    /// ResultMessage of a conversation: SequenceCode, status, code and message of each call.
    pub async fn outcomes(&mut self, conversation: &str) -> Vec<String> {
        let properties = "SequenceCode StatusCode ErrorCode StatusMessage";
        let look = look_for("ResultMessage")
            .of(properties)
            .by("ConversationID", conversation);
        self.retrieves(look).await.lines(properties)
    }

    /// ResultMessage of one call: status, code and message.
    pub async fn outcome(&mut self, request_id: &str) -> String {
        let properties = "StatusCode ErrorCode StatusMessage";
        let look = look_for("ResultMessage")
            .of(properties)
            .by("RequestID", request_id);
        self.retrieves(look).await.lines(properties).join("; ")
    }

    /// AsyncRequestResult of a conversation: where each call stands.
    pub async fn states(&mut self, conversation: &str) -> Vec<String> {
        let look = look_for("AsyncRequestResult")
            .of("Status")
            .by("ConversationID", conversation);
        self.retrieves(look).await.lines("Status")
    }

    /// The same of one call.
    pub async fn state(&mut self, request_id: &str) -> String {
        let look = look_for("AsyncRequestResult")
            .of("Status")
            .by("RequestID", request_id);
        self.retrieves(look).await.lines("Status").join("; ")
    }

    /// The keys of all stored objects.
    pub fn stored(&self) -> Vec<String> {
        let records = record::objects_table(self.local());
        let mut keys: Vec<String> = records
            .iter()
            .map(|record| record.text("sk").to_owned())
            .collect();
        keys.sort();
        keys
    }

    /// How each triggered mail stands.
    pub fn mail_states(&self) -> Vec<String> {
        let records = self.records();
        let mails = records.iter().filter(|record| record.kind() == "MAIL");
        mails.map(|mail| first_word(mail.text("state"))).collect()
    }

    /// The records of the calls table.
    pub fn records(&self) -> Vec<Record> {
        record::calls_table(self.local())
    }

    /// Everything that somebody must still look at.
    pub fn due(&self) -> Vec<String> {
        let records = self.records();
        let due = records
            .iter()
            .filter(|record| !record.text("due_shard").is_empty());
        due.map(|record| format!("{} {}", record.text("sk"), record.text("due_at")))
            .collect()
    }
}

/// `Sending` of `{"Sending":"2026-03-02T09:00:00Z"}`.
fn first_word(json: &str) -> String {
    let words = json.split(|reply_mail: char| !reply_mail.is_ascii_alphabetic());
    words.filter(|word| !word.is_empty()).take(1).collect()
}

fn replies(callback: &CapturedCallback) -> String {
    let place = callback.url.rsplit('/').next().unwrap_or_default();
    let field = |name| callback.field(name).unwrap_or_default();
    let fields = [
        place,
        field("SequenceCode"),
        field("OverallStatusCode"),
        field("ErrorCode"),
    ];
    let fields: Vec<&str> = fields
        .into_iter()
        .filter(|field| !field.is_empty())
        .collect();
    fields.join(" ")
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

/// One after another, as they were accepted.
fn received() -> calls::QueueSettings {
    calls::QueueSettings {
        order: calls::QueueOrder::Received,
        ..calls::QueueSettings::default()
    }
}
