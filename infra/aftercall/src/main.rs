//! The operator's command: `aftercall --stack aftercall accounts list`, or, against a local server,
//! `aftercall --endpoint http://127.0.0.1:8080 accounts create 7001 "Shop"`.
//!
//! Read in this order: [`arguments`] (what may be said), [`access`] (where the tables are),
//! [`acts`] (what is recorded of who did what), [`accounts`], [`backends`], [`logins`],
//! [`conversations`], [`call_acts`], [`unknown`], [`mails`] and [`maintenance`] (what is done),
//! [`output`] (how it is told), [`failure`] (exit codes).
//!
//! Secrets are made here, shown once, and kept as hashes only, but for the passwords of PasswordDigest
//! users, which are encrypted with the stack's KMS key, and the secrets that sign callbacks.
//! Credentials and region of AWS come from the environment, as with the AWS command line.

mod access;
mod accounts;
mod acts;
mod arguments;
mod backend_arguments;
mod backends;
mod call_acts;
mod call_arguments;
mod call_lines;
mod conversations;
mod export;
mod failure;
mod handbook;
mod logins;
mod mails;
mod maintenance;
mod maintenance_arguments;
mod output;
mod safe_to_repeat;
mod unknown;
mod unknown_arguments;
mod watch;

use std::process::ExitCode;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::Parser;
use cloud::{Clock, Random};

use access::Access;
use arguments::{Arguments, Noun};
use call_arguments::CallVerb;
use failure::CommandFailure;
use output::Output;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match carry_out(&arguments).await {
        Ok(output) => {
            say(&output.written(arguments.output));
            ExitCode::SUCCESS
        }
        Err(failure) => {
            complain(&failure.to_string());
            failure.exit_code()
        }
    }
}

/// An act is recorded before it is done, and what came of it after.
async fn carry_out(arguments: &Arguments) -> Result<Output, CommandFailure> {
    let Some(act) = acts::act(&arguments.noun) else {
        return answer(arguments).await;
    };
    if arguments.dry_run {
        return match act.rehearses {
            true => answer(arguments).await,
            false => Err(CommandFailure::Usage(
                "this changes one setting, and cannot be tried with --dry-run".to_owned(),
            )),
        };
    }
    let access = Access::open(arguments, None).await?;
    let record = acts::begin(arguments, &access, &act).await?;
    let done = answer(arguments).await;
    if let Err(failure) = acts::finish(&access, record, &done).await {
        complain(&format!("what came of it is not in the audit: {failure}"));
    }
    done
}

async fn answer(arguments: &Arguments) -> Result<Output, CommandFailure> {
    let (random, clock) = (Random::system(), Clock::system());
    let open = async || Access::open(arguments, arguments.noun.password_key()).await;
    match &arguments.noun {
        Noun::Unpack { attribute } => Ok(Output::Text(unpacked(attribute)?)),
        Noun::Completions { shell } => handbook::completions(*shell),
        Noun::Man => handbook::man(),
        Noun::Mails(verb) => mails::carry_out(&access::mails(arguments).await?, verb).await,
        Noun::Calls(verb) => calls_noun(arguments, &clock, verb).await,
        Noun::Unknown(verb) => unknown::carry_out(&access::cloud(arguments).await?, verb).await,
        Noun::Accounts(verb) => accounts::carry_out(&open().await?, &random, &clock, verb).await,
        Noun::Users(verb) => logins::users(&open().await?, &random, &clock, verb).await,
        Noun::Clients(verb) => logins::clients(&open().await?, &random, &clock, verb).await,
        Noun::Backends(verb) => backends::carry_out(arguments, &open().await?, verb).await,
        Noun::Maintenance(said) => {
            maintenance::carry_out(arguments, &open().await?, &clock, said).await
        }
        Noun::Audit(verb) => acts::audit(&open().await?, verb).await,
    }
}

async fn calls_noun(
    arguments: &Arguments,
    clock: &Clock,
    verb: &CallVerb,
) -> Result<Output, CommandFailure> {
    let cloud = access::cloud(arguments).await?;
    let list = cloud.conversation_list();
    if let Some(output) = conversations::look(&list, clock, arguments.output, verb).await? {
        return Ok(output);
    }
    call_acts::carry_out(&cloud, verb, access::run(arguments)).await
}

fn unpacked(attribute: &str) -> Result<String, CommandFailure> {
    let bytes = BASE64_STANDARD
        .decode(attribute.trim())
        .map_err(|error| CommandFailure::Usage(format!("this is not Base64: {error}")))?;
    let text = cloud::decompress(&bytes);
    text.ok_or_else(|| CommandFailure::Usage("these bytes are not a packed attribute".to_owned()))
}

#[expect(clippy::print_stdout, reason = "it answers on the command line")]
fn say(text: &str) {
    print!("{text}");
}

fn complain(text: &str) {
    eprintln!("aftercall: {text}");
}

#[cfg(test)]
mod tests {
    use super::unpacked;

    #[test]
    fn what_is_no_packed_attribute_is_said_to_be_none() {
        // Stored as it is: a byte 0 before it.
        assert_eq!(unpacked("AGhlbGxv").ok().as_deref(), Some("hello"));
        for other in ["AQ==", "CWhlbGxv", "hello?"] {
            assert!(unpacked(other).is_err(), "{other}");
        }
    }
}
