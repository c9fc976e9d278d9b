//! Forwarded calls of which nobody knows what became.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use calls::{AccountId, SequenceCode};
use cloud::conversation::unknown::UnknownQuery;
use cloud::records::unknown_record::{Settlement, UnknownRecord, Verdict};

use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::markup::ShownTime;
use crate::page_query::PageQuery;
use crate::shell::{Shell, Tab, page};

/// Calls on the page, the newest.
const ROWS: usize = 100;

/// One call of unknown fate.
pub(crate) struct UnknownRow {
    pub ended: ShownTime,
    pub account: String,
    pub name: String,
    pub href: String,
    pub call_href: String,
    pub request_id: String,
    pub what: String,
    pub backend: String,
    pub message: String,
    /// What somebody has said of it; empty: nobody has.
    pub verdict: String,
}

#[derive(Template)]
#[template(path = "unknown.html")]
struct UnknownPage {
    shell: Shell,
    account: String,
    with_settled: bool,
    rows: Vec<UnknownRow>,
    is_cut_off: bool,
}

pub(crate) async fn unknown(
    State(console): State<Console>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let query = PageQuery::read(query.as_deref());
    let account = query.text("account");
    let with_settled = query.has("all");
    let wanted = UnknownQuery {
        account: (!account.is_empty()).then(|| AccountId(account.to_owned())),
        with_settled,
        limit: ROWS,
    };
    let found = console.cloud().unknown_calls(&wanted).await?;
    page(&UnknownPage {
        shell: console.shell(Tab::Unknown, "Calls of unknown fate"),
        account: account.to_owned(),
        with_settled,
        is_cut_off: found.len() >= ROWS,
        rows: found.iter().map(|record| row(&console, record)).collect(),
    })
}

fn row(console: &Console, record: &UnknownRecord) -> UnknownRow {
    let about = &record.about;
    let of_parts = about.conversation_id.is_some();
    let sequence = if of_parts {
        about.sequence
    } else {
        SequenceCode::FIRST
    };
    UnknownRow {
        ended: ShownTime(about.ended_at),
        account: about.account.0.clone(),
        name: about
            .conversation_id
            .clone()
            .unwrap_or_else(|| about.request_id.0.clone()),
        href: link::conversation(console.base(), &record.conversation),
        call_href: link::call(console.base(), &record.conversation, sequence),
        request_id: about.request_id.0.clone(),
        what: format!("{} {}", about.method, about.object_type),
        backend: about
            .backend
            .as_ref()
            .map_or_else(String::new, ToString::to_string),
        message: about.message.clone(),
        verdict: record.settlement.as_ref().map_or_else(String::new, verdict),
    }
}

fn verdict(settlement: &Settlement) -> String {
    let what = match &settlement.verdict {
        Verdict::Done => "it was carried out".to_owned(),
        Verdict::NotDone => "it was not carried out".to_owned(),
        Verdict::SentAgain => "sent again".to_owned(),
        Verdict::Resent(request_id) => format!("sent again as {request_id}"),
    };
    format!("{what}, says {}: {}", settlement.by, settlement.why)
}
