//! Everything that awaits: plain structs around the AWS clients.
//!
//! Read in this order: [`settings`] (what the functions are told), [`table`] (one table, and every
//! condition expression there is), the records (`standing`, `call_record`, `outcome_record`,
//! `reply_record`, `mail_record`), [`arrival`] (a call comes
//! in), [`steps`] (the only file that commits conversations), [`ahead`] (what a run reads), [`queues`]
//! and [`schedules`] (wake-ups), [`ordered_queue`] (calls alone, one after another), [`replies`] and [`mail`] and [`callback`] (what goes out),
//! [`objects_table`] (the built-in backend's storage), [`accounts`] (who may call), `account_changes` and [`login_changes`]
//! (what the operator makes of them) and [`permits`] (how often).
//!
//! **Architecture Invariant:** no decision about a call is made here; they are made in `calls`.

mod account_changes;
pub mod accounts;
pub mod ahead;
pub mod arrival;
mod aws;
pub mod bodies;
pub mod call_record;
pub mod callback;
mod cancel;
pub mod chance;
pub mod clock;
mod closing;
pub mod continuation;
mod digest_users;
mod item;
mod lazy_client;
mod lean_clients;
pub mod login_changes;
pub mod mail;
mod mail_connections;
pub mod mail_record;
pub mod objects_table;
pub mod only_call;
pub mod outcome_record;
pub mod ordered_queue;
mod owing;
mod pack;
pub mod permits;
pub mod public_address;
pub mod queues;
pub mod receivers;
pub mod replies;
pub mod reply_record;
pub mod retrieval;
pub mod schedules;
mod seal;
pub mod settings;
pub mod stack;
pub mod standing;
pub mod steps;
pub mod table;
pub mod token_buckets;
pub mod trouble;

use aws_smithy_runtime_api::client::http::SharedHttpConnector;

pub use chance::Chance;
pub use clock::Clock;
pub use owing::{Debt, Outbox};
pub use pack::{Packed, unpack};
pub use settings::Settings;
pub use trouble::{CommitError, Trouble};

/// All that a function needs of the outside, built once at its cold start.
#[derive(Clone)]
pub struct Cloud {
    pub settings: Settings,
    pub clock: Clock,
    pub chance: Chance,
    pub calls: table::Table,
    pub objects: table::Table,
    pub accounts: accounts::Accounts,
    pub queues: queues::Queues,
    pub schedules: schedules::Schedules,
    pub bodies: bodies::Bodies,
    pub mail: mail::MailService,
    pub callback: callback::Callback,
    pub receivers: receivers::Receivers,
}

impl Cloud {
    /// For a function in AWS: settings from the environment, credentials from its role.
    pub fn from_environment() -> Result<Self, settings::SettingMissing> {
        let settings = Settings::from_environment()?;
        let config = aws::from_environment()?;
        let callbacks = callback::guarded_connector(settings.allow_http_callbacks);
        let mail = mail::MailService::new(&config, &settings.mail_sender, mail::Connections::New);
        let cloud = Self::new(
            settings,
            &config,
            callbacks,
            Clock::system(),
            Chance::system(),
        );
        Ok(Self { mail, ..cloud })
    }

    /// For the functions that post callbacks: what they are posted with is made at its start, while
    /// it has a whole processor, rather than with the first of them.
    #[must_use]
    pub fn ready_to_call_back(self) -> Self {
        let allow_http = self.settings.allow_http_callbacks;
        let connector = callback::guarded_connector_made(allow_http);
        Self {
            callback: callback::Callback::new(connector, allow_http),
            ..self
        }
    }

    /// From its parts: `callbacks` is what replies are posted with.
    pub fn new(
        settings: Settings,
        config: &aws_types::SdkConfig,
        callbacks: SharedHttpConnector,
        clock: Clock,
        chance: Chance,
    ) -> Self {
        let dynamodb = lean_clients::dynamodb(config);
        let region = config
            .region()
            .map_or_else(String::new, ToString::to_string);
        let table = |name: &str| table::Table::new(dynamodb.clone(), name);
        Self {
            calls: table(&settings.calls_table),
            objects: table(&settings.objects_table),
            accounts: accounts::Accounts::new(
                table(&settings.accounts_table),
                config,
                settings.password_key.as_deref(),
            ),
            queues: queues::Queues::new(lean_clients::sqs(config), &settings),
            schedules: schedules::Schedules::new(config, &settings, &region),
            bodies: bodies::Bodies::new(config, &settings.bodies_bucket),
            mail: mail::MailService::new(
                config,
                &settings.mail_sender,
                mail::Connections::Configured,
            ),
            callback: callback::Callback::new(callbacks, settings.allow_http_callbacks),
            receivers: receivers::Receivers::default(),
            clock,
            chance,
            settings,
        }
    }

    /// Opens the connections that a first call will need, while a cold function still has a whole
    /// processor. What it finds does not matter.
    pub async fn warm_up(&self) {
        let looked_up = self.accounts.maintenance().await;
        if let Err(trouble) = looked_up {
            tracing::debug!(%trouble, "connection was not opened ahead of time");
        }
    }

    pub fn now(&self) -> jiff::Timestamp {
        self.clock.now()
    }
}
