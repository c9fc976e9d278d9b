//! What an item of a table cannot hold: bodies and results past 350 KB, deflated, in S3.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;

use crate::lazy_client::LazyClient;
use crate::trouble::Trouble;

#[derive(Clone)]
pub struct Bodies {
    s3: LazyClient<Client>,
    bucket: String,
}

impl Bodies {
    pub(crate) fn new(config: &aws_types::SdkConfig, bucket: &str) -> Self {
        // Path style, so that an endpoint that is no AWS host name works as well.
        let config = aws_sdk_s3::config::Builder::from(config).force_path_style(true);
        Self {
            s3: LazyClient::new(|| Client::from_conf(config.build())),
            bucket: bucket.to_owned(),
        }
    }

    pub(crate) async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), Trouble> {
        self.s3
            .get()
            .put_object()
            .bucket(&self.bucket)
            .key(name)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map_err(|error| Trouble::Bodies {
                operation: "PutObject",
                source: error.into(),
            })?;
        Ok(())
    }

    /// `None`: there is no such object.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Trouble> {
        let trouble = |source| Trouble::Bodies {
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
            Err(error) => return Err(trouble(error.into())),
        };
        let bytes = answer
            .body
            .collect()
            .await
            .map_err(|error| trouble(error.into()))?;
        Ok(Some(bytes.to_vec()))
    }
}
