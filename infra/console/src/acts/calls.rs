//! Cancel, reschedule, and submit again what was left undone.

use axum::extract::State;
use axum::response::Response;
use calls::{ConversationId, ConversationKey, RequestId};
use cloud::act::Run;
use cloud::act::cancel::CancelAnswer;
use cloud::act::reschedule::RescheduleAnswer;
use cloud::act::resubmit::{Resubmission, ResubmitAnswer, ResubmittedCall};
use jiff::Timestamp;

use crate::acts::{ActReport, ConsoleAct, recorded, run};
use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::posted_form::PostedForm;
use crate::shell::Tab;

/// Most parts that are named where they are missing.
const PARTS_NAMED_MAX: usize = 20;

pub(crate) async fn cancel(
    State(console): State<Console>,
    form: PostedForm,
) -> Result<Response, PageFailure> {
    let (account, id, run) = (form.account()?, form.needed("id")?, run(&form));
    let act = ConsoleAct {
        name: "calls cancel",
        target: format!("{account} {id}"),
        form: &form,
    };
    let doing = async {
        let answer = console.cloud().cancel_by_hand(&account, id, run).await?;
        match answer {
            CancelAnswer::Cancelled { calls } if run == Run::Rehearsed => {
                Ok(format!("{calls} calls would be cancelled."))
            }
            CancelAnswer::Cancelled { calls } => Ok(format!("{calls} calls are cancelled.")),
            CancelAnswer::Already => Ok("It was cancelled before.".to_owned()),
            CancelAnswer::TooLate(state) => Err(PageFailure::NotAllowed(format!(
                "It is {} and its next call has begun, or all have ended: it is too late.",
                state.name()
            ))),
            CancelAnswer::PartOf(conversation) => Err(part_of(id, &conversation)),
            CancelAnswer::Unknown => Err(not_there(id)),
        }
    };
    let text = recorded(&console, act, doing).await?;
    let report = ActReport::said(text).then(back(&console, &form), "The conversation");
    report.page(&console, Tab::Calls, run)
}

pub(crate) async fn reschedule(
    State(console): State<Console>,
    form: PostedForm,
) -> Result<Response, PageFailure> {
    let (account, run) = (form.account()?, run(&form));
    let request_id = RequestId(form.needed("request")?.to_owned());
    let at = time(form.text("to"))?;
    let time = |at: Option<Timestamp>| at.map_or_else(|| "now".to_owned(), |at| at.to_string());
    let act = ConsoleAct {
        name: "calls reschedule",
        target: format!("{account} {request_id} {}", time(at)),
        form: &form,
    };
    let doing = async {
        let cloud = console.cloud();
        let answer = cloud
            .reschedule_by_hand(&account, &request_id, at, run)
            .await?;
        match answer {
            RescheduleAnswer::Rescheduled { before } => Ok(format!(
                "From {} to {}{}.",
                time(before),
                time(at),
                if at.is_none() {
                    ": within a minute or two"
                } else {
                    ""
                }
            )),
            RescheduleAnswer::TooLate => Err(PageFailure::NotAllowed(
                "It has begun, has ended, or stands in its account's queue: it is too late."
                    .to_owned(),
            )),
            RescheduleAnswer::Refused(refusal) => Err(PageFailure::Wrong(format!(
                "{} ({refusal})",
                refusal.error_code()
            ))),
            RescheduleAnswer::Unknown => Err(not_there(&request_id.0)),
        }
    };
    let text = recorded(&console, act, doing).await?;
    let report = ActReport::said(text).then(back(&console, &form), "The conversation");
    report.page(&console, Tab::Scheduled, run)
}

/// Empty: now.
fn time(text: &str) -> Result<Option<Timestamp>, PageFailure> {
    match text.trim() {
        "" | "now" => Ok(None),
        time => {
            let read = time.parse().map_err(|error| {
                PageFailure::Wrong(format!(
                    "A time is written as 2026-12-24T18:00:00Z: {error}"
                ))
            });
            read.map(Some)
        }
    }
}

pub(crate) async fn resubmit(
    State(console): State<Console>,
    form: PostedForm,
) -> Result<Response, PageFailure> {
    let (account, id, run) = (form.account()?, form.needed("id")?, run(&form));
    let target = ConversationId::parse(form.text("as"));
    let target = target.map_err(|refusal| PageFailure::Wrong(refusal.to_string()))?;
    let wanted = Resubmission {
        account: &account,
        source: id,
        target: &target,
        with_failed: form.is_ticked("with_failed"),
        without_missing: form.is_ticked("without_missing"),
    };
    let act = ConsoleAct {
        name: "calls resubmit",
        target: format!("{account} {id} as {target}"),
        form: &form,
    };
    let doing = async { resubmitted(id, console.cloud().resubmit(&wanted, run).await?) };
    let (text, calls) = recorded(&console, act, doing).await?;
    let report = ActReport {
        heads: vec!["Was part", "RequestID", "Is part", "New RequestID", "At"],
        lines: calls.iter().map(line).collect(),
        ..ActReport::said(text)
    };
    let key = ConversationKey::named(&account, &target);
    let report = match run {
        Run::Real => report.then(
            link::conversation(console.base(), &key),
            "The new conversation",
        ),
        Run::Rehearsed => report.then(back(&console, &form), "The conversation"),
    };
    report.page(&console, Tab::Calls, run)
}

fn resubmitted(
    id: &str,
    answer: ResubmitAnswer,
) -> Result<(&'static str, Vec<ResubmittedCall>), PageFailure> {
    let not_allowed = |text: String| Err(PageFailure::NotAllowed(text));
    match answer {
        ResubmitAnswer::Done(calls) => Ok(("These calls are submitted as new ones:", calls)),
        ResubmitAnswer::Already(calls) => {
            Ok(("The same was done before, and nothing is done again:", calls))
        }
        ResubmitAnswer::Unknown => Err(not_there(id)),
        ResubmitAnswer::PartOf(conversation) => Err(part_of(id, &conversation)),
        ResubmitAnswer::NotEnded(state) => not_allowed(format!(
            "It is {}: it may still be carried out. Wait for its end, or cancel it first.",
            state.name()
        )),
        ResubmitAnswer::NothingLeft => not_allowed(
            "All of its calls were carried out; tick the call that failed to submit that.".to_owned(),
        ),
        ResubmitAnswer::PartsMissing(missing) => {
            let named = missing.iter().take(PARTS_NAMED_MAX);
            let named: Vec<String> = named.map(ToString::to_string).collect();
            not_allowed(format!(
                "{} parts never came ({}{}); tick that to submit the others without them.",
                missing.len(),
                named.join(", "),
                if missing.len() > PARTS_NAMED_MAX { ", …" } else { "" }
            ))
        }
        ResubmitAnswer::FateUnknown(request_id) => not_allowed(format!(
            "Nobody knows what became of the call {request_id} at its backend; find that out first."
        )),
        ResubmitAnswer::NotKept(sequence) => not_allowed(format!(
            "Call {sequence}, or what became of it, is not kept any more: its caller must send it again."
        )),
        ResubmitAnswer::NameTaken => not_allowed(
            "That ConversationID was used for something else, or with other options; choose another one."
                .to_owned(),
        ),
    }
}

fn line(call: &ResubmittedCall) -> Vec<String> {
    vec![
        call.from.to_string(),
        call.from_request.0.clone(),
        call.to.to_string(),
        call.to_request.0.clone(),
        call.scheduled
            .map_or_else(String::new, |at| format!("{at:.0}")),
    ]
}

/// To the page that the form stood on.
fn back(console: &Console, form: &PostedForm) -> String {
    match form.0.key() {
        Ok(key) => link::conversation(console.base(), &key),
        Err(_) => format!("{}/calls", console.base()),
    }
}

fn part_of(id: &str, conversation: &ConversationId) -> PageFailure {
    PageFailure::NotAllowed(format!(
        "{id} is a part of the conversation {conversation}: name that."
    ))
}

fn not_there(id: &str) -> PageFailure {
    PageFailure::NotFound(format!(
        "The account has no conversation and no call {id}, or none that is still kept."
    ))
}
