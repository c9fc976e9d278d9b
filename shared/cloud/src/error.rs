//! Errors of AWS services and of other processes: logged where they are handled, and retried by the
//! queue or the caller.

use thiserror::Error;

/// How often a decision is repeated after conflicts at records that many may change at the same
/// time: the parts of a conversation that arrive together, calls that change the same objects. One
/// of them succeeds each time.
pub const CONFLICTS_MAX: u32 = 40;

/// The same for a record that all functions share and that each changes seldom.
pub const SHARED_RECORD_CONFLICTS_MAX: u32 = 20;

/// The same for two or three writers: two operators, or a wake-up and an event.
pub const FEW_CONFLICTS_MAX: u32 = 10;

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Error)]
pub enum Error {
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
    LargeBodies {
        operation: &'static str,
        #[source]
        source: BoxError,
    },
    #[error("key of encrypted passwords is out of reach ({operation})")]
    PasswordEncryption {
        operation: &'static str,
        #[source]
        source: BoxError,
    },
    #[error("secret of a backend is out of reach ({operation})")]
    Secret {
        operation: &'static str,
        #[source]
        source: BoxError,
    },
    /// No answer: the mail may have been sent.
    #[error("mail service gave no answer")]
    Mail(#[source] BoxError),
    /// The service refused the mail: paused, suspended.
    #[error("mail service takes no mail at present")]
    MailRefused(#[source] BoxError),
    /// The mail certainly never left: no address, no connection, or no request that could be built.
    #[error("mail service was not reached")]
    MailNotSent(#[source] BoxError),
    /// The service throttled it: its rate, or the daily quota.
    #[error("mail service is asked too often")]
    MailThrottled(#[source] BoxError),
    /// The sender is not verified yet, which the stack's operator can change.
    #[error("sender of the mail is not verified with the mail service")]
    MailSenderUnverified(#[source] BoxError),
    /// The recipient is not verified, which SES's sandbox requires.
    #[error("recipient of the mail is not verified with the mail service, which is in its sandbox")]
    MailRecipientUnverified(#[source] BoxError),
    /// No answer: the text or voice call may have been sent.
    #[error("text and voice service gave no answer")]
    Phone(#[source] BoxError),
    /// The service refuses everything at present: spending limit reached, not allowed.
    #[error("text and voice service takes nothing at present")]
    PhoneRefused(#[source] BoxError),
    /// The text or voice call certainly never left.
    #[error("text and voice service was not reached")]
    PhoneNotSent(#[source] BoxError),
    #[error("text and voice service is asked too often")]
    PhoneThrottled(#[source] BoxError),
    /// Others changed the same record at each attempt.
    #[error("overtaken {0} times by others at the same record")]
    Conflict(u32),
    /// A record is not in the form that this program writes: a bug.
    #[error("record {sk} has no readable {attribute}")]
    Unreadable { sk: String, attribute: &'static str },
    /// A record of a newer version of this program. It is not touched until that version is
    /// deployed again.
    #[error("record {sk} is laid out as {layout}, which this version does not know")]
    Newer { sk: String, layout: u32 },
    /// A record is missing that must exist by the rules of this program.
    #[error("record {0} is missing")]
    Missing(String),
}

impl Error {
    /// Whether it is an error of this program, so that a retry would fail in the same way.
    pub const fn is_ours(&self) -> bool {
        match self {
            Self::Unreadable { .. } | Self::Missing(_) => true,
            Self::Table { .. }
            | Self::Queue { .. }
            | Self::Schedule { .. }
            | Self::LargeBodies { .. }
            | Self::PasswordEncryption { .. }
            | Self::Secret { .. }
            | Self::Mail(_)
            | Self::MailRefused(_)
            | Self::MailNotSent(_)
            | Self::MailThrottled(_)
            | Self::MailSenderUnverified(_)
            | Self::MailRecipientUnverified(_)
            | Self::Phone(_)
            | Self::PhoneRefused(_)
            | Self::PhoneNotSent(_)
            | Self::PhoneThrottled(_)
            | Self::Newer { .. }
            | Self::Conflict(_) => false,
        }
    }

    /// Whether the operation was certainly not carried out.
    pub const fn was_refused(&self) -> bool {
        matches!(
            self,
            Self::MailRefused(_)
                | Self::MailNotSent(_)
                | Self::MailThrottled(_)
                | Self::MailSenderUnverified(_)
                | Self::MailRecipientUnverified(_)
                | Self::PhoneRefused(_)
                | Self::PhoneNotSent(_)
                | Self::PhoneThrottled(_)
        )
    }

    /// The error with all its causes, for its log line. Addresses and phone numbers, which services
    /// name in their messages, are removed.
    pub fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        without_addresses(&text)
    }
}

/// Fewest digits of a phone number.
const NUMBER_DIGITS_MIN: usize = 8;

/// The text without mail addresses and phone numbers.
fn without_addresses(text: &str) -> String {
    let is_number = |word: &str| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        word.contains('+') && digits >= NUMBER_DIGITS_MIN
    };
    let words = text.split(' ').map(|word| match word {
        word if word.contains('@') => "(address)",
        word if is_number(word) => "(number)",
        word => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_says_of_people_is_left_out() {
        for (said, logged) in [
            (
                "Email address is not verified: Shop <shop@example.com>, a@b.example",
                "Email address is not verified: Shop (address) (address)",
            ),
            (
                "number +4915112345678 is opted out",
                "number (number) is opted out",
            ),
            (
                "took 12 + 3 ms, id 0123456789",
                "took 12 + 3 ms, id 0123456789",
            ),
        ] {
            assert_eq!(without_addresses(said), logged);
        }
    }
}

/// For code that does not decide again: a conflict is an error like any other.
impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict => Self::Conflict(1),
            CommitError::Cloud(error) => error,
        }
    }
}

/// The result of a conditional write, for code that decides again after a conflict and passes on
/// errors. No other code takes a [`CommitError`] apart (a test of `tests/tidy` checks it).
#[derive(Debug)]
pub enum Committed<T> {
    Written(T),
    /// Another writer was first.
    Conflict,
}

impl<T> Committed<T> {
    pub fn of(result: Result<T, CommitError>) -> Result<Self, Error> {
        match result {
            Ok(written) => Ok(Self::Written(written)),
            Err(CommitError::Conflict) => Ok(Self::Conflict),
            Err(CommitError::Cloud(error)) => Err(error),
        }
    }
}

/// Why a conditional write was not made, or may not have been made.
#[derive(Debug, Error)]
pub enum CommitError {
    /// Certain: another writer was first. Load, and decide again.
    #[error("overtaken")]
    Conflict,
    /// Unknown: it may have been written. Load, and compare.
    #[error(transparent)]
    Cloud(#[from] Error),
}
