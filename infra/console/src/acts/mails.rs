//! Mails, texts and calls by voice of unknown fate: somebody says what became of one, or has it sent once
//! more.

use axum::extract::State;
use axum::response::Response;
use cloud::act::Run;
use cloud::act::unknown_mail::{self, MailAct, MailActed};
use cloud::records::mail_record::MailTag;
use cloud::records::unknown_record::Verdict;

use crate::acts::{ActReport, ConsoleAct, recorded, who};
use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::posted_form::PostedForm;
use crate::shell::Tab;

pub(crate) async fn settle_mail(
    State(console): State<Console>,
    form: PostedForm,
) -> Result<Response, PageFailure> {
    let (name, verdict, text) = match form.text("verdict") {
        "done" => ("unknown settle", Verdict::Done, "It is written down."),
        "not-done" => ("unknown settle", Verdict::NotDone, "It is written down."),
        "send-again" => (
            "unknown resend",
            Verdict::SentAgain,
            "It is sent again, within a minute or two.",
        ),
        _ => {
            return Err(PageFailure::Wrong(
                "Say whether it went out, or have it sent again.".to_owned(),
            ));
        }
    };
    let account = form.account()?;
    let wrong = || PageFailure::Wrong("This is no name of a mail.".to_owned());
    let tag = MailTag::parse(form.needed("mail")?).ok_or_else(wrong)?;
    let act = ConsoleAct {
        name,
        target: format!("{account} {tag} {}", form.text("verdict")),
        form: &form,
    };
    let doing = async {
        let said = MailAct {
            account: &account,
            tag: &tag,
            by: who(&console)?,
            why: form.needed("reason")?,
        };
        done(unknown_mail::act(console.cloud(), said, verdict).await?)
    };
    recorded(&console, act, doing).await?;
    let values = [("mail", tag.to_string())];
    let values = values
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let back = link::with_query(&format!("{}/mail", console.base()), &values);
    let report = ActReport::said(text).then(back, "The mail");
    report.page(&console, Tab::Mails, Run::Real)
}

fn done(acted: MailActed) -> Result<(), PageFailure> {
    match acted {
        MailActed::Done(_) => Ok(()),
        MailActed::Otherwise(found) => {
            Err(PageFailure::NotAllowed(match found.record.settlement {
                Some(said) => format!("{} has said otherwise: {}", said.by, said.why),
                None => "Somebody has said otherwise.".to_owned(),
            }))
        }
        MailActed::Nothing => Err(PageFailure::NotAllowed(
            "The account has no such mail of unknown fate.".to_owned(),
        )),
    }
}
