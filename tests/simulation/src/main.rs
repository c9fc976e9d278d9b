//! Any number of worlds: `cargo run --release -p simulation -- --worlds 1000000 --seed 0`.
#![expect(
    clippy::print_stdout,
    reason = "what it found is told to whoever started it"
)]

use std::process::ExitCode;
use std::time::Instant;

use simulation::worlds::{Account, many};

/// Worlds between two lines of progress.
const AT_ONCE: u64 = 5_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, otherwise: u64| {
        let place = arguments.iter().position(|argument| argument == name);
        let value = place.and_then(|place| arguments.get(place + 1));
        value
            .and_then(|value| value.parse().ok())
            .unwrap_or(otherwise)
    };
    let (worlds, seed) = (number("--worlds", 2_000), number("--seed", 0));
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let began = Instant::now();
    let (mut lived, mut happenings, mut requests) = (0, 0, 0);
    while lived < worlds {
        let some = AT_ONCE.min(worlds - lived);
        match many(seed + lived, some, threads) {
            Err(broken) => {
                println!("{}", broken.report());
                return ExitCode::FAILURE;
            }
            Ok(Account {
                happenings: these,
                requests: made,
                ..
            }) => {
                lived += some;
                happenings += these;
                requests += made;
                let seconds = began.elapsed().as_secs();
                println!(
                    "{lived} worlds, {happenings} happenings, {requests} requests to AWS, {seconds} s"
                );
            }
        }
    }
    ExitCode::SUCCESS
}
