//! Bodies and results that are too large for an item: above 350 KB compressed they are stored in
//! S3.
//!
//! Each has a tag, by which the bucket deletes it 300 days after it was written, so that objects
//! without a record are deleted as well. The body of a call that waits loses the tag, and gets it
//! again with the age of a new one when the call ends: see [`crate::conversation::waiting`].

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{MetadataDirective, TaggingDirective};

use crate::aws::lazy_client::LazyClient;
use crate::error::Error;

/// The tag in the rule of the bucket; the template has the same.
const EXPIRES: &str = "expires=yes";

#[derive(Clone)]
pub struct LargeBodies {
    s3: LazyClient<Client>,
    bucket: String,
}

impl LargeBodies {
    pub(crate) fn new(config: &aws_types::SdkConfig, bucket: &str) -> Self {
        // Path style, so that an endpoint whose name is not an AWS host name works, too.
        let config = aws_sdk_s3::config::Builder::from(config).force_path_style(true);
        Self {
            s3: LazyClient::new(|| Client::from_conf(config.build())),
            bucket: bucket.to_owned(),
        }
    }

    pub(crate) async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), Error> {
        self.s3
            .get()
            .put_object()
            .bucket(&self.bucket)
            .key(name)
            .body(ByteStream::from(bytes))
            .tagging(EXPIRES)
            .send()
            .await
            .map_err(|error| Error::LargeBodies {
                operation: "PutObject",
                source: error.into(),
            })?;
        Ok(())
    }

    /// Removes the tag, so that it does not expire. Repeating this changes nothing.
    pub(crate) async fn keep(&self, name: &str) -> Result<(), Error> {
        let untagged = self
            .s3
            .get()
            .delete_object_tagging()
            .bucket(&self.bucket)
            .key(name)
            .send()
            .await;
        match untagged {
            Ok(_) => Ok(()),
            // It does not exist any more; its readers report that.
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(Error::LargeBodies {
                operation: "DeleteObjectTagging",
                source: error.into(),
            }),
        }
    }

    /// Copies it onto itself, so that it expires like one that is written now.
    pub(crate) async fn let_expire(&self, name: &str) -> Result<(), Error> {
        let copied = self
            .s3
            .get()
            .copy_object()
            .bucket(&self.bucket)
            .key(name)
            // Names are of letters, digits, `-` and `/`.
            .copy_source(format!("{}/{name}", self.bucket))
            // Otherwise S3 refuses to copy an object onto itself.
            .metadata_directive(MetadataDirective::Replace)
            .tagging_directive(TaggingDirective::Replace)
            .tagging(EXPIRES)
            .send()
            .await;
        match copied {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(Error::LargeBodies {
                operation: "CopyObject",
                source: error.into(),
            }),
        }
    }

    /// `None`: there is no such object.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let out_of_reach = |source| Error::LargeBodies {
            operation: "GetObject",
            source,
        };
        let got = self
            .s3
            .get()
            .get_object()
            .bucket(&self.bucket)
            .key(name)
            .send()
            .await;
        let answer = match got {
            Ok(answer) => answer,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_no_such_key()) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(out_of_reach(error.into())),
        };
        let bytes = answer
            .body
            .collect()
            .await
            .map_err(|error| out_of_reach(error.into()))?;
        Ok(Some(bytes.to_vec()))
    }
}

/// Whether there is no such object: these operations have no typed error for that.
fn is_missing<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.code() == Some("NoSuchKey")
}
