//! The rates of the last hour, minute by minute, as small plots.

use cloud::metrics::Metric;
use cloud::read::rates::MetricSeries;
use jiff::Timestamp;

use crate::console::Console;
use crate::plot::Plot;
use crate::rates::DRAWN;

/// A metric over the last hour.
pub(crate) struct RateCard {
    pub name: &'static str,
    pub total: String,
    pub most: String,
    pub plot: Plot,
}

/// What the overview shows of rates.
#[derive(Default)]
pub(crate) struct ShownRates {
    pub cards: Vec<RateCard>,
    /// Why there are none, where there should be.
    pub missing: String,
}

impl ShownRates {
    pub(crate) async fn of(console: &Console, now: Timestamp) -> Self {
        let Some(metrics) = &console.options.metrics else {
            return Self::default();
        };
        match console.rates.rates(metrics, now).await {
            Err(error) => Self {
                missing: error.to_string(),
                ..Self::default()
            },
            Ok(series) => Self {
                cards: series.iter().zip(DRAWN).map(card).collect(),
                missing: String::new(),
            },
        }
    }
}

fn card(
    (series, (_, name, unit)): (&MetricSeries, (Metric, &'static str, &'static str)),
) -> RateCard {
    let total: f64 = series.points.iter().map(|it| it.1).sum();
    let plot = Plot {
        name,
        unit,
        points: series.points.clone(),
    };
    RateCard {
        name,
        total: format!("{total:.0}"),
        most: format!("{:.0} in a minute at most", plot.largest()),
        plot,
    }
}
