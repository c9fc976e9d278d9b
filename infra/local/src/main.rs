//! The whole product on loopback, in one process: `cargo run --release -p local`.
//!
//! `--listen ADDRESS` (default 127.0.0.1:8080), `--data FOLDER` (default: in memory),
//! `--lambda URL` (the functions are there, for `cargo lambda watch`; only the cloud is here).

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, bail};
use aws_smithy_types::retry::RetryConfig;
use cloud::Random;
use local::callback_log::CallbackLog;
use local::functions::{Endpoint, Functions};
use local::{Durability, LocalClock, LocalCloud, Stack, site};
use mimalloc::MiMalloc;

/// Every request to the cloud is read and written as JSON twice, in small pieces of memory: with it a
/// call takes a fifth less time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

struct Arguments {
    listen: SocketAddr,
    data: Option<PathBuf>,
    lambda: Option<String>,
}

const USAGE: &str = "usage: local [--listen 127.0.0.1:8080] [--data FOLDER] [--lambda URL]";

fn arguments() -> anyhow::Result<Arguments> {
    let mut read = Arguments {
        listen: ([127, 0, 0, 1], 8080).into(),
        data: None,
        lambda: None,
    };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let value = given
            .next()
            .with_context(|| format!("{name} needs a value\n{USAGE}"))?;
        match name.as_str() {
            "--listen" => {
                read.listen = value
                    .parse()
                    .with_context(|| format!("--listen {value}\n{USAGE}"))?;
            }
            "--data" => read.data = Some(value.into()),
            "--lambda" => read.lambda = Some(value),
            _ => bail!("{name} is not known\n{USAGE}"),
        }
    }
    Ok(read)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = arguments()?;
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()),
        )
        .init();
    let clock = LocalClock::running();
    let local = match &arguments.data {
        Some(folder) => LocalCloud::in_folder(folder, Durability::PowerCut, clock)
            .with_context(|| format!("opening {}", folder.display()))?,
        None => LocalCloud::with_tables_at(clock)?,
    };
    let callback_log = CallbackLog::new(local.clone());
    let retry = RetryConfig::standard();
    let mut stack = Stack::new(local, callback_log.connector(), Random::system(), retry);
    stack.open_account().await?;
    if arguments.data.is_some() {
        stack.recover().await?;
    }
    let cloud_only = arguments.lambda.is_some();
    if let Some(url) = arguments.lambda {
        stack.functions = Functions::At(Endpoint::new(&url));
    }
    let listener = site::listen(arguments.listen).await?;
    announce(listener.local_addr()?);
    site::serve(stack, callback_log, listener, cloud_only).await
}

/// Scripts wait for this line.
#[expect(
    clippy::print_stdout,
    reason = "the one line that the server's contract promises"
)]
fn announce(address: SocketAddr) {
    println!("listening on http://{address}");
}
