//! `aftercall unknown`: forwarded calls of which nobody knows what became.

use backends::forward::unknown::{Act, Acted, resend, settle};
use calls::{AccountId, RequestId};
use cloud::Cloud;
use cloud::conversation::unknown::UnknownQuery;
use cloud::records::unknown_record::{UnknownRecord, Verdict};
use serde_json::Value;

use crate::failure::CommandFailure;
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
            let found = cloud.unknown_calls(&query).await?;
            Ok(Output::List(found.iter().map(shown).collect()))
        }
        UnknownVerb::Resend { act } => {
            let (account, request_id) = named(act);
            reported(resend(cloud, of(act, &account, &request_id)).await?, act)
        }
        UnknownVerb::Settle { act, fate } => {
            let verdict = match fate {
                FateArgument::Done => Verdict::Done,
                FateArgument::NotDone => Verdict::NotDone,
            };
            let (account, request_id) = named(act);
            let settled = settle(cloud, of(act, &account, &request_id), verdict).await?;
            reported(settled, act)
        }
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
        Acted::Otherwise(record) => {
            let said = record.settlement.as_ref();
            let said = said.map_or_else(String::new, |said| {
                format!("{} by {}: {}", verdict(&said.verdict), said.by, said.why)
            });
            Err(CommandFailure::Exists(format!(
                "of call {request} it was said before: {said}"
            )))
        }
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

fn verdict(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Done => "done",
        Verdict::NotDone => "not done",
        Verdict::Resent(_) => "resent",
    }
}

fn shown(record: &UnknownRecord) -> Record {
    let about = &record.about;
    let said = record.settlement.as_ref();
    let of_said = |text: fn(&cloud::records::unknown_record::Settlement) -> Value| {
        said.map_or(Value::Null, text)
    };
    let maybe = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    Record::of("request", about.request_id.0.as_str())
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
        .and("message", about.message.as_str())
        .and("settled", of_said(|said| verdict(&said.verdict).into()))
        .and(
            "resent_as",
            of_said(|said| match &said.verdict {
                Verdict::Resent(request_id) => request_id.0.as_str().into(),
                Verdict::Done | Verdict::NotDone => Value::Null,
            }),
        )
        .and("by", of_said(|said| said.by.as_str().into()))
        .and("at", of_said(|said| said.at.to_string().into()))
        .and("why", of_said(|said| said.why.as_str().into()))
}
