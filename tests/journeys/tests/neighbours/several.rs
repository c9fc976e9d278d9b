//! Several hostile accounts at once: with as many as there are places for replies, and with more, all of
//! those wait for receivers that hang, and nobody else stands behind them all the same.

use cloud::aws::lanes::Concurrency;

use super::{CONCURRENCY, Neighbour, answers_after, hang_at_fifty_hosts, hangs, hold_up_nobody};

/// What a new AWS account has.
const TWO_PLACES: Concurrency = Concurrency {
    high: 2,
    medium: 2,
    low: 2,
    replies: 2,
};

/// So many accounts, each of which owes replies for as long as the quiet one does its rounds.
fn accounts(number: usize, one: fn() -> Neighbour) -> Vec<Neighbour> {
    let fewer_calls = |neighbour: Neighbour| Neighbour {
        at_once: 60,
        ..neighbour
    };
    (0..number).map(|_| fewer_calls(one())).collect()
}

fn one_that_hangs() -> Neighbour {
    Neighbour::answering(hangs())
}

fn one_of_fourteen_seconds() -> Neighbour {
    Neighbour::answering(answers_after(14_000))
}

#[tokio::test(start_paused = true)]
async fn two_accounts_whose_receivers_hang_delay_nobody_at_two_places() {
    hold_up_nobody(&accounts(2, one_that_hangs), TWO_PLACES).await;
}

#[tokio::test(start_paused = true)]
async fn three_accounts_whose_receivers_hang_delay_nobody_at_two_places() {
    hold_up_nobody(&accounts(3, one_that_hangs), TWO_PLACES).await;
}

#[tokio::test(start_paused = true)]
async fn three_accounts_of_fifty_host_names_delay_nobody_at_two_places() {
    hold_up_nobody(&accounts(3, hang_at_fifty_hosts), TWO_PLACES).await;
}

#[tokio::test(start_paused = true)]
async fn three_accounts_answered_after_fourteen_seconds_delay_nobody_at_two_places() {
    hold_up_nobody(&accounts(3, one_of_fourteen_seconds), TWO_PLACES).await;
}

#[tokio::test(start_paused = true)]
async fn five_accounts_of_fifty_host_names_delay_nobody_at_twenty_places() {
    hold_up_nobody(&accounts(5, hang_at_fifty_hosts), CONCURRENCY).await;
}
