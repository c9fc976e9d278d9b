//! The console at `/_local/`, and the pages that only a local server has: what was sent, test
//! calls, the clock, and deleting everything.

use std::net::SocketAddr;

use aws_smithy_types::retry::RetryConfig;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::{get, post};
use calls::AccountId;
use cloud::aws::dead_letters::StackQueues;
use cloud::aws::stack::LOCAL_STACK;
use cloud::read::rates::StackMetrics;
use jiff::SignedDuration;
use operator_console::local_pages::{
    self, SentAttachment, SentCallback, SentMail, SentText, SentThings, UnreadThing,
};
use operator_console::{
    Console, ConsoleAccess, ConsoleOptions, PageFailure, PageQuery, PostedForm,
};

use crate::callback_log::PostedCallback;
use crate::mail::CapturedMail;
use crate::site_state::Site;
use crate::stack::LOCAL;
use crate::test_call;

/// The path of the console.
const BASE: &str = "/_local";

/// How many of each kind are shown, the newest.
const SHOWN_MAX: usize = 200;

/// Furthest that the clock can be moved at once: a year and a day.
pub(crate) const ADVANCE_SECONDS_MAX: i64 = 31_622_400;

#[derive(Clone)]
struct LocalConsole {
    console: Console,
    site: Site,
    address: SocketAddr,
}

pub(crate) fn router(site: &Site, address: SocketAddr) -> Router {
    let config = site.stack.local.sdk_config(RetryConfig::standard());
    let wire = format!("http://{address}");
    let over_the_wire = config.clone().into_builder().endpoint_url(wire).build();
    let console = Console::new(ConsoleOptions {
        cloud: site.stack.cloud.clone(),
        queues: Some(StackQueues::of_stack(&config, LOCAL_STACK)),
        metrics: Some(StackMetrics::of_stack(&over_the_wire, LOCAL_STACK)),
        base: BASE.to_owned(),
        place: "local server".to_owned(),
        // Anybody who can reach this server may do anything with it.
        access: ConsoleAccess::MayAct {
            who: "the console of the local server".to_owned(),
        },
        account: Some(AccountId(LOCAL.to_owned())),
        key: None,
        is_local: true,
        endpoint: Some(format!("http://{address}/Service.asmx")),
    });
    let state = LocalConsole {
        console: console.clone(),
        site: site.clone(),
        address,
    };
    let own = Router::new()
        .route("/_local/sent", get(sent))
        .route("/_local/sent/mail", get(mail))
        .route("/_local/sent/html", get(mail_html))
        .route("/_local/sent/file", get(mail_file))
        .route("/_local/tools", get(tools))
        .route("/_local/tools/call", post(try_call))
        .route("/_local/tools/clock", post(move_clock))
        .route("/_local/tools/reset", post(reset))
        .with_state(state);
    console.router(own)
}

/// The newest of each, by their numbers.
async fn sent(State(local): State<LocalConsole>) -> Result<Response, PageFailure> {
    let site = &local.site;
    let mails = site.stack.local.ses().mails();
    let numbered = mails.iter().enumerate().rev().take(SHOWN_MAX);
    let callbacks = site.callback_log.posted();
    let texts = site.stack.local.phone().texts();
    let texts = texts
        .into_iter()
        .rev()
        .take(SHOWN_MAX)
        .map(|text| SentText {
            at: text.at.to_string(),
            kind: text.kind,
            to: text.to,
            from: text.from,
            text: text.text,
        });
    let warned = site.warning_log.warned().into_iter().rev();
    let unread = warned.map(|warned| UnreadThing {
        at: warned.at,
        operation: warned.operation,
        request_id: warned.request_id,
        text: warned.text,
    });
    let sent = SentThings {
        mails: numbered
            .map(|(number, mail)| sent_mail(number, mail))
            .collect(),
        callbacks: callbacks
            .into_iter()
            .rev()
            .take(SHOWN_MAX)
            .map(sent_callback)
            .collect(),
        texts: texts.collect(),
        unread: unread.collect(),
    };
    local_pages::sent(&local.console, sent)
}

fn sent_mail(number: usize, mail: &CapturedMail) -> SentMail {
    let attachments = mail.attachments.iter().map(|file| SentAttachment {
        name: file.name.clone(),
        bytes: file.content.len(),
    });
    SentMail {
        number,
        at: mail.at.to_string(),
        from: mail.from.clone(),
        to: mail.to.join(", "),
        subject: mail.subject.clone(),
        text: mail.text.clone().unwrap_or_default(),
        has_html: mail.html.is_some(),
        attachments: attachments.collect(),
        headers: mail.headers.clone(),
    }
}

fn sent_callback(posted: PostedCallback) -> SentCallback {
    SentCallback {
        at: posted.at,
        // User and password of an address are sent, but never shown.
        url: soap::shown_address(&posted.url),
        is_good: posted
            .status
            .is_some_and(|status| (200..300).contains(&status)),
        result: match posted.status {
            Some(status) => status.to_string(),
            None => posted.cause.unwrap_or_default(),
        },
        took_ms: posted.took_ms,
        fields: posted.fields.into_iter().collect(),
        headers: posted.headers.into_iter().collect(),
    }
}

/// The mail with a number, and the number.
fn mail_of(local: &LocalConsole, query: &PageQuery) -> Result<(usize, CapturedMail), PageFailure> {
    let number: Option<usize> = query.text("number").parse().ok();
    let mails = local.site.stack.local.ses().mails();
    let found = number.and_then(|number| Some((number, mails.into_iter().nth(number)?)));
    found.ok_or_else(|| PageFailure::NotFound("There is no such mail.".to_owned()))
}

async fn mail(
    State(local): State<LocalConsole>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let (number, mail) = mail_of(&local, &PageQuery::read(query.as_deref()))?;
    local_pages::mail(&local.console, sent_mail(number, &mail))
}

async fn mail_html(
    State(local): State<LocalConsole>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let (_, mail) = mail_of(&local, &PageQuery::read(query.as_deref()))?;
    Ok(local_pages::mail_frame(mail.html.unwrap_or_default()))
}

async fn mail_file(
    State(local): State<LocalConsole>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let query = PageQuery::read(query.as_deref());
    let (_, mail) = mail_of(&local, &query)?;
    let number: Option<usize> = query.text("file").parse().ok();
    let file = number.and_then(|number| mail.attachments.into_iter().nth(number));
    let file = file.ok_or_else(|| PageFailure::NotFound("There is no such file.".to_owned()))?;
    Ok(local_pages::attachment(&file.name, file.content))
}

async fn tools(State(local): State<LocalConsole>) -> Result<Response, PageFailure> {
    let callback_address = format!("http://{}/_local/callbacks", local.address);
    local_pages::tools(&local.console, callback_address).await
}

async fn try_call(
    State(local): State<LocalConsole>,
    form: PostedForm,
) -> Result<Response, PageFailure> {
    let (account, call) = (form.account()?, test_call::of(&form)?);
    let tried = test_call::sent(&local.site, &call).await;
    let id = call.id_of(&tried);
    local_pages::tried(&local.console, tried, &account, id.as_deref())
}

async fn move_clock(
    State(local): State<LocalConsole>,
    form: PostedForm,
) -> Result<Response, PageFailure> {
    let minutes = form.text("minutes").parse::<i64>().ok();
    let seconds = match minutes {
        Some(minutes) => minutes.checked_mul(60),
        None => form.text("seconds").parse().ok(),
    };
    let seconds = seconds.filter(|seconds| (0..=ADVANCE_SECONDS_MAX).contains(seconds));
    let seconds = seconds.ok_or_else(|| {
        PageFailure::Wrong(format!(
            "A number of seconds from 0 to {ADVANCE_SECONDS_MAX}."
        ))
    })?;
    let passed = local
        .site
        .stack
        .pass_running(SignedDuration::from_secs(seconds))
        .await;
    passed.map_err(|error| PageFailure::Cloud(format!("{error:#}")))?;
    let now = local.site.stack.cloud.now();
    local_pages::done(
        &local.console,
        &format!("It is {now:.0}, and all that was due was started."),
    )
}

async fn reset(
    State(local): State<LocalConsole>,
    _form: PostedForm,
) -> Result<Response, PageFailure> {
    let emptied = local.site.begin_again().await;
    emptied.map_err(|error| PageFailure::Cloud(format!("{error:#}")))?;
    local_pages::done(
        &local.console,
        "Everything is deleted; the account local is there again.",
    )
}
