//! What may be said after `aftercall maintenance`.

use clap::{Args, ValueEnum};
use jiff::Timestamp;

#[derive(Debug, Args)]
pub(crate) struct MaintenanceArguments {
    #[arg(value_enum, required_unless_present = "from", conflicts_with = "from")]
    pub(crate) switch: Option<MaintenanceCommand>,
    /// When planned maintenance begins, 2026-12-05T04:00:00Z say
    #[arg(long, value_name = "TIME", requires_all = ["to", "reason"])]
    pub(crate) from: Option<Timestamp>,
    /// When it ends
    #[arg(long, value_name = "TIME", requires = "from")]
    pub(crate) to: Option<Timestamp>,
    /// Why, for whoever asks later
    #[arg(long, value_name = "TEXT", requires = "from")]
    pub(crate) reason: Option<String>,
    /// Of this backend, instead of the server itself
    #[arg(long, value_name = "NAME")]
    pub(crate) backend: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MaintenanceCommand {
    On,
    /// Off, and nothing that has begun by plan goes on; of a backend: nothing is planned any more
    Off,
    /// How it stands, and what is planned
    Show,
    /// Nothing is planned any more
    Unplan,
}

impl MaintenanceCommand {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Show => "show",
            Self::Unplan => "unplan",
        }
    }
}
