//! What is kept in a folder outlives its cloud.

use std::path::{Path, PathBuf};

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{EmailContent, RawMessage};
use aws_smithy_types::retry::RetryConfig;
use cloud::Random;
use jiff::{SignedDuration, Unit};
use local::dynamodb::Durability;
use local::names::{BODIES_BUCKET, CALLS_TABLE};
use local::{LocalClock, LocalCloud, Stack};

use crate::schedules::schedule;
use crate::{config, dynamodb, key};

fn clean(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("a clean folder");
    }
    folder
}

fn opened(folder: &Path) -> LocalCloud {
    let clock = LocalClock::frozen_at(crate::NINE.parse().expect("a time"));
    LocalCloud::in_folder(folder, Durability::PowerCut, clock).expect("a cloud")
}

#[tokio::test(start_paused = true)]
async fn tables_mails_objects_and_schedules_outlive_their_cloud() {
    let folder = clean("folder");
    let cloud = opened(&folder);
    let put = dynamodb(&cloud)
        .put_item()
        .table_name(CALLS_TABLE)
        .set_item(Some(key("A")));
    put.send().await.expect("a put");
    let s3 = aws_sdk_s3::Client::new(&config(&cloud));
    let object = s3.put_object().bucket(BODIES_BUCKET).key("a/b");
    object
        .body(ByteStream::from_static(b"body"))
        .send()
        .await
        .expect("an object");
    let raw = RawMessage::builder().data(Blob::new("From: a@b.c\r\nTo: d@e.f\r\n\r\ntext"));
    let content = EmailContent::builder()
        .raw(raw.build().expect("a mail"))
        .build();
    let ses = aws_sdk_sesv2::Client::new(&config(&cloud));
    ses.send_email()
        .content(content)
        .send()
        .await
        .expect("a mail");
    schedule(&cloud, "kept", "at(2026-03-02T09:05:00)")
        .send()
        .await
        .expect("a schedule");
    schedule(&cloud, "fired", "at(2026-03-02T09:01:00)")
        .send()
        .await
        .expect("a schedule");
    cloud
        .scheduler()
        .fire_due("2026-03-02T09:01:00Z".parse().expect("a time"));
    let mails = cloud.ses().mails();
    drop(cloud);

    let cloud = opened(&folder);
    let get = dynamodb(&cloud)
        .get_item()
        .table_name(CALLS_TABLE)
        .set_key(Some(key("A")));
    assert!(get.send().await.expect("a read").item.is_some());
    assert_eq!(
        cloud.s3().object(BODIES_BUCKET, "a/b").as_deref(),
        Some(&b"body"[..])
    );
    assert_eq!(cloud.ses().mails(), mails);
    let schedules = cloud.scheduler().schedules();
    assert_eq!(
        schedules
            .iter()
            .map(|kept| kept.name.as_str())
            .collect::<Vec<_>>(),
        ["kept"]
    );
}

#[tokio::test]
async fn a_clock_that_was_moved_on_stays_ahead() {
    let folder = clean("clock");
    let opened = || LocalCloud::in_folder(&folder, Durability::PowerCut, LocalClock::running());
    let prefetched = |cloud: &LocalCloud| {
        let prefetched = cloud.clock().now() - LocalClock::running().now();
        prefetched.total(Unit::Hour).expect("hours").round()
    };
    for total in [36.0, 72.0] {
        let local = opened().expect("a cloud");
        let callbacks = local.http_connector();
        let stack = Stack::new(local, callbacks, Random::system(), RetryConfig::disabled());
        let passed = stack.pass_running(SignedDuration::from_hours(36)).await;
        passed.expect("a disk");
        assert_eq!(prefetched(&stack.local), total);
        drop(stack);
        assert_eq!(
            prefetched(&opened().expect("a cloud")),
            total,
            "started again"
        );
    }
    let file = folder.join("clock.txt");
    let kept = std::fs::read_to_string(&file).expect("text");
    assert!(
        kept.starts_with("PT71H59M") || kept.starts_with("PT72H"),
        "{kept}"
    );
    std::fs::write(&file, &kept[..2]).expect("a damaged file");
    let Err(error) = opened() else {
        panic!("a cloud of some time or other");
    };
    let error = error.to_string();
    assert!(error.contains("clock.txt does not say how far"), "{error}");
}
