//! What an item of a table cannot hold: bodies and results past 350 KB, deflated, in S3.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;

use crate::aws::lazy_client::LazyClient;
use crate::error::Error;

#[derive(Clone)]
pub struct LargeBodies {
    s3: LazyClient<Client>,
    bucket: String,
}

impl LargeBodies {
    pub(crate) fn new(config: &aws_types::SdkConfig, bucket: &str) -> Self {
        // Path style, so that an endpoint that is no AWS host name works as well.
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
            .send()
            .await
            .map_err(|error| Error::LargeBodies {
                operation: "PutObject",
                source: error.into(),
            })?;
        Ok(())
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
