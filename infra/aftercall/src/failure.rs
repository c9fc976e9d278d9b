//! Why a command was not carried out, and the exit code that a script sees. The codes are stable.

use std::process::ExitCode;

use cloud::Error;
use thiserror::Error;

#[derive(Debug, Error)]
pub(crate) enum CommandFailure {
    /// AWS, or the local server, is out of reach or refused.
    #[error("{0}")]
    Cloud(String),
    /// It was said wrongly. `clap` exits with the same code.
    #[error("{0}")]
    Usage(String),
    /// What was named is not there.
    #[error("{0}")]
    NotFound(String),
    /// The name is taken.
    #[error("{0}")]
    Exists(String),
    /// It stands in a way that does not allow it, or did not end well.
    #[error("{0}")]
    NotAllowed(String),
}

impl CommandFailure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Cloud(_) => 1,
            Self::Usage(_) => 2,
            Self::NotFound(_) => 3,
            Self::Exists(_) => 4,
            Self::NotAllowed(_) => 5,
        })
    }
}

impl From<Error> for CommandFailure {
    fn from(error: Error) -> Self {
        Self::Cloud(error.in_full())
    }
}
