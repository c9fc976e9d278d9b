//! `aftercall conversations show`: one conversation whole.

use calls::AccountId;
use cloud::Cloud;
use cloud::read::mails::ListedMailState;
use cloud::read::timeline::{TimelineEntry, TimelineEvent, WholeConversation};
use cloud::read::unknown::Settlements;
use cloud::records::mail_record::{MailRecord, MailState};
use cloud::records::reply_record::ReplyRecord;
use jiff::Timestamp;

use crate::call_lines::{maybe, not_found, one_call, second};
use crate::conversations::listed;
use crate::failure::CommandFailure;
use crate::output::{Output, Record};
use crate::replies;

pub(crate) async fn show(
    cloud: &Cloud,
    account: &str,
    id: &str,
    limit: usize,
) -> Result<Output, CommandFailure> {
    let account = AccountId(account.to_owned());
    let found = cloud.conversation_list().find(&account, id).await?;
    let header = found.ok_or_else(|| not_found(&account, id))?;
    let whole = cloud.whole_conversation(&header.key, limit).await?;
    let whole = whole.ok_or_else(|| not_found(&account, id))?;
    let list = cloud.conversation_list();
    let settlements = list.settlements(header.opened_at).await?;
    Ok(sections(&whole, &settlements, cloud.now()))
}

fn sections(whole: &WholeConversation, settlements: &Settlements, now: Timestamp) -> Output {
    let calls = whole.calls.iter();
    let calls = calls.map(|call| one_call(&whole.header, call, now));
    let header = listed(&whole.header, settlements)
        .and("key", whole.header.key.0.as_str())
        .and("failed", maybe(whole.header.failed_at.map(second)))
        .and("all_calls_shown", whole.is_complete);
    Output::Sections(vec![
        ("conversation", vec![header]),
        ("calls", calls.collect()),
        ("replies", whole.replies.iter().map(reply).collect()),
        ("mails", whole.mails.iter().map(mail).collect()),
        ("timeline", whole.timeline().iter().map(entry).collect()),
    ])
}

fn reply(record: &ReplyRecord) -> Record {
    replies::line(record).and("answer", maybe(replies::answer_of(&record.reply)))
}

fn mail(record: &MailRecord) -> Record {
    let state = ListedMailState::of(record.state).name();
    Record::of("sequence", record.sequence.get())
        .and("number", record.number)
        .and("state", state)
        .and("claimed", maybe(record.claimed_at.map(second)))
        .and("reason", maybe(record.reason.clone()))
}

fn entry(entry: &TimelineEntry) -> Record {
    let event = match &entry.event {
        TimelineEvent::Opened => "opened".to_owned(),
        TimelineEvent::CallArrived(request_id) => format!("call {request_id} arrived"),
        TimelineEvent::CallEnded {
            status,
            code,
            message,
        } => {
            let code = code.map_or_else(String::new, |code| format!(" {code}"));
            format!("ended: {}{code} {message}", status.text())
        }
        TimelineEvent::ReplyPending(id) => format!("reply {id} is due"),
        TimelineEvent::ReplyAttempt(id, found) => {
            format!("reply {id} was attempted: {}", found.text())
        }
        TimelineEvent::NextAttempt(id) => format!("reply {id} is attempted next"),
        TimelineEvent::MailSent(number) => format!("mail {number} was sent"),
        TimelineEvent::MailNotSent(number, state) => {
            let what = match state {
                MailState::Failed => "failed",
                MailState::Unknown => "went, or did not: nobody knows",
                MailState::Pending | MailState::Sending(_) | MailState::Sent(_) => "was claimed",
            };
            format!("mail {number} {what}")
        }
        TimelineEvent::Failed => "the conversation failed".to_owned(),
    };
    Record::of("at", second(entry.at))
        .and("sequence", maybe(entry.sequence.map(|it| it.get())))
        .and("event", event)
}
