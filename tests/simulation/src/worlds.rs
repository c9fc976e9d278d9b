//! Many worlds, and the shortest history of one that failed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use tokio::runtime::{Builder, Runtime};

use crate::generators;
use crate::happenings::Happening;
use crate::harness::World;
use crate::promises;

/// The result of one world, or of many.
#[derive(Clone, Debug, Default)]
pub struct Account {
    pub worlds: u64,
    pub happenings: u64,
    pub requests: u64,
    /// How often each kind of happening, each code and each status occurred.
    pub seen: BTreeMap<String, u64>,
}

impl Account {
    fn add(&mut self, other: &Self) {
        self.worlds += other.worlds;
        self.happenings += other.happenings;
        self.requests += other.requests;
        for (what, times) in &other.seen {
            *self.seen.entry(what.clone()).or_default() += times;
        }
    }
}

/// A world that broke a promise.
#[derive(Clone, Debug)]
pub struct Broken {
    pub seed: u64,
    pub why: String,
    pub history: Vec<Happening>,
}

impl Broken {
    pub fn report(&self) -> String {
        let mut report = format!("seed {} breaks a promise: {}\n", self.seed, self.why);
        for happening in &self.history {
            writeln!(report, "  {happening:?}").expect("a string takes everything");
        }
        report
    }
}

/// Time stands still unless it is moved, and there is one thread: the same seed gives the same run.
fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?)
}

/// Whole functions are polled within one future here, which takes more in a debug build than the
/// two megabytes that the thread of a test has.
const STACK_BYTES: usize = 16 * 1_024 * 1_024;

/// A history in a new world; its log comes with it.
pub fn live(seed: u64, history: &[Happening]) -> Result<(Account, Vec<String>)> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let world = thread.spawn_scoped(scope, || live_here(seed, history))?;
        world
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn live_here(seed: u64, history: &[Happening]) -> Result<(Account, Vec<String>)> {
    runtime()?.block_on(async {
        let mut world = World::new(seed).await?;
        let mut account = Account {
            worlds: 1,
            ..Account::default()
        };
        for happening in history {
            account.happenings += 1;
            world.note(&happening.kind());
            world.log.push(format!("{happening:?}"));
            world.goes_on(happening).await?;
        }
        promises::hold(&mut world).await?;
        account.requests = world.stage.requests_made();
        account.seen = std::mem::take(&mut world.counts);
        let mut log = std::mem::take(&mut world.log);
        log.extend(world.stage.journal());
        Ok((account, log))
    })
}

/// The world of a seed. The history of one that fails is made as short as possible.
pub fn of_seed(seed: u64) -> Result<Account, Broken> {
    let history = generators::world(seed);
    live(seed, &history)
        .map(|(account, _)| account)
        .map_err(|_| shortest(seed, history))
}

/// Drops events, many at once and then one by one, as long as a promise stays broken.
fn shortest(seed: u64, mut history: Vec<Happening>) -> Broken {
    let broken = |history: &[Happening]| live(seed, history).err();
    let mut size = history.len().div_ceil(2);
    while size > 0 {
        let mut from = 0;
        while from < history.len() {
            let mut shorter = history.clone();
            shorter.drain(from..history.len().min(from + size));
            if broken(&shorter).is_some() {
                history = shorter;
            } else {
                from += size;
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    let why = broken(&history).map_or_else(|| "only once".to_owned(), |why| format!("{why:#}"));
    Broken { seed, why, history }
}

/// So many worlds from a seed on, by as many threads; the first that is broken ends it.
pub fn many(first: u64, worlds: u64, threads: usize) -> Result<Account, Broken> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut account = Account::default();
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number >= worlds {
                return Ok(account);
            }
            match of_seed(first + number) {
                Ok(world) => account.add(&world),
                Err(broken) => {
                    next.store(worlds, Ordering::SeqCst);
                    return Err(broken);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut account = Account::default();
        for thread in threads {
            account.add(&thread.join().expect("a thread ends")?);
        }
        Ok(account)
    })
}

/// The forwarded worlds of these seeds: how many calls ended in which way.
pub fn forwarded(seeds: std::ops::Range<u64>) -> Result<crate::forwarded::Endings> {
    let mut all = crate::forwarded::Endings::new();
    for seed in seeds {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let live = move || runtime()?.block_on(crate::forwarded::live(seed));
        let endings = thread
            .spawn(live)?
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let endings = endings.map_err(|why| anyhow::anyhow!("forwarded world {seed}: {why}"))?;
        for (ending, times) in endings {
            *all.entry(ending).or_default() += times;
        }
    }
    Ok(all)
}
