//! The pages: each reads what it shows, and fills its template.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod backends;
pub(crate) mod call;
pub(crate) mod calls;
pub(crate) mod conversation;
pub(crate) mod conversation_row;
pub(crate) mod dead;
pub(crate) mod delivery;
pub(crate) mod failed;
pub(crate) mod figures;
pub(crate) mod mail;
pub(crate) mod mails;
pub(crate) mod named_reply;
pub(crate) mod notices;
pub(crate) mod overview;
pub(crate) mod rate_plots;
pub(crate) mod replies;
pub(crate) mod reply_content;
pub(crate) mod scheduled;
pub(crate) mod state_class;
pub(crate) mod timeline;
pub(crate) mod unknown;

use askama::Template;
use axum::response::{IntoResponse, Response};

use crate::console::Console;
use crate::failure::PageFailure;
use crate::shell::{Shell, Tab, page};

#[derive(Template)]
#[template(path = "failed_page.html")]
struct FailedPage<'a> {
    shell: Shell,
    text: &'a str,
}

/// A page that says why there is no other.
pub(crate) fn failed_page(console: &Console, failure: &PageFailure) -> Response {
    let shell = console.shell(Tab::Overview, failure.title());
    let text = failure.text();
    let response = page(&FailedPage { shell, text });
    let mut response = response.unwrap_or_else(IntoResponse::into_response);
    *response.status_mut() = failure.status();
    response
}
