//! How far one run has carried out a call.

use cloud::CommittedStep;

/// How far a call was carried out.
pub enum CarriedOut {
    /// Maintenance is on: nothing was done.
    InMaintenance,
    Committed(Box<CommittedStep>),
}
