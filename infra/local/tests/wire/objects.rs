//! S3: written once, read, listed and deleted.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::EncodingType;
use local::LocalCloud;
use local::names::BODIES_BUCKET;

use crate::{cloud, config};

fn client(cloud: &LocalCloud) -> Client {
    Client::new(&config(cloud))
}

fn put(client: &Client, body: &'static [u8]) -> PutObjectFluentBuilder {
    let put = client.put_object().bucket(BODIES_BUCKET).key("a/b c?d");
    put.body(ByteStream::from_static(body))
}

#[tokio::test(start_paused = true)]
async fn an_object_is_written_once_and_read() {
    let cloud = cloud();
    let client = client(&cloud);
    put(&client, b"body")
        .if_none_match("*")
        .send()
        .await
        .expect("a put");
    let error = put(&client, b"other")
        .if_none_match("*")
        .send()
        .await
        .expect_err("it is there");
    assert_eq!(
        error.raw_response().map(|raw| raw.status().as_u16()),
        Some(412)
    );
    assert_eq!(
        error.into_service_error().meta().code(),
        Some("PreconditionFailed")
    );
    let get = |key: &str| client.get_object().bucket(BODIES_BUCKET).key(key).send();
    let body = get("a/b c?d")
        .await
        .expect("a get")
        .body
        .collect()
        .await
        .expect("a body");
    assert_eq!(body.into_bytes().as_ref(), b"body");
    assert!(
        get("none")
            .await
            .expect_err("not there")
            .into_service_error()
            .is_no_such_key()
    );
    assert_eq!(cloud.refused(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn objects_are_looked_at_listed_and_deleted() {
    let cloud = cloud();
    let client = client(&cloud);
    put(&client, b"body").send().await.expect("a put");
    let head = |key: &str| client.head_object().bucket(BODIES_BUCKET).key(key).send();
    assert_eq!(
        head("a/b c?d").await.expect("a head").content_length(),
        Some(4)
    );
    let missing = head("none").await.expect_err("not there");
    assert!(missing.into_service_error().is_not_found());
    let list = client
        .list_objects_v2()
        .bucket(BODIES_BUCKET)
        .prefix("a/")
        .send()
        .await;
    assert_eq!(list.expect("a list").contents()[0].key(), Some("a/b c?d"));
    let delete = client.delete_object().bucket(BODIES_BUCKET).key("a/b c?d");
    delete.send().await.expect("a delete");
    assert_eq!(cloud.s3().keys(BODIES_BUCKET), Vec::<String>::new());
    assert_eq!(cloud.refused(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_long_list_comes_in_pages_and_any_key_in_it() {
    let cloud = cloud();
    let client = client(&cloud);
    for key in ["a&b", "a<c", "ä b"] {
        let put = client.put_object().bucket(BODIES_BUCKET).key(key);
        put.body(ByteStream::from_static(b"x"))
            .send()
            .await
            .expect("a put");
    }
    let list = || client.list_objects_v2().bucket(BODIES_BUCKET).max_keys(2);
    let first = list().send().await.expect("a page");
    let keys: Vec<_> = first
        .contents()
        .iter()
        .filter_map(|object| object.key())
        .collect();
    assert_eq!(
        (keys, first.is_truncated()),
        (vec!["a&b", "a<c"], Some(true))
    );
    let rest = list().set_continuation_token(first.next_continuation_token.clone());
    let rest = rest.send().await.expect("a page");
    assert_eq!(rest.contents()[0].key(), Some("ä b"));
    let encoded = list()
        .encoding_type(EncodingType::Url)
        .send()
        .await
        .expect("a page");
    assert_eq!(encoded.contents()[0].key(), Some("a%26b"));
}
