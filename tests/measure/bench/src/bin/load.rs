//! Puts a server under load and says as JSON how it fared:
//! `load --url http://127.0.0.1:8080/Service.asmx --connections 64 --parts 3 --seconds 10`.
//!
//! Closed loop by default: each connection sends its next call when the last one was answered, and
//! begins no conversation while `--under-way` calls wait for their callback. `--rate N` opens the
//! loop: so many calls a second whatever the server does, and times count from when a call should
//! have been sent. `--shuffle` sends the parts of many conversations in any order over all
//! connections, which only a server that puts them in order can stand. `--calls N` ends after so
//! many calls, however long they take.
#![expect(
    clippy::print_stdout,
    reason = "the result is told to whoever started it"
)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use bench::envelope::Part;
use bench::ledger::Ledger;
use bench::sender::{Sender, Target};
use bench::sink;

/// Conversations whose parts are shuffled together.
const SHUFFLED: usize = 64;

/// How long nothing may arrive before what is missing counts as lost.
const STILL: Duration = Duration::from_secs(20);

struct Run {
    target: Target,
    sink: String,
    name: String,
    parts: usize,
    under_way_max: usize,
    ledger: Arc<Ledger>,
    sending: AtomicBool,
    calls_max: Option<usize>,
    shuffled: Mutex<(Vec<Part>, u64)>,
}

fn main() -> anyhow::Result<()> {
    let arguments = arguments()?;
    // Two threads, so that the driver itself is never the bottleneck.
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(run(&arguments))
}

fn arguments() -> anyhow::Result<BTreeMap<String, String>> {
    let mut given = std::env::args().skip(1);
    let mut read = BTreeMap::new();
    while let Some(name) = given.next() {
        let value = match name.as_str() {
            "--shuffle" => String::new(),
            _ => given
                .next()
                .with_context(|| format!("{name} needs a value"))?,
        };
        read.insert(name, value);
    }
    Ok(read)
}

fn number(arguments: &BTreeMap<String, String>, name: &str) -> anyhow::Result<Option<u32>> {
    let given = arguments.get(name);
    given
        .map(|text| text.parse().with_context(|| format!("{name} {text}")))
        .transpose()
}

async fn run(arguments: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let count = |name: &str, otherwise: u32| -> anyhow::Result<usize> {
        Ok(usize::try_from(
            number(arguments, name)?.unwrap_or(otherwise),
        )?)
    };
    let ledger = Arc::new(Ledger::default());
    let url = arguments.get("--url").context("--url is missing")?;
    let run = Arc::new(Run {
        target: Target::parse(url)?,
        sink: sink::listen(ledger.clone()).await?,
        name: arguments
            .get("--name")
            .cloned()
            .unwrap_or_else(|| format!("run{}", std::process::id())),
        parts: count("--parts", 1)?,
        under_way_max: count("--under-way", 1_000)?,
        ledger: ledger.clone(),
        sending: AtomicBool::new(true),
        calls_max: number(arguments, "--calls")?
            .map(usize::try_from)
            .transpose()?,
        shuffled: Mutex::new((Vec::new(), 1)),
    });
    let warm = Duration::from_secs(number(arguments, "--warm")?.unwrap_or(2).into());
    let measured = Duration::from_secs(number(arguments, "--seconds")?.unwrap_or(10).into());
    let connections = count("--connections", 1)?;
    let began = Instant::now();
    let sending = match number(arguments, "--rate")? {
        Some(rate) => tokio::spawn(open_loop(run.clone(), rate, began)),
        None => {
            let shuffle = arguments.contains_key("--shuffle");
            tokio::spawn(closed_loop(run.clone(), connections, shuffle))
        }
    };
    let (from, to) = match run.calls_max {
        Some(_) => {
            sending.await?;
            drain(&ledger).await;
            (began, Instant::now())
        }
        None => {
            tokio::time::sleep(warm + measured).await;
            run.sending.store(false, Ordering::SeqCst);
            sending.await?;
            drain(&ledger).await;
            (began + warm, began + warm + measured)
        }
    };
    println!("{}", ledger.summary(from, to));
    Ok(())
}

/// Waits for pending callbacks as long as any arrive.
async fn drain(ledger: &Ledger) {
    let mut seen = (ledger.under_way(), Instant::now());
    while seen.0 > 0 && seen.1.elapsed() < STILL {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let left = ledger.under_way();
        if left != seen.0 {
            seen = (left, Instant::now());
        }
    }
}

async fn closed_loop(run: Arc<Run>, connections: usize, shuffle: bool) {
    let mut senders = Vec::new();
    for _ in 0..connections {
        let run = run.clone();
        senders.push(tokio::spawn(async move {
            let mut sender = Sender::new(run.target.clone());
            while let Some(parts) = run.next(shuffle).await {
                for part in parts {
                    run.send(&mut sender, part, Instant::now()).await;
                }
            }
        }));
    }
    for sender in senders {
        // A panic has been printed to stderr already.
        drop(sender.await);
    }
}

/// Conversations begin evenly spaced in time. Each has a connection of its own while it is sent.
async fn open_loop(run: Arc<Run>, calls_per_s: u32, began: Instant) {
    let idle: Arc<Mutex<Vec<Sender>>> = Arc::default();
    let apart = Duration::from_secs(1) / calls_per_s.max(1) * u32::try_from(run.parts).unwrap_or(1);
    let mut due = began;
    let mut sent = Vec::new();
    while run.sending.load(Ordering::SeqCst) {
        tokio::time::sleep_until(due.into()).await;
        let (run, idle, at) = (run.clone(), idle.clone(), due);
        sent.push(tokio::spawn(async move {
            let kept = held(&idle).pop();
            let mut sender = kept.unwrap_or_else(|| Sender::new(run.target.clone()));
            let mut at = at;
            for part in run.open() {
                run.send(&mut sender, part, at).await;
                at = Instant::now();
            }
            held(&idle).push(sender);
        }));
        due += apart;
    }
    for task in sent {
        drop(task.await);
    }
}

impl Run {
    /// What a connection sends next: a conversation in order, or any part of any conversation.
    async fn next(&self, shuffle: bool) -> Option<Vec<Part>> {
        let waiting = || self.ledger.under_way() >= self.under_way_max && self.may_send();
        while waiting() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if !shuffle {
            return self.may_send().then(|| self.open());
        }
        let mut shuffled = held(&self.shuffled);
        let (parts, dice) = &mut *shuffled;
        // A conversation that was begun is sent to its end.
        if parts.is_empty() && self.may_send() {
            let left = self
                .calls_max
                .map(|calls| calls.saturating_sub(self.ledger.begun()));
            let count = left.map_or(SHUFFLED, |left| left.div_ceil(self.parts).min(SHUFFLED));
            *parts = (0..count).flat_map(|_| self.open()).collect();
            shuffle_by(parts, dice);
        }
        parts.pop().map(|part| vec![part])
    }

    fn may_send(&self) -> bool {
        let enough = |calls: usize| self.ledger.begun() >= calls;
        self.sending.load(Ordering::SeqCst) && !self.calls_max.is_some_and(enough)
    }

    fn open(&self) -> Vec<Part> {
        let conversation = self.ledger.open(self.parts);
        let part = |sequence| Part {
            conversation,
            sequence,
            of: self.parts,
        };
        (1..=self.parts).map(part).collect()
    }

    async fn send(&self, sender: &mut Sender, part: Part, at: Instant) {
        let envelope = part.envelope(&self.name, &self.sink);
        self.ledger.sent(part.conversation, at);
        match sender.post(envelope).await {
            Ok(()) => self.ledger.answered(part.conversation, at, Instant::now()),
            Err(answer) => self.ledger.refused(part.conversation, &answer),
        }
    }
}

/// Fisher and Yates' shuffle with a generator of Knuth's: the same in each run.
fn shuffle_by(parts: &mut [Part], dice: &mut u64) {
    for last in (1..parts.len()).rev() {
        *dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let place = usize::try_from(*dice >> 33).unwrap_or(0) % (last + 1);
        parts.swap(last, place);
    }
}

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
