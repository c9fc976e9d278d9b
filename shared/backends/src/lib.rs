//! Carries out calls.
//!
//! [`built_in`] is the server's own objects in DynamoDB: it decides with `objects` and stores with
//! `cloud`. [`forward`] sends calls to another endpoint of the protocol. The backend of a call is
//! fixed when it is accepted.

pub mod built_in;
pub mod forward;

use calls::{BackendName, Call};

/// What carries out a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    BuiltIn,
    Forward(BackendName),
}

impl Backend {
    /// The backend that a call was accepted for.
    pub fn of(call: &Call) -> Self {
        match &call.backend {
            None => Self::BuiltIn,
            Some(name) => Self::Forward(name.clone()),
        }
    }
}
