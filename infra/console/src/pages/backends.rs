//! The backends that calls are forwarded to, with their breakers and what waits for each.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use calls::{Breaker, BreakerState, Readiness};
use cloud::accounts::backends::{BackendLogin, BackendSettings};
use cloud::read::backends::{ListedBackends, ReadBackend};
use jiff::Timestamp;

use crate::console::Console;
use crate::failure::PageFailure;
use crate::markup::ShownTime;
use crate::page_query::PageQuery;
use crate::pages::state_class::{BAD, GOOD, WAITS};
use crate::shell::{Shell, Tab, page};

/// A backend, without anything secret.
pub(crate) struct BackendRow {
    pub name: String,
    pub breaker: ShownBreaker,
    pub held: String,
    pub windows: Vec<String>,
    pub url: String,
    pub login: &'static str,
    pub limits: String,
    pub clients: String,
    pub safe_to_repeat: String,
}

/// How a breaker stands, in words.
pub(crate) struct ShownBreaker {
    pub state: &'static str,
    pub class: &'static str,
    pub since: Option<ShownTime>,
    pub reason: String,
}

#[derive(Template)]
#[template(path = "backends.html")]
struct BackendsPage {
    shell: Shell,
    rows: Vec<BackendRow>,
    are_all: bool,
}

impl ShownBreaker {
    pub(crate) fn of(breaker: &Breaker, now: Timestamp) -> Self {
        let (state, class) = match (breaker.readiness(now), breaker.state) {
            (Readiness::InMaintenance, _) => ("in maintenance: calls wait", WAITS),
            (Readiness::OutOfService, _) => ("open: calls wait", BAD),
            (Readiness::Ready, BreakerState::Closed { release: Some(_) }) => {
                ("closed: what waited goes out", GOOD)
            }
            (Readiness::Ready, _) => ("closed: calls go out", GOOD),
        };
        Self {
            state,
            class,
            since: match breaker.state {
                BreakerState::Open { since, .. } => Some(ShownTime(since)),
                BreakerState::Closed { .. } => None,
            },
            reason: match breaker.readiness(now) {
                Readiness::Ready => String::new(),
                Readiness::InMaintenance | Readiness::OutOfService => breaker.reason.clone(),
            },
        }
    }
}

pub(crate) async fn backends(
    State(console): State<Console>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let query = PageQuery::read(query.as_deref());
    let listed = match query.has("all") {
        true => ListedBackends::All,
        false => ListedBackends::WithBreakers,
    };
    let cloud = console.cloud();
    let found = cloud.read_backends(&cloud.accounts, listed).await?;
    let now = console.now();
    page(&BackendsPage {
        shell: console.shell(Tab::Backends, "Backends"),
        rows: found.iter().map(|backend| row(backend, now)).collect(),
        are_all: listed == ListedBackends::All,
    })
}

fn row(backend: &ReadBackend, now: Timestamp) -> BackendRow {
    let settings = backend.settings.as_ref();
    let joined = |texts: Vec<String>| texts.join(", ");
    let windows = backend.breaker.windows.iter();
    BackendRow {
        name: backend.name.to_string(),
        breaker: ShownBreaker::of(&backend.breaker, now),
        held: match backend.held {
            None => String::new(),
            Some(held) if held.is_complete => held.depth.count.to_string(),
            Some(held) => format!("≥{}", held.depth.count),
        },
        windows: windows
            .map(|it| format!("{} to {}: {}", it.from, it.to, it.reason))
            .collect(),
        url: settings.map_or_else(
            || "there are no settings for it".to_owned(),
            |it| soap::shown_address(&it.url),
        ),
        login: settings.map_or("", |it| match it.login {
            BackendLogin::User { .. } => "UsernameToken",
            BackendLogin::Client { .. } => "API client",
            BackendLogin::InSecret { .. } => "Secrets Manager",
        }),
        limits: settings.map_or_else(String::new, limits),
        clients: joined(settings.map_or_else(Vec::new, |it| {
            it.clients.iter().map(ToString::to_string).collect()
        })),
        safe_to_repeat: joined(settings.map_or_else(Vec::new, |it| {
            it.safe_to_repeat.iter().map(ToString::to_string).collect()
        })),
    }
}

fn limits(settings: &BackendSettings) -> String {
    let per_second = settings.per_second.map(|calls| format!("{calls} a second"));
    let at_once = settings.concurrency.map(|calls| format!("{calls} at once"));
    let others = [
        format!("{} objects a call", settings.objects_per_call),
        format!("answer within {} s", settings.timeout_s),
    ];
    let all = [per_second, at_once].into_iter().flatten().chain(others);
    all.collect::<Vec<_>>().join(", ")
}
