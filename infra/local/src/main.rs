//! The whole product on loopback, in one process: `cargo run --release -p local`.
//!
//! `--help` tells what can be said.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use aws_smithy_types::retry::RetryConfig;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use cloud::accounts::backends::{BackendLogin, BackendSettings, TIMEOUT_S_MAX};
use cloud::{Random, Settings};
use local::callback_log::CallbackLog;
use local::functions::{Endpoint, Functions};
use local::settings::settings;
use local::{Durability, LocalClock, LocalCloud, Stack, site};
use mimalloc::MiMalloc;
use url::Url;

/// Every request to the cloud is read and written as JSON twice, in small allocations: with this
/// allocator a call takes a fifth less time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

struct ServerArguments {
    listen: SocketAddr,
    expose_every_secret: bool,
    data: Option<PathBuf>,
    lambda: Option<String>,
    backend: Option<BackendArguments>,
}

/// Where calls are forwarded to, and the secret that it is logged in with.
struct BackendArguments {
    settings: BackendSettings,
    secret: String,
}

const ABOUT: &str = "\
The whole product in one process: its functions, and the AWS services that they use.

SOAP is at /Service.asmx, tokens at /v2/token, the WSDL at /etframework.wsdl, and the console, \
pages of what became of calls, at /_local/. Account, user, password, API client id and secret are all `local`.";

fn command() -> Command {
    Command::new("local")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .arg(
            Arg::new("listen")
                .long("listen")
                .value_name("ADDRESS")
                .default_value("127.0.0.1:8080")
                .value_parser(value_parser!(SocketAddr))
                .help(
                    "Address to listen on; a loopback one, unless --expose-every-secret is given",
                ),
        )
        .arg(
            Arg::new("expose-every-secret")
                .long("expose-every-secret")
                .action(ArgAction::SetTrue)
                .help(
                    "Let --listen be an address that other machines reach. Nobody is asked who \
                     they are: whoever reaches it reads every secret in this server, turns its \
                     clock, and has it post callbacks to addresses inside your network",
                ),
        )
        .arg(
            Arg::new("data")
                .long("data")
                .value_name("FOLDER")
                .value_parser(value_parser!(PathBuf))
                .help("Keep everything in this folder; without it, all is gone at the end"),
        )
        .arg(
            Arg::new("lambda").long("lambda").value_name("URL").help(
                "Where `cargo lambda watch` serves the functions; only the cloud is here then",
            ),
        )
        .args(backend_arguments())
}

fn backend_arguments() -> [Arg; 7] {
    let argument = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let url =
        "Forward the calls of account `local` to this SOAP endpoint: another local server, say";
    [
        argument("backend", "URL", url),
        argument("backend-user", "NAME", "User that it is logged in as")
            .requires("backend-password")
            .conflicts_with("backend-client"),
        argument("backend-password", "PASSWORD", "The user's password").requires("backend-user"),
        argument(
            "backend-client",
            "ID",
            "API client that tokens are fetched for",
        )
        .requires("backend-secret"),
        argument("backend-secret", "SECRET", "The API client's secret").requires("backend-client"),
        argument(
            "backend-timeout",
            "SECONDS",
            "Longest wait for an answer of it",
        )
        .requires("backend")
        .value_parser(value_parser!(u32).range(1..=i64::from(TIMEOUT_S_MAX))),
        argument(
            "backend-concurrency",
            "N",
            "Queued calls in flight to it at a time",
        )
        .requires("backend")
        .value_parser(value_parser!(u32).range(1..=1_000)),
    ]
}

/// The endpoint, with the service's path added if it has none.
fn backend(found: &mut ArgMatches) -> anyhow::Result<Option<BackendArguments>> {
    let Some(url) = found.remove_one::<String>("backend") else {
        return Ok(None);
    };
    let mut address = Url::parse(&url).with_context(|| format!("--backend {url}"))?;
    if address.path() == "/" {
        address.set_path("/Service.asmx");
    }
    let (login, secret) = match found.remove_one::<String>("backend-user") {
        Some(name) => (
            BackendLogin::User { name },
            found.remove_one::<String>("backend-password"),
        ),
        None => {
            let id = found.remove_one::<String>("backend-client").context(
                "--backend needs --backend-user and --backend-password, or --backend-client and \
                 --backend-secret",
            )?;
            let token_url = address.join("/v2/token")?.to_string();
            let account_id = None;
            let login = BackendLogin::Client {
                id,
                token_url,
                account_id,
            };
            (login, found.remove_one::<String>("backend-secret"))
        }
    };
    let new = BackendSettings::new(address.as_str(), login);
    let settings = BackendSettings {
        timeout_s: found.remove_one("backend-timeout").unwrap_or(new.timeout_s),
        concurrency: found.remove_one("backend-concurrency"),
        ..new
    };
    Ok(Some(BackendArguments {
        settings,
        secret: secret.context("a login has a secret")?,
    }))
}

impl ServerArguments {
    fn of(mut found: ArgMatches) -> anyhow::Result<Self> {
        Ok(Self {
            listen: found
                .remove_one("listen")
                .context("--listen has a default")?,
            expose_every_secret: found.get_flag("expose-every-secret"),
            data: found.remove_one("data"),
            lambda: found.remove_one("lambda"),
            backend: backend(&mut found)?,
        })
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = ServerArguments::of(command().get_matches())?;
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
    let as_deployed = settings();
    let settings = Settings {
        unsubscribe_url: format!("http://{}/unsubscribe/", arguments.listen),
        ..as_deployed
    };
    let (connector, random) = (callback_log.connector(), Random::system());
    let stack = Stack::with_settings(local, settings, connector, random, retry);
    let mut stack = stack.counting();
    stack.open_account().await?;
    if let Some(backend) = &arguments.backend {
        stack.forward_to(&backend.settings, &backend.secret).await?;
    }
    if arguments.data.is_some() {
        stack.recover().await?;
    }
    let cloud_only = arguments.lambda.is_some();
    if let Some(url) = arguments.lambda {
        stack.functions = Functions::At(Endpoint::new(&url));
    }
    let listener = match arguments.expose_every_secret {
        true => site::listen_on_network(arguments.listen).await?,
        false => site::listen(arguments.listen).await?,
    };
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
