//! The sort keys of events: their time comes first, so that a look at a day reads no more than that.

use jiff::Timestamp;
use soap::{Filter, Operator};

use crate::key::KeyRange;

/// A time as the beginning of a sort key: in milliseconds and of one length, so that the order of the
/// texts is the order of time.
pub fn moment(at: Timestamp) -> String {
    format!("{:015}", at.as_millisecond().max(0))
}

/// The keys around what a filter can admit. A part that says nothing of EventDate, or says it in
/// other words than these, does not narrow them.
pub(crate) fn keys_within(filter: &Filter) -> KeyRange {
    match filter {
        Filter::And(parts) => parts.iter().map(keys_within).fold(
            KeyRange::default(),
            |KeyRange { after, before }, part| KeyRange {
                after: after.max(part.after),
                before: match (before, part.before) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                },
            },
        ),
        Filter::Or(_) => KeyRange::default(),
        Filter::Simple {
            property,
            operator,
            dates,
            ..
        } if property == "EventDate" => {
            // Of its own millisecond all is looked at: the filter itself decides to the nanosecond.
            let from = dates.iter().min().map(|at| moment(*at));
            let to = dates.iter().max().map(|at| moment(*at) + "$");
            match operator {
                Operator::GreaterThan | Operator::GreaterThanOrEqual => KeyRange {
                    after: from,
                    before: None,
                },
                Operator::LessThan | Operator::LessThanOrEqual => KeyRange {
                    after: None,
                    before: to,
                },
                Operator::Equals | Operator::Between | Operator::In => KeyRange {
                    after: from,
                    before: to,
                },
                Operator::NotEquals
                | Operator::IsNull
                | Operator::IsNotNull
                | Operator::Like
                | Operator::ExistsInString
                | Operator::ExistsInStringAsAWord
                | Operator::NotExistsInString
                | Operator::BeginsWith
                | Operator::EndsWith
                | Operator::Contains
                | Operator::NotContains
                | Operator::IsAnniversary
                | Operator::IsNotAnniversary
                | Operator::GreaterThanAnniversary
                | Operator::LessThanAnniversary => KeyRange::default(),
            }
        }
        Filter::Simple { .. } => KeyRange::default(),
    }
}
