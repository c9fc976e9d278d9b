//! An extract: the results of an account's calls of a time range, written to a file of the bucket.
//!
//! It goes on where the last committed step has stopped: after a call of the list, with the
//! uploaded parts of the file and the name of the rest that is too small for a part. After a crash
//! a step writes the same again: parts under their number, the rest and the file under their names.

use calls::SequenceCode;
use cloud::Error;
use cloud::aws::files::{PART_BYTES_MIN, UploadError, UploadedPart, extract_key};
use cloud::objects_table::Chunk;
use cloud::read::conversation_list::{
    ConversationFilter, LISTED_AT_ONCE, ListCursor, ListOrder, ListQuery, ListedBy, LookBack,
};
use cloud::records::conversation_record::ConversationRecord;
use jiff::SignedDuration;
use objects::{EXTRACT_REFUSED, ExtractOrder, Overlay};
use serde::{Deserialize, Serialize};

use super::extract_rows::Rows;
use super::task::{NextStep, Task, TaskContext, TaskEnd};

/// An extract, as one invocation writes it.
pub(super) struct ExtractTask<'a> {
    context: TaskContext<'a>,
}

/// The progress of an extract.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct ExtractState {
    /// Before the present conversation.
    cursor: ListCursor,
    /// The next call of that conversation.
    sequence: u32,
    rows: u64,
    upload: Option<Upload>,
    /// The content that is in no part yet: a file of its own.
    rest: Option<String>,
    /// All parts are uploaded.
    is_uploaded: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Upload {
    id: String,
    parts: Vec<UploadedPart>,
}

/// The result of writing.
enum WrittenExtract {
    /// To be continued.
    SoFar(ExtractState),
    All(u64),
}

impl Task for ExtractTask<'_> {
    type State = ExtractState;

    async fn step(
        &mut self,
        state: ExtractState,
        number: u32,
    ) -> Result<NextStep<ExtractState>, Error> {
        // The last step creates its file: before that there is none, and its parts are discarded.
        if self.context.is_cancelled().await? {
            return Ok(NextStep::ended(self.context.cancelled()));
        }
        let order = match self.order().await? {
            Ok(order) => order,
            Err(why) => {
                let refused = self.context.refused(EXTRACT_REFUSED, why);
                return Ok(NextStep::ended(TaskEnd::of(refused)));
            }
        };
        let key = extract_key(self.context.account(), &order.file_name);
        let written = match state.is_uploaded {
            true => self.complete(&key, &state).await,
            false => self.write(&order, &key, state, number).await,
        };
        let next = match written {
            Ok(WrittenExtract::All(rows)) => {
                let message = format!("DataExtractActivity performed: {rows} rows in {key}");
                let performed = self.context.performed(message);
                return Ok(NextStep::ended(TaskEnd::of(performed)));
            }
            Ok(WrittenExtract::SoFar(next)) => next,
            // The bucket's lifecycle has deleted the upload: it cannot be continued.
            Err(UploadError::Gone) => ExtractState::default(),
            Err(UploadError::Cloud(error)) => return Err(error),
        };
        Ok(NextStep::More(next, Chunk::of_results(Vec::new())))
    }

    fn rows(state: &ExtractState) -> u64 {
        state.rows
    }
}

impl<'a> ExtractTask<'a> {
    pub(super) fn new(context: TaskContext<'a>) -> Self {
        Self { context }
    }

    async fn order(&self) -> Result<Result<ExtractOrder, String>, Error> {
        let TaskContext {
            call,
            request,
            object,
            ..
        } = self.context;
        let mut overlay = Overlay::new(&call.account);
        let read = |overlay: &mut Overlay| {
            objects::extract_order(overlay, request, object, call.arrived_at)
        };
        self.context.ask(&mut overlay, read).await
    }

    /// Completes the file. If that was done before, the upload does not exist any more, but the
    /// file does.
    async fn complete(
        &self,
        key: &str,
        state: &ExtractState,
    ) -> Result<WrittenExtract, UploadError> {
        let files = &self.context.cloud.files;
        let Some(upload) = &state.upload else {
            return Err(UploadError::Gone);
        };
        match files.complete_upload(key, &upload.id, &upload.parts).await {
            Err(UploadError::Gone) if files.is_there(key).await? => {}
            completed => completed?,
        }
        Ok(WrittenExtract::All(state.rows))
    }

    /// Writes rows until a part is full, the list ends, or the time is over.
    async fn write(
        &self,
        order: &ExtractOrder,
        key: &str,
        mut state: ExtractState,
        number: u32,
    ) -> Result<WrittenExtract, UploadError> {
        let files = &self.context.cloud.files;
        let is_begin = state.upload.is_none() && state.rest.is_none();
        let begun = match &state.rest {
            Some(rest) => files.get(rest).await?.ok_or(UploadError::Gone)?,
            None => Vec::new(),
        };
        let mut rows = Rows::behind(begun, order, is_begin && order.has_headers);
        let query = self.query(order);
        let list = self.context.cloud.conversation_list();
        loop {
            let page = list
                .page(&query, state.cursor.clone(), LISTED_AT_ONCE)
                .await?;
            for listed in page.conversations {
                if !self.take(&listed.record, &mut rows, &mut state).await? {
                    return self.put_aside(key, rows, state, number).await;
                }
                state.cursor = listed.behind;
                state.sequence = 0;
            }
            let Some(next) = page.next else { break };
            state.cursor = next;
            if self.context.cloud.now() >= self.context.deadline {
                return self.put_aside(key, rows, state, number).await;
            }
        }
        let bytes = rows.into_bytes();
        if state.upload.is_none() {
            files.put(key, bytes).await?;
            return Ok(WrittenExtract::All(state.rows));
        }
        if !bytes.is_empty() {
            self.upload(key, bytes, &mut state).await?;
        }
        state.rest = None;
        state.is_uploaded = true;
        Ok(WrittenExtract::SoFar(state))
    }

    /// Writes the calls of a conversation, beginning at the state. `false`: it is time to store the
    /// rest.
    async fn take(
        &self,
        record: &ConversationRecord,
        rows: &mut Rows<'_>,
        state: &mut ExtractState,
    ) -> Result<bool, Error> {
        let list = self.context.cloud.conversation_list();
        let mut first = SequenceCode::new(state.sequence.max(1));
        while let Some(from) = first {
            let Some(read) = list.calls_from(&record.key, from).await? else {
                return Ok(true);
            };
            for call in &read.calls {
                // Not the extract itself.
                if call.call.request_id != self.context.call.request_id {
                    state.rows += rows.take(self.context.cloud, &read.header, call).await?;
                }
                state.sequence = call.call.place.sequence().next().get();
                if rows.len() >= PART_BYTES_MIN || self.context.cloud.now() >= self.context.deadline
                {
                    return Ok(false);
                }
            }
            first = read.next;
        }
        Ok(true)
    }

    /// Uploads a part if there is enough for one; otherwise a file of its own, with which the next
    /// step goes on.
    async fn put_aside(
        &self,
        key: &str,
        rows: Rows<'_>,
        mut state: ExtractState,
        number: u32,
    ) -> Result<WrittenExtract, UploadError> {
        let bytes = rows.into_bytes();
        state.rest = None;
        if bytes.len() >= PART_BYTES_MIN {
            self.upload(key, bytes, &mut state).await?;
        } else if !bytes.is_empty() {
            let conversation = self.context.call.conversation_key();
            let name = format!("calls/{conversation}/extract-{number}");
            self.context.cloud.files.put(&name, bytes).await?;
            state.rest = Some(name);
        }
        Ok(WrittenExtract::SoFar(state))
    }

    async fn upload(
        &self,
        key: &str,
        bytes: Vec<u8>,
        state: &mut ExtractState,
    ) -> Result<(), UploadError> {
        let files = &self.context.cloud.files;
        let mut upload = match state.upload.take() {
            Some(upload) => upload,
            None => Upload {
                id: files.begin_upload(key).await?,
                parts: Vec::new(),
            },
        };
        let number = i32::try_from(upload.parts.len() + 1).unwrap_or(i32::MAX);
        let part = files.upload_part(key, &upload.id, number, bytes).await?;
        upload.parts.push(part);
        state.upload = Some(upload);
        Ok(())
    }

    fn query(&self, order: &ExtractOrder) -> ListQuery {
        ListQuery {
            account: self.context.call.account.clone(),
            by: ListedBy::Opened,
            from: order.from,
            to: order.to,
            look_back: LookBack::CallsAnd(SignedDuration::ZERO),
            order: ListOrder::OldestFirst,
            filter: ConversationFilter::default(),
        }
    }
}
