//! One call: what came, what became of it, and the command that sends it again.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use calls::{AsyncResponseType, RespondWhen, Subscription};
use cloud::read::state::state_of_call;
use cloud::read::whole_call::{KeptPayload, WholeCall};
use soap::ObjectDetail;

use crate::console::Console;
use crate::curl;
use crate::failure::PageFailure;
use crate::link;
use crate::markup::{ShownTime, ShownXml};
use crate::page_query::PageQuery;
use crate::pages::conversation_row::name_of;
use crate::pages::state_class;
use crate::shell::{Shell, Tab, page};

/// Most results that a page shows.
const RESULTS_SHOWN_MAX: usize = 500;

/// One SendResponseTo.
pub(crate) struct SubscriptionRow {
    pub response_type: &'static str,
    /// Without user and password.
    pub address: String,
    pub respond_when: &'static str,
    pub detail: &'static str,
}

#[derive(Template)]
#[template(path = "call.html")]
struct CallDetailPage {
    shell: Shell,
    conversation: String,
    conversation_href: String,
    download_href: String,
    request_id: String,
    account: String,
    sequence: u32,
    calls_in_conversation: u32,
    method: &'static str,
    object_type: String,
    objects: u32,
    backend: String,
    priority: &'static str,
    state: &'static str,
    class: &'static str,
    message: String,
    arrived: ShownTime,
    scheduled: Option<ShownTime>,
    expires: Option<ShownTime>,
    ended: Option<ShownTime>,
    warnings: Vec<String>,
    subscriptions: Vec<SubscriptionRow>,
    payload: Option<ShownXml>,
    no_payload: &'static str,
    curl: String,
    results: Option<ShownXml>,
}

async fn read(console: &Console, query: Option<&str>) -> Result<WholeCall, PageFailure> {
    let query = PageQuery::read(query);
    let (key, sequence) = (query.key()?, query.sequence("sequence")?);
    let found = console.cloud().whole_call(&key, sequence).await?;
    found.ok_or_else(|| {
        PageFailure::NotFound("There is no such call, or it is not kept any more.".to_owned())
    })
}

pub(crate) async fn call(
    State(console): State<Console>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let whole = read(&console, query.as_deref()).await?;
    page(&filled(&console, whole))
}

/// The whole envelope, to be sent from a file.
pub(crate) async fn download(
    State(console): State<Console>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let whole = read(&console, query.as_deref()).await?;
    let KeptPayload::Text(payload) = &whole.payload else {
        return Err(PageFailure::NotFound(no_payload(&whole.payload).to_owned()));
    };
    // A browser must not show it: it is somebody's markup.
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"call.xml\"",
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox",
        ),
    ];
    Ok((headers, curl::envelope(payload)).into_response())
}

fn filled(console: &Console, whole: WholeCall) -> CallDetailPage {
    let results = results(&whole);
    let WholeCall {
        header,
        call,
        payload,
        outcome,
        ..
    } = whole;
    let sequence = call.place.sequence();
    let state = state_of_call(&header, sequence, &call, outcome.as_ref(), console.now());
    let state = state.unwrap_or("not kept any more");
    let outcome = outcome.map(|record| record.outcome);
    let no_payload = no_payload(&payload);
    let (curl, payload) = repeated(console, call.method, payload);
    let name = match &call.conversation_id {
        Some(_) => name_of(&header),
        None => "of this call alone".to_owned(),
    };
    let download = link::call(console.base(), &header.key, sequence);
    let warnings = call.options.warnings.iter().map(|it| it.0.clone());
    let warnings = warnings.collect();
    let subscriptions = call.options.subscriptions.iter().map(subscription);
    let subscriptions = subscriptions.collect();
    CallDetailPage {
        shell: console.shell(Tab::Calls, &format!("Call {}", call.request_id)),
        conversation: name,
        conversation_href: link::conversation(console.base(), &header.key),
        download_href: download.replacen("/call?", "/call.xml?", 1),
        sequence: sequence.get(),
        calls_in_conversation: call.place.calls_in_conversation().get(),
        method: call.method.name(),
        objects: call.objects,
        backend: call
            .backend
            .as_ref()
            .map_or("built in", |name| name.as_str())
            .to_owned(),
        priority: call.options.queue_priority.name(),
        state,
        class: state_class::of_call(state),
        message: outcome.as_ref().map_or_else(String::new, message),
        arrived: ShownTime(call.arrived_at),
        scheduled: call.options.scheduled_time.map(ShownTime),
        expires: call.options.expires_at.map(ShownTime),
        ended: outcome.as_ref().map(|outcome| ShownTime(outcome.ended_at)),
        warnings,
        subscriptions,
        payload,
        no_payload,
        curl,
        results,
        request_id: call.request_id.0,
        account: call.account.0,
        object_type: call.object_type,
    }
}

/// The command that sends it again, and the payload as it is shown.
fn repeated(
    console: &Console,
    method: calls::Method,
    payload: KeptPayload,
) -> (String, Option<ShownXml>) {
    let KeptPayload::Text(text) = payload else {
        return (String::new(), None);
    };
    let endpoint = console.options.endpoint.as_deref();
    let endpoint = endpoint.unwrap_or("https://YOUR-ENDPOINT/Service.asmx");
    let login = console.options.is_local.then_some("local");
    let curl = curl::command(endpoint, method.name(), &text, login);
    (curl, soap::read_canonical(&text).ok().map(ShownXml))
}

fn message(outcome: &calls::Outcome) -> String {
    match outcome.error_code {
        Some(code) => format!("{code}: {}", outcome.status_message),
        None => outcome.status_message.clone(),
    }
}

const fn no_payload(payload: &KeptPayload) -> &'static str {
    match payload {
        KeptPayload::Text(_) => "",
        KeptPayload::NotKept => {
            "It is not kept any more: the call was carried out, and its results say what came of it."
        }
        KeptPayload::OutOfReach => {
            "It lies in the stack's bucket, which is out of reach: name it with --bucket."
        }
    }
}

/// As its caller retrieves them, the objects whole.
fn results(whole: &WholeCall) -> Option<ShownXml> {
    let outcome = whole.outcome.as_ref()?;
    let shown = whole
        .results
        .get(..RESULTS_SHOWN_MAX.min(whole.results.len()))?;
    if shown.is_empty() {
        return None;
    }
    let status = outcome.outcome.overall_status.text();
    let request_id = Some(whole.call.request_id.0.as_str());
    let method = whole.call.method;
    let written = soap::write_results(method, shown, request_id, status, ObjectDetail::Whole);
    soap::read_canonical(&written).ok().map(ShownXml)
}

fn subscription(subscription: &Subscription) -> SubscriptionRow {
    let (response_type, address) = match subscription.response_type {
        AsyncResponseType::None => ("None", String::new()),
        AsyncResponseType::Email => ("email", subscription.address.clone()),
        AsyncResponseType::HttpPost => ("HTTPPost", soap::shown_address(&subscription.address)),
    };
    let Subscription {
        include_results,
        include_objects,
        only_include_base,
        ..
    } = subscription;
    SubscriptionRow {
        response_type,
        address,
        respond_when: respond_when(subscription.respond_when),
        detail: match (include_results, include_objects, only_include_base) {
            (false, _, _) => "status only",
            (true, false, _) => "with results",
            (true, true, true) => "with results, ids of objects",
            (true, true, false) => "with results and objects",
        },
    }
}

pub(crate) const fn respond_when(when: RespondWhen) -> &'static str {
    match when {
        RespondWhen::Never => "Never",
        RespondWhen::OnError => "OnError",
        RespondWhen::Always => "Always",
        RespondWhen::OnConversationError => "OnConversationError",
        RespondWhen::OnConversationComplete => "OnConversationComplete",
        RespondWhen::OnCallComplete => "OnCallComplete",
        RespondWhen::OnExpired => "OnExpired",
    }
}
