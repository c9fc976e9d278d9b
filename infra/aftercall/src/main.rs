//! The operator's command: `aftercall --stack aftercall accounts list`, or, against a local server,
//! `aftercall --endpoint http://127.0.0.1:8080 accounts create 7001 "Shop"`.
//!
//! Read in this order: [`arguments`] (what may be said), [`access`] (where the tables are),
//! [`accounts`], [`backends`], [`logins`], [`conversations`], [`unknown`], [`mails`] and [`maintenance`] (what is done), [`output`] (how it is told), [`failure`] (exit codes).
//!
//! Secrets are made here, shown once, and kept as hashes only, but for the passwords of PasswordDigest
//! users, which are encrypted with the stack's KMS key, and the secrets that sign callbacks.
//! Credentials and region of AWS come from the environment, as with the AWS command line.

mod access;
mod accounts;
mod arguments;
mod backends;
mod conversations;
mod failure;
mod logins;
mod mails;
mod maintenance;
mod maintenance_arguments;
mod output;
mod unknown;
mod unknown_arguments;

use std::process::ExitCode;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::Parser;
use cloud::{Clock, Random};

use access::Access;
use arguments::{Arguments, Noun};
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

async fn carry_out(arguments: &Arguments) -> Result<Output, CommandFailure> {
    if let Noun::Unpack { attribute } = &arguments.noun {
        let text = unpacked(attribute)?;
        return Ok(Output::Text(text));
    }
    if let Noun::Mails(verb) = &arguments.noun {
        return mails::carry_out(&access::mails(arguments).await?, verb).await;
    }
    if let Noun::Calls(verb) = &arguments.noun {
        let list = access::conversations(arguments).await?;
        return conversations::carry_out(&list, &Clock::system(), verb).await;
    }
    if let Noun::Unknown(verb) = &arguments.noun {
        return unknown::carry_out(&access::cloud(arguments).await?, verb).await;
    }
    let access = Access::open(arguments, arguments.noun.password_key()).await?;
    let (random, clock) = (Random::system(), Clock::system());
    match &arguments.noun {
        Noun::Accounts(verb) => accounts::carry_out(&access, &random, &clock, verb).await,
        Noun::Users(verb) => logins::users(&access, &random, &clock, verb).await,
        Noun::Clients(verb) => logins::clients(&access, &random, &clock, verb).await,
        Noun::Backends(verb) => backends::carry_out(&access, verb).await,
        Noun::Maintenance(said) => maintenance::carry_out(arguments, &access, &clock, said).await,
        // Answered above: they need another table, or none.
        Noun::Calls(_) | Noun::Mails(_) | Noun::Unknown(_) | Noun::Unpack { .. } => {
            Ok(Output::Text(String::new()))
        }
    }
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
