//! Percentiles of measured times.

use std::time::Duration;

use serde_json::{Value, json};

/// Percentiles in milliseconds, to the microsecond.
pub fn percentiles(mut times: Vec<Duration>) -> Value {
    times.sort_unstable();
    let at = |hundredth: usize| {
        let place = (times.len() * hundredth).div_ceil(100).saturating_sub(1);
        times.get(place).map(|time| milliseconds(*time))
    };
    json!({
        "count": times.len(),
        "p50": at(50),
        "p90": at(90),
        "p99": at(99),
        "max": at(100),
    })
}

/// Rounded to the microsecond.
pub fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::percentiles;

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let times = (1..=200).map(Duration::from_millis).collect();
        let summary = percentiles(times);
        assert_eq!(summary["p50"], 100.0);
        assert_eq!(summary["p99"], 198.0);
        assert_eq!(summary["max"], 200.0);
    }
}
