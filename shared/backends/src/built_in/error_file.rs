//! The rows that an import refused, with the reason of each, as a file of the bucket.
//!
//! What a step refuses stands in its notes, committed with it. Once there is enough for a part of the
//! file, it is uploaded; from the notes behind that part the rest is read again after a crash.

use cloud::Error;
use cloud::aws::files::{PART_BYTES_MIN, UploadError, UploadedPart};
use csv::WriterBuilder;
use objects::WrongRow;
use serde::{Deserialize, Serialize};

use super::task::TaskContext;

/// Most letters of a field that are written: a row is refused for one of them, not for all.
const FIELD_CHARS_MAX: usize = 1_000;

/// How far the file is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct ErrorFilePlace {
    upload: Option<ErrorUpload>,
    /// The last step whose notes are in a part.
    folded: u32,
    is_uploaded: bool,
    pub(super) is_written: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct ErrorUpload {
    id: String,
    parts: Vec<UploadedPart>,
}

/// The file in the hands of one invocation.
pub(super) struct ErrorFile {
    key: String,
    /// What is in no part yet.
    rest: Vec<u8>,
}

impl ErrorFile {
    /// With what steps before this invocation have noted.
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

    /// The line of a row.
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

    /// Takes the lines of a step. What becomes a part needs no notes: then there are none.
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

    /// Writes what is left. `false`: a step is to be committed before it goes on.
    pub(super) async fn finish(
        &mut self,
        context: &TaskContext<'_>,
        place: &mut ErrorFilePlace,
        step: u32,
    ) -> Result<bool, UploadError> {
        let files = &context.cloud.files;
        if place.upload.is_none() {
            if !self.rest.is_empty() {
                let headings = ["Row", "ErrorCode", "ErrorMessage", "Fields"];
                let mut whole = written(headings.into_iter().map(str::to_owned));
                whole.extend_from_slice(&self.rest);
                files.put(&self.key, whole).await?;
                place.is_written = true;
            }
            return Ok(true);
        }
        if !place.is_uploaded {
            if !self.rest.is_empty() {
                self.upload(context, place).await?;
            }
            place.folded = step;
            place.is_uploaded = true;
            return Ok(false);
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
        Ok(true)
    }
}

fn written(fields: impl Iterator<Item = String>) -> Vec<u8> {
    let mut writer = WriterBuilder::new().flexible(true).from_writer(Vec::new());
    // Writing to memory does not fail.
    drop(writer.write_record(fields));
    writer.into_inner().unwrap_or_default()
}
