//! What may be said after `aftercall calls`.

use calls::QueuePriority;
use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;

#[derive(Debug, Subcommand)]
pub(crate) enum CallVerb {
    /// An account's conversations (a call outside any is one of its own), newest first
    List(CallList),
    /// One conversation with its calls
    Show {
        account: String,
        /// Its ConversationID, or the RequestID of one of its calls
        id: String,
        /// Most calls that are shown
        #[arg(long, value_name = "N", default_value_t = 1_000)]
        limit: usize,
    },
    /// Write each change of a conversation until it has ended; exit code 5 if it did not end well
    Watch {
        account: String,
        /// Its ConversationID, or the RequestID of one of its calls
        id: String,
        /// Seconds between two looks
        #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3_600))]
        every: u64,
    },
    /// Write all calls of the conversations of a list, one line each
    Export {
        #[command(flatten)]
        list: CallList,
        #[arg(long, value_enum, default_value_t = ExportFormat::Csv)]
        format: ExportFormat,
    },
    /// What has not started will not start: of a conversation, or a call alone
    Cancel {
        account: String,
        /// Its ConversationID, or the RequestID of a call alone
        id: String,
    },
    /// Give a call that has not begun another ScheduledTime
    Reschedule {
        account: String,
        /// The RequestID of the call
        #[arg(value_name = "REQUESTID")]
        request: String,
        /// 2026-12-24T18:00:00Z say, at most 30 days ahead; or now
        #[arg(long, value_name = "TIME|now")]
        to: String,
    },
    /// Submit what a conversation left undone once more, as a new conversation
    Resubmit {
        account: String,
        /// Its ConversationID, or the RequestID of a call alone
        id: String,
        /// The ConversationID of the new one; said again, it is not submitted again
        #[arg(long = "as", value_name = "NEW")]
        target: String,
        /// The call that failed, too, and not only those that were not carried out
        #[arg(long)]
        with_failed: bool,
        /// Although parts of it never came
        #[arg(long)]
        without_missing: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CallList {
    pub(crate) account: String,
    /// The day (UTC) on which they were opened; today, if nothing is said
    #[arg(long, value_name = "DATE", conflicts_with_all = ["from", "to"])]
    pub(crate) day: Option<Date>,
    /// Not opened before this time, 2026-11-28T10:00:00Z say
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Timestamp>,
    /// Not opened after this time; now, if nothing is said
    #[arg(long, value_name = "TIME", requires = "from")]
    pub(crate) to: Option<Timestamp>,
    /// Only those that stand so; may be said several times
    #[arg(long, value_enum)]
    pub(crate) state: Vec<StateArgument>,
    #[arg(long, value_enum)]
    pub(crate) priority: Option<Priority>,
    /// Only those whose ConversationID begins so
    #[arg(long, value_name = "TEXT")]
    pub(crate) prefix: Option<String>,
    /// Most conversations; 50 are listed, all are exported, if nothing is said
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateArgument {
    /// Not all of its calls are there
    Gathering,
    /// Being carried out, or waiting for its time
    Running,
    /// Waiting for the end of maintenance
    Parked,
    Complete,
    Failed,
    /// More than five minutes passed between two of its calls
    TimedOut,
    /// A part broke the contract
    Invalidated,
    Cancelled,
}

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// With a head line
    Csv,
    /// One JSON object a line
    Jsonl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Priority {
    High,
    Medium,
    Low,
}

impl From<Priority> for QueuePriority {
    fn from(priority: Priority) -> Self {
        match priority {
            Priority::High => Self::High,
            Priority::Medium => Self::Medium,
            Priority::Low => Self::Low,
        }
    }
}
