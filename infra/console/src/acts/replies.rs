//! Replies that are sent again, one or all of a page.

use axum::extract::State;
use axum::response::Response;
use calls::AccountId;
use cloud::act::Run;
use cloud::act::resend::ResendAnswer;
use cloud::read::replies::ReplyId;
use jiff::SignedDuration;

use crate::acts::{ActReport, ConsoleAct, recorded, run};
use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::posted_form::PostedForm;
use crate::shell::Tab;

/// Most that one form sends again: what a page lists, and somewhat more.
const REPLIES_MAX: usize = 200;

pub(crate) async fn send_replies_again(
    State(console): State<Console>,
    form: PostedForm,
) -> Result<Response, PageFailure> {
    let (account, run) = (form.account()?, run(&form));
    let texts: Vec<&str> = form.needed("ids")?.split(' ').take(REPLIES_MAX).collect();
    let target = match texts.as_slice() {
        [one] => format!("{account} {one}"),
        all => format!("{account} {} replies", all.len()),
    };
    let act = ConsoleAct {
        name: "replies resend",
        target,
        form: &form,
    };
    let rate: i32 = form.text("rate").parse().unwrap_or(5).clamp(1, 100);
    let lines = recorded(&console, act, sent(&console, &account, &texts, rate, run)).await?;
    let report = ActReport {
        heads: vec!["Reply", "What came of it"],
        lines,
        ..ActReport::said(match run {
            Run::Real => "What is sent again leaves within a minute or two.",
            Run::Rehearsed => "Nothing is sent.",
        })
    };
    let back = link::with_query(
        &format!("{}/replies", console.base()),
        &[("account", &account.0)],
    );
    report
        .then(back, "Replies")
        .page(&console, Tab::Replies, run)
}

/// Each so much later than the one before that the rate is kept.
async fn sent(
    console: &Console,
    account: &AccountId,
    texts: &[&str],
    rate: i32,
    run: Run,
) -> Result<Vec<Vec<String>>, PageFailure> {
    let mut lines = Vec::new();
    let mut not_before = console.now();
    let apart = SignedDuration::from_secs(1) / rate;
    for text in texts {
        let wrong = || PageFailure::Wrong(format!("{text} is no id of a reply."));
        let id = ReplyId::parse(text).ok_or_else(wrong)?;
        let cloud = console.cloud();
        let answer = match cloud.reply_of_id(account, &id).await? {
            Some(record) => cloud.resend_at(&record, not_before, run).await?,
            None => ResendAnswer::Unknown,
        };
        not_before += apart;
        lines.push(vec![(*text).to_owned(), said(answer, run).to_owned()]);
    }
    Ok(lines)
}

const fn said(answer: ResendAnswer, run: Run) -> &'static str {
    match (answer, run) {
        (ResendAnswer::Resent(_), Run::Real) => "is sent again",
        (ResendAnswer::Resent(_), Run::Rehearsed) => "would be sent again",
        (ResendAnswer::Already, _) => "is sent anyway",
        (ResendAnswer::UnderWay, _) => "somebody is at it at this moment",
        (ResendAnswer::Unknown, _) => "is not there, or not kept any more",
    }
}
