//! `aftercall backends`: makes and shows what calls are forwarded to.

use calls::{AccountId, BackendName, Breaker, Readiness};
use cloud::Clock;
use cloud::accounts::backends::{BackendChange, BackendLogin, BackendSettings};
use cloud::outbound::callback::check_address;
use jiff::Timestamp;
use soap::CallbackAddress;

use crate::access::Access;
use crate::arguments::Arguments;
use crate::backend_arguments::{BackendVerb, NewBackendArguments};
use crate::failure::CommandFailure;
use crate::output::{Output, Record};
use crate::safe_to_repeat::declared;

pub(crate) async fn carry_out(
    arguments: &Arguments,
    access: &Access,
    verb: &BackendVerb,
) -> Result<Output, CommandFailure> {
    match verb {
        BackendVerb::Create(said) => {
            let settings = settings(access, said)?;
            let name = named(&said.name)?;
            let made = match settings.login {
                BackendLogin::InSecret { .. } => {
                    let made = access.accounts.create_backend_in_secret(&name, &settings);
                    made.await?
                }
                BackendLogin::User { .. } | BackendLogin::Client { .. } => {
                    let secret = secret()?;
                    let made = access.accounts.create_backend(&name, &settings, &secret);
                    made.await?
                }
            };
            done(made, &name)?;
            Ok(Output::One(shown(&name, &settings)))
        }
        BackendVerb::List => {
            let backends = access.accounts.all_backends().await?;
            let breakers = crate::access::cloud(arguments).await?.breakers().await?;
            let records = backends
                .iter()
                .map(|(name, found)| shown(name, found).and("stands", stands(breakers.get(name))));
            Ok(Output::List(records.collect()))
        }
        BackendVerb::Show { name } => {
            let (name, settings) = existing(access, name).await?;
            let breakers = crate::access::cloud(arguments).await?.breakers().await?;
            let shown = shown(&name, &settings);
            Ok(Output::One(
                shown.and("stands", stands(breakers.get(&name))),
            ))
        }
        BackendVerb::Rotate { name, .. } => {
            let name = named(name)?;
            let secret = secret()?;
            done(access.accounts.rotate_backend(&name, &secret).await?, &name)?;
            Ok(Output::One(Record::of("backend", name.as_str())))
        }
    }
}

/// How a backend stands, in words.
pub(crate) fn readiness(breaker: &Breaker, now: Timestamp) -> &'static str {
    match breaker.readiness(now) {
        Readiness::Ready => "ready",
        Readiness::InMaintenance => "in maintenance",
        Readiness::OutOfService => "out of service",
    }
}

/// The same, and why; one whose breaker was never opened is ready.
fn stands(breaker: Option<&Breaker>) -> String {
    let (now, closed) = (Clock::system().now(), Breaker::closed());
    let breaker = breaker.unwrap_or(&closed);
    let word = readiness(breaker, now);
    match breaker.readiness(now) {
        Readiness::OutOfService => format!("{word}: {}", breaker.reason),
        Readiness::Ready | Readiness::InMaintenance => word.to_owned(),
    }
}

/// A backend that is there.
pub(crate) async fn existing(
    access: &Access,
    name: &str,
) -> Result<(BackendName, BackendSettings), CommandFailure> {
    let name = named(name)?;
    let found = access.accounts.backend_settings(&name).await?;
    let settings =
        found.ok_or_else(|| CommandFailure::NotFound(format!("there is no backend {name}")))?;
    Ok((name, settings))
}

fn named(name: &str) -> Result<BackendName, CommandFailure> {
    let parsed = BackendName::parse(name).filter(|name| !cloud::pauses::is_pause(name));
    parsed.ok_or_else(|| {
        CommandFailure::Usage(format!(
            "{name:?} is no name of a backend: up to 40 small letters, digits and hyphens"
        ))
    })
}

fn settings(
    access: &Access,
    said: &NewBackendArguments,
) -> Result<BackendSettings, CommandFailure> {
    let NewBackendArguments {
        url,
        tenant,
        user,
        client,
        secret_arn,
        token_url,
        account_id,
        clients,
        timeout,
        per_second,
        concurrency,
        objects,
        safe_to_repeat,
        ..
    } = said;
    let (url, token_url) = match tenant {
        Some(tenant) => of_tenant(tenant)?,
        None => (url.clone().unwrap_or_default(), token_url.clone()),
    };
    check(access, &url)?;
    if let Some(token_url) = &token_url {
        check(access, token_url)?;
    }
    let login = match (secret_arn, user, client, token_url) {
        (Some(arn), _, _, token_url) if is_secret(arn) => BackendLogin::InSecret {
            arn: arn.clone(),
            token_url,
        },
        (Some(arn), _, _, _) => {
            let why = format!("{arn} is no ARN of a secret in Secrets Manager");
            return Err(CommandFailure::Usage(why));
        }
        (None, Some(name), _, _) => BackendLogin::User { name: name.clone() },
        (None, None, Some(id), Some(token_url)) => BackendLogin::Client {
            id: id.clone(),
            token_url,
            account_id: account_id.clone(),
        },
        (None, None, _, _) => {
            let how = "say how it is logged in to: --secret-arn, --user, or --client with \
                       --token-url or --tenant";
            return Err(CommandFailure::Usage(how.to_owned()));
        }
    };
    Ok(BackendSettings {
        timeout_s: *timeout,
        per_second: *per_second,
        concurrency: *concurrency,
        objects_per_call: *objects,
        clients: clients.iter().cloned().map(AccountId).collect(),
        safe_to_repeat: declared(safe_to_repeat)?,
        ..BackendSettings::new(&url, login)
    })
}

/// Where a tenant of Marketing Cloud takes calls, and where its tokens are.
fn of_tenant(tenant: &str) -> Result<(String, Option<String>), CommandFailure> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if tenant.is_empty() || !tenant.chars().all(is_name) {
        let why = format!("{tenant:?} is no subdomain of Marketing Cloud");
        return Err(CommandFailure::Usage(why));
    }
    Ok((
        format!("https://{tenant}.soap.marketingcloudapis.com/Service.asmx"),
        Some(format!(
            "https://{tenant}.auth.marketingcloudapis.com/v2/token"
        )),
    ))
}

fn is_secret(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    matches!(
        parts.as_slice(),
        ["arn", _, "secretsmanager", _, _, "secret", _]
    )
}

/// Public and https; of a local server anything of the web.
fn check(access: &Access, url: &str) -> Result<(), CommandFailure> {
    let wrong =
        |why: &str| CommandFailure::Usage(format!("{url} is no address of a backend: {why}"));
    let address = CallbackAddress::parse(url).ok_or_else(|| wrong("it cannot be read"))?;
    check_address(&address, access.is_local)
        .map_err(|_| wrong("it must be https, a public address, port 443 or one from 1024 on"))
}

/// Not on the command line, which is kept in histories and shown in lists of processes.
fn secret() -> Result<String, CommandFailure> {
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    read.map_err(|error| CommandFailure::Usage(format!("standard input: {error}")))?;
    let secret = line.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        let how = "the password or secret is one line of standard input, which is empty";
        return Err(CommandFailure::Usage(how.to_owned()));
    }
    Ok(secret.to_owned())
}

fn done(change: BackendChange, name: &BackendName) -> Result<(), CommandFailure> {
    match change {
        BackendChange::Done => Ok(()),
        BackendChange::Exists => Err(CommandFailure::Exists(format!("there is a backend {name}"))),
        BackendChange::Missing => Err(CommandFailure::NotFound(format!(
            "there is no backend {name}"
        ))),
        BackendChange::InSecretsManager => Err(CommandFailure::Usage(format!(
            "what {name} is logged in to with lies in Secrets Manager: rotate it there"
        ))),
        BackendChange::NoKey => Err(CommandFailure::Usage(
            "there is no key to encrypt the secret with: --key".to_owned(),
        )),
    }
}

fn shown(name: &BackendName, settings: &BackendSettings) -> Record {
    let (login, as_whom) = match &settings.login {
        BackendLogin::User { name } => ("user", name),
        BackendLogin::Client { id, .. } => ("client", id),
        BackendLogin::InSecret { arn, .. } => ("secret", arn),
    };
    let clients: Vec<&str> = settings.clients.iter().map(|it| it.0.as_str()).collect();
    Record::of("backend", name.as_str())
        .and("url", settings.url.as_str())
        .and("login", format!("{login} {as_whom}"))
        .and("timeout_s", settings.timeout_s)
        .and("per_second", settings.per_second)
        .and("concurrency", settings.concurrency)
        .and("objects_per_call", settings.objects_per_call)
        .and("clients", clients.join(","))
        .and(
            "safe_to_repeat",
            settings
                .safe_to_repeat
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
        )
}
