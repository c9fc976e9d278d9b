//! What a decision says that cannot be made yet.

use crate::key::ObjectKey;

/// Raised when a decision needs records that were not loaded: load them and ask again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(pub Vec<ObjectKey>);
