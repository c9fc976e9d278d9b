//! What a command says of the queue of an account or an API client.

use clap::Args;

use crate::call_arguments::Priority;

#[derive(Debug, Args)]
pub(crate) struct RateArguments {
    pub(crate) id: String,
    #[arg(value_enum)]
    pub(crate) priority: Priority,
    /// 5/second or 30/minute, or none
    pub(crate) rate: String,
}
