//! How far a call was taken by one run.

use cloud::CommittedStep;

/// How far a call was taken.
pub enum CarriedOut {
    /// Maintenance is on: nothing was done.
    InMaintenance,
    Committed(Box<CommittedStep>),
}
