//! What may be said on the command line. Options of the whole command stand before the noun.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use cloud::read::mails::ListedMailState;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::account_arguments::{AccountVerb, OnOff, Order};
use crate::backend_arguments::BackendVerb;
use crate::call_arguments::CallVerb;
use crate::console_arguments::ConsoleArguments;
use crate::conversation_arguments::ConversationVerb;
use crate::dead_arguments::DeadVerb;
use crate::doctor_arguments::DoctorArguments;
use crate::expunge_arguments::ExpungeVerb;
use crate::login_arguments::{LoginAct, TokenVerb};
use crate::maintenance_arguments::MaintenanceArguments;
use crate::output::Format;
use crate::pause_arguments::{PauseArguments, PauseTarget};
use crate::queue_arguments::RateArguments;
use crate::reply_arguments::ReplyVerb;
use crate::unknown_arguments::UnknownVerb;

const EXAMPLES: &str = "\
Examples:
  aftercall --stack aftercall accounts create 7001 \"Shop\"
  aftercall --stack aftercall clients create 7001
  aftercall --stack aftercall --output json accounts list
  aftercall --stack aftercall accounts order 7001 received
  aftercall --stack aftercall accounts rate 7001 low 30/minute
  aftercall --stack aftercall accounts backend 7001 marketing-cloud
  aftercall --stack aftercall accounts safe-to-repeat 7001 Delete Update/Subscriber
  aftercall --stack aftercall calls list 7001 --day 2026-11-28 --state failed
  aftercall --stack aftercall --output json calls show 7001 order-1
  aftercall --stack aftercall calls watch 7001 order-1
  aftercall --stack aftercall calls export 7001 --from 2026-11-01T00:00:00Z --format csv > calls.csv
  aftercall --stack aftercall --dry-run calls resubmit 7001 order-1 --as order-1-again
  aftercall --stack aftercall --reason \"ticket 7\" calls cancel 7001 order-2
  aftercall --stack aftercall unknown list
  aftercall --stack aftercall unknown resend 7001 REQUESTID --why \"not there\"
  aftercall --stack aftercall status
  aftercall --stack aftercall doctor --url https://soap.example.com/ --sender news@example.com
  aftercall --stack aftercall --reason \"ticket 9\" pause --account 7001 --priority low
  aftercall --stack aftercall pause --account 7001 --receiver https://shop.example/ --to 2026-12-05T08:00:00Z
  aftercall --stack aftercall conversations list 7001 --failed
  aftercall --stack aftercall conversations show 7001 order-1
  aftercall --stack aftercall replies list 7001 --receiver https://shop.example/
  aftercall --stack aftercall --yes replies resend-all 7001 --from 2026-11-29T09:00:00Z --rate 20
  aftercall --stack aftercall dead list
  aftercall --stack aftercall clients rotate CLIENTID --overlap 24h
  aftercall --stack aftercall audit list --day 2026-11-28
  aftercall --stack aftercall mails list --state unknown
  aftercall --stack aftercall --bucket BUCKET --dry-run expunge person 7001 --key ann
  aftercall --stack aftercall maintenance on
  aftercall --stack aftercall maintenance --from 2026-12-05T04:00:00Z --to 2026-12-05T08:00:00Z \\
    --backend marketing-cloud --reason \"release 262\"
  aftercall --stack aftercall console --account 7001 --allow-acts
  aftercall --endpoint http://127.0.0.1:8080 accounts create 7002 \"Branch\" --owned-by local
  aftercall --endpoint http://127.0.0.1:8080 users create 7002 branch --password secret

Exit codes: 0 done; 1 AWS or the local server is out of reach, or refused; 2 said wrongly;
3 what was named is not there; 4 the name is taken; 5 it stands in a way that does not allow it (too
late, not ended), or what was watched did not end well.";

/// Who may call an Aftercall stack and how, and its switch for maintenance.
#[derive(Debug, Parser)]
#[command(name = "aftercall", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// The stack, by its name in CloudFormation
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) stack: Option<String>,
    /// The table of accounts, as the stack's output AccountsTable names it
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) accounts_table: Option<String>,
    /// The table of calls, as the stack's output CallsTable names it
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) calls_table: Option<String>,
    /// The table of objects, as the stack's output ObjectsTable names it
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) objects_table: Option<String>,
    /// The bucket, as the stack's output BodiesBucket names it: where a large call is sent again
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) bucket: Option<String>,
    /// A local server, http://127.0.0.1:8080 say, instead of AWS
    #[arg(long, value_name = "URL", conflicts_with = "stack")]
    pub(crate) endpoint: Option<String>,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// Why, for whoever reads the audit later
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) reason: String,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask before what cannot be taken back
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(subcommand)]
    pub(crate) noun: Noun,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Noun {
    /// What waits, since when and what for; what failed of late; how much comes in
    Status,
    /// What is wrong, or may soon be, as far as it can be seen from here
    Doctor(DoctorArguments),
    /// Hold back calls of an account, of a priority or towards a backend: they are taken in, and wait; or
    /// callbacks to a receiver
    Pause(PauseArguments),
    /// Let go on what was paused
    Resume(PauseTarget),
    /// Accounts: who calls, and what holds for all its users and API clients
    #[command(subcommand)]
    Accounts(AccountVerb),
    /// Users, who log in by name and password (WS-Security UsernameToken)
    #[command(subcommand)]
    Users(UserVerb),
    /// API clients, who get tokens by id and secret (POST /v2/token)
    #[command(subcommand)]
    Clients(ClientVerb),
    /// Access tokens of an account
    #[command(subcommand)]
    Tokens(TokenVerb),
    /// Backends that the calls of accounts are forwarded to
    #[command(subcommand)]
    Backends(BackendVerb),
    /// Calls that were queued: list, show, watch and export them, cancel, reschedule, resubmit
    #[command(subcommand)]
    Calls(CallVerb),
    /// Conversations: list them, or show one whole
    #[command(subcommand)]
    Conversations(ConversationVerb),
    /// Replies to callers: list, show, send again; check a signature, take callbacks on this machine
    #[command(subcommand)]
    Replies(ReplyVerb),
    /// Dead letters: messages that were received too often
    #[command(subcommand)]
    Dead(DeadVerb),
    /// Forwarded calls of which nobody knows what became: list them, say it, send them again
    #[command(subcommand)]
    Unknown(UnknownVerb),
    /// Triggered mails, by what became of them
    #[command(subcommand)]
    Mails(MailVerb),
    /// Take away everything of a person or of an account, with a report
    #[command(subcommand)]
    Expunge(ExpungeVerb),
    /// Hold calls back, let them go on, say how it stands, or plan it for a time
    Maintenance(MaintenanceArguments),
    /// Who did what with this command, when and why
    #[command(subcommand)]
    Audit(AuditVerb),
    /// The operator's pages, on loopback with your own credentials; read only unless --allow-acts
    Console(ConsoleArguments),
    /// A script that lets a shell complete this command
    Completions { shell: clap_complete::Shell },
    /// The manual page: aftercall man > aftercall.1
    Man,
    /// What a packed attribute of a record says: call, body, results, reply
    Unpack {
        /// The attribute, as the console or the command line of AWS show it
        #[arg(value_name = "BASE64")]
        attribute: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserVerb {
    /// Make a user; prints the password
    Create {
        account: String,
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        name: String,
        /// The password, instead of one that is made: against a local server only
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        password: Option<String>,
        /// May log in by PasswordDigest: the password is kept encrypted with this KMS key (output PasswordKey)
        #[arg(long, value_name = "KEY")]
        digest: Option<String>,
        /// A new password for a user of this account who is there already
        #[arg(long)]
        replace: bool,
    },
    #[command(flatten)]
    Act(LoginAct),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClientVerb {
    /// Make an API client; prints its id and secret
    Create {
        account: String,
        /// Its id, instead of one that is made
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        id: Option<String>,
        /// The secret, instead of one that is made: against a local server only
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        secret: Option<String>,
        /// A new secret for an API client of this account that is there already
        #[arg(long, requires = "id")]
        replace: bool,
    },
    /// Queue calls without RequestType of this API client, from its next token on
    Async {
        id: String,
        #[arg(value_enum)]
        switch: OnOff,
    },
    /// In which order its calls outside any conversation are carried out, unless its account has an order or a rate
    Order {
        id: String,
        #[arg(value_enum)]
        order: Order,
    },
    /// How often its calls outside any conversation of one priority are begun, unless its account has an order or a rate
    Rate(RateArguments),
    #[command(flatten)]
    Act(LoginAct),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditVerb {
    /// What was done on a day, the last first
    List {
        /// The day (UTC); today, if nothing is said
        #[arg(long, value_name = "DATE")]
        day: Option<Date>,
        /// Most that are listed
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum MailVerb {
    /// Those in one state
    List(MailList),
    /// One mail, and what became of it
    Show {
        account: String,
        /// What the list calls it
        mail: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct MailList {
    #[arg(long, value_enum)]
    pub(crate) state: MailStateArgument,
    /// Only those of this account; it must be said but for the unknown ones
    #[arg(long, value_name = "ID", required_if_eq_any = [("state", "failed"), ("state", "pending"), ("state", "sent")])]
    pub(crate) account: Option<String>,
    /// Neither ordered nor failed before this time; a day ago, if nothing is said
    #[arg(long, value_name = "TIME", requires = "account")]
    pub(crate) from: Option<Timestamp>,
    /// Not after this time; now, if nothing is said
    #[arg(long, value_name = "TIME", requires = "account")]
    pub(crate) to: Option<Timestamp>,
    /// Most that are listed
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MailStateArgument {
    /// Nobody knows whether they went out: not sent again by themselves
    Unknown,
    /// The mail service will never take them
    Failed,
    /// Not sent yet
    Pending,
    Sent,
}

impl From<MailStateArgument> for ListedMailState {
    fn from(argument: MailStateArgument) -> Self {
        match argument {
            MailStateArgument::Unknown => Self::Unknown,
            MailStateArgument::Failed => Self::Failed,
            MailStateArgument::Pending => Self::Pending,
            MailStateArgument::Sent => Self::Sent,
        }
    }
}

impl Arguments {
    /// Why it is done: what the noun says of it, else the whole command.
    pub(crate) fn why(&self) -> &str {
        let own = match &self.noun {
            Noun::Maintenance(said) => said.reason.as_deref(),
            Noun::Pause(said) => said.reason.as_deref(),
            Noun::Unknown(UnknownVerb::Resend { act } | UnknownVerb::Settle { act, .. }) => {
                Some(act.why.as_str())
            }
            Noun::Accounts(_)
            | Noun::Users(_)
            | Noun::Clients(_)
            | Noun::Tokens(_)
            | Noun::Status
            | Noun::Doctor(_)
            | Noun::Resume(_)
            | Noun::Backends(_)
            | Noun::Calls(_)
            | Noun::Conversations(_)
            | Noun::Replies(_)
            | Noun::Dead(_)
            | Noun::Unknown(UnknownVerb::List { .. })
            | Noun::Mails(_)
            | Noun::Expunge(_)
            | Noun::Audit(_)
            | Noun::Console(_)
            | Noun::Completions { .. }
            | Noun::Man
            | Noun::Unpack { .. } => None,
        };
        own.unwrap_or(&self.reason)
    }
}

impl Noun {
    /// The KMS key that a password is to be encrypted with, if it is.
    pub(crate) fn password_key(&self) -> Option<&str> {
        match self {
            Self::Users(UserVerb::Create { digest, .. }) => digest.as_deref(),
            Self::Backends(BackendVerb::Create(said)) => said.key.as_deref(),
            Self::Backends(BackendVerb::Rotate { key, .. }) => Some(key),
            Self::Accounts(_)
            | Self::Users(UserVerb::Act(_))
            | Self::Backends(BackendVerb::List | BackendVerb::Show { .. })
            | Self::Clients(_)
            | Self::Tokens(_)
            | Self::Status
            | Self::Doctor(_)
            | Self::Pause(_)
            | Self::Resume(_)
            | Self::Calls(_)
            | Self::Conversations(_)
            | Self::Replies(_)
            | Self::Dead(_)
            | Self::Mails(_)
            | Self::Unknown(_)
            | Self::Expunge(_)
            | Self::Maintenance(_)
            | Self::Audit(_)
            | Self::Console(_)
            | Self::Completions { .. }
            | Self::Man
            | Self::Unpack { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Arguments;

    #[test]
    fn the_command_is_whole() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn options_of_the_whole_command_stand_before_the_noun() {
        let parsed = |line: &str| Arguments::try_parse_from(line.split(' ')).is_ok();
        assert!(parsed(
            "aftercall --endpoint http://127.0.0.1:1 --output json accounts list"
        ));
        assert!(!parsed("aftercall accounts list --output json"));
        assert!(!parsed(
            "aftercall --endpoint http://127.0.0.1:1 --stack a accounts list"
        ));
        assert!(!parsed("aftercall --stack a maintenance perhaps"));
    }
}
