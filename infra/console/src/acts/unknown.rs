//! Calls of unknown fate: somebody says what became of one, or sends it again.

use axum::extract::State;
use axum::response::Response;
use backends::forward::unknown::{Act, Acted, resend, settle};
use calls::{AccountId, RequestId};
use cloud::act::Run;
use cloud::records::unknown_record::Verdict;

use crate::acts::{ActReport, ConsoleAct, recorded, who};
use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::posted_form::PostedForm;
use crate::shell::Tab;

pub(crate) async fn settle_one(
    State(console): State<Console>,
    form: PostedForm,
) -> Result<Response, PageFailure> {
    let (account, request_id) = named(&form)?;
    let verdict = match form.text("verdict") {
        "done" => Verdict::Done,
        "not-done" => Verdict::NotDone,
        _ => {
            return Err(PageFailure::Wrong(
                "Say whether it was carried out.".to_owned(),
            ));
        }
    };
    let act = ConsoleAct {
        name: "unknown settle",
        target: format!("{account} {request_id} {}", form.text("verdict")),
        form: &form,
    };
    let doing = async {
        let said = said(&console, &form, &account, &request_id)?;
        done(settle(console.cloud(), said, verdict).await?)
    };
    recorded(&console, act, doing).await?;
    let report = ActReport::said("It is written down. What its caller was told stays as it is.");
    let back = format!("{}/unknown", console.base());
    report
        .then(back, "The others")
        .page(&console, Tab::Unknown, Run::Real)
}

pub(crate) async fn send_again(
    State(console): State<Console>,
    form: PostedForm,
) -> Result<Response, PageFailure> {
    let (account, request_id) = named(&form)?;
    let act = ConsoleAct {
        name: "unknown resend",
        target: format!("{account} {request_id}"),
        form: &form,
    };
    let doing = async {
        let said = said(&console, &form, &account, &request_id)?;
        done(resend(console.cloud(), said).await?)
    };
    let verdict = recorded(&console, act, doing).await?;
    let report = match verdict {
        Some(Verdict::Resent(new)) => ActReport::said(format!(
            "It is sent again as the call {new}, within a minute or two."
        ))
        .then(link::find(console.base(), &account, &new.0), "That call"),
        Some(Verdict::Done | Verdict::NotDone | Verdict::SentAgain) | None => {
            ActReport::said("It is sent again.")
        }
    };
    report.page(&console, Tab::Unknown, Run::Real)
}

fn named(form: &PostedForm) -> Result<(AccountId, RequestId), PageFailure> {
    Ok((
        form.account()?,
        RequestId(form.needed("request")?.to_owned()),
    ))
}

fn said<'a>(
    console: &'a Console,
    form: &'a PostedForm,
    account: &'a AccountId,
    request_id: &'a RequestId,
) -> Result<Act<'a>, PageFailure> {
    Ok(Act {
        account,
        request_id,
        by: who(console)?,
        why: form.needed("reason")?,
    })
}

fn done(acted: Acted) -> Result<Option<Verdict>, PageFailure> {
    match acted {
        Acted::Done(record) => Ok(record.settlement.map(|said| said.verdict)),
        Acted::Otherwise(record) => Err(PageFailure::NotAllowed(match record.settlement {
            Some(said) => format!("{} has said otherwise: {}", said.by, said.why),
            None => "Somebody has said otherwise.".to_owned(),
        })),
        Acted::NoSuchCall => Err(PageFailure::NotFound("There is no such call.".to_owned())),
        Acted::Known => Err(PageFailure::NotAllowed(
            "What became of it is known, or it is not kept any more.".to_owned(),
        )),
        Acted::NothingToSend => Err(PageFailure::NotAllowed(
            "It has no backend that it could be sent to, or nothing of it is left.".to_owned(),
        )),
    }
}
