//! What may be said after `aftercall accounts`.

use clap::builder::NonEmptyStringValueParser;
use clap::{Subcommand, ValueEnum};

use crate::login_arguments::Overlap;
use crate::queue_arguments::RateArguments;

#[derive(Debug, Subcommand)]
pub(crate) enum AccountVerb {
    /// Make an account; prints the secret that signs its callbacks
    Create {
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        id: String,
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        name: String,
        /// An account that may act for it
        #[arg(long, value_name = "ID")]
        owned_by: Option<String>,
    },
    /// All accounts
    List,
    /// One account
    Show { id: String },
    /// Queue calls without RequestType, of all its users and API clients
    Async {
        id: String,
        #[arg(value_enum)]
        switch: OnOff,
    },
    /// Refuse calls of which something is not read, instead of warning of it
    Strict {
        id: String,
        #[arg(value_enum)]
        switch: OnOff,
    },
    /// Say which accounts it may act for, instead of those that it could so far
    Owns {
        id: String,
        #[arg(value_name = "CHILD")]
        children: Vec<String>,
    },
    /// Make a new secret for its callbacks, and print it; the one so far signs no longer
    Secret { id: String },
    /// The same, with both signing for a time, so that its receivers can change theirs
    Rotate {
        id: String,
        /// How long both sign: 24h, 90m, 7d
        #[arg(long, value_name = "TIME", default_value = "24h")]
        overlap: Overlap,
    },
    /// Let none of its users and API clients in, from three minutes from now on at the latest; what was
    /// accepted is carried out
    Disable { id: String },
    /// Let them in again
    Enable { id: String },
    /// Take a disabled account away, with its users, API clients and tokens; not while its calls wait
    Delete { id: String },
    /// In which order its calls outside any conversation are carried out
    Order {
        id: String,
        #[arg(value_enum)]
        order: Order,
    },
    /// How often its calls outside any conversation of one priority are begun; they then stand in one queue
    Rate(RateArguments),
    /// Where its calls are forwarded to from now on; those that were accepted stay where they are
    Backend {
        id: String,
        /// A backend's name, built-in for the objects of this server, or default for where the stack has
        /// those of which nothing else is said
        #[arg(value_name = "NAME|built-in|default")]
        backend: String,
    },
    /// Which of its forwarded calls may be sent again when nobody knows what became of them, instead
    /// of those that it had declared so far; without any: none
    SafeToRepeat {
        id: String,
        /// A method, a type of objects, or both: Delete, DataExtensionObject, Update/Subscriber
        #[arg(value_name = "WHAT")]
        what: Vec<String>,
    },
    /// Calls that it may make in a second: a number, 0 for no limit, or default
    Limit {
        id: String,
        #[arg(value_name = "N|default")]
        calls: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// Side by side
    Unordered,
    /// One after another, as they were accepted
    Received,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnOff {
    On,
    Off,
}

impl OnOff {
    pub(crate) fn is_on(self) -> bool {
        self == Self::On
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
        }
    }
}
