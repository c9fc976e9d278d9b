//! What all pages share: where they are, which there are, and how a template becomes an answer.

use askama::Template;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use crate::assets;
use crate::console::{Console, ConsoleAccess};
use crate::failure::PageFailure;
use crate::markup::ShownTime;

/// The pages that stand in the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    Overview,
    Calls,
    Scheduled,
    Replies,
    Mails,
    Failed,
    Unknown,
    Backends,
    Accounts,
    Dead,
    Audit,
    /// Of a local server alone.
    Sent,
    Tools,
}

impl Tab {
    const ALL: [Self; 13] = [
        Self::Overview,
        Self::Calls,
        Self::Scheduled,
        Self::Replies,
        Self::Mails,
        Self::Failed,
        Self::Unknown,
        Self::Backends,
        Self::Accounts,
        Self::Dead,
        Self::Audit,
        Self::Sent,
        Self::Tools,
    ];

    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Calls => "/calls",
            Self::Scheduled => "/scheduled",
            Self::Replies => "/replies",
            Self::Mails => "/mail-list",
            Self::Failed => "/failed",
            Self::Unknown => "/unknown",
            Self::Backends => "/backends",
            Self::Accounts => "/accounts",
            Self::Dead => "/dead",
            Self::Audit => "/audit",
            Self::Sent => "/sent",
            Self::Tools => "/tools",
        }
    }

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Calls => "Calls",
            Self::Scheduled => "Scheduled",
            Self::Replies => "Replies",
            Self::Mails => "Mails",
            Self::Failed => "Failed",
            Self::Unknown => "Unknown",
            Self::Backends => "Backends",
            Self::Accounts => "Accounts",
            Self::Dead => "Dead letters",
            Self::Audit => "Audit",
            Self::Sent => "Sent",
            Self::Tools => "Try it",
        }
    }

    /// Pressed after `g`.
    const fn letter(self) -> char {
        match self {
            Self::Overview => 'o',
            Self::Calls => 'c',
            Self::Scheduled => 's',
            Self::Replies => 'r',
            Self::Mails => 'm',
            Self::Failed => 'f',
            Self::Unknown => 'u',
            Self::Backends => 'b',
            Self::Accounts => 'a',
            Self::Dead => 'd',
            Self::Audit => 'w',
            Self::Sent => 'l',
            Self::Tools => 't',
        }
    }

    const fn is_of_local_server(self) -> bool {
        matches!(self, Self::Sent | Self::Tools)
    }
}

/// An entry of the navigation.
pub(crate) struct NavigationEntry {
    pub href: String,
    pub label: &'static str,
    pub letter: char,
    pub is_here: bool,
}

/// What every page needs besides what it is about.
pub(crate) struct Shell {
    pub base: String,
    pub place: String,
    pub title: String,
    pub tab: Tab,
    pub token: String,
    pub may_act: bool,
    pub is_local: bool,
    pub now: Timestamp,
    pub version: String,
}

impl Shell {
    fn new(console: &Console, tab: Tab, title: &str) -> Self {
        let options = &console.options;
        Self {
            base: options.base.clone(),
            place: options.place.clone(),
            title: title.to_owned(),
            tab,
            token: console.token.to_string(),
            may_act: options.access != ConsoleAccess::ReadOnly,
            is_local: options.is_local,
            now: console.now(),
            version: assets::version(),
        }
    }

    pub(crate) fn navigation(&self) -> Vec<NavigationEntry> {
        let shown = |tab: &Tab| self.is_local || !tab.is_of_local_server();
        let entry = |tab: Tab| NavigationEntry {
            href: format!("{}{}", self.base, tab.path()),
            label: tab.label(),
            letter: tab.letter(),
            is_here: tab == self.tab,
        };
        Tab::ALL.into_iter().filter(shown).map(entry).collect()
    }

    pub(crate) fn shown_now(&self) -> ShownTime {
        ShownTime(self.now)
    }
}

impl Console {
    pub(crate) fn shell(&self, tab: Tab, title: &str) -> Shell {
        Shell::new(self, tab, title)
    }
}

/// A filled template as an answer.
pub(crate) fn page(template: &impl Template) -> Result<Response, PageFailure> {
    let html = template
        .render()
        .map_err(|error| PageFailure::Cloud(format!("The page cannot be written: {error}")))?;
    let content_type = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    Ok((content_type, html).into_response())
}
