//! What may be said after `aftercall expunge`.

use clap::Subcommand;
use clap::builder::NonEmptyStringValueParser;

#[derive(Debug, Subcommand)]
pub(crate) enum ExpungeVerb {
    /// Everything of a person: objects, bodies and results of calls that name them, mails. What became of
    /// the calls stays
    Person {
        account: String,
        /// By a SubscriberKey; the subscriber's address, and all who share it, count as the same person
        #[arg(
            long,
            value_name = "SUBSCRIBERKEY",
            required_unless_present = "address",
            conflicts_with = "address",
            value_parser = NonEmptyStringValueParser::new()
        )]
        key: Option<String>,
        /// By a mail address; all subscribers who have it count as the same person
        #[arg(long, value_name = "ADDRESS", value_parser = NonEmptyStringValueParser::new())]
        address: Option<String>,
    },
    /// Everything of an account that is disabled, and then the account itself. The hashes of ConversationIDs
    /// that were used stay
    Account { account: String },
}

impl ExpungeVerb {
    pub(crate) fn account(&self) -> &str {
        match self {
            Self::Person { account, .. } | Self::Account { account } => account,
        }
    }
}
