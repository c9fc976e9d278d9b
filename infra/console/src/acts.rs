//! What can be done: each act is recorded before it is done, and what came of it after.

pub(crate) mod accounts;
pub(crate) mod calls;
pub(crate) mod dead;
pub(crate) mod logins;
pub(crate) mod mails;
pub(crate) mod maintenance;
pub(crate) mod replies;
pub(crate) mod unknown;

use std::future::Future;

use askama::Template;
use axum::response::Response;
use cloud::Random;
use cloud::act::Run;
use cloud::act::audit::AuditRecord;

use crate::console::{Console, ConsoleAccess};
use crate::failure::PageFailure;
use crate::posted_form::PostedForm;
use crate::shell::{Shell, Tab, page};

/// What is done to what. Names are those of the command: `calls cancel`.
pub(crate) struct ConsoleAct<'a> {
    pub(crate) name: &'static str,
    /// Ids, never a secret or a person's address.
    pub(crate) target: String,
    pub(crate) form: &'a PostedForm,
}

/// Whether it is done, or only what it would do is said.
pub(crate) fn run(form: &PostedForm) -> Run {
    match form.is_ticked("rehearse") {
        true => Run::Rehearsed,
        false => Run::Real,
    }
}

/// Who does something here.
pub(crate) fn who(console: &Console) -> Result<&str, PageFailure> {
    match &console.options.access {
        ConsoleAccess::MayAct { who } => Ok(who),
        ConsoleAccess::ReadOnly => Err(PageFailure::ReadOnly),
    }
}

/// If it cannot be recorded, it is not done. What is only rehearsed is not recorded.
pub(crate) async fn recorded<T>(
    console: &Console,
    act: ConsoleAct<'_>,
    doing: impl Future<Output = Result<T, PageFailure>>,
) -> Result<T, PageFailure> {
    let who = who(console)?;
    if run(act.form) == Run::Rehearsed {
        return doing.await;
    }
    let record = AuditRecord {
        id: Random::system().guid(),
        at: console.now(),
        who: who.to_owned(),
        act: act.name.to_owned(),
        target: act.target,
        reason: act.form.text("reason").to_owned(),
        result: None,
    };
    let accounts = &console.cloud().accounts;
    accounts.begin_act(&record).await?;
    let done = doing.await;
    let result = match &done {
        Ok(_) => "done".to_owned(),
        Err(failure) => format!("not done: {}", failure.text()),
    };
    // What was done is done, whether or not that can be recorded.
    if let Err(error) = accounts.finish_act(record, &result).await {
        tracing::warn!(%error, "what came of an act is not in the audit");
    }
    done
}

/// Where its reader goes on.
pub(crate) struct NextLink {
    pub href: String,
    pub label: String,
}

/// What came of an act.
#[derive(Default)]
pub(crate) struct ActReport {
    pub(crate) text: String,
    pub(crate) heads: Vec<&'static str>,
    pub(crate) lines: Vec<Vec<String>>,
    pub(crate) next: Option<NextLink>,
}

#[derive(Template)]
#[template(path = "done.html")]
struct DonePage {
    shell: Shell,
    is_rehearsed: bool,
    text: String,
    heads: Vec<&'static str>,
    lines: Vec<Vec<String>>,
    next: Option<NextLink>,
}

impl ActReport {
    pub(crate) fn said(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    pub(crate) fn then(mut self, href: String, label: impl Into<String>) -> Self {
        let label = label.into();
        self.next = Some(NextLink { href, label });
        self
    }

    pub(crate) fn page(
        self,
        console: &Console,
        tab: Tab,
        run: Run,
    ) -> Result<Response, PageFailure> {
        let is_rehearsed = run == Run::Rehearsed;
        let title = match run {
            Run::Rehearsed => "Nothing was done: this is what would be",
            Run::Real => "Done",
        };
        page(&DonePage {
            shell: console.shell(tab, title),
            is_rehearsed,
            text: self.text,
            heads: self.heads,
            lines: self.lines,
            next: self.next,
        })
    }
}
