//! The backend to which the calls of an account are forwarded.

use calls::{BackendName, SafeToRepeat};

/// The backend, and which calls the account has declared safe to repeat there.
pub struct ForwardsTo {
    pub name: BackendName,
    pub safe_to_repeat: Vec<SafeToRepeat>,
}
