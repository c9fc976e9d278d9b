//! How a call ended, and what follows for its conversation.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The protocol's OverallStatus of a call that has results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OverallStatus {
    Ok,
    HasErrors,
    Error,
}

impl OverallStatus {
    /// The status of a call with that many objects, of which so many failed.
    pub const fn of(objects: usize, failed: usize) -> Self {
        if failed == 0 {
            Self::Ok
        } else if failed < objects {
            Self::HasErrors
        } else {
            Self::Error
        }
    }

    pub const fn text(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::HasErrors => "Has Errors",
            Self::Error => "Error",
        }
    }
}

/// The ways in which a call can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ended {
    /// It was carried out; its results say how.
    CarriedOut,
    /// Its RequestExpirationTime had passed when its turn came.
    Expired,
    /// Its caller deleted it before its turn came.
    Cancelled,
    /// Its conversation ended before its turn came.
    NotProcessed,
    /// It was sent to a backend, and its fate is unknown.
    Unknown,
}

/// How a call ended. Written once, together with its effect, and never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub how: Ended,
    pub overall_status: OverallStatus,
    /// Empty for a call that went well.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub status_message: String,
    /// The first ErrorCode among its results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<u32>,
    pub ended_at: Timestamp,
}

impl Outcome {
    /// AsyncRequestResult.Status of an ended call.
    pub const fn state(&self) -> &'static str {
        match (self.how, self.overall_status) {
            (Ended::CarriedOut, OverallStatus::Ok) => "Complete",
            (Ended::CarriedOut, OverallStatus::HasErrors | OverallStatus::Error)
            | (Ended::Unknown, _) => "Error",
            (Ended::Expired, _) => "Expired",
            (Ended::Cancelled, _) => "Cancelled",
            (Ended::NotProcessed, _) => "NotProcessed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_call_is_that_of_its_objects() {
        assert_eq!(OverallStatus::of(2, 0).text(), "OK");
        assert_eq!(OverallStatus::of(2, 1).text(), "Has Errors");
        assert_eq!(OverallStatus::of(2, 2).text(), "Error");
    }

    #[test]
    fn every_end_has_a_state_of_its_own() {
        let state = |how, overall_status| {
            let status_message = String::new();
            let ended_at = Timestamp::UNIX_EPOCH;
            Outcome {
                how,
                overall_status,
                status_message,
                error_code: None,
                ended_at,
            }
            .state()
        };
        assert_eq!(state(Ended::CarriedOut, OverallStatus::Ok), "Complete");
        assert_eq!(state(Ended::CarriedOut, OverallStatus::HasErrors), "Error");
        assert_eq!(state(Ended::CarriedOut, OverallStatus::Error), "Error");
        assert_eq!(state(Ended::Expired, OverallStatus::Error), "Expired");
        assert_eq!(state(Ended::Cancelled, OverallStatus::Error), "Cancelled");
        assert_eq!(
            state(Ended::NotProcessed, OverallStatus::Error),
            "NotProcessed"
        );
    }
}
