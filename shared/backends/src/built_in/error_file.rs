//! The file that lists the rows that an import refused, each with the reason.
//!
//! The lines of a step are committed with it as its notes. Once there are enough lines for a part of a
//! multipart upload, the part is uploaded. After a crash the lines that are in no part yet are read
//! again from the notes.

use cloud::Error;
use cloud::aws::files::{PART_BYTES_MIN, UploadError, UploadedPart};
use csv::WriterBuilder;
use objects::WrongRow;
use serde::{Deserialize, Serialize};

use super::task::TaskContext;

/// Most characters of a field that are written: enough to recognise the row.
const FIELD_CHARS_MAX: usize = 1_000;

/// How much of the file is written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct ErrorFilePlace {
    upload: Option<ErrorUpload>,
    /// The last step whose lines are in a part.
    folded: u32,
    is_uploaded: bool,
    pub(super) is_written: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct ErrorUpload {
    id: String,
    parts: Vec<UploadedPart>,
}

/// What `finish` has come to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorFileProgress {
    /// The file is written, or there was nothing to write.
    Finished,
    /// All parts are uploaded. This step is to be committed before the upload is completed.
    CommitFirst,
}

/// The file as one invocation writes it.
pub(super) struct ErrorFile {
    key: String,
    /// Lines that are in no part yet.
    rest: Vec<u8>,
}

impl ErrorFile {
    /// Reads the notes of the steps whose lines are in no part yet.
    pub(super) async fn open(
        context: &TaskContext<'_>,
        key: String,
        place: &ErrorFilePlace,
    ) -> Result<Self, Error> {
        let call = context.call;
        let (conversation, sequence) = (call.conversation_key(), call.place.sequence());
        let notes = context
            .cloud
            .task_notes_behind(&conversation, sequence, place.folded);
        let notes = notes.await?.into_iter();
        let rest = notes.flat_map(|notes| notes.text.into_bytes()).collect();
        Ok(Self { key, rest })
    }

    /// The line of one refused row.
    pub(super) fn line(number: u64, fields: &[String], why: &WrongRow) -> Vec<u8> {
        let cut = |text: &String| text.chars().take(FIELD_CHARS_MAX).collect::<String>();
        let about = [
            number.to_string(),
            why.code.to_string(),
            why.message.clone(),
        ];
        let line = about.into_iter().chain(fields.iter().map(cut));
        written(line)
    }

    /// Adds the lines of a step. Returns the notes to commit with the step; `None` if there is nothing
    /// to note, since the lines are in an uploaded part.
    pub(super) async fn add(
        &mut self,
        context: &TaskContext<'_>,
        place: &mut ErrorFilePlace,
        lines: Vec<u8>,
        step: u32,
    ) -> Result<Option<String>, UploadError> {
        self.rest.extend_from_slice(&lines);
        if self.rest.len() >= PART_BYTES_MIN {
            self.upload(context, place).await?;
            place.folded = step;
            return Ok(None);
        }
        let notes = String::from_utf8_lossy(&lines).into_owned();
        Ok(Some(notes).filter(|notes| !notes.is_empty()))
    }

    async fn upload(
        &mut self,
        context: &TaskContext<'_>,
        place: &mut ErrorFilePlace,
    ) -> Result<(), UploadError> {
        let files = &context.cloud.files;
        let mut upload = match place.upload.take() {
            Some(upload) => upload,
            None => {
                let headings = ["Row", "ErrorCode", "ErrorMessage", "Fields"];
                let mut first = written(headings.into_iter().map(str::to_owned));
                first.append(&mut self.rest);
                self.rest = first;
                ErrorUpload {
                    id: files.begin_upload(&self.key).await?,
                    parts: Vec::new(),
                }
            }
        };
        let number = i32::try_from(upload.parts.len() + 1).unwrap_or(i32::MAX);
        let bytes = std::mem::take(&mut self.rest);
        let part = files
            .upload_part(&self.key, &upload.id, number, bytes)
            .await?;
        upload.parts.push(part);
        place.upload = Some(upload);
        Ok(())
    }

    /// Writes what is left.
    pub(super) async fn finish(
        &mut self,
        context: &TaskContext<'_>,
        place: &mut ErrorFilePlace,
        step: u32,
    ) -> Result<ErrorFileProgress, UploadError> {
        let files = &context.cloud.files;
        if place.upload.is_none() {
            if !self.rest.is_empty() {
                let headings = ["Row", "ErrorCode", "ErrorMessage", "Fields"];
                let mut whole = written(headings.into_iter().map(str::to_owned));
                whole.extend_from_slice(&self.rest);
                files.put(&self.key, whole).await?;
                place.is_written = true;
            }
            return Ok(ErrorFileProgress::Finished);
        }
        if !place.is_uploaded {
            if !self.rest.is_empty() {
                self.upload(context, place).await?;
            }
            place.folded = step;
            place.is_uploaded = true;
            return Ok(ErrorFileProgress::CommitFirst);
        }
        if let Some(upload) = &place.upload {
            match files
                .complete_upload(&self.key, &upload.id, &upload.parts)
                .await
            {
                Err(UploadError::Gone) if files.is_there(&self.key).await? => {}
                completed => completed?,
            }
        }
        place.is_written = true;
        Ok(ErrorFileProgress::Finished)
    }
}

fn written(fields: impl Iterator<Item = String>) -> Vec<u8> {
    let mut writer = WriterBuilder::new().flexible(true).from_writer(Vec::new());
    // Writing to memory does not fail.
    drop(writer.write_record(fields));
    writer.into_inner().unwrap_or_default()
}
