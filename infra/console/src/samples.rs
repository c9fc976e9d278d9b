//! What the overview has seen since the console was started: a row of figures every few seconds, of which
//! it draws its plots. Nothing is kept in the account for it.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

/// No two samples are closer than this.
const EVERY: SignedDuration = SignedDuration::from_secs(4);

/// Most samples that are kept: twenty minutes of a page that is open all the time.
const SAMPLES_MAX: usize = 300;

/// Figures of one moment, in the order of their names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub at: Timestamp,
    pub values: Vec<f64>,
}

/// The latest samples, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Samples(VecDeque<Sample>);

impl Samples {
    /// Adds what was seen, unless something was seen a moment ago.
    pub(crate) fn add(&mut self, sample: Sample) {
        let latest = self.0.back().map(|latest| latest.at);
        let is_close = |latest: Timestamp| {
            let passed = sample.at.duration_since(latest);
            passed >= SignedDuration::ZERO && passed < EVERY
        };
        if latest.is_some_and(is_close) {
            return;
        }
        if self.0.len() >= SAMPLES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(sample);
    }

    /// One figure over time.
    pub(crate) fn series(&self, number: usize) -> Vec<(Timestamp, f64)> {
        let of = |sample: &Sample| Some((sample.at, *sample.values.get(number)?));
        self.0.iter().filter_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn sample(second: i64, value: f64) -> Sample {
        Sample {
            at: at(second),
            values: vec![value],
        }
    }

    #[test]
    fn no_more_are_kept_than_are_drawn_and_none_that_are_close() {
        let mut samples = Samples::default();
        for second in 0..3_000 {
            samples.add(sample(second, 1.0));
        }
        let series = samples.series(0);
        assert_eq!(series.len(), SAMPLES_MAX);
        assert_eq!(series.last().map(|it| it.0), Some(at(2_996)));
    }

    #[test]
    fn a_figure_that_is_not_there_has_no_series() {
        let mut samples = Samples::default();
        samples.add(sample(0, 1.0));
        assert_eq!(samples.series(0), [(at(0), 1.0)]);
        assert!(samples.series(1).is_empty());
    }
}
