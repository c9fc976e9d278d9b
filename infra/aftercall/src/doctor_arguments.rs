//! What may be said after `aftercall doctor`, `pause` and `resume`.

use clap::Args;

use crate::call_arguments::Priority;

#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// The address of the stack's front door: asked whether it answers, and by its clock
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// A receiver of callbacks: asked whether it can be reached from here
    #[arg(long, value_name = "URL")]
    pub(crate) callback: Vec<String>,
    /// The sender of mails: whether SES has verified it, or its domain
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) sender: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PauseArguments {
    /// Calls of this account
    #[arg(long, value_name = "ID", required_unless_present_any = ["priority", "backend"])]
    pub(crate) account: Option<String>,
    /// Calls of this priority
    #[arg(long, value_enum)]
    pub(crate) priority: Option<Priority>,
    /// Calls that are forwarded to this backend
    #[arg(long, value_name = "NAME", conflicts_with_all = ["account", "priority"])]
    pub(crate) backend: Option<String>,
}

impl PauseArguments {
    /// As the audit says it.
    pub(crate) fn target(&self) -> String {
        let account = self.account.as_deref().map(|id| format!("account {id}"));
        let priority = self.priority.map(calls::QueuePriority::from);
        let priority = priority.map(|priority| format!("priority {}", priority.name()));
        let backend = self
            .backend
            .as_deref()
            .map(|name| format!("backend {name}"));
        let parts = [account, priority, backend].into_iter().flatten();
        parts.collect::<Vec<_>>().join(" ")
    }
}
