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
    // As long as anybody has a client of it, it is there.
    drop((cloud, s3, ses));

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

/// Why a folder is not opened.
fn refused(folder: &Path) -> String {
    let clock = LocalClock::frozen_at(crate::NINE.parse().expect("a time"));
    match LocalCloud::in_folder(folder, Durability::PowerCut, clock) {
        Ok(_) => panic!("{} was opened", folder.display()),
        Err(error) => format!("{error:#}"),
    }
}

/// A folder as a server leaves it that is killed: the engine's log is not emptied into its file.
async fn killed(name: &str) -> PathBuf {
    let folder = clean(&format!("{name}-running"));
    let cloud = opened(&folder);
    for sender in ["first", "second"] {
        let raw = RawMessage::builder().data(Blob::new(format!("From: {sender}@b.c\r\n\r\ntext")));
        let content = EmailContent::builder().raw(raw.build().expect("a mail"));
        let ses = aws_sdk_sesv2::Client::new(&config(&cloud));
        let sent = ses.send_email().content(content.build());
        let to = aws_sdk_sesv2::types::Destination::builder().to_addresses("d@e.f");
        sent.destination(to.build()).send().await.expect("a mail");
    }
    schedule(&cloud, "kept", "at(2026-03-02T09:05:00)")
        .send()
        .await
        .expect("a schedule");
    let copy = clean(name);
    std::fs::create_dir_all(&copy).expect("a folder");
    for file in std::fs::read_dir(&folder).expect("a folder") {
        let file = file.expect("a file");
        if file.file_type().expect("a type").is_file() {
            std::fs::copy(file.path(), copy.join(file.file_name())).expect("a copy");
        }
    }
    copy
}

#[tokio::test]
async fn a_folder_has_one_server() {
    let folder = clean("held");
    let first = opened(&folder);
    let reason = refused(&folder);
    let process = format!("in use by another server (process {})", std::process::id());
    assert!(reason.contains(&process), "{reason}");
    drop(first);
    drop(opened(&folder));
}

#[tokio::test]
async fn tables_that_are_gone_are_not_made_anew_beside_what_belongs_to_them() {
    let folder = killed("emptied").await;
    let tables = folder.join("tables.sqlite");
    let log = std::fs::metadata(folder.join("tables.sqlite-wal")).expect("a log");
    assert!(log.len() > 0, "what was written last is in the log alone");
    let kept = std::fs::read(&tables).expect("tables");
    for (how, damaged) in [("emptied", true), ("missing", false)] {
        if damaged {
            std::fs::write(&tables, "").expect("an empty file");
        } else {
            std::fs::remove_file(&tables).expect("no file");
        }
        let reason = refused(&folder);
        assert!(
            reason.contains("tables.sqlite is missing or empty, but tables.sqlite-wal, schedules"),
            "{how}: {reason}"
        );
        let log = std::fs::metadata(folder.join("tables.sqlite-wal"));
        assert!(log.expect("still there").len() > 0, "{how}");
    }
    std::fs::write(&tables, &kept).expect("the copy");
    assert_eq!(opened(&folder).ses().mails().len(), 2, "put back");
}

#[tokio::test]
async fn what_is_damaged_is_refused_by_its_name() {
    for (file, at, named) in [
        ("mails.jsonl", 20, "line 1 of"),
        ("schedules.jsonl", 5, "line 1 of"),
        ("tables.sqlite-wal", 0, "tables.sqlite-wal is damaged"),
        ("tables.sqlite", 0, "no SQLite file"),
        ("kms.key", 32, "holds no key"),
    ] {
        let folder = killed("damaged").await;
        let path = folder.join(file);
        let mut bytes = std::fs::read(&path).expect("a file");
        match bytes.get_mut(at) {
            Some(byte) => *byte = b'\x01',
            None => bytes.push(b'\x01'),
        }
        std::fs::write(&path, bytes).expect("a damaged file");
        let reason = refused(&folder);
        assert!(
            reason.contains(named) && reason.contains(file),
            "{file}: {reason}"
        );
    }
}

#[tokio::test]
async fn a_folder_of_another_layout_is_refused_by_its_name_and_left_as_it_is() {
    for (layout, said) in [
        (None, "its layout is 1,"),
        (Some("2\n"), "its layout is 2,"),
        (Some("3\n"), "its layout is 3,"),
        (Some("4\n"), "its layout is 4,"),
        (Some("6\n"), "its layout is 6,"),
    ] {
        let folder = killed("layout").await;
        let file = folder.join("layout.txt");
        match layout {
            None => std::fs::remove_file(&file).expect("it was there"),
            Some(text) => std::fs::write(&file, text).expect("written"),
        }
        let tables = std::fs::read(folder.join("tables.sqlite")).expect("tables");
        let reason = refused(&folder);
        assert!(reason.contains(said), "{reason}");
        assert!(reason.contains(&folder.display().to_string()), "{reason}");
        assert!(reason.contains("Start the version that wrote it, or give --data an empty folder"));
        let after = std::fs::read(folder.join("tables.sqlite")).expect("tables");
        assert_eq!(after, tables);
        assert_eq!(file.exists(), layout.is_some());
    }
}

#[tokio::test]
async fn a_last_line_that_was_cut_short_spoils_no_other() {
    let folder = killed("cut").await;
    let path = folder.join("mails.jsonl");
    let bytes = std::fs::read(&path).expect("mails");
    std::fs::write(&path, &bytes[..bytes.len() - 7]).expect("a cut file");
    assert_eq!(opened(&folder).ses().mails().len(), 1);
    let left = std::fs::read_to_string(&path).expect("text");
    assert!(
        left.ends_with('\n'),
        "the next line begins at its beginning"
    );
}
