//! The rows of an extract: one for each object of a call that has ended, one for a call that has not.

use cloud::read::conversation::ReadCall;
use cloud::read::state::state_of_call;
use cloud::records::conversation_record::ConversationRecord;
use cloud::{Cloud, Error};
use csv::{QuoteStyle, Writer, WriterBuilder};
use objects::ExtractOrder;
use soap::{ObjectResult, write_date_time};

/// The columns, in their order.
const COLUMNS: [&str; 13] = [
    "RequestID",
    "ConversationID",
    "SequenceCode",
    "OrdinalID",
    "CorrelationID",
    "Method",
    "RequestObjectType",
    "Status",
    "StatusCode",
    "ErrorCode",
    "StatusMessage",
    "CreatedDate",
    "CompleteDate",
];

/// Rows in memory, in the format of the file.
pub(super) struct Rows<'a> {
    order: &'a ExtractOrder,
    bytes: Vec<u8>,
}

impl<'a> Rows<'a> {
    /// After those that exist already.
    pub(super) fn behind(bytes: Vec<u8>, order: &'a ExtractOrder, with_headers: bool) -> Self {
        let mut rows = Self { order, bytes };
        if with_headers {
            rows.write(|writer| writer.write_record(COLUMNS));
        }
        rows
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Writes the rows of a call, if it is in the time range; returns how many. A call that is not
    /// kept any more has none.
    pub(super) async fn take(
        &mut self,
        cloud: &Cloud,
        header: &ConversationRecord,
        read: &ReadCall,
    ) -> Result<u64, Error> {
        let call = &read.call;
        let created = call.arrived_at.max(header.opened_at);
        if !(self.order.from..=self.order.to).contains(&created) {
            return Ok(0);
        }
        let sequence = call.place.sequence();
        let outcome = read.outcome.as_ref();
        let Some(status) = state_of_call(header, sequence, call, outcome, cloud.now()) else {
            return Ok(0);
        };
        let mut results: Vec<Option<ObjectResult>> = match outcome {
            None => Vec::new(),
            Some(outcome) => {
                let results = outcome.object_results(cloud, None).await?;
                results.into_iter().map(Some).collect()
            }
        };
        if results.is_empty() {
            results.push(None);
        }
        let conversation = header.conversation.conversation_id.as_ref();
        let (sequence, created) = (sequence.to_string(), write_date_time(created));
        let ended = outcome.map(|record| write_date_time(record.outcome.ended_at));
        let of_call = |ordinal: usize, result: Option<ObjectResult>| {
            let is_there = result.is_some();
            let result = result.unwrap_or_default();
            let code = result.error_code.map(|code| code.to_string());
            let status_code = if result.ok { "OK" } else { "Error" };
            let object_type = match is_there {
                true => result.object_type,
                false => call.object_type.clone(),
            };
            let only = |text: String| if is_there { text } else { String::new() };
            [
                call.request_id.0.clone(),
                conversation.map_or_else(String::new, |id| id.as_str().to_owned()),
                sequence.clone(),
                only(ordinal.to_string()),
                result.correlation_id.unwrap_or_default(),
                call.method.name().to_owned(),
                object_type,
                status.to_owned(),
                only(status_code.to_owned()),
                code.unwrap_or_default(),
                result.status_message,
                created.clone(),
                ended.clone().unwrap_or_default(),
            ]
        };
        let count = results.len();
        self.write(|writer| {
            for (ordinal, result) in results.into_iter().enumerate() {
                writer.write_record(of_call(ordinal, result))?;
            }
            Ok(())
        });
        Ok(u64::try_from(count).unwrap_or(u64::MAX))
    }

    /// Writing to memory does not fail.
    fn write(&mut self, write: impl FnOnce(&mut Writer<&mut Vec<u8>>) -> csv::Result<()>) {
        let quotes = match self.order.quotes_all {
            true => QuoteStyle::Always,
            false => QuoteStyle::Necessary,
        };
        let mut builder = WriterBuilder::new();
        builder.delimiter(self.order.delimiter).quote_style(quotes);
        let mut writer = builder.from_writer(&mut self.bytes);
        if let Err(error) = write(&mut writer).and_then(|()| Ok(writer.flush()?)) {
            tracing::error!(%error, "rows could not be written");
        }
    }
}
