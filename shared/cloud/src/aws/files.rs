//! Files of the bucket that people fetch, such as extracts: written whole, or part by part.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use calls::AccountId;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::aws::lazy_client::LazyClient;
use crate::error::{BoxError, Error};

/// Least bytes of a part that is not the last one. The platform's figure.
pub const PART_BYTES_MIN: usize = 5 * 1024 * 1024;

/// The account of a local server, whose files lie in no folder of their own.
pub const LOCAL_ACCOUNT: &str = "local";

#[derive(Clone)]
pub struct Files {
    s3: LazyClient<Client>,
    bucket: String,
}

/// Why a part was not taken, or an upload not completed.
#[derive(Debug, Error)]
pub enum UploadError {
    /// It was completed, or given up: nobody knows it any more.
    #[error("the upload is not there any more")]
    Gone,
    #[error(transparent)]
    Cloud(#[from] Error),
}

/// What completing an upload has to say of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadedPart {
    etag: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crc32: Option<String>,
}

/// Where an extract of that name lies.
pub fn extract_key(account: &AccountId, file_name: &str) -> String {
    match account.0.as_str() {
        LOCAL_ACCOUNT => format!("extract/{file_name}"),
        account => format!("extract/{account}/{file_name}"),
    }
}

impl Files {
    pub(crate) fn new(config: &aws_types::SdkConfig, bucket: &str) -> Self {
        // Path style, so that an endpoint that is no AWS host name works as well.
        let config = aws_sdk_s3::config::Builder::from(config).force_path_style(true);
        Self {
            s3: LazyClient::new(|| Client::from_conf(config.build())),
            bucket: bucket.to_owned(),
        }
    }

    /// Writes a file, over one of that name.
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

    pub async fn is_there(&self, key: &str) -> Result<bool, Error> {
        let head = self.s3.get().head_object().bucket(&self.bucket).key(key);
        match head.send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(refused)) if refused.err().is_not_found() => Ok(false),
            Err(error) => Err(out_of_reach("HeadObject", error)),
        }
    }

    /// Begins to write a file part by part; gives back the upload's id. One that is never completed is
    /// cleared away by the bucket's lifecycle.
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

    /// Writes a part, over one of that number.
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

    /// Makes a file of its parts, numbered from 1 on.
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
