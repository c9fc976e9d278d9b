//! Everything that awaits: plain structs around the AWS clients.
//!
//! Read in this order: [`settings`] (the environment variables), [`aws`] (the clients: tables with
//! all condition expressions, queues, schedules, large bodies, mail), [`records`] (one file per
//! record, with its keys at the head), [`due`] (the index of what must be looked at again),
//! `by_account` and [`read`] (lists), [`conversation`] (accepting a call, prefetching, committing,
//! closing, finding; pending actions), [`redelivery`] (messages that come again), [`outbound`]
//! (requests to addresses that callers name), [`objects_table`] (the storage of the built-in
//! backend), [`tracking`] (the fate of mails), [`act`] (what operators do about calls, and the
//! audit log), [`accounts`] (authentication and rate limits), [`breakers`], [`backend_slots`] and
//! [`backend_tokens`] (what functions share for a backend), [`maintenance`] and [`pauses`] (whether
//! calls are carried out), [`memory`] (the memory of an invocation), [`logs`], [`metrics`] and
//! [`health`].
//!
//! **Architecture Invariant:** no decision about a call is made here; they are made in `calls`.

pub mod accounts;
pub mod act;
pub mod aws;
pub mod backend_slots;
pub mod backend_tokens;
pub mod breakers;
pub(crate) mod by_account;
pub mod clock;
pub mod conversation;
pub mod due;
pub mod error;
pub(crate) mod floods;
pub mod health;
pub mod logs;
pub mod maintenance;
pub mod memory;
pub mod metrics;
pub mod objects_table;
pub mod outbound;
pub mod pauses;
pub mod random;
pub mod read;
pub mod records;
pub mod redelivery;
pub mod settings;
pub mod tracking;
pub mod upkeep;

use aws_smithy_runtime_api::client::http::SharedHttpConnector;

pub use breakers::CachedBreakers;
pub use clock::Clock;
pub use conversation::commit::CommittedStep;
pub use conversation::outbox::{Outbox, ReplyAction};
pub use error::{CommitError, Committed, Error};
pub use objects::PhoneSenders;
pub use outbound::own_hosts::OwnHosts;
pub use random::Random;
pub use records::compression::{Compressed, decompress};
pub use settings::Settings;

/// The AWS clients, settings, clock and caches of a function, built once at its cold start.
#[derive(Clone)]
pub struct Cloud {
    pub settings: Settings,
    pub clock: Clock,
    pub random: Random,
    pub calls: aws::table::Table,
    pub objects: aws::table::Table,
    pub accounts: accounts::Accounts,
    pub queues: aws::queues::Queues,
    pub(crate) floods: floods::Floods,
    pub schedules: aws::schedules::Schedules,
    pub large_bodies: aws::large_bodies::LargeBodies,
    pub files: aws::files::Files,
    pub mail: aws::mail::MailService,
    pub phone: aws::phone::PhoneService,
    pub callback: outbound::callback::Callback,
    pub receivers: outbound::receiver_health::ReceiverHealth,
    pub forwarding: outbound::forward::BackendClient,
    pub backend_tokens: outbound::forward::BackendTokens,
    pub backend_slots: backend_slots::BackendSlots,
    pub known_breakers: CachedBreakers,
    pub last_health: health::LastTableHealth,
    pub metrics: metrics::Metrics,
    pub shards: due::Shards,
}

impl Cloud {
    /// For a function in AWS: settings from the environment, credentials from its role.
    pub fn from_environment() -> Result<Self, settings::SettingMissing> {
        let settings = Settings::from_environment()?;
        let config = aws::clients::from_environment()?;
        let callbacks = outbound::callback::guarded_connector(settings.allow_http_callbacks);
        let mail = aws::mail::MailService::new(
            &config,
            &settings.mail_sender,
            &settings.mail_configuration_set,
            aws::mail::MailConnections::New,
        );
        let phone = aws::phone::PhoneService::new(
            &config,
            &settings.mail_configuration_set,
            aws::mail::MailConnections::New,
        );
        let forwarding = outbound::forward::BackendClient::guarded(settings.allow_http_callbacks);
        let cloud = Self::new(
            settings,
            &config,
            callbacks,
            Clock::system(),
            Random::system(),
        );
        Ok(Self {
            mail,
            phone,
            forwarding,
            ..cloud
        })
    }

    /// For the operator's command, which knows a table of calls and, if needed, the bucket. It has
    /// no queues: the timekeeper finds what it leaves to be done.
    pub fn for_command(config: &aws_types::SdkConfig, calls: &str, bucket: &str) -> Self {
        let settings = Settings::of_command(calls, bucket);
        let callbacks = outbound::callback::guarded_connector(false);
        Self::new(
            settings,
            config,
            callbacks,
            Clock::system(),
            Random::system(),
        )
    }

    /// For the functions that post callbacks: builds the HTTP client for callbacks at the cold
    /// start, which has a whole processor, and not with the first callback.
    #[must_use]
    pub fn ready_to_call_back(self) -> Self {
        let allow_http = self.settings.allow_http_callbacks;
        let connector = outbound::callback::guarded_connector_made(allow_http);
        let own = self.settings.own_hosts.clone();
        Self {
            callback: outbound::callback::Callback::new(connector, allow_http, own),
            ..self
        }
    }

    /// From its parts. `callbacks` is the HTTP client for replies.
    pub fn new(
        settings: Settings,
        config: &aws_types::SdkConfig,
        callbacks: SharedHttpConnector,
        clock: Clock,
        random: Random,
    ) -> Self {
        let dynamodb = aws::lean_clients::dynamodb(config);
        let region = config
            .region()
            .map_or_else(String::new, ToString::to_string);
        let table = |name: &str| aws::table::Table::new(dynamodb.clone(), name);
        Self {
            calls: table(&settings.calls_table),
            objects: table(&settings.objects_table),
            accounts: accounts::Accounts::new(
                table(&settings.accounts_table),
                config,
                settings.password_key.as_deref(),
            ),
            queues: aws::queues::Queues::new(aws::lean_clients::sqs(config), &settings),
            schedules: aws::schedules::Schedules::new(config, &settings, &region),
            floods: floods::Floods::default(),
            large_bodies: aws::large_bodies::LargeBodies::new(config, &settings.bodies_bucket),
            files: aws::files::Files::new(config, &settings.bodies_bucket),
            mail: aws::mail::MailService::new(
                config,
                &settings.mail_sender,
                &settings.mail_configuration_set,
                aws::mail::MailConnections::Configured,
            ),
            phone: aws::phone::PhoneService::new(
                config,
                &settings.mail_configuration_set,
                aws::mail::MailConnections::Configured,
            ),
            callback: outbound::callback::Callback::new(
                callbacks.clone(),
                settings.allow_http_callbacks,
                settings.own_hosts.clone(),
            ),
            receivers: outbound::receiver_health::ReceiverHealth::default(),
            forwarding: outbound::forward::BackendClient::through(callbacks),
            backend_tokens: outbound::forward::BackendTokens::default(),
            backend_slots: backend_slots::BackendSlots::default(),
            known_breakers: CachedBreakers::default(),
            last_health: health::LastTableHealth::default(),
            metrics: metrics::Metrics::new(&settings.metrics_namespace),
            shards: due::Shards::default(),
            clock,
            random,
            settings,
        }
    }

    /// Opens the connections that a first call will need, while a cold function has a whole
    /// processor. The results of the reads are not used.
    pub async fn warm_up(&self) {
        let looked_up = self.accounts.maintenance_switch().await;
        if let Err(error) = looked_up {
            tracing::debug!(%error, "connection was not opened ahead of time");
        }
    }

    pub fn now(&self) -> jiff::Timestamp {
        self.clock.now()
    }
}
