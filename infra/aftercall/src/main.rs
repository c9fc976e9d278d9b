//! The operator's command: `aftercall --stack aftercall accounts list`, or, against a local server,
//! `aftercall --endpoint http://127.0.0.1:8080 accounts create 7001 "Shop"`.
//!
//! Read in this order: [`arguments`] (what may be said), [`access`] (where the tables are),
//! [`acts`] (what is recorded of who did what), [`accounts`], [`backends`], [`logins`],
//! [`login_acts`], [`conversations`], [`conversation_show`], [`call_acts`], [`replies`], [`webhook`],
//! [`listen`], [`dead`], [`status`], [`doctor`], [`pausing`], [`unknown`], [`mails`] and [`maintenance`] (what is done),
//! [`expunge`] (what is taken away), [`served_console`] (the pages),
//! [`output`] (how it is told), [`failure`] (exit codes).
//!
//! Secrets are made here, shown once, and kept as hashes only, but for the passwords of PasswordDigest
//! users, which are encrypted with the stack's KMS key, and the secrets that sign callbacks.
//! Credentials and region of AWS come from the environment, as with the AWS command line.

mod access;
mod account_arguments;
mod accounts;
mod acts;
mod arguments;
mod backend_arguments;
mod backends;
mod call_acts;
mod call_arguments;
mod call_lines;
mod console_arguments;
mod conversation_arguments;
mod conversation_show;
mod conversations;
mod dead;
mod dead_arguments;
mod doctor;
mod doctor_arguments;
mod doctor_aws;
mod export;
mod expunge;
mod expunge_arguments;
mod failure;
mod findings;
mod handbook;
mod listen;
mod login_acts;
mod login_arguments;
mod logins;
mod mails;
mod maintenance;
mod maintenance_arguments;
mod output;
mod pause_arguments;
mod pausing;
mod progress;
mod question;
mod queue_arguments;
mod queue_settings;
mod replies;
mod reply_arguments;
mod safe_to_repeat;
mod served_console;
mod status;
mod terminal;
mod unknown;
mod unknown_arguments;
mod watch;
mod webhook;

use std::process::ExitCode;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::Parser;
use cloud::{Clock, Cloud, Random};

use access::Access;
use account_arguments::AccountVerb;
use arguments::{Arguments, ClientVerb, MailVerb, Noun, UserVerb};
use call_arguments::CallVerb;
use conversation_arguments::ConversationVerb;
use dead_arguments::DeadVerb;
use doctor_arguments::DoctorArguments;
use expunge_arguments::ExpungeVerb;
use failure::CommandFailure;
use login_arguments::LoginAct;
use output::Output;
use pausing::WantedPause;
use reply_arguments::ReplyVerb;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match carry_out(&arguments).await {
        Ok(output) => {
            say(&terminal::shown(&output, arguments.output));
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
    ask(arguments)?;
    let access = Access::open(arguments, None).await?;
    let record = acts::begin(arguments, &access, &act).await?;
    let done = answer(arguments).await;
    if let Err(failure) = acts::finish(&access, record, &done).await {
        complain(&format!("what came of it is not in the audit: {failure}"));
    }
    done
}

/// Before what cannot be taken back, or is done to many at once.
fn ask(arguments: &Arguments) -> Result<(), CommandFailure> {
    let noun = &arguments.noun;
    let what = if let Noun::Replies(ReplyVerb::ResendAll { list, .. }) = noun {
        let account = &list.account;
        format!("all replies of account {account} that are listed so are sent again")
    } else if let Noun::Dead(DeadVerb::Drop { wanted }) = noun {
        format!("these dead letters are deleted: {}", wanted.target())
    } else if let Noun::Users(UserVerb::Act(LoginAct::Delete { name })) = noun {
        format!("user {name} is deleted")
    } else if let Noun::Clients(ClientVerb::Act(LoginAct::Delete { name })) = noun {
        format!("API client {name} is deleted")
    } else if let Noun::Accounts(AccountVerb::Delete { id }) = noun {
        format!("account {id} is deleted, with its users, API clients and tokens")
    } else if let Noun::Expunge(verb) = noun {
        let account = verb.account();
        match verb {
            ExpungeVerb::Person { .. } => {
                format!("everything of this person in account {account} is taken away")
            }
            ExpungeVerb::Account { .. } => {
                format!("everything of account {account} is taken away, and the account")
            }
        }
    } else {
        return Ok(());
    };
    question::confirmed(arguments, &what)
}

async fn answer(arguments: &Arguments) -> Result<Output, CommandFailure> {
    let (random, clock) = (Random::system(), Clock::system());
    let open = async || Access::open(arguments, arguments.noun.password_key()).await;
    match &arguments.noun {
        Noun::Unpack { attribute } => Ok(Output::Text(unpacked(attribute)?)),
        Noun::Completions { shell } => handbook::completions(*shell),
        Noun::Man => handbook::man(),
        Noun::Mails(verb) => mails_noun(arguments, verb).await,
        Noun::Calls(verb) => calls_noun(arguments, &clock, verb).await,
        Noun::Conversations(verb) => {
            conversations_noun(&access::cloud(arguments).await?, verb).await
        }
        Noun::Replies(verb) => replies_noun(arguments, verb).await,
        Noun::Dead(verb) => {
            let (cloud, queues) = (
                access::cloud(arguments).await?,
                access::queues(arguments).await?,
            );
            dead::carry_out(&cloud, &queues, verb, access::run(arguments)).await
        }
        Noun::Status => status_noun(arguments, &open().await?).await,
        Noun::Doctor(wanted) => doctor_noun(arguments, &open().await?, wanted).await,
        Noun::Pause(said) => {
            let wanted = WantedPause::pause(said, arguments.why());
            pausing(arguments, &open().await?, &wanted).await
        }
        Noun::Resume(what) => {
            let wanted = WantedPause::resume(what);
            pausing(arguments, &open().await?, &wanted).await
        }
        Noun::Tokens(verb) => login_acts::tokens(&open().await?, &clock, verb).await,
        Noun::Unknown(verb) => unknown::carry_out(&access::cloud(arguments).await?, verb).await,
        Noun::Expunge(verb) => {
            let cloud = access::whole_cloud(arguments).await?;
            expunge::carry_out(&cloud, &open().await?, verb).await
        }
        Noun::Accounts(AccountVerb::Delete { id }) => {
            let cloud = access::cloud(arguments).await?;
            expunge::delete_account(&cloud, &open().await?, id).await
        }
        Noun::Accounts(verb) => accounts::carry_out(&open().await?, &random, &clock, verb).await,
        Noun::Users(verb) => logins::users(&open().await?, &random, &clock, verb).await,
        Noun::Clients(verb) => logins::clients(&open().await?, &random, &clock, verb).await,
        Noun::Backends(verb) => backends::carry_out(arguments, &open().await?, verb).await,
        Noun::Maintenance(said) => {
            maintenance::carry_out(arguments, &open().await?, &clock, said).await
        }
        Noun::Console(said) => served_console::serve(arguments, said).await,
        Noun::Audit(verb) => acts::audit(&open().await?, verb).await,
    }
}

async fn mails_noun(arguments: &Arguments, verb: &MailVerb) -> Result<Output, CommandFailure> {
    match verb {
        MailVerb::Show { account, mail } => {
            mails::show(&access::cloud(arguments).await?, account, mail).await
        }
        MailVerb::List(wanted) => mails::list(&access::cloud(arguments).await?, wanted).await,
    }
}

async fn replies_noun(arguments: &Arguments, verb: &ReplyVerb) -> Result<Output, CommandFailure> {
    match verb {
        // These two need no stack.
        ReplyVerb::Verify(wanted) => webhook::verify(wanted),
        ReplyVerb::Listen {
            listen,
            answer,
            secret,
            count,
        } => listen::listen(*listen, *answer, secret.as_deref(), *count).await,
        ReplyVerb::List(_)
        | ReplyVerb::Show(_)
        | ReplyVerb::Resend(_)
        | ReplyVerb::ResendAll { .. } => {
            let cloud = access::cloud(arguments).await?;
            replies::carry_out(&cloud, verb, access::run(arguments)).await
        }
    }
}

async fn status_noun(arguments: &Arguments, access: &Access) -> Result<Output, CommandFailure> {
    let (cloud, queues) = (
        access::cloud(arguments).await?,
        access::queues(arguments).await?,
    );
    let priced = access::signed(arguments).await?;
    let priced = priced.as_ref().zip(arguments.stack.as_deref());
    status::status(&cloud, &access.accounts, &queues, priced).await
}

async fn doctor_noun(
    arguments: &Arguments,
    access: &Access,
    wanted: &DoctorArguments,
) -> Result<Output, CommandFailure> {
    let (cloud, queues) = (
        access::cloud(arguments).await?,
        access::queues(arguments).await?,
    );
    let config = access::config(arguments).await?;
    let signed = access::signed(arguments).await?;
    let patient = doctor::Patient {
        cloud: &cloud,
        accounts: &access.accounts,
        queues: &queues,
        config: &config,
        calls_table: &cloud.settings.calls_table,
        is_local: access.is_local,
        stack: signed.as_ref().zip(arguments.stack.as_deref()),
    };
    doctor::examine(&patient, wanted).await
}

async fn pausing(
    arguments: &Arguments,
    access: &Access,
    wanted: &WantedPause<'_>,
) -> Result<Output, CommandFailure> {
    let cloud = access::cloud(arguments).await?;
    pausing::carry_out(&cloud, access, wanted).await
}

async fn conversations_noun(
    cloud: &Cloud,
    verb: &ConversationVerb,
) -> Result<Output, CommandFailure> {
    match verb {
        ConversationVerb::List {
            list,
            failed,
            backend,
        } => {
            let wanted = conversations::Wanted::of(list, *failed, backend.as_deref())?;
            conversations::list(&cloud.conversation_list(), cloud.now(), &wanted).await
        }
        ConversationVerb::Show { account, id, limit } => {
            conversation_show::show(cloud, account, id, *limit).await
        }
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
