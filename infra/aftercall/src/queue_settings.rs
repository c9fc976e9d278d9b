//! The order and the rates of a queue, of an account or of an API client, as they are told and shown.

use calls::{
    CALLS_PER_SECOND_MAX, QueueOrder, QueuePriority, QueueRate, QueueSettings, RatePeriod,
};
use serde_json::Value;

use crate::account_arguments::Order;
use crate::failure::CommandFailure;

pub(crate) fn order(order: Order) -> QueueOrder {
    match order {
        Order::Unordered => QueueOrder::Unordered,
        Order::Received => QueueOrder::Received,
    }
}

pub(crate) fn order_name(settings: &QueueSettings) -> &'static str {
    match settings.order {
        QueueOrder::Unordered => "unordered",
        QueueOrder::Received => "received",
    }
}

/// `None`: as often as it can be from now on.
pub(crate) fn set_rate(
    settings: &mut QueueSettings,
    priority: QueuePriority,
    rate: Option<QueueRate>,
) {
    match rate {
        Some(rate) => settings.rates.insert(priority, rate),
        None => settings.rates.remove(&priority),
    };
}

/// As the command is told them, high priority first.
pub(crate) fn rates(settings: &QueueSettings) -> Vec<Value> {
    let of = |priority: QueuePriority| {
        let rate = settings.rates.get(&priority)?;
        let period = match rate.per {
            RatePeriod::Second => "second",
            RatePeriod::Minute => "minute",
        };
        let name = priority.name().to_lowercase();
        Some(Value::from(format!("{name} {}/{period}", rate.calls)))
    };
    QueuePriority::ALL.into_iter().filter_map(of).collect()
}

/// `None`: no rate.
pub(crate) fn read_rate(text: &str) -> Result<Option<QueueRate>, CommandFailure> {
    if text == "none" {
        return Ok(None);
    }
    let read = || {
        let (calls, per) = text.split_once('/')?;
        let per = match per {
            "second" => RatePeriod::Second,
            "minute" => RatePeriod::Minute,
            _ => return None,
        };
        let calls = calls
            .parse()
            .ok()
            .filter(|calls| *calls <= CALLS_PER_SECOND_MAX)?;
        let rate = QueueRate { calls, per };
        rate.rate().map(|_| rate)
    };
    read().map(Some).ok_or_else(|| {
        CommandFailure::Usage(format!(
            "a rate is 5/second or 30/minute, from 1 to {CALLS_PER_SECOND_MAX}, or none, not {text}"
        ))
    })
}
