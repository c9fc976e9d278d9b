//! `aftercall backends`: makes and shows what calls are forwarded to.

use calls::{AccountId, BackendName};
use cloud::accounts::backends::{BackendChange, BackendLogin, BackendSettings};
use cloud::outbound::callback::check_address;
use soap::CallbackAddress;

use crate::access::Access;
use crate::arguments::BackendVerb;
use crate::failure::CommandFailure;
use crate::output::{Output, Record};

pub(crate) async fn carry_out(
    access: &Access,
    verb: &BackendVerb,
) -> Result<Output, CommandFailure> {
    match verb {
        BackendVerb::Create { name, .. } => {
            let settings = settings(access, verb)?;
            let name = named(name)?;
            let secret = secret()?;
            let made = access.accounts.create_backend(&name, &settings, &secret);
            done(made.await?, &name)?;
            Ok(Output::One(shown(&name, &settings)))
        }
        BackendVerb::List => {
            let backends = access.accounts.all_backends().await?;
            let records = backends.iter().map(|(name, found)| shown(name, found));
            Ok(Output::List(records.collect()))
        }
        BackendVerb::Show { name } => {
            let (name, settings) = existing(access, name).await?;
            Ok(Output::One(shown(&name, &settings)))
        }
        BackendVerb::Rotate { name, .. } => {
            let name = named(name)?;
            let secret = secret()?;
            done(access.accounts.rotate_backend(&name, &secret).await?, &name)?;
            Ok(Output::One(Record::of("backend", name.as_str())))
        }
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

fn settings(access: &Access, verb: &BackendVerb) -> Result<BackendSettings, CommandFailure> {
    let BackendVerb::Create {
        url,
        user,
        client,
        token_url,
        account_id,
        clients,
        timeout,
        per_second,
        concurrency,
        objects,
        ..
    } = verb
    else {
        return Err(CommandFailure::Usage(
            "only a new backend has settings".to_owned(),
        ));
    };
    check(access, url)?;
    let login = match (user, client, token_url) {
        (Some(name), _, _) => BackendLogin::User { name: name.clone() },
        (None, Some(id), Some(token_url)) => {
            check(access, token_url)?;
            BackendLogin::Client {
                id: id.clone(),
                token_url: token_url.clone(),
                account_id: account_id.clone(),
            }
        }
        (None, _, _) => {
            let how = "say how it is logged in to: --user, or --client and --token-url";
            return Err(CommandFailure::Usage(how.to_owned()));
        }
    };
    Ok(BackendSettings {
        timeout_s: *timeout,
        per_second: *per_second,
        concurrency: *concurrency,
        objects_per_call: *objects,
        clients: clients.iter().cloned().map(AccountId).collect(),
        ..BackendSettings::new(url, login)
    })
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
        BackendChange::NoKey => Err(CommandFailure::Usage(
            "there is no key to encrypt the secret with: --key".to_owned(),
        )),
    }
}

fn shown(name: &BackendName, settings: &BackendSettings) -> Record {
    let (login, as_whom) = match &settings.login {
        BackendLogin::User { name } => ("user", name),
        BackendLogin::Client { id, .. } => ("client", id),
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
}
