//! The figures of the overview, each with what it was since the console was started.

use std::sync::PoisonError;

use calls::QueuePriority;
use cloud::read::overview::{Depth, Overview, Recent};
use jiff::{SignedDuration, Timestamp};

use crate::console::Console;
use crate::markup::ShownSpan;
use crate::plot::Plot;
use crate::samples::Sample;

/// One figure, and how it was before.
pub(crate) struct FigureCard {
    pub name: &'static str,
    pub figure: String,
    pub note: String,
    pub plot: Option<Plot>,
}

/// The figures that are drawn, in the order of a sample's values.
const DRAWN: [(&str, &str); 3] = [
    ("Running", "conversations"),
    ("Gathering", "conversations"),
    ("Replies waiting", "replies"),
];

pub(crate) fn cards(
    console: &Console,
    stack: &Overview,
    recent: Option<Recent>,
) -> Vec<FigureCard> {
    let now = console.now();
    let running: usize = stack.running.values().map(|depth| depth.count).sum();
    let drawn = [running, stack.gathering.count, stack.replies.count];
    let plots = sampled(console, now, &drawn);
    let mut cards: Vec<FigureCard> = Vec::new();
    for ((name, _), (count, plot)) in DRAWN.into_iter().zip(drawn.into_iter().zip(plots)) {
        cards.push(FigureCard {
            name,
            figure: count.to_string(),
            note: match name {
                "Running" => by_priority(stack, now),
                "Gathering" => since(&stack.gathering, now),
                _ => since(&stack.replies, now),
            },
            plot: Some(plot),
        });
    }
    cards.extend(plain(stack, now));
    if !stack.is_complete {
        cards.iter_mut().for_each(|card| card.figure.insert(0, '≥'));
    }
    cards.extend(recent.map(of_account).into_iter().flatten());
    cards
}

/// What one account has done of late.
fn of_account(recent: Recent) -> [FigureCard; 2] {
    let both = [
        ("Opened in a minute", recent.opened),
        ("Failed in a minute", recent.failed),
    ];
    let at_least = if recent.is_complete { "" } else { "≥" };
    both.map(|(name, count)| FigureCard {
        name,
        figure: format!("{at_least}{count}"),
        note: "of the account below".to_owned(),
        plot: None,
    })
}

/// Those that are not drawn.
fn plain(stack: &Overview, now: Timestamp) -> [FigureCard; 5] {
    let parked: usize = stack.parked.values().map(|depth| depth.count).sum();
    let plain = [
        (
            "Scheduled",
            stack.scheduled.count,
            next(&stack.scheduled, now),
        ),
        ("Parked by maintenance", parked, String::new()),
        (
            "Ended, outcomes and replies to be written",
            stack.closing.count,
            String::new(),
        ),
        (
            "Calls with mails to be sent",
            stack.mails.count,
            since(&stack.mails, now),
        ),
        (
            "Of unknown fate",
            stack.unknown.count,
            since(&stack.unknown, now),
        ),
    ];
    plain.map(|(name, count, note)| FigureCard {
        name,
        figure: count.to_string(),
        note,
        plot: None,
    })
}

/// Adds these to what was seen before, and draws all of it.
fn sampled(console: &Console, now: Timestamp, values: &[usize]) -> Vec<Plot> {
    let exact = |value: &usize| f64::from(u32::try_from(*value).unwrap_or(u32::MAX));
    let values = values.iter().map(exact).collect();
    // A panic while it was held leaves at worst a sample out.
    let mut samples = console
        .samples
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    samples.add(Sample { at: now, values });
    let drawn = DRAWN.into_iter().enumerate();
    let plot = |(number, (name, unit)): (usize, (&'static str, &'static str))| Plot {
        name,
        unit,
        points: samples.series(number),
    };
    drawn.map(plot).collect()
}

fn since(depth: &Depth, now: Timestamp) -> String {
    let waited = depth.oldest.map(|oldest| now.duration_since(oldest));
    let waited = waited.map(|it| ShownSpan(it.max(SignedDuration::ZERO)));
    waited.map_or_else(String::new, |waited| format!("the oldest {waited}"))
}

fn next(depth: &Depth, now: Timestamp) -> String {
    let left = depth.oldest.map(|next| next.duration_since(now));
    let left = left.map(|it| ShownSpan(it.max(SignedDuration::ZERO)));
    left.map_or_else(String::new, |left| format!("the next in {left}"))
}

fn by_priority(stack: &Overview, now: Timestamp) -> String {
    let of = |priority: QueuePriority| {
        let depth = stack.running.get(&priority)?;
        let since = since(depth, now);
        Some(format!("{} {} ({since})", priority.name(), depth.count))
    };
    let each: Vec<String> = QueuePriority::ALL.into_iter().filter_map(of).collect();
    each.join(", ")
}
