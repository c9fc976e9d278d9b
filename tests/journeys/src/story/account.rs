//! The account of a caller: its settings, its API client, its token.

use std::time::Duration;

use calls::{AccountId, DeliveryResult};
use cloud::accounts::{Account, AccountBackend, Login};
use cloud::outbound::receiver_health::Receiver;

use super::{ADDRESS, SECRET, Story};
use crate::log_watch::MARK;

impl Story {
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

    pub(super) async fn opens_account(&mut self) {
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
        let caller = self.known_as();
        let made = accounts.put_login(Login::Client, id, "secret", &caller);
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
}

/// One after another, as they were accepted.
fn received() -> calls::QueueSettings {
    calls::QueueSettings {
        order: calls::QueueOrder::Received,
        ..calls::QueueSettings::default()
    }
}
