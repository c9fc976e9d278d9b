//! Carrying out calls: what stands behind the server.
//!
//! [`built_in`] is the server's own objects in DynamoDB: it decides with `objects` and stores with
//! `cloud`. [`forward`] sends calls on to another endpoint of the protocol. Which of them a call has is
//! fixed when it is accepted.

pub mod built_in;
pub mod forward;

use calls::{BackendName, Call};

/// What carries a call out.
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
