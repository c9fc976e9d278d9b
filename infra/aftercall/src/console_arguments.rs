//! What may be said of the console.

use std::net::SocketAddr;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ConsoleArguments {
    /// A loopback address; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Let the pages do something, not only look: each act is recorded in the audit
    #[arg(long)]
    pub(crate) allow_acts: bool,
    /// Whose calls are shown unless another account is named on a page
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,
}
