//! What whoever opens the console should know at once: what holds calls back, and what somebody must do
//! something about.

use calls::Readiness;
use cloud::maintenance::MaintenanceSwitch;
use cloud::pauses::{Pause, is_pause};
use cloud::read::overview::{Depth, Overview};
use jiff::Timestamp;

use crate::console::Console;

/// Something that its reader should know at once.
pub(crate) struct Notice {
    pub class: &'static str,
    pub text: String,
    /// Where there is more; empty: nowhere.
    pub href: String,
}

/// What the notices are about, besides how the stack stands.
pub(crate) struct NoticeCounts {
    pub dead_letters: u64,
    /// Of the latest conversations: those with something that is not read.
    pub warned: usize,
    pub latest: usize,
}

pub(crate) fn notices(
    console: &Console,
    stack: &Overview,
    counts: &NoticeCounts,
    now: Timestamp,
) -> Vec<Notice> {
    let at = |path: &str| format!("{}{path}", console.base());
    let error = |text: String, path: &str| Notice {
        class: "error",
        text,
        href: at(path),
    };
    let warning = |text: String, href: String| Notice {
        class: "warning",
        text,
        href,
    };
    let mut notices: Vec<Notice> = of_maintenance(&stack.maintenance, now)
        .map(|text| warning(text, String::new()))
        .collect();
    let parked: usize = stack.parked.values().map(|depth| depth.count).sum();
    if parked > 0 {
        let text = format!(
            "{parked} conversations are parked: they go on within a minute or two of the end of maintenance."
        );
        notices.push(warning(text, String::new()));
    }
    let paused = stack.maintenance.pauses.iter();
    notices.extend(paused.map(|pause| warning(of_pause(pause, stack), String::new())));
    notices.extend(open_breakers(stack, now).map(|text| error(text, "/backends")));
    if stack.unknown.count > 0 {
        let text = format!(
            "{} calls of unknown fate: somebody must say what became of them.",
            stack.unknown.count
        );
        notices.push(error(text, "/unknown"));
    }
    if counts.dead_letters > 0 {
        let dead = counts.dead_letters;
        let text = format!("{dead} dead letters: wake-ups that functions died with.");
        notices.push(error(text, "/dead"));
    }
    if counts.warned > 0 {
        let (warned, latest) = (counts.warned, counts.latest);
        let text = format!(
            "{warned} of the latest {latest} conversations came with something that is not read."
        );
        notices.push(warning(text, "#not-read".to_owned()));
    }
    notices
}

fn of_maintenance(switch: &MaintenanceSwitch, now: Timestamp) -> impl Iterator<Item = String> {
    let holds = switch.holds_at(now);
    let holds = holds.then(|| "Maintenance: calls are accepted and wait.".to_owned());
    let planned = switch
        .windows
        .iter()
        .filter(move |window| !window.is_over(now));
    let planned = planned.map(|window| {
        let (from, to, reason) = (window.from, window.to, &window.reason);
        format!("Maintenance is planned from {from} to {to}: {reason}")
    });
    holds.into_iter().chain(planned)
}

fn of_pause(pause: &Pause, stack: &Overview) -> String {
    let account = pause.account.as_ref().map(|id| format!("account {id}"));
    let priority = pause.priority.map(|it| format!("priority {}", it.name()));
    let what: Vec<String> = [account, priority].into_iter().flatten().collect();
    let what = match what.is_empty() {
        true => "everything".to_owned(),
        false => what.join(", "),
    };
    let held = pause.name().and_then(|name| stack.held.get(&name));
    let held = held.copied().unwrap_or_default();
    let (since, reason, waiting) = (pause.since, &pause.reason, waiting(held));
    format!("Paused: {what}, since {since}: {reason} ({waiting})")
}

fn open_breakers(stack: &Overview, now: Timestamp) -> impl Iterator<Item = String> {
    let backends = stack.breakers.iter().filter(|(name, _)| !is_pause(name));
    backends.filter_map(move |(name, breaker)| {
        let held = waiting(stack.held.get(name).copied().unwrap_or_default());
        match breaker.readiness(now) {
            Readiness::Ready => None,
            Readiness::InMaintenance => Some(format!(
                "Backend {name} is in maintenance: calls wait ({held})."
            )),
            Readiness::OutOfService => Some(format!(
                "The breaker of backend {name} is open: {} ({held}).",
                breaker.reason
            )),
        }
    })
}

fn waiting(held: Depth) -> String {
    format!("{} conversations wait", held.count)
}
