//! A small plot of one figure over time, as SVG.

use std::fmt::{self, Display, Formatter};

use askama::filters::HtmlSafe;
use jiff::Timestamp;

const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 48.0;

/// Space above and below, so that no line is cut off.
const MARGIN: f64 = 2.0;

/// A figure over time. `name` is ours.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    pub name: &'static str,
    pub unit: &'static str,
    pub points: Vec<(Timestamp, f64)>,
}

impl Plot {
    /// As people read it.
    pub(crate) fn latest(&self) -> String {
        match self.points.last() {
            None => "–".to_owned(),
            Some((_, value)) if *value >= 10.0 || value.fract() == 0.0 => format!("{value:.0}"),
            Some((_, value)) => format!("{value:.1}"),
        }
    }

    pub(crate) fn largest(&self) -> f64 {
        self.points.iter().map(|it| it.1).fold(0.0, f64::max)
    }

    fn path(&self) -> String {
        let (Some(first), Some(last)) = (self.points.first(), self.points.last()) else {
            return String::new();
        };
        let whole = last.0.duration_since(first.0).as_secs_f64().max(1.0);
        let top = self.largest().max(1.0);
        let place = |(at, value): &(Timestamp, f64)| {
            let x = at.duration_since(first.0).as_secs_f64() / whole * WIDTH;
            let y = HEIGHT - MARGIN - value / top * (HEIGHT - 2.0 * MARGIN);
            format!("{x:.1},{y:.1}")
        };
        let places: Vec<String> = self.points.iter().map(place).collect();
        places.join(" ")
    }
}

impl Display for Plot {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (name, latest, unit) = (self.name, self.latest(), self.unit);
        let largest = self.largest();
        write!(
            f,
            "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
             aria-label=\"{name}: {latest} {unit}, {largest:.0} at most\"><polyline points=\"{}\"/></svg>",
            self.path()
        )
    }
}

impl HtmlSafe for Plot {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_lie_within_the_picture() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        let plot = Plot {
            name: "Waiting",
            unit: "calls",
            points: vec![(at(0), 0.0), (at(5), 10.0), (at(10), 2.5)],
        };
        assert_eq!(plot.path(), "0.0,46.0 120.0,2.0 240.0,35.0");
        assert_eq!(plot.latest(), "2.5");
        let empty = Plot {
            points: Vec::new(),
            ..plot
        };
        assert_eq!(
            (empty.path(), empty.latest()),
            (String::new(), "–".to_owned())
        );
    }
}
