//! Pages that a local server alone has: what was sent, and what one can try. Who serves them brings what
//! is shown; the templates are here, with all others.

use askama::Template;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use calls::{AccountId, QueuePriority};

use crate::acts::{ActReport, NextLink};
use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::shell::{Shell, Tab, page};

/// The page of a mail may be anything: it is shown without scripts, and loads nothing.
const MAIL_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; \
     base-uri 'none'; frame-ancestors 'self'; sandbox";

/// A mail that was sent.
pub struct SentMail {
    pub number: usize,
    pub at: String,
    pub from: String,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub has_html: bool,
    pub attachments: Vec<SentAttachment>,
    pub headers: Vec<(String, String)>,
}

/// A file that went with a mail.
pub struct SentAttachment {
    pub name: String,
    pub bytes: usize,
}

/// One attempt at a callback.
pub struct SentCallback {
    pub at: String,
    pub url: String,
    /// The status, or why there is none.
    pub result: String,
    pub is_good: bool,
    pub took_ms: u64,
    pub fields: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
}

/// A text or a call by voice.
pub struct SentText {
    pub at: String,
    pub kind: String,
    pub to: String,
    pub from: String,
    pub text: String,
}

/// Something that came with a request and is not read.
pub struct UnreadThing {
    pub at: String,
    pub operation: String,
    pub request_id: String,
    pub text: String,
}

/// What went out, the newest first.
#[derive(Default)]
pub struct SentThings {
    pub mails: Vec<SentMail>,
    pub callbacks: Vec<SentCallback>,
    pub texts: Vec<SentText>,
    pub unread: Vec<UnreadThing>,
}

#[derive(Template)]
#[template(path = "sent.html")]
struct SentPage {
    shell: Shell,
    sent: SentThings,
    here: String,
    now: String,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct SentMailPage {
    shell: Shell,
    mail: SentMail,
}

#[derive(Template)]
#[template(path = "tools.html")]
struct ToolsPage {
    shell: Shell,
    in_maintenance: bool,
    priorities: Vec<&'static str>,
    callback_address: String,
}

/// One request and what was answered.
pub struct TriedCall {
    pub sequence: String,
    pub status: u16,
    pub answer: String,
    pub request: String,
}

#[derive(Template)]
#[template(path = "tried.html")]
struct TriedPage {
    shell: Shell,
    tried: Vec<TriedCall>,
    next: Option<NextLink>,
}

pub fn sent(console: &Console, sent: SentThings) -> Result<Response, PageFailure> {
    page(&SentPage {
        here: format!("{}/sent", console.base()),
        now: format!("{:.3}", console.now()),
        shell: console.shell(Tab::Sent, "Sent"),
        sent,
    })
}

pub fn mail(console: &Console, mail: SentMail) -> Result<Response, PageFailure> {
    page(&SentMailPage {
        shell: console.shell(Tab::Sent, "Mail"),
        mail,
    })
}

/// The markup of a mail, for a frame.
pub fn mail_frame(html: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, MAIL_POLICY),
        (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
    ];
    (headers, html).into_response()
}

/// A file to be kept by the browser, which does not look into it.
pub fn attachment(name: &str, bytes: Vec<u8>) -> Response {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
    let letters = name.chars().take(100);
    let name: String = letters.map(|it| if plain(it) { it } else { '_' }).collect();
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox".to_owned(),
        ),
    ];
    (headers, bytes).into_response()
}

/// `callback_address`: where a callback is taken by this server itself.
pub async fn tools(console: &Console, callback_address: String) -> Result<Response, PageFailure> {
    let switch = console.cloud().accounts.maintenance_switch().await?;
    page(&ToolsPage {
        in_maintenance: switch.is_some_and(|it| it.holds_at(console.now())),
        priorities: QueuePriority::ALL.map(QueuePriority::name).into(),
        shell: console.shell(Tab::Tools, "Try it"),
        callback_address,
    })
}

/// `id`: of the conversation, or of the call alone, that came of it.
pub fn tried(
    console: &Console,
    tried: Vec<TriedCall>,
    account: &AccountId,
    id: Option<&str>,
) -> Result<Response, PageFailure> {
    let next = id.map(|id| NextLink {
        href: link::find(console.base(), account, id),
        label: "What became of it".to_owned(),
    });
    page(&TriedPage {
        shell: console.shell(Tab::Tools, "Sent"),
        tried,
        next,
    })
}

/// Something was done to the server itself.
pub fn done(console: &Console, text: &str) -> Result<Response, PageFailure> {
    let back = format!("{}{}", console.base(), Tab::Tools.path());
    let report = ActReport::said(text).then(back, "Go on");
    report.page(console, Tab::Tools, cloud::act::Run::Real)
}
