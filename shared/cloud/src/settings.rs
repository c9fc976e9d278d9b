//! The environment variables of the functions. The template sets all of them, except those for the
//! local server only; a test compares the two.

use calls::{AccountId, BackendName, SafeToRepeat};
use objects::PhoneSenders;
use soap::CallbackAddress;
use thiserror::Error;

use crate::accounts::backends::{
    BackendLogin, BackendSettings, DeployedBackend, OBJECTS_PER_CALL_MAX, TIMEOUT_S_MAX,
};
use crate::aws::lanes::Concurrency;
use crate::outbound::callback::check_address;
use crate::outbound::own_hosts::OwnHosts;

/// Days that results are kept by default.
const RESULTS_DAYS: i64 = 30;

#[derive(Clone, Debug)]
pub struct Settings {
    pub calls_table: String,
    pub objects_table: String,
    pub accounts_table: String,
    pub high_queue_url: String,
    pub medium_queue_url: String,
    pub low_queue_url: String,
    pub replies_queue_url: String,
    /// EventBridge Scheduler group of deferred calls.
    pub schedule_group: String,
    /// Role with which the scheduler sends to the queues.
    pub schedule_role_arn: String,
    /// Bucket for bodies and results that are too large for an item.
    pub bodies_bucket: String,
    /// Sender of replies by mail, and of triggered mails without a sender of their own.
    pub mail_sender: String,
    /// SES configuration set of triggered mails, by which SES reports what becomes of them; empty:
    /// it reports nothing.
    pub mail_configuration_set: String,
    /// Address of the unsubscribe links of triggered mails, with a slash at the end; empty: mails
    /// have no such link.
    pub unsubscribe_url: String,
    /// Senders of texts and voice calls; without one none are sent.
    pub phone_senders: PhoneSenders,
    /// Texts and voice calls that are started per second, over all functions together.
    pub texts_per_second: u32,
    /// Days that results are kept after a call has ended.
    pub results_days: i64,
    /// Calls per second of an account without a limit of its own; 0: no limit.
    pub calls_per_second: u32,
    /// Concurrent invocations for each queue, from which the share of an account is computed.
    pub concurrency: Concurrency,
    /// KMS key of the passwords of PasswordDigest users, if there is one.
    pub password_key: Option<String>,
    /// The backend that the deployment names, if any.
    pub backend: Option<DeployedBackend>,
    /// The backend of accounts without a setting of their own; `None`: their calls are carried out
    /// here.
    pub default_backend: Option<BackendName>,
    /// Callbacks to http and to private addresses; only in the local cloud.
    pub allow_http_callbacks: bool,
    /// Address at which clients reach the service, with a slash at the end; empty: the address of
    /// each request.
    pub public_url: String,
    /// Host names of the service; `ingest` gets those of the API from each request.
    pub own_hosts: OwnHosts,
    /// CloudWatch namespace of the metrics; empty: none are written.
    pub metrics_namespace: String,
}

#[derive(Debug, Error)]
#[error(
    "environment variable {0} is not set, or not readable; the template or the platform sets it"
)]
pub struct SettingMissing(pub(crate) &'static str);

impl Settings {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the template's variables"
    )]
    pub fn from_environment() -> Result<Self, SettingMissing> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// For the operator's command: what it does not name is not used.
    pub(crate) fn of_command(calls: &str, bucket: &str) -> Self {
        let places = 2;
        Self {
            calls_table: calls.to_owned(),
            objects_table: String::new(),
            accounts_table: String::new(),
            high_queue_url: String::new(),
            medium_queue_url: String::new(),
            low_queue_url: String::new(),
            replies_queue_url: String::new(),
            schedule_group: String::new(),
            schedule_role_arn: String::new(),
            bodies_bucket: bucket.to_owned(),
            mail_sender: String::new(),
            mail_configuration_set: String::new(),
            unsubscribe_url: String::new(),
            phone_senders: PhoneSenders::default(),
            texts_per_second: 0,
            results_days: RESULTS_DAYS,
            calls_per_second: 0,
            concurrency: Concurrency {
                high: places,
                medium: places,
                low: places,
                replies: places,
            },
            password_key: None,
            backend: None,
            default_backend: None,
            allow_http_callbacks: false,
            public_url: String::new(),
            own_hosts: OwnHosts::read(""),
            metrics_namespace: String::new(),
        }
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingMissing> {
        let needed = |name: &'static str| variable(name).ok_or(SettingMissing(name));
        let places = |name: &'static str| match variable(name) {
            // What a new AWS account has.
            None => Ok(2),
            Some(places) => places.parse().map_err(|_| SettingMissing(name)),
        };
        Ok(Self {
            calls_table: needed("CALLS_TABLE")?,
            objects_table: needed("OBJECTS_TABLE")?,
            accounts_table: needed("ACCOUNTS_TABLE")?,
            high_queue_url: needed("HIGH_QUEUE_URL")?,
            medium_queue_url: needed("MEDIUM_QUEUE_URL")?,
            low_queue_url: needed("LOW_QUEUE_URL")?,
            replies_queue_url: needed("REPLIES_QUEUE_URL")?,
            schedule_group: needed("SCHEDULE_GROUP")?,
            schedule_role_arn: needed("SCHEDULE_ROLE_ARN")?,
            bodies_bucket: needed("BODIES_BUCKET")?,
            mail_sender: needed("MAIL_SENDER")?,
            mail_configuration_set: variable("MAIL_CONFIGURATION_SET").unwrap_or_default(),
            unsubscribe_url: variable("UNSUBSCRIBE_URL").unwrap_or_default(),
            phone_senders: PhoneSenders {
                text: list(variable("TEXT_SENDERS")),
                voice: list(variable("VOICE_SENDERS")),
            },
            texts_per_second: match variable("TEXTS_PER_SECOND") {
                None => 1,
                Some(texts) => {
                    let missing = SettingMissing("TEXTS_PER_SECOND");
                    texts.parse().map_err(|_| missing)?
                }
            },
            results_days: match variable("RESULTS_DAYS") {
                None => RESULTS_DAYS,
                Some(days) => days.parse().map_err(|_| SettingMissing("RESULTS_DAYS"))?,
            },
            calls_per_second: match variable("CALLS_PER_SECOND") {
                None => 0,
                Some(calls) => {
                    let missing = SettingMissing("CALLS_PER_SECOND");
                    calls.parse().map_err(|_| missing)?
                }
            },
            concurrency: Concurrency {
                high: places("HIGH_CONCURRENCY")?,
                medium: places("MEDIUM_CONCURRENCY")?,
                low: places("LOW_CONCURRENCY")?,
                replies: places("REPLIES_CONCURRENCY")?,
            },
            password_key: variable("PASSWORD_KEY").filter(|key| !key.is_empty()),
            backend: deployed_backend(&variable)?,
            default_backend: match variable("DEFAULT_BACKEND").filter(|name| !name.is_empty()) {
                Some(name) => Some(backend_name("DEFAULT_BACKEND", &name)?),
                None => None,
            },
            allow_http_callbacks: variable("ALLOW_HTTP_CALLBACKS").as_deref() == Some("true"),
            public_url: variable("PUBLIC_URL").unwrap_or_default(),
            own_hosts: OwnHosts::read(&variable("OWN_HOSTS").unwrap_or_default()),
            metrics_namespace: variable("METRICS_NAMESPACE").unwrap_or_default(),
        })
    }
}

/// The backend that the deployment names, if any.
fn deployed_backend(
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<Option<DeployedBackend>, SettingMissing> {
    let given = |name: &str| variable(name).filter(|text| !text.is_empty());
    let Some(url) = given("BACKEND_URL") else {
        return Ok(None);
    };
    let needed = |name: &'static str| given(name).ok_or(SettingMissing(name));
    // 0 means no limit.
    let number = |name: &'static str| -> Result<u32, SettingMissing> {
        let text = given(name).unwrap_or_else(|| "0".to_owned());
        text.parse().map_err(|_| SettingMissing(name))
    };
    let bounded = |name: &'static str| number(name).map(|it| (it > 0).then_some(it));
    let is_public = |url: &str| {
        let address = CallbackAddress::parse(url);
        address.is_some_and(|address| check_address(&address, false).is_ok())
    };
    let token_url = given("BACKEND_TOKEN_URL");
    if !is_public(&url) {
        return Err(SettingMissing("BACKEND_URL"));
    }
    if !token_url.as_deref().is_none_or(is_public) {
        return Err(SettingMissing("BACKEND_TOKEN_URL"));
    }
    let login = BackendLogin::InSecret {
        arn: needed("BACKEND_SECRET_ARN")?,
        token_url,
    };
    let new = BackendSettings::new(&url, login);
    let safe = list(given("BACKEND_SAFE_TO_REPEAT"));
    let safe = safe.iter().map(|text| SafeToRepeat::parse(text));
    let safe: Option<Vec<_>> = safe.collect();
    let settings = BackendSettings {
        timeout_s: bounded("BACKEND_TIMEOUT_S")?
            .unwrap_or(new.timeout_s)
            .min(TIMEOUT_S_MAX),
        per_second: bounded("BACKEND_PER_SECOND")?,
        concurrency: bounded("BACKEND_CONCURRENCY")?,
        objects_per_call: bounded("BACKEND_OBJECTS_PER_CALL")?
            .unwrap_or(new.objects_per_call)
            .min(OBJECTS_PER_CALL_MAX),
        clients: list(given("BACKEND_CLIENTS"))
            .into_iter()
            .map(AccountId)
            .collect(),
        safe_to_repeat: safe.ok_or(SettingMissing("BACKEND_SAFE_TO_REPEAT"))?,
        ..new
    };
    let name = backend_name("BACKEND_NAME", &needed("BACKEND_NAME")?)?;
    Ok(Some(DeployedBackend { name, settings }))
}

fn backend_name(variable: &'static str, name: &str) -> Result<BackendName, SettingMissing> {
    BackendName::parse(name).ok_or(SettingMissing(variable))
}

/// The items of a list with commas.
fn list(text: Option<String>) -> Vec<String> {
    let text = text.unwrap_or_default();
    let parts = text.split(',').map(str::trim);
    let parts = parts.filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let error = Settings::read(|name| (name != "MAIL_SENDER").then(|| name.to_lowercase()));
        let text = error.expect_err("no RESULTS_DAYS").to_string();
        assert!(text.contains("MAIL_SENDER"), "{text}");
    }

    #[test]
    fn numbers_must_be_numbers() {
        let numbers = [
            "RESULTS_DAYS",
            "CALLS_PER_SECOND",
            "TEXTS_PER_SECOND",
            "HIGH_CONCURRENCY",
            "MEDIUM_CONCURRENCY",
            "LOW_CONCURRENCY",
            "REPLIES_CONCURRENCY",
        ];
        let all = |name: &str| {
            let of_backends = name.contains("BACKEND");
            let value = if numbers.contains(&name) { "7" } else { "x" };
            (!of_backends).then(|| value.to_owned())
        };
        let settings = Settings::read(all).expect("complete");
        assert_eq!((settings.results_days, settings.calls_per_second), (7, 7));
        let Concurrency {
            high,
            medium,
            low,
            replies,
        } = settings.concurrency;
        assert_eq!([high, medium, low, replies], [7; 4]);
        for wrong in numbers {
            let error =
                Settings::read(|name| all(name).filter(|_| name != wrong).or(Some("x".to_owned())));
            let text = error.expect_err("no number").to_string();
            assert!(text.contains(wrong), "{text}");
        }
    }

    #[test]
    fn texts_are_off_where_no_sender_is_named() {
        let senders = |named: &'static str| {
            let all = move |name: &str| match name {
                "TEXT_SENDERS" => Some(named.to_owned()),
                name if name.contains("BACKEND") => None,
                name if name.ends_with("_TABLE")
                    || name.ends_with("_URL")
                    || [
                        "SCHEDULE_GROUP",
                        "SCHEDULE_ROLE_ARN",
                        "BODIES_BUCKET",
                        "MAIL_SENDER",
                    ]
                    .contains(&name) =>
                {
                    Some("x".to_owned())
                }
                _ => None,
            };
            let settings = Settings::read(all).expect("complete");
            assert!(settings.phone_senders.voice.is_empty());
            assert_eq!(settings.texts_per_second, 1);
            settings.phone_senders.text
        };
        assert!(senders("").is_empty() && senders(" , ").is_empty());
        assert_eq!(senders("a, b"), ["a", "b"]);
    }

    #[test]
    fn an_empty_key_is_none() {
        let key = |key: &'static str| {
            let all = move |name: &str| match name {
                "RESULTS_DAYS" | "CALLS_PER_SECOND" | "TEXTS_PER_SECOND" => None,
                places if places.ends_with("_CONCURRENCY") => None,
                "PASSWORD_KEY" => Some(key.to_owned()),
                backend if backend.contains("BACKEND") => None,
                _ => Some("x".to_owned()),
            };
            Settings::read(all).expect("complete").password_key
        };
        assert_eq!(key(""), None);
        assert_eq!(key("arn:key"), Some("arn:key".to_owned()));
    }

    fn with_backend(
        change: (&'static str, &'static str),
    ) -> Result<Option<DeployedBackend>, SettingMissing> {
        let variable = move |name: &str| {
            let set = match name {
                name if name == change.0 => change.1,
                "BACKEND_NAME" => "mc",
                "BACKEND_URL" => "https://s.soap.marketingcloudapis.com/Service.asmx",
                "BACKEND_TOKEN_URL" => "https://s.auth.marketingcloudapis.com/v2/token",
                "BACKEND_SECRET_ARN" => "arn:secret",
                "BACKEND_TIMEOUT_S" => "15",
                "BACKEND_PER_SECOND" => "0",
                "BACKEND_CONCURRENCY" => "20",
                "BACKEND_OBJECTS_PER_CALL" => "50",
                "BACKEND_CLIENTS" => "7, 8",
                "BACKEND_SAFE_TO_REPEAT" => "Delete,Update/Subscriber",
                _ => return None,
            };
            Some(set.to_owned())
        };
        deployed_backend(&variable)
    }

    #[test]
    fn a_deployment_may_name_a_backend() {
        let read = with_backend(("", "")).expect("complete").expect("there");
        assert_eq!(read.name.as_str(), "mc");
        let settings = read.settings;
        assert_eq!((settings.timeout_s, settings.per_second), (15, None));
        assert_eq!(
            (settings.concurrency, settings.objects_per_call),
            (Some(20), 50)
        );
        assert_eq!(settings.clients.len(), 2);
        let safe: Vec<String> = settings
            .safe_to_repeat
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(safe, ["Delete", "Update/Subscriber"]);
        let BackendLogin::InSecret { arn, token_url } = settings.login else {
            panic!("as a secret says: {:?}", settings.login);
        };
        assert_eq!(arn, "arn:secret");
        assert!(token_url.is_some());
        assert_eq!(with_backend(("BACKEND_URL", "")).expect("none"), None);
        let without_tokens = with_backend(("BACKEND_TOKEN_URL", ""));
        assert!(without_tokens.expect("complete").is_some());
    }

    #[test]
    fn a_backend_that_cannot_be_is_named() {
        for (name, wrong) in [
            ("BACKEND_NAME", "built-in"),
            ("BACKEND_NAME", ""),
            ("BACKEND_URL", "http://mc.example.com/"),
            ("BACKEND_URL", "https://10.0.0.1/"),
            ("BACKEND_TOKEN_URL", "https://localhost/"),
            ("BACKEND_SECRET_ARN", ""),
            ("BACKEND_TIMEOUT_S", "soon"),
            ("BACKEND_PER_SECOND", "-1"),
            ("BACKEND_CONCURRENCY", "x"),
            ("BACKEND_OBJECTS_PER_CALL", "x"),
            ("BACKEND_SAFE_TO_REPEAT", "a-b"),
        ] {
            let error = with_backend((name, wrong)).expect_err("it cannot be");
            assert!(error.to_string().contains(name), "{name} {wrong}: {error}");
        }
    }
}
