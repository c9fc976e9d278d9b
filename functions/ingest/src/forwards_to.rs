//! Where the calls of an account go that has a backend.

use calls::{BackendName, SafeToRepeat};

/// The backend, and which of the account's calls are safe to repeat there, as the account says.
pub struct ForwardsTo {
    pub name: BackendName,
    pub safe_to_repeat: Vec<SafeToRepeat>,
}
