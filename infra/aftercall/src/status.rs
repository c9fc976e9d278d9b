//! `aftercall status`: what waits, since when and what for; what failed of late; how much comes in.

use calls::{AccountId, QueuePriority, Readiness};
use cloud::Cloud;
use cloud::accounts::Accounts;
use cloud::aws::dead_letters::{QueueDepth, StackQueues, queue_name};
use cloud::aws::signed_requests::SignedRequests;
use cloud::pauses::is_pause;
use cloud::read::overview::{Depth, Overview};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::failure::CommandFailure;
use crate::output::{Output, Record};

/// Accounts that are asked for what they did of late: 28 requests each.
const ACCOUNTS_MAX: usize = 25;

/// The time that a rate is told of.
const RATE_OVER: SignedDuration = SignedDuration::from_mins(5);

/// How far back failures are counted.
const FAILED_WITHIN: SignedDuration = SignedDuration::from_hours(24);

pub(crate) async fn status(
    cloud: &Cloud,
    accounts: &Accounts,
    queues: &StackQueues,
    priced: Option<(&SignedRequests, &str)>,
) -> Result<Output, CommandFailure> {
    let now = cloud.now();
    let overview = cloud.overview(accounts).await?;
    let depths = queues.depths().await?;
    let mut lines = waiting(&overview, now);
    lines.extend(depths.iter().map(of_queue));
    lines.extend(of_backends(&overview, now));
    lines.extend(of_accounts(cloud, accounts, now).await?);
    if let Some((signed, stack)) = priced {
        lines.push(price_today(signed, stack, now).await);
    }
    Ok(Output::List(lines))
}

/// One line: what, how many, since when, and what there is to say of it.
fn line(what: String, count: impl Into<Value>, oldest_s: Value, more: impl Into<Value>) -> Record {
    Record::of("what", what)
        .and("count", count.into())
        .and("oldest_s", oldest_s)
        .and("more", more.into())
}

fn age(depth: Depth, now: Timestamp) -> Value {
    let age = depth
        .oldest
        .map(|oldest| now.duration_since(oldest).as_secs());
    age.map_or(Value::Null, Value::from)
}

fn waiting(overview: &Overview, now: Timestamp) -> Vec<Record> {
    let of = |what: &str, depth: Depth, more: &str| {
        line(what.to_owned(), depth.count, age(depth, now), more)
    };
    let counted = match overview.is_complete {
        true => Value::Null,
        false => "at least".into(),
    };
    let maintenance = &overview.maintenance;
    let planned: Vec<Value> = maintenance
        .windows
        .iter()
        .map(|it| format!("{} to {}: {}", it.from, it.to, it.reason).into())
        .collect();
    let mut lines = vec![line(
        "maintenance".to_owned(),
        maintenance.holds_at(now),
        Value::Null,
        planned,
    )];
    for pause in &maintenance.pauses {
        let account = pause.account.as_ref().map(|id| format!("account {id}"));
        let priority = pause.priority.map(|it| format!("priority {}", it.name()));
        let what: Vec<String> = [account, priority].into_iter().flatten().collect();
        let held = pause.name().and_then(|name| overview.held.get(&name));
        let held = held.copied().unwrap_or_default();
        let what = format!("paused {}", what.join(" "));
        let more = match pause.until {
            None => pause.reason.clone(),
            Some(until) => format!("{} to {until}: {}", pause.since, pause.reason),
        };
        lines.push(line(what, held.count, age(held, now), more));
    }
    for priority in QueuePriority::ALL {
        let depth = overview.running.get(&priority).copied().unwrap_or_default();
        let what = format!("running {}", priority.name().to_lowercase());
        lines.push(line(what, depth.count, age(depth, now), counted.clone()));
    }
    for (priority, depth) in &overview.parked {
        let what = format!("parked {}", priority.name().to_lowercase());
        lines.push(line(what, depth.count, age(*depth, now), counted.clone()));
    }
    lines.extend([
        of("gathering", overview.gathering, "not all parts are there"),
        of(
            "scheduled",
            overview.scheduled,
            "negative: the next is due in so many seconds",
        ),
        of(
            "closing",
            overview.closing,
            "ended; outcomes and replies are being written",
        ),
        of("replies", overview.replies, "to be attempted"),
        of("mails", overview.mails, "calls with mails to be sent"),
        of("unknown", overview.unknown, "`aftercall unknown list`"),
    ]);
    lines
}

fn of_queue(depth: &QueueDepth) -> Record {
    let more = json!({ "in_flight": depth.in_flight, "dead": depth.dead });
    let what = format!("queue {}", queue_name(depth.queue));
    line(what, depth.waiting, Value::Null, more)
}

fn of_backends(overview: &Overview, now: Timestamp) -> Vec<Record> {
    let of = |(name, breaker): (&calls::BackendName, &calls::Breaker)| {
        let depth = overview.held.get(name).copied().unwrap_or_default();
        let readiness = match breaker.readiness(now) {
            Readiness::Ready => "ready",
            Readiness::InMaintenance => "in maintenance",
            Readiness::OutOfService => "out of service",
        };
        let what = format!("waiting for backend {name}");
        line(what, depth.count, age(depth, now), readiness)
    };
    let backends = overview.breakers.iter();
    backends
        .filter(|(name, _)| !is_pause(name))
        .map(of)
        .collect()
}

/// What the stack has cost since midnight (UTC), as its dashboard counts it. Trouble is said, and all else is
/// told.
async fn price_today(signed: &SignedRequests, stack: &str, now: Timestamp) -> Record {
    let midnight = TimeZone::UTC
        .to_datetime(now)
        .date()
        .to_zoned(TimeZone::UTC);
    let midnight = midnight.map_or(now, |midnight| midnight.timestamp());
    let what = "dollars today (UTC), list prices".to_owned();
    match signed.price(stack, (midnight, now)).await {
        Ok(prices) => {
            let sum: f64 = prices.iter().map(|(_, price)| price).sum();
            let each = prices.iter();
            let each: Vec<String> = each
                .map(|(name, price)| format!("{name} {price:.4}"))
                .collect();
            let cents = (sum * 10_000.0).round() / 10_000.0;
            line(what, cents, Value::Null, each.join(", "))
        }
        Err(failure) => line(what, Value::Null, Value::Null, failure.to_string()),
    }
}

async fn of_accounts(
    cloud: &Cloud,
    accounts: &Accounts,
    now: Timestamp,
) -> Result<Vec<Record>, CommandFailure> {
    let mut lines = Vec::new();
    let all = accounts.all_accounts().await?;
    for account in all.iter().take(ACCOUNTS_MAX) {
        let AccountId(id) = &account.id;
        let of_late = cloud.recent(&account.id, now - RATE_OVER).await?;
        let failed = cloud.recent(&account.id, now - FAILED_WITHIN).await?;
        for paused in cloud.paused_receivers(&account.id).await? {
            let pause = &paused.pause;
            let more = format!("{} to {}: {}", pause.from, pause.until, pause.reason);
            let what = format!("paused account {id} receiver {}", paused.origin);
            lines.push(line(what, Value::Null, Value::Null, more));
        }
        let minutes = RATE_OVER.as_mins();
        lines.push(line(
            format!("account {id} opened in {minutes} minutes"),
            of_late.opened,
            Value::Null,
            Value::Null,
        ));
        lines.push(line(
            format!("account {id} failed in 24 hours"),
            failed.failed,
            Value::Null,
            format!("`aftercall conversations list {id} --failed`, `aftercall replies list {id}`"),
        ));
    }
    if all.len() > ACCOUNTS_MAX {
        let rest = all.len() - ACCOUNTS_MAX;
        lines.push(line(
            "accounts left out".to_owned(),
            rest,
            Value::Null,
            Value::Null,
        ));
    }
    Ok(lines)
}
