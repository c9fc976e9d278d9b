//! `aftercall unknown`: forwarded calls, mails, texts and calls by voice of which nobody knows what
//! became.

use backends::forward::unknown::{Act, Acted, resend, settle};
use calls::{AccountId, RequestId};
use cloud::Cloud;
use cloud::act::unknown_mail::{MailAct, MailActed, act as act_on_mail};
use cloud::conversation::unknown::UnknownQuery;
use cloud::conversation::unknown_mails::UnknownMail;
use cloud::records::mail_record::MailTag;
use cloud::records::unknown_record::{Settlement, UnknownRecord, Verdict};
use jiff::Timestamp;
use serde_json::Value;

use crate::failure::CommandFailure;
use crate::mails::MailAbout;
use crate::output::{Output, Record};
use crate::unknown_arguments::{ActArguments, FateArgument, UnknownVerb};

pub(crate) async fn carry_out(cloud: &Cloud, verb: &UnknownVerb) -> Result<Output, CommandFailure> {
    match verb {
        UnknownVerb::List {
            account,
            all,
            limit,
        } => {
            let query = UnknownQuery {
                account: account.clone().map(AccountId),
                with_settled: *all,
                limit: *limit,
            };
            list(cloud, &query).await
        }
        UnknownVerb::Resend { act } => match MailTag::parse(&act.request) {
            Some(tag) => on_mail(cloud, act, &tag, Verdict::SentAgain).await,
            None => {
                let (account, request_id) = named(act);
                reported(resend(cloud, of(act, &account, &request_id)).await?, act)
            }
        },
        UnknownVerb::Settle { act, fate } => {
            let verdict = match fate {
                FateArgument::Done => Verdict::Done,
                FateArgument::NotDone => Verdict::NotDone,
            };
            if let Some(tag) = MailTag::parse(&act.request) {
                return on_mail(cloud, act, &tag, verdict).await;
            }
            let (account, request_id) = named(act);
            let settled = settle(cloud, of(act, &account, &request_id), verdict).await?;
            reported(settled, act)
        }
    }
}

/// The newest of both first.
async fn list(cloud: &Cloud, query: &UnknownQuery) -> Result<Output, CommandFailure> {
    let calls = cloud.unknown_calls(query).await?;
    let mails = cloud.unknown_mails(query).await?;
    let mut found: Vec<(Timestamp, Record)> = Vec::new();
    found.extend(calls.iter().map(|it| (it.about.ended_at, shown(it))));
    found.extend(
        mails
            .iter()
            .map(|it| (it.record.claimed_at, shown_mail(it))),
    );
    found.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let records = found.into_iter().take(query.limit);
    Ok(Output::List(records.map(|(_, record)| record).collect()))
}

async fn on_mail(
    cloud: &Cloud,
    act: &ActArguments,
    tag: &MailTag,
    verdict: Verdict,
) -> Result<Output, CommandFailure> {
    let account = AccountId(act.account.clone());
    let on = MailAct {
        account: &account,
        tag,
        by: &act.by,
        why: &act.why,
    };
    match act_on_mail(cloud, on, verdict).await? {
        MailActed::Done(mail) => Ok(Output::One(shown_mail(&mail))),
        MailActed::Otherwise(mail) => Err(said_before(
            &format!("mail {tag}"),
            mail.record.settlement.as_ref(),
        )),
        MailActed::Nothing => Err(CommandFailure::NotFound(format!(
            "account {account} has no mail {tag} of unknown fate: what became of it is known by now, \
             or it is not kept any more"
        ))),
    }
}

fn named(act: &ActArguments) -> (AccountId, RequestId) {
    (
        AccountId(act.account.clone()),
        RequestId(act.request.clone()),
    )
}

fn of<'a>(act: &'a ActArguments, account: &'a AccountId, request_id: &'a RequestId) -> Act<'a> {
    Act {
        account,
        request_id,
        by: &act.by,
        why: &act.why,
    }
}

fn reported(acted: Acted, act: &ActArguments) -> Result<Output, CommandFailure> {
    let request = &act.request;
    match acted {
        Acted::Done(record) => Ok(Output::One(shown(&record))),
        Acted::Otherwise(record) => Err(said_before(
            &format!("call {request}"),
            record.settlement.as_ref(),
        )),
        Acted::NoSuchCall => Err(CommandFailure::NotFound(format!(
            "account {} has no call {request}",
            act.account
        ))),
        Acted::Known => Err(CommandFailure::NotFound(format!(
            "what became of call {request} is known, or it is not kept any more; \
             `aftercall calls show {} {request}` shows it",
            act.account
        ))),
        Acted::NothingToSend => Err(CommandFailure::NotFound(format!(
            "nothing of call {request} is left to be sent"
        ))),
    }
}

fn said_before(what: &str, said: Option<&Settlement>) -> CommandFailure {
    let said = said.map_or_else(String::new, |said| {
        format!("{} by {}: {}", word(&said.verdict), said.by, said.why)
    });
    CommandFailure::Exists(format!("of {what} it was said before: {said}"))
}

/// What was said, in one word.
pub(crate) fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Done => "done",
        Verdict::NotDone => "not done",
        Verdict::Resent(_) | Verdict::SentAgain => "resent",
    }
}

/// What a person can do about it next.
fn possible(said: Option<&Settlement>) -> &'static str {
    match said.map(|said| &said.verdict) {
        None => "settle, resend",
        Some(Verdict::NotDone) => "resend",
        Some(Verdict::Done | Verdict::Resent(_) | Verdict::SentAgain) => "",
    }
}

fn maybe(text: Option<&str>) -> Value {
    text.map_or(Value::Null, Value::from)
}

fn shown(record: &UnknownRecord) -> Record {
    let about = &record.about;
    let line = Record::of("request", about.request_id.0.as_str())
        .and("kind", "call")
        .and("account", about.account.0.as_str())
        .and("conversation", maybe(about.conversation_id.as_deref()))
        .and("sequence", about.sequence.get())
        .and("method", about.method.as_str())
        .and("type", about.object_type.as_str())
        .and(
            "backend",
            maybe(about.backend.as_ref().map(calls::BackendName::as_str)),
        )
        .and("ended", about.ended_at.to_string())
        .and("message", about.message.as_str());
    with_settlement(line, record.settlement.as_ref())
}

/// In the columns of calls: what it is called, when it was handed over, and what it was to be.
fn shown_mail(found: &UnknownMail) -> Record {
    let (record, mail) = (&found.record, &found.mail);
    let about = MailAbout::of(mail);
    let line = Record::of("request", record.tag.to_string())
        .and("kind", about.kind)
        .and("account", record.account.0.as_str())
        .and("conversation", Value::Null)
        .and("sequence", mail.sequence.get())
        .and("method", Value::Null)
        .and("type", about.definition)
        .and("backend", Value::Null)
        .and("ended", record.claimed_at.to_string())
        .and("message", maybe(mail.reason.as_deref()));
    with_settlement(line, record.settlement.as_ref())
}

fn with_settlement(line: Record, said: Option<&Settlement>) -> Record {
    let of_said = |text: fn(&Settlement) -> Value| said.map_or(Value::Null, text);
    line.and("settled", of_said(|said| word(&said.verdict).into()))
        .and(
            "resent_as",
            of_said(|said| match &said.verdict {
                Verdict::Resent(request_id) => request_id.0.as_str().into(),
                Verdict::Done | Verdict::NotDone | Verdict::SentAgain => Value::Null,
            }),
        )
        .and("by", of_said(|said| said.by.as_str().into()))
        .and("at", of_said(|said| said.at.to_string().into()))
        .and("why", of_said(|said| said.why.as_str().into()))
        .and("can", possible(said))
}
