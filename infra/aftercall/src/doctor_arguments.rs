//! What may be said after `aftercall doctor`.

use clap::Args;

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
