//! What may be said after `aftercall conversations`.

use clap::Subcommand;

use crate::call_arguments::CallList;

const EXAMPLES: &str = "\
Examples:
  aftercall --stack aftercall conversations list 7001 --failed --from 2026-11-28T00:00:00Z
  aftercall --stack aftercall conversations list 7001 --state parked --priority high
  aftercall --stack aftercall conversations list 7001 --backend marketing-cloud
  aftercall --stack aftercall --output json conversations show 7001 order-1";

#[derive(Debug, Subcommand)]
pub(crate) enum ConversationVerb {
    /// An account's conversations (a call outside any is one of its own), newest first
    #[command(after_help = EXAMPLES)]
    List {
        #[command(flatten)]
        list: CallList,
        /// Only those that failed, timed out or were invalidated; the times are then those of that
        #[arg(long)]
        failed: bool,
        /// Only those whose first call goes to this backend, or to none: built-in
        #[arg(long, value_name = "NAME|built-in")]
        backend: Option<String>,
    },
    /// One conversation whole: its header, calls, replies, mails, and what happened one after another
    Show {
        account: String,
        /// Its ConversationID, or the RequestID of one of its calls
        id: String,
        /// Most calls that are shown
        #[arg(long, value_name = "N", default_value_t = 1_000)]
        limit: usize,
    },
}
