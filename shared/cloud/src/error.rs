//! The outside failed us: logged where it is dealt with, and tried again by the queue or the caller.

use thiserror::Error;

/// How often something is decided again where many may be at the same records at once: the parts of a
/// conversation that arrive together, calls that change the same objects. Each time one gets through.
pub const CONFLICTS_MAX: u32 = 40;

/// The same where functions share one record that each of them changes seldom.
pub const SHARED_RECORD_CONFLICTS_MAX: u32 = 20;

/// The same where two or three may meet: an operator and another, a wake-up and an event.
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
    /// No answer: a text or a call may have gone out.
    #[error("text and voice service gave no answer")]
    Phone(#[source] BoxError),
    /// It answered, and takes nothing at present: spent for the month, not allowed.
    #[error("text and voice service takes nothing at present")]
    PhoneRefused(#[source] BoxError),
    /// The text or the call certainly never left.
    #[error("text and voice service was not reached")]
    PhoneNotSent(#[source] BoxError),
    #[error("text and voice service is asked too often")]
    PhoneThrottled(#[source] BoxError),
    /// Others changed the same record each time we looked.
    #[error("overtaken {0} times by others at the same record")]
    Conflict(u32),
    /// A record is not what this program writes: a bug.
    #[error("record {sk} has no readable {attribute}")]
    Unreadable { sk: String, attribute: &'static str },
    /// A record of a later version of this program, which is left alone until that is back.
    #[error("record {sk} is laid out as {layout}, which this version does not know")]
    Newer { sk: String, layout: u32 },
    /// A record that must be there by our own rules is not.
    #[error("record {0} is missing")]
    Missing(String),
}

impl Error {
    /// Whether it is our own doing, so that trying again finds the same.
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

    /// Whether it is certain that what was asked for was not done.
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

    /// With every cause, for the one log line that is written about it. Services name people's addresses
    /// and numbers in what they say, and a log does not.
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

/// Fewest digits that a telephone number has.
const NUMBER_DIGITS_MIN: usize = 8;

/// Without mail addresses and telephone numbers.
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

/// For those who do not decide again: a conflict is an error like any other.
impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict => Self::Conflict(1),
            CommitError::Cloud(error) => error,
        }
    }
}

/// What a conditional write came to, for those who decide again after a conflict and pass errors on.
/// Nobody else takes a [`CommitError`] apart (a test of `tests/tidy` says so).
#[derive(Debug)]
pub enum Committed<T> {
    Written(T),
    /// Somebody else was first.
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

/// Why a conditional write was not made, or may not have been.
#[derive(Debug, Error)]
pub enum CommitError {
    /// Certain: somebody else was first. Load, and decide again.
    #[error("overtaken")]
    Conflict,
    /// Unknown: it may have been written. Load, and look.
    #[error(transparent)]
    Cloud(#[from] Error),
}
