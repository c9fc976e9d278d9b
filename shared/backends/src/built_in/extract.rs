//! An extract: the results of an account's calls of a time, written to a file of the bucket.
//!
//! It goes on where the last committed step left it: behind a call of the list, with the parts of the
//! file that are uploaded and the name of the rest that is too small for one. What a step writes it
//! writes again after a crash: parts by their number, the rest and the file by their names.

use calls::{Call, Ended, Outcome, OverallStatus, Progress, SequenceCode};
use cloud::aws::files::{PART_BYTES_MIN, UploadError, UploadedPart, extract_key};
use cloud::conversation::commit::{CallEnd, ChunkPosition};
use cloud::objects_table::Chunk;
use cloud::read::conversation_list::{
    ConversationFilter, LISTED_AT_ONCE, ListCursor, ListOrder, ListQuery, LookBack,
};
use cloud::records::conversation_record::ConversationRecord;
use cloud::{Cloud, CommitError, CommittedStep, Error};
use jiff::{SignedDuration, Timestamp};
use objects::{EXTRACT_REFUSED, ExtractOrder, MethodCall, Overlay, UnitResult};
use serde::{Deserialize, Serialize};
use soap::{Detail, ObjectResult};

use super::carried_out::CarriedOut;
use super::extract_rows::Rows;

/// What a run of an extract needs.
pub(super) struct ExtractRun<'a> {
    pub(super) cloud: &'a Cloud,
    pub(super) call: &'a Call,
    pub(super) request: &'a MethodCall<'a>,
    pub(super) deadline: Timestamp,
}

/// How far an extract is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct ExtractState {
    /// Before the conversation that is in hand.
    cursor: ListCursor,
    /// The next call of that conversation.
    sequence: u32,
    rows: u64,
    upload: Option<Upload>,
    /// What of the file is in no part yet: a file of its own.
    rest: Option<String>,
    /// All parts are there.
    is_uploaded: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Upload {
    id: String,
    parts: Vec<UploadedPart>,
}

/// What a step came to.
enum ExtractStep {
    /// To be committed, and gone on from.
    More(ExtractState),
    Written(u64),
}

impl ExtractRun<'_> {
    /// As far as it goes until the deadline.
    pub(super) async fn carry_on(
        &self,
        header: &ConversationRecord,
        progress: Progress,
    ) -> Result<CarriedOut, CommitError> {
        let cloud = self.cloud;
        // Whoever turns the switch in this process waits until what is begun here is committed.
        let _carrying_out = cloud.carrying_out().await;
        if cloud.in_maintenance().await? {
            return Ok(CarriedOut::InMaintenance);
        }
        let order = match self.order().await? {
            Ok(order) => order,
            Err(why) => return self.end(header, Err(why)).await,
        };
        let key = extract_key(&self.call.account, &order.file_name);
        let mut header = header.clone();
        let mut chunks = progress.chunks;
        let mut state = self.state(&header, progress).await?;
        loop {
            state = match self.step(&order, &key, state, chunks).await? {
                ExtractStep::Written(rows) => {
                    return self.end(&header, Ok((rows, &key))).await;
                }
                ExtractStep::More(state) => state,
            };
            let text = serde_json::to_string(&state).unwrap_or_default();
            let chunk = Chunk::of_results(vec![UnitResult::Progress(text)]);
            let position = ChunkPosition {
                number: chunks,
                done_through: chunks.saturating_add(1),
                mails_before: 0,
            };
            header = cloud
                .commit_chunk(&header, progress.next, chunk, position, cloud.now())
                .await?;
            chunks += 1;
            if cloud.now() >= self.deadline {
                return Ok(CarriedOut::Committed(Box::new(CommittedStep {
                    header,
                    replies: Vec::new(),
                })));
            }
        }
    }

    async fn order(&self) -> Result<Result<ExtractOrder, String>, Error> {
        let mut overlay = Overlay::new(&self.call.account);
        loop {
            match objects::extract_order(&overlay, self.request, self.call.arrived_at) {
                Ok(order) => return Ok(order),
                Err(missing) => self.cloud.load_objects(&mut overlay, missing.0).await?,
            }
        }
    }

    /// That of the last step that was committed.
    async fn state(
        &self,
        header: &ConversationRecord,
        progress: Progress,
    ) -> Result<ExtractState, Error> {
        if progress.chunks == 0 {
            return Ok(ExtractState::default());
        }
        let results = self.cloud.chunk_results(&header.key, progress.next).await?;
        let last = results.into_iter().next_back();
        let Some(UnitResult::Progress(text)) = last else {
            return Ok(ExtractState::default());
        };
        serde_json::from_str(&text).map_err(|_| Error::Unreadable {
            sk: format!("RESULTS of {}", self.call.request_id),
            attribute: "results",
        })
    }

    async fn step(
        &self,
        order: &ExtractOrder,
        key: &str,
        state: ExtractState,
        number: u32,
    ) -> Result<ExtractStep, Error> {
        let stepped = match state.is_uploaded {
            true => self.complete(key, &state).await,
            false => self.write(order, key, state, number).await,
        };
        match stepped {
            Ok(step) => Ok(step),
            // Given up by the bucket's lifecycle: nothing of it is left to go on from.
            Err(UploadError::Gone) => Ok(ExtractStep::More(ExtractState::default())),
            Err(UploadError::Cloud(error)) => Err(error),
        }
    }

    /// Makes the file of its parts. Done before, its upload is not there any more, and the file is.
    async fn complete(&self, key: &str, state: &ExtractState) -> Result<ExtractStep, UploadError> {
        let files = &self.cloud.files;
        let Some(upload) = &state.upload else {
            return Err(UploadError::Gone);
        };
        match files.complete_upload(key, &upload.id, &upload.parts).await {
            Err(UploadError::Gone) if files.is_there(key).await? => {}
            completed => completed?,
        }
        Ok(ExtractStep::Written(state.rows))
    }

    /// Writes rows until a part is full, the list at its end, or the time over.
    async fn write(
        &self,
        order: &ExtractOrder,
        key: &str,
        mut state: ExtractState,
        number: u32,
    ) -> Result<ExtractStep, UploadError> {
        let files = &self.cloud.files;
        let is_begin = state.upload.is_none() && state.rest.is_none();
        let begun = match &state.rest {
            Some(rest) => files.get(rest).await?.ok_or(UploadError::Gone)?,
            None => Vec::new(),
        };
        let mut rows = Rows::behind(begun, order, is_begin && order.has_headers);
        let query = self.query(order);
        let list = self.cloud.conversation_list();
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
            if self.cloud.now() >= self.deadline {
                return self.put_aside(key, rows, state, number).await;
            }
        }
        let bytes = rows.into_bytes();
        if state.upload.is_none() {
            files.put(key, bytes).await?;
            return Ok(ExtractStep::Written(state.rows));
        }
        if !bytes.is_empty() {
            self.upload(key, bytes, &mut state).await?;
        }
        state.rest = None;
        state.is_uploaded = true;
        Ok(ExtractStep::More(state))
    }

    /// Takes the calls of a conversation from where the state is on. `false`: it is time to put aside
    /// what there is.
    async fn take(
        &self,
        record: &ConversationRecord,
        rows: &mut Rows<'_>,
        state: &mut ExtractState,
    ) -> Result<bool, Error> {
        let list = self.cloud.conversation_list();
        let mut first = SequenceCode::new(state.sequence.max(1));
        while let Some(from) = first {
            let Some(read) = list.calls_from(&record.key, from).await? else {
                return Ok(true);
            };
            for call in &read.calls {
                // Not itself.
                if call.call.request_id != self.call.request_id {
                    state.rows += rows.take(self.cloud, &read.header, call).await?;
                }
                state.sequence = call.call.place.sequence().next().get();
                if rows.len() >= PART_BYTES_MIN || self.cloud.now() >= self.deadline {
                    return Ok(false);
                }
            }
            first = read.next;
        }
        Ok(true)
    }

    /// A part where there is enough for one, else a file of its own that the next step goes on with.
    async fn put_aside(
        &self,
        key: &str,
        rows: Rows<'_>,
        mut state: ExtractState,
        number: u32,
    ) -> Result<ExtractStep, UploadError> {
        let bytes = rows.into_bytes();
        state.rest = None;
        if bytes.len() >= PART_BYTES_MIN {
            self.upload(key, bytes, &mut state).await?;
        } else if !bytes.is_empty() {
            let conversation = self.call.conversation_key();
            let name = format!("calls/{conversation}/extract-{number}");
            self.cloud.files.put(&name, bytes).await?;
            state.rest = Some(name);
        }
        Ok(ExtractStep::More(state))
    }

    async fn upload(
        &self,
        key: &str,
        bytes: Vec<u8>,
        state: &mut ExtractState,
    ) -> Result<(), UploadError> {
        let files = &self.cloud.files;
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
            account: self.call.account.clone(),
            from: order.from,
            to: order.to,
            look_back: LookBack::CallsAnd(SignedDuration::ZERO),
            order: ListOrder::OldestFirst,
            filter: ConversationFilter::default(),
        }
    }

    /// Commits how it ended: so many rows in a file, or why there is none.
    async fn end(
        &self,
        header: &ConversationRecord,
        ended: Result<(u64, &str), String>,
    ) -> Result<CarriedOut, CommitError> {
        let now = self.cloud.now();
        let object = self.request.objects.first();
        let object_type = object.and_then(|object| object.type_name.clone());
        let task = || Detail::Task {
            id: objects::task_number(&self.call.account, &self.call.request_id).to_string(),
            interaction_object_id: None,
        };
        let (ok, error_code, status_message, detail) = match ended {
            Ok((rows, key)) => {
                let message = format!("DataExtractActivity performed: {rows} rows in {key}");
                (true, None, message, task())
            }
            Err(why) => (false, Some(EXTRACT_REFUSED), why, Detail::Plain),
        };
        let result = ObjectResult {
            ok,
            status_message: status_message.clone(),
            error_code,
            object_type: object_type.unwrap_or_default(),
            correlation_id: object.and_then(|it| it.text_of("CorrelationID").map(str::to_owned)),
            object: object.cloned(),
            detail,
            ..ObjectResult::default()
        };
        let outcome = Outcome {
            how: Ended::CarriedOut,
            overall_status: OverallStatus::of(1, usize::from(!ok)),
            status_message: if ok { String::new() } else { status_message },
            error_code,
            ended_at: now,
        };
        let end = CallEnd {
            call: self.call,
            outcome,
            results: Some(vec![result]),
            chunk: Chunk::of_results(Vec::new()),
            mails_before: 0,
        };
        let step = self.cloud.commit_end(header, end, now).await?;
        Ok(CarriedOut::Committed(Box::new(step)))
    }
}
