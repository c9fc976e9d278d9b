//! What may be said after `aftercall pause` and `resume`.

use clap::Args;
use jiff::Timestamp;
use url::Url;

use crate::call_arguments::Priority;

#[derive(Debug, Args)]
pub(crate) struct PauseArguments {
    #[command(flatten)]
    pub(crate) what: PauseTarget,
    /// When it begins, 2026-12-05T04:00:00Z say; now, if nothing is said
    #[arg(long, value_name = "TIME", requires = "to")]
    pub(crate) from: Option<Timestamp>,
    /// When it ends by itself; if nothing is said, `resume` ends it
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Timestamp>,
    /// Why, for whoever asks later
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PauseTarget {
    /// Calls of this account
    #[arg(long, value_name = "ID", required_unless_present_any = ["priority", "backend"])]
    pub(crate) account: Option<String>,
    /// Calls of this priority
    #[arg(long, value_enum, conflicts_with = "receiver")]
    pub(crate) priority: Option<Priority>,
    /// Callbacks of the account to the receiver of this address: its scheme, host and port count
    #[arg(long, value_name = "URL", requires = "account")]
    pub(crate) receiver: Option<Url>,
    /// Calls that are forwarded to this backend
    #[arg(long, value_name = "NAME", conflicts_with_all = ["account", "priority", "receiver"])]
    pub(crate) backend: Option<String>,
}

impl PauseTarget {
    /// As the audit says it: of an address no more than where it is.
    pub(crate) fn target(&self) -> String {
        let account = self.account.as_deref().map(|id| format!("account {id}"));
        let priority = self.priority.map(calls::QueuePriority::from);
        let priority = priority.map(|priority| format!("priority {}", priority.name()));
        let receiver = self.receiver.as_ref();
        let receiver =
            receiver.map(|url| format!("receiver {}", url.origin().ascii_serialization()));
        let backend = self
            .backend
            .as_deref()
            .map(|name| format!("backend {name}"));
        let parts = [account, priority, receiver, backend].into_iter().flatten();
        parts.collect::<Vec<_>>().join(" ")
    }
}
