//! The times between which a filter can admit anything: what must be looked through for it.

use jiff::Timestamp;

use crate::filter::{Filter, Operator};
use crate::time;

/// From one time to another; `None`: without end on that side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

impl TimeRange {
    fn and(self, other: Self) -> Self {
        Self {
            from: self.from.max(other.from),
            to: match (self.to, other.to) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
        }
    }

    fn or(self, other: Self) -> Self {
        let both = |one: Option<Timestamp>, other: Option<Timestamp>| one.zip(other);
        Self {
            from: both(self.from, other.from).map(|(one, other)| one.min(other)),
            to: both(self.to, other.to).map(|(one, other)| one.max(other)),
        }
    }
}

impl Filter {
    /// No object whose property is a time outside of this range is admitted.
    pub fn time_range(&self, property: &str) -> TimeRange {
        match self {
            Self::And(parts) => {
                let ranges = parts.iter().map(|part| part.time_range(property));
                ranges.fold(TimeRange::default(), TimeRange::and)
            }
            Self::Or(parts) => {
                let ranges = parts.iter().map(|part| part.time_range(property));
                ranges.reduce(TimeRange::or).unwrap_or_default()
            }
            Self::Simple {
                property: of,
                operator,
                values,
                dates,
            } if of == property => of_times(*operator, &times(values, dates)),
            Self::Simple { .. } => TimeRange::default(),
        }
    }
}

/// The times that are compared with: nothing where one is no time.
fn times(values: &[String], dates: &[Timestamp]) -> Vec<Timestamp> {
    if !dates.is_empty() {
        return dates.to_vec();
    }
    let times: Option<Vec<_>> = values.iter().map(|it| time::read_date_time(it)).collect();
    times.unwrap_or_default()
}

fn of_times(operator: Operator, times: &[Timestamp]) -> TimeRange {
    let (first, second) = (times.first().copied(), times.get(1).copied());
    let (from, to) = match operator {
        Operator::Equals => (first, first),
        Operator::GreaterThan | Operator::GreaterThanOrEqual => (first, None),
        Operator::LessThan | Operator::LessThanOrEqual => (None, first),
        Operator::Between => (first, second),
        Operator::In => (times.iter().min().copied(), times.iter().max().copied()),
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
        | Operator::LessThanAnniversary => (None, None),
    };
    TimeRange { from, to }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Element;
    use proptest::prelude::*;

    const OPERATORS: [Operator; 9] = [
        Operator::Equals,
        Operator::NotEquals,
        Operator::GreaterThan,
        Operator::GreaterThanOrEqual,
        Operator::LessThan,
        Operator::LessThanOrEqual,
        Operator::Between,
        Operator::In,
        Operator::IsNotNull,
    ];

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    fn filters() -> impl Strategy<Value = Filter> {
        let simple = (
            proptest::sample::select(&OPERATORS[..]),
            (0_i64..20, 0_i64..20),
            any::<bool>(),
            proptest::sample::select(&["CreatedDate", "Status"][..]),
        );
        let simple = simple.prop_map(|(operator, (one, other), as_text, property)| {
            let dates = vec![at(one), at(other)];
            let values = dates.iter().map(|date| time::write_date_time(*date));
            Filter::Simple {
                property: property.to_owned(),
                operator,
                values: if as_text {
                    values.collect()
                } else {
                    Vec::new()
                },
                dates: if as_text { Vec::new() } else { dates },
            }
        });
        simple.prop_recursive(3, 12, 3, |inner| {
            let parts = proptest::collection::vec(inner, 1..4);
            (parts, any::<bool>()).prop_map(|(parts, and)| match and {
                true => Filter::And(parts),
                false => Filter::Or(parts),
            })
        })
    }

    proptest! {
        #[test]
        fn nothing_outside_of_the_range_is_admitted(filter in filters(), second in 0_i64..20) {
            let created = time::write_date_time(at(second));
            let object = Element::new("Results").with(Element::of("CreatedDate", created));
            let range = filter.time_range("CreatedDate");
            let is_within = range.from.is_none_or(|from| from <= at(second))
                && range.to.is_none_or(|to| at(second) <= to);
            prop_assert!(is_within || !filter.admits(&object), "{filter:?} {range:?}");
        }
    }

    #[test]
    fn a_range_is_as_narrow_as_its_filter() {
        let simple = |operator, times: &[i64]| Filter::Simple {
            property: "CreatedDate".to_owned(),
            operator,
            values: Vec::new(),
            dates: times.iter().map(|second| at(*second)).collect(),
        };
        let after = simple(Operator::GreaterThan, &[5]);
        let both = Filter::And(vec![after.clone(), simple(Operator::LessThan, &[9])]);
        let range = |from, to| TimeRange { from, to };
        assert_eq!(
            both.time_range("CreatedDate"),
            range(Some(at(5)), Some(at(9)))
        );
        let either = Filter::Or(vec![both, simple(Operator::Between, &[2, 3])]);
        assert_eq!(
            either.time_range("CreatedDate"),
            range(Some(at(2)), Some(at(9)))
        );
        assert_eq!(after.time_range("CreatedDate"), range(Some(at(5)), None));
        assert_eq!(after.time_range("ModifiedDate"), TimeRange::default());
    }
}
