//! What a page costs: so many requests, however many conversations there are, and never a scan.

use local::Service;

use crate::server::{Server, subscriber};

/// Each part of the index, and one batch of headers.
const REQUESTS_OF_A_LIST: f64 = 21.0;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_of_a_list_is_a_query_of_each_part_and_one_batch_of_headers() {
    let server = Server::local().await;
    for number in 0..130 {
        server.call("", &subscriber(&format!("s-{number}"))).await;
    }
    let mut fewest = f64::MAX;
    // The timekeeper comes by every five seconds, and its requests are counted with ours.
    for _ in 0..5 {
        let before = server.stack.local.usage().counts();
        let began = std::time::Instant::now();
        let page = server.shows("/calls").await;
        let took = began.elapsed();
        assert_eq!(page.matches("<tr id=\"c-").count(), 50);
        println!("the first page took {} ms (unoptimised)", took.as_millis());
        let used = server.stack.local.usage().since(&before);
        assert_eq!(used.used(Service::DynamoDb, "Scan").requests, 0.0);
        fewest = fewest.min(used.used_of(Service::DynamoDb).requests);
    }
    assert_eq!(fewest, REQUESTS_OF_A_LIST);

    // All of them, each once, the newest first.
    let mut seen: Vec<String> = Vec::new();
    let mut opened: Vec<String> = Vec::new();
    let mut next = Some("/calls".to_owned());
    while let Some(path) = next {
        let page = server.shows(&path).await;
        seen.extend(
            page.split("<tr id=\"c-")
                .skip(1)
                .map(|row| row[..40].to_owned()),
        );
        let times = page
            .split("data-label=\"Opened\"><time datetime=\"")
            .skip(1);
        opened.extend(times.map(|time| time[..24].to_owned()));
        let link = page.split("<a rel=\"next\" href=\"/_local").nth(1);
        let link = link.and_then(|link| link.split('"').next());
        next = link.map(|link| link.replace("&#38;", "&"));
    }
    assert_eq!(seen.len(), 130);
    assert!(opened.is_sorted_by(|one, other| one >= other), "{opened:?}");
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 130, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_but_that_of_all_accounts_scans() {
    let server = Server::local().await;
    server.part("one", 1, 2).await;
    let key = server.key_of("one").await;
    let before = server.stack.local.usage().counts();
    for path in [
        "/",
        "/calls?state=failed",
        &format!("/conversation?key={key}"),
        &format!("/call?key={key}"),
        "/scheduled",
        "/replies",
        "/replies?state=any",
        "/mail-list",
        "/mail-list?state=failures",
        "/failed",
        "/unknown",
        "/backends",
        "/account",
        "/dead",
        "/audit",
        "/sent",
        "/tools",
    ] {
        server.shows(path).await;
    }
    let used = server.stack.local.usage().since(&before);
    assert_eq!(used.used(Service::DynamoDb, "Scan").requests, 0.0);
    assert!(used.used(Service::DynamoDb, "Query").requests > 100.0);
}
