//! Runs the functions as they are deployed, for real calls, over TLS, and says as JSON what each
//! event takes: `stages --cloud 127.0.0.1:8080 --invocations 9100 --functions FOLDER --calls 20`.
//!
//! The local cloud (started with `--lambda http://127.0.0.1:9100`) holds tables and queues and hands
//! over the events; the callbacks of all calls must arrive, each once. What the notifier does is shown
//! by calls that are replied to by mail. Every event has a process of
//! its own, as after a long pause; with `--keep 1`, functions stay, as under load.
//! `--wrapper "valgrind ... {}"`: what functions are started with. `--other NAME COMMAND`: a handler
//! of somebody else's, given events too.
#![expect(
    clippy::print_stdout,
    reason = "the result is told to whoever started it"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use bench::calls::{Measured, Stage, http_event};
use bench::ledger::Ledger;
use bench::percentile::percentiles;
use bench::{front, invocations, sink};
use bytes::Bytes;
use serde_json::{Value, json};

/// Numbers from here on are not those of calls with a callback.
const NEVER_OPENED: usize = 1_000_000;

#[derive(Default)]
struct Given {
    values: BTreeMap<String, String>,
    others: Vec<(String, String)>,
}

fn main() -> anyhow::Result<()> {
    let given = given()?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(run(&given))
}

fn given() -> anyhow::Result<Given> {
    let mut words = std::env::args().skip(1);
    let mut given = Given::default();
    while let Some(name) = words.next() {
        let mut value = || {
            words
                .next()
                .with_context(|| format!("{name} needs a value"))
        };
        match name.as_str() {
            "--other" => {
                let other = (value()?, value()?);
                given.others.push(other);
            }
            _ => drop(given.values.insert(name.clone(), value()?)),
        }
    }
    Ok(given)
}

impl Given {
    fn text(&self, name: &str) -> anyhow::Result<&str> {
        let value = self.values.get(name).map(String::as_str);
        value.with_context(|| format!("{name} is missing"))
    }
}

async fn run(given: &Given) -> anyhow::Result<()> {
    let began = Instant::now();
    let calls: usize = given.text("--calls")?.parse()?;
    let mut stage = stage(given).await?;
    let token = stage.token().await?;
    for number in 0..calls {
        stage.call("ingest", Some(&token)).await?;
        if !stage.keep {
            stage.call_by_mail(&token, NEVER_OPENED + number).await?;
            stage.call("ingest, password", None).await?;
            let minute = Bytes::from_static(b"{}");
            stage.function("timekeeper", "timekeeper", minute).await?;
        }
    }
    for (name, command) in &given.others {
        for _ in 0..calls {
            let event = http_event("/Service.asmx", "text/xml", "<call/>");
            stage.hand(command, name, event).await?;
        }
    }
    for function in stage.kept.values_mut() {
        function.end()?;
    }
    let measured = stage.measured.iter();
    let mut said: Value = measured
        .map(|(name, these)| (name.clone(), summary(these)))
        .collect();
    for (name, measures) in said.as_object_mut().into_iter().flatten() {
        let function = name.split(',').next().unwrap_or_default();
        let file = stage.functions.join(function).metadata();
        measures["bytes"] = json!(file.map(|file| file.len()).ok());
    }
    said["outcome"] = stage.ledger.summary(began, Instant::now());
    println!("{said}");
    Ok(())
}

async fn stage(given: &Given) -> anyhow::Result<Stage> {
    let certificate = Path::new(given.text("--certificate")?);
    let key = Path::new(given.text("--key")?);
    let port = front::listen(given.text("--cloud")?.to_owned(), certificate, key).await?;
    let ledger = Arc::new(Ledger::default());
    let roots = given.text("--roots")?;
    let mut environment = environment(given.text("--environment")?, port)?;
    for (name, file) in [
        ("SSL_CERT_FILE", roots),
        ("AWS_CA_BUNDLE", roots),
        ("NODE_EXTRA_CA_CERTS", given.text("--certificate")?),
    ] {
        environment.push((name.to_owned(), file.to_owned()));
    }
    Ok(Stage {
        environment,
        functions: given.text("--functions")?.into(),
        keep: given.values.contains_key("--keep"),
        wrapper: given.values.get("--wrapper").cloned().unwrap_or_default(),
        sink: sink::listen(ledger.clone()).await?,
        ledger,
        run: format!("stages{port}"),
        events: invocations::listen(given.text("--invocations")?.parse()?).await?,
        kept: BTreeMap::new(),
        measured: BTreeMap::new(),
    })
}

/// What the template sets, with AWS behind TLS at this port.
fn environment(file: &str, port: u16) -> anyhow::Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(file).with_context(|| file.to_owned())?;
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let mut pairs: Vec<(String, String)> = pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    pairs.retain(|(name, _)| name != "AWS_ENDPOINT_URL");
    let beside = [
        ("AWS_ENDPOINT_URL", format!("https://localhost:{port}")),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "bench".to_owned()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench".to_owned()),
    ];
    pairs.extend(beside.map(|(name, value)| (name.to_owned(), value)));
    Ok(pairs)
}

/// Of events one after the other. What a kept process ran for one event is known when it asks for
/// the next; the first two of its events are left out, since the first is not like the others.
fn summary(all: &[Measured]) -> Value {
    let of = |time: fn(&Measured) -> Duration| percentiles(all.iter().map(time).collect());
    let pairs = all.windows(2).skip(1);
    let cpu = pairs.map(|two| {
        two[1]
            .invoked
            .cpu_before
            .saturating_sub(two[0].invoked.cpu_before)
    });
    let mut memory: Vec<u64> = all.iter().map(|one| one.memory_kb).collect();
    memory.sort_unstable();
    json!({
        "init_ms": of(|one| one.invoked.polled_after),
        "event_ms": of(|one| one.invoked.time),
        "total_ms": of(|one| one.invoked.polled_after + one.invoked.time),
        "cpu_ms": percentiles(cpu.collect()),
        "memory_kb": memory.get(memory.len() / 2),
    })
}
