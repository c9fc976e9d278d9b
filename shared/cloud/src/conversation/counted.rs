//! What a commit counts as, for the metrics.

use calls::{ClosingStep, Conversation, EndReason, Ended, Outcome, OverallStatus, Phase};

use crate::metrics::Metric;

/// Of a step of a conversation that was gathering, or not.
pub(super) fn of_step(was_gathering: bool, phase: &Phase) -> Option<Metric> {
    let is_timed_out = match phase {
        Phase::Closing { end_reason, .. } | Phase::Ended(end_reason) => {
            *end_reason == EndReason::TimedOut
        }
        Phase::Gathering | Phase::Running(_) => false,
    };
    (was_gathering && is_timed_out).then_some(Metric::SilenceTimeouts)
}

/// Of the end of a call.
pub(super) fn of_outcome(outcome: &Outcome) -> &'static [Metric] {
    match (outcome.how, outcome.overall_status) {
        (Ended::CarriedOut, OverallStatus::Ok) => &[Metric::CarriedOut],
        (Ended::CarriedOut, OverallStatus::HasErrors | OverallStatus::Error) => {
            &[Metric::CarriedOut, Metric::CallsFailed]
        }
        (Ended::Unknown, _) => &[Metric::CallsUnknown],
        (Ended::Expired | Ended::Cancelled | Ended::NotProcessed, _) => &[Metric::NotCarriedOut],
    }
}

/// Calls of a closing conversation that were not carried out and have no outcome yet.
pub(super) fn lacking_outcomes(conversation: &Conversation) -> usize {
    match &conversation.phase {
        Phase::Closing {
            step: ClosingStep::Outcomes,
            ..
        } => conversation.unclosed().count(),
        Phase::Closing { .. } | Phase::Gathering | Phase::Running(_) | Phase::Ended(_) => 0,
    }
}
