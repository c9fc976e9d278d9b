//! `aftercall calls watch`: a line for each change of a conversation, until it has ended.

use std::io::{self, Write};
use std::time::Duration;

use calls::{AccountId, EndReason, Phase};
use cloud::Clock;
use cloud::read::conversation_list::ConversationList;
use cloud::read::state::ConversationState;
use cloud::records::conversation_record::ConversationRecord;

use crate::call_lines::not_found;
use crate::failure::CommandFailure;
use crate::output::{Format, Record, cell};

pub(crate) async fn watch(
    conversations: &ConversationList,
    clock: &Clock,
    (account, id): (&str, &str),
    every: Duration,
    format: Format,
) -> Result<(), CommandFailure> {
    let account = AccountId(account.to_owned());
    let mut before = None;
    loop {
        let found = conversations.find(&account, id).await?;
        let record = found.ok_or_else(|| not_found(&account, id))?;
        let stands = stands(&record);
        if before.as_ref() != Some(&stands) {
            let line = Record::of("at", format!("{:.3}", clock.now())).with(stands.record());
            write(&line, format)?;
            before = Some(stands);
        }
        match &record.conversation.phase {
            Phase::Closing { end_reason, .. } | Phase::Ended(end_reason) => {
                return ended(end_reason);
            }
            Phase::Gathering | Phase::Running(_) => tokio::time::sleep(every).await,
        }
    }
}

#[derive(PartialEq, Eq)]
struct WatchedState {
    state: &'static str,
    arrived: u32,
    calls: u32,
    /// The call that is to be carried out.
    next: Option<u32>,
    objects_done: u32,
}

impl WatchedState {
    fn record(&self) -> Record {
        let next = self.next.map_or(serde_json::Value::Null, Into::into);
        Record::of("state", self.state)
            .and("arrived", self.arrived)
            .and("calls", self.calls)
            .and("next", next)
            .and("objects_done", self.objects_done)
    }
}

fn stands(record: &ConversationRecord) -> WatchedState {
    let conversation = &record.conversation;
    let (next, objects_done) = match &conversation.phase {
        Phase::Running(progress) => (Some(progress.next.get()), progress.done_through),
        Phase::Gathering | Phase::Closing { .. } | Phase::Ended(_) => (None, 0),
    };
    WatchedState {
        state: ConversationState::of(conversation).name(),
        arrived: conversation.arrived.count(),
        calls: conversation.calls_in_conversation.get(),
        next,
        objects_done,
    }
}

fn ended(end_reason: &EndReason) -> Result<(), CommandFailure> {
    match end_reason.is_good() {
        true => Ok(()),
        false => Err(CommandFailure::NotAllowed(end_reason.message())),
    }
}

fn write(line: &Record, format: Format) -> Result<(), CommandFailure> {
    let text = match format {
        Format::Json | Format::Jsonl => line.json().to_string(),
        Format::Table => {
            let cells = line.fields().map(|(name, value)| match name {
                "at" | "state" => cell(value),
                name => format!("{}={}", name.replace('_', "-"), cell(value)),
            });
            cells.collect::<Vec<_>>().join("  ")
        }
    };
    let written = writeln!(io::stdout(), "{text}");
    written.map_err(|error| CommandFailure::Cloud(format!("it cannot be written: {error}")))
}
