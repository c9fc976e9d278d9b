//! What may be said after `aftercall unknown`.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum UnknownVerb {
    /// Forwarded calls, mails, texts and calls by voice of which nobody has said yet what became of
    /// them, newest first, and what can be done about each
    List {
        /// Only those of this account
        #[arg(long, value_name = "ID")]
        account: Option<String>,
        /// Those, too, of which somebody has said it, or that were sent again
        #[arg(long)]
        all: bool,
        /// Most that are listed
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
    },
    /// Send a call once more, as a new one outside any conversation, or a mail as it is; said again, it
    /// is not sent again
    Resend {
        #[command(flatten)]
        act: ActArguments,
    },
    /// Say what became of a call or a mail; what its caller was told stays as it is
    Settle {
        #[command(flatten)]
        act: ActArguments,
        #[arg(value_enum)]
        fate: FateArgument,
    },
}

/// Which call, who says so, and why: what is kept of an act.
#[derive(Debug, Args)]
pub(crate) struct ActArguments {
    pub(crate) account: String,
    /// The RequestID of the call, or what the list calls the mail
    #[arg(value_name = "REQUESTID|MAIL")]
    pub(crate) request: String,
    /// Why, for whoever asks later
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) why: String,
    /// Who says so
    #[arg(long, value_name = "NAME", env = "USER", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) by: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FateArgument {
    /// It was carried out, or went out
    Done,
    /// It was not, or did not
    NotDone,
}

impl FateArgument {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotDone => "not-done",
        }
    }
}
