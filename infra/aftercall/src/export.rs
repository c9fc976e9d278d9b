//! `aftercall calls export`: all calls of the conversations of a list, a line each, written as they are read.

use std::io::{self, Write};

use calls::SequenceCode;
use cloud::read::conversation_list::{ConversationList, ListCursor, ListQuery};
use cloud::records::conversation_record::ConversationRecord;
use jiff::Timestamp;

use crate::call_arguments::ExportFormat;
use crate::call_lines::one_call;
use crate::failure::CommandFailure;
use crate::output::{Record, cell};

/// Conversations that are read at once.
const EXPORT_PAGE: usize = 100;

pub(crate) async fn export(
    conversations: &ConversationList,
    query: &ListQuery,
    limit: usize,
    format: ExportFormat,
    now: Timestamp,
) -> Result<(), CommandFailure> {
    let mut lines = Lines::new(format);
    let mut cursor = ListCursor::default();
    let mut written = 0;
    while written < limit {
        let size = EXPORT_PAGE.min(limit - written);
        let page = conversations.page(query, cursor, size).await?;
        for listed in &page.conversations {
            written += 1;
            whole(conversations, &listed.record, &mut lines, now).await?;
        }
        match page.next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    lines.flushed()
}

async fn whole(
    conversations: &ConversationList,
    record: &ConversationRecord,
    lines: &mut Lines,
    now: Timestamp,
) -> Result<(), CommandFailure> {
    let mut first = Some(SequenceCode::FIRST);
    while let Some(from) = first {
        let Some(read) = conversations.calls_from(&record.key, from).await? else {
            // It has expired since.
            return Ok(());
        };
        for call in &read.calls {
            let name = read.header.conversation.conversation_id.as_ref();
            let name = name.map_or("", |name| name.as_str());
            let line = Record::of("account", read.header.conversation.account.0.as_str());
            let line = line.and("conversation", name);
            lines.write(&line.with(one_call(&read.header, call, now)))?;
        }
        first = read.next;
    }
    Ok(())
}

struct Lines {
    format: ExportFormat,
    has_head: bool,
    out: csv::Writer<io::Stdout>,
}

impl Lines {
    fn new(format: ExportFormat) -> Self {
        Self {
            format,
            has_head: false,
            out: csv::Writer::from_writer(io::stdout()),
        }
    }

    fn write(&mut self, record: &Record) -> Result<(), CommandFailure> {
        let written = match self.format {
            ExportFormat::Jsonl => writeln!(io::stdout(), "{}", record.json()),
            ExportFormat::Csv => self.write_csv(record),
        };
        written.map_err(|error| not_written(&error))
    }

    fn write_csv(&mut self, record: &Record) -> io::Result<()> {
        if !self.has_head {
            self.has_head = true;
            self.out
                .write_record(record.fields().map(|(name, _)| name))?;
        }
        let cells = record.fields().map(|(_, value)| match value.is_null() {
            true => String::new(),
            false => no_formula(cell(value)),
        });
        Ok(self.out.write_record(cells)?)
    }

    fn flushed(mut self) -> Result<(), CommandFailure> {
        self.out.flush().map_err(|error| not_written(&error))
    }
}

/// A spreadsheet would carry out a cell that begins so, and a caller chooses what stands in it.
fn no_formula(cell: String) -> String {
    match cell.starts_with(['=', '+', '-', '@']) {
        true => format!("'{cell}"),
        false => cell,
    }
}

fn not_written(error: &io::Error) -> CommandFailure {
    CommandFailure::Cloud(format!("the export cannot be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::no_formula;

    #[test]
    fn what_a_caller_wrote_is_never_a_formula() {
        for wrong in ["=1+1", "+1", "-1", "@A1"] {
            assert_eq!(no_formula(wrong.to_owned()), format!("'{wrong}"));
        }
        assert_eq!(no_formula("order-1".to_owned()), "order-1");
    }
}
