//! Files of the bucket: those that operators fetch, such as extracts, written at once or in parts;
//! and those that they upload, such as imports, read in ranges.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use calls::AccountId;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::aws::lazy_client::LazyClient;
use crate::error::{BoxError, Error};

/// Fewest bytes of a part that is not the last one. The platform's figure.
pub const PART_BYTES_MIN: usize = 5 * 1024 * 1024;

/// The account of a local server, whose files are in no folder of their own.
pub const LOCAL_ACCOUNT: &str = "local";

#[derive(Clone)]
pub struct Files {
    s3: LazyClient<Client>,
    bucket: String,
}

/// Why a part was not taken, or an upload not completed.
#[derive(Debug, Error)]
pub enum UploadError {
    /// It was completed or aborted: S3 does not know it any more.
    #[error("the upload is not there any more")]
    Gone,
    #[error(transparent)]
    Cloud(#[from] Error),
}

/// The number and ETag of a part, for completing an upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadedPart {
    etag: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crc32: Option<String>,
}

/// The key of an extract with that name.
pub fn extract_key(account: &AccountId, file_name: &str) -> String {
    match account.0.as_str() {
        LOCAL_ACCOUNT => format!("extract/{file_name}"),
        account => format!("extract/{account}/{file_name}"),
    }
}

/// The key of a file to be imported.
pub fn import_key(account: &AccountId, file_name: &str) -> String {
    match account.0.as_str() {
        LOCAL_ACCOUNT => format!("import/{file_name}"),
        account => format!("import/{account}/{file_name}"),
    }
}

/// Some bytes of a file.
pub struct FileRange {
    pub bytes: Vec<u8>,
    /// The version of the file that they belong to.
    pub etag: String,
    /// The length of the whole file.
    pub size: u64,
}

/// Why bytes of a file could not be read.
#[derive(Debug, Error)]
pub enum RangeError {
    #[error("there is no such file")]
    Missing,
    /// The file was replaced.
    #[error("the file was replaced while it was read")]
    Replaced,
    #[error(transparent)]
    Cloud(#[from] Error),
}

impl Files {
    pub(crate) fn new(config: &aws_types::SdkConfig, bucket: &str) -> Self {
        // Path style, so that an endpoint whose name is not an AWS host name works, too.
        let config = aws_sdk_s3::config::Builder::from(config).force_path_style(true);
        Self {
            s3: LazyClient::new(|| Client::from_conf(config.build())),
            bucket: bucket.to_owned(),
        }
    }

    /// Writes a file, over an existing one.
    pub async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let put = self.s3.get().put_object().bucket(&self.bucket).key(key);
        let put = put.content_type(CSV).body(ByteStream::from(bytes));
        let sent = put.send().await;
        sent.map(drop)
            .map_err(|error| out_of_reach("PutObject", error))
    }

    /// `None`: there is no such file.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let got = self.s3.get().get_object().bucket(&self.bucket).key(key);
        let answer = match got.send().await {
            Ok(answer) => answer,
            Err(SdkError::ServiceError(refused)) if refused.err().is_no_such_key() => {
                return Ok(None);
            }
            Err(error) => return Err(out_of_reach("GetObject", error)),
        };
        let bytes = answer.body.collect().await;
        let bytes = bytes.map_err(|error| out_of_reach("GetObject", error))?;
        Ok(Some(bytes.to_vec()))
    }

    /// At most so many bytes of a file from an offset on; of the version with this ETag, if one is
    /// given.
    pub async fn get_range(
        &self,
        key: &str,
        from: u64,
        length: u64,
        etag: Option<&str>,
    ) -> Result<FileRange, RangeError> {
        let last = from.saturating_add(length.max(1)) - 1;
        let got = self.s3.get().get_object().bucket(&self.bucket).key(key);
        let got = got.range(format!("bytes={from}-{last}"));
        let got = got.set_if_match(etag.map(str::to_owned));
        let answer = match got.send().await {
            Ok(answer) => answer,
            Err(SdkError::ServiceError(refused)) if refused.err().is_no_such_key() => {
                return Err(RangeError::Missing);
            }
            Err(error) => {
                let code = error
                    .as_service_error()
                    .and_then(ProvideErrorMetadata::code);
                return match code {
                    Some("PreconditionFailed") => Err(RangeError::Replaced),
                    // There is nothing after the last byte; an empty file has no bytes at all.
                    Some("InvalidRange") => Ok(FileRange {
                        bytes: Vec::new(),
                        etag: etag.unwrap_or_default().to_owned(),
                        size: from,
                    }),
                    _ => Err(out_of_reach("GetObject", error).into()),
                };
            }
        };
        let total = answer.content_range.as_deref();
        let total = total.and_then(|range| range.rsplit('/').next()?.parse().ok());
        let etag = answer.e_tag.unwrap_or_default();
        let bytes = answer.body.collect().await;
        let bytes = bytes
            .map_err(|error| out_of_reach("GetObject", error))?
            .to_vec();
        let size = total.unwrap_or(from + u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(FileRange { bytes, etag, size })
    }

    pub async fn is_there(&self, key: &str) -> Result<bool, Error> {
        let head = self.s3.get().head_object().bucket(&self.bucket).key(key);
        match head.send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(refused)) if refused.err().is_not_found() => Ok(false),
            Err(error) => Err(out_of_reach("HeadObject", error)),
        }
    }

    /// Begins a multipart upload; returns its id. An upload that is never completed is deleted by
    /// the bucket's lifecycle.
    pub async fn begin_upload(&self, key: &str) -> Result<String, Error> {
        let s3 = self.s3.get();
        let begin = s3.create_multipart_upload().bucket(&self.bucket).key(key);
        let begin = begin.checksum_algorithm(ChecksumAlgorithm::Crc32);
        let begun = begin.content_type(CSV).send().await;
        let begun = begun.map_err(|error| out_of_reach("CreateMultipartUpload", error))?;
        begun
            .upload_id
            .ok_or_else(|| out_of_reach("CreateMultipartUpload", "the answer has no upload id"))
    }

    /// Writes a part, over one with the same number.
    pub async fn upload_part(
        &self,
        key: &str,
        upload: &str,
        number: i32,
        bytes: Vec<u8>,
    ) -> Result<UploadedPart, UploadError> {
        let part = self.s3.get().upload_part().bucket(&self.bucket).key(key);
        let part = part.upload_id(upload).part_number(number);
        let part = part.checksum_algorithm(ChecksumAlgorithm::Crc32);
        match part.body(ByteStream::from(bytes)).send().await {
            Ok(written) => Ok(UploadedPart {
                etag: written.e_tag.unwrap_or_default(),
                crc32: written.checksum_crc32,
            }),
            Err(error) => Err(upload_error("UploadPart", error)),
        }
    }

    /// Creates the file from its parts, numbered from 1.
    pub async fn complete_upload(
        &self,
        key: &str,
        upload: &str,
        uploaded: &[UploadedPart],
    ) -> Result<(), UploadError> {
        let part = |(number, part): (i32, &UploadedPart)| {
            CompletedPart::builder()
                .part_number(number)
                .e_tag(&part.etag)
                .set_checksum_crc32(part.crc32.clone())
                .build()
        };
        let parts = (1..).zip(uploaded).map(part).collect();
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts));
        let s3 = self.s3.get();
        let complete = s3.complete_multipart_upload().bucket(&self.bucket).key(key);
        let complete = complete.upload_id(upload).multipart_upload(parts.build());
        match complete.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(upload_error("CompleteMultipartUpload", error)),
        }
    }
}

const CSV: &str = "text/csv; charset=utf-8";

fn out_of_reach(operation: &'static str, source: impl Into<BoxError>) -> Error {
    Error::LargeBodies {
        operation,
        source: source.into(),
    }
}

fn upload_error<E>(operation: &'static str, error: SdkError<E>) -> UploadError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
    {
        Some("NoSuchUpload") => UploadError::Gone,
        _ => UploadError::Cloud(out_of_reach(operation, error)),
    }
}
