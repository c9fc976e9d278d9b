//! The outside failed us: logged where it is dealt with, and tried again by the queue or the caller.

use thiserror::Error;

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Error)]
pub enum Trouble {
    #[error("table {table} is out of reach ({operation})")]
    Table {
        table: String,
        operation: &'static str,
        #[source]
        source: BoxError,
    },
    #[error("queue is out of reach ({operation})")]
    Queue {
        operation: &'static str,
        #[source]
        source: BoxError,
    },
    #[error("scheduler is out of reach ({operation})")]
    Schedule {
        operation: &'static str,
        #[source]
        source: BoxError,
    },
    #[error("bodies bucket is out of reach ({operation})")]
    Bodies {
        operation: &'static str,
        #[source]
        source: BoxError,
    },
    #[error("key of sealed passwords is out of reach ({operation})")]
    Seal {
        operation: &'static str,
        #[source]
        source: BoxError,
    },
    /// No answer: it may have gone out.
    #[error("mail service gave no answer")]
    Mail(#[source] BoxError),
    /// It answered, and did not take it: paused, suspended.
    #[error("mail service takes no mail at present")]
    MailRefused(#[source] BoxError),
    /// The mail certainly never left: no address, no connection, or no request that could be built.
    #[error("mail service was not reached")]
    MailNotSent(#[source] BoxError),
    /// It answered that this is too much: its rate, or the quota of a day.
    #[error("mail service is asked too often")]
    MailThrottled(#[source] BoxError),
    /// The sender is not verified yet, which the stack's owner can mend.
    #[error("sender of the mail is not verified with the mail service")]
    MailSenderUnverified(#[source] BoxError),
    /// The recipient is not verified, and in SES's sandbox must be.
    #[error("recipient of the mail is not verified with the mail service, which is in its sandbox")]
    MailRecipientUnverified(#[source] BoxError),
    /// Others changed the same record each time we looked.
    #[error("overtaken {0} times by others at the same record")]
    Overtaken(u32),
    /// A record is not what this program writes: a bug, or a newer program's.
    #[error("record {sk} has no readable {attribute}")]
    Unreadable { sk: String, attribute: &'static str },
    /// A record that must be there by our own rules is not.
    #[error("record {0} is missing")]
    Missing(String),
}

impl Trouble {
    /// Whether it is our own doing, so that trying again finds the same.
    pub const fn is_ours(&self) -> bool {
        match self {
            Self::Unreadable { .. } | Self::Missing(_) => true,
            Self::Table { .. }
            | Self::Queue { .. }
            | Self::Schedule { .. }
            | Self::Bodies { .. }
            | Self::Seal { .. }
            | Self::Mail(_)
            | Self::MailRefused(_)
            | Self::MailNotSent(_)
            | Self::MailThrottled(_)
            | Self::MailSenderUnverified(_)
            | Self::MailRecipientUnverified(_)
            | Self::Overtaken(_) => false,
        }
    }

    /// Whether it is certain that what was asked for was not done.
    pub const fn was_refused(&self) -> bool {
        matches!(
            self,
            Self::MailRefused(_)
                | Self::MailNotSent(_)
                | Self::MailThrottled(_)
                | Self::MailSenderUnverified(_)
                | Self::MailRecipientUnverified(_)
        )
    }

    /// With every cause, for the one log line that is written about it.
    pub fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

/// Why a conditional write was not made, or may not have been.
#[derive(Debug, Error)]
pub enum CommitError {
    /// Certain: somebody else was first. Load, and decide again.
    #[error("overtaken")]
    Overtaken,
    /// Unknown: it may have been written. Load, and look.
    #[error(transparent)]
    Unavailable(#[from] Trouble),
}
