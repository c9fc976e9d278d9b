//! What may be said after `aftercall replies`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use cloud::read::replies::DeliveryState;
use jiff::Timestamp;

const VERIFY_EXAMPLE: &str = "\
Examples:
  WEBHOOK_SECRET=whsec_... aftercall replies verify --id msg_0f0e0d0c0b0a09080706050403020100_0 \\
    --timestamp 1774605600 --signature v1,abc= < body.txt";

const LISTEN_EXAMPLE: &str = "\
Examples:
  aftercall replies listen                                   # prints what is posted to it
  aftercall replies listen --answer 503                      # to see how replies are tried again
  WEBHOOK_SECRET=whsec_... aftercall replies listen --listen 127.0.0.1:9090";

const RESEND_EXAMPLE: &str = "\
Examples:
  aftercall --stack aftercall --dry-run replies resend-all 7001 --from 2026-11-29T09:00:00Z
  aftercall --stack aftercall --yes replies resend-all 7001 --from 2026-11-29T09:00:00Z \\
    --to 2026-11-29T10:00:00Z --receiver https://shop.example/ --rate 20

They become due one after another, at that rate, from now on, and whoever is cut off begins again:
what has not been attempted since is left as it is.";

#[derive(Debug, Subcommand)]
pub(crate) enum ReplyVerb {
    /// Replies of an account that did not get through, or of one conversation
    List(ReplyList),
    /// One reply with its delivery log
    Show(ReplyName),
    /// Send one reply again, as soon as may be: with the same id, and with all attempts anew
    Resend(ReplyName),
    /// Send again all replies of a time that did not get through
    #[command(after_help = RESEND_EXAMPLE)]
    ResendAll {
        #[command(flatten)]
        list: ReplyRange,
        /// Replies a second
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        rate: u32,
    },
    /// Say whether a signature is right: the body is read from the standard input
    #[command(after_help = VERIFY_EXAMPLE)]
    Verify(VerifyArguments),
    /// Take callbacks on this machine and print them
    #[command(after_help = LISTEN_EXAMPLE)]
    Listen {
        /// Where; only addresses of this machine
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// The status that each is answered with
        #[arg(long, value_name = "STATUS", default_value_t = 204, value_parser = clap::value_parser!(u16).range(200..=599))]
        answer: u16,
        /// The account's secret, with which signatures are checked; better said in the environment
        #[arg(
            long,
            value_name = "whsec_...",
            env = "WEBHOOK_SECRET",
            hide_env_values = true
        )]
        secret: Option<String>,
        /// End after so many
        #[arg(long, value_name = "N")]
        count: Option<usize>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ReplyName {
    pub(crate) account: String,
    /// Its webhook-id: msg_..._0
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct ReplyRange {
    pub(crate) account: String,
    /// Not due before this time, 2026-11-29T09:00:00Z say; the last 24 hours, if nothing is said
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Timestamp>,
    /// Not due after this time; now, if nothing is said
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Timestamp>,
    /// Only those to addresses that begin so
    #[arg(long, value_name = "URL")]
    pub(crate) receiver: Option<String>,
    /// Only those that stand so; those that did not get through, if nothing is said
    #[arg(long, value_enum)]
    pub(crate) state: Vec<ReplyStateArgument>,
}

#[derive(Debug, Args)]
pub(crate) struct ReplyList {
    #[command(flatten)]
    pub(crate) range: ReplyRange,
    /// Of this conversation alone: its ConversationID, or the RequestID of one of its calls
    #[arg(long, value_name = "ID", conflicts_with_all = ["from", "to"])]
    pub(crate) conversation: Option<String>,
    /// Most that are listed
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The account's secret; better said in the environment than on a command line
    #[arg(
        long,
        value_name = "whsec_...",
        env = "WEBHOOK_SECRET",
        hide_env_values = true
    )]
    pub(crate) secret: String,
    /// The header webhook-id
    #[arg(long, value_name = "ID")]
    pub(crate) id: String,
    /// The header webhook-timestamp
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timestamp: String,
    /// The header webhook-signature
    #[arg(long, value_name = "v1,...")]
    pub(crate) signature: String,
    /// A file with the body as it came, instead of the standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) body: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReplyStateArgument {
    /// No attempt has failed
    Waiting,
    /// One has, and the next is made at its time
    Retrying,
    Delivered,
    /// No more attempts are made
    GivenUp,
}

impl From<ReplyStateArgument> for DeliveryState {
    fn from(argument: ReplyStateArgument) -> Self {
        match argument {
            ReplyStateArgument::Waiting => Self::Waiting,
            ReplyStateArgument::Retrying => Self::Retrying,
            ReplyStateArgument::Delivered => Self::Delivered,
            ReplyStateArgument::GivenUp => Self::GivenUp,
        }
    }
}
