//! Extracts: the results of an account's calls, written to a file of the bucket.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use journeys::Answer;
use journeys::cut::{CallOrder, Plot, cut_anywhere};
use journeys::{
    Story, a_caller, attribute, call, days, hours, look_for, minutes, part, subscriber,
};
use local::InjectedFault;
use local::lifecycle::{DEPLOYED, Lifecycle};
use local::names::BODIES_BUCKET;
use objects::{ASYNC_RESULTS, ASYNC_RESULTS_ID};

type Row = BTreeMap<String, String>;

/// Rows of a file, read by names.
fn rows(caller: &Story, key: &str) -> Vec<Row> {
    let bytes = caller.local().s3().object(BODIES_BUCKET, key);
    let bytes = bytes.unwrap_or_else(|| panic!("no file {key}"));
    let mut reader = csv::Reader::from_reader(bytes.as_ref());
    let rows = reader.deserialize().collect::<Result<Vec<Row>, _>>();
    rows.expect("CSV")
}

fn lines(rows: &[Row], columns: &str) -> Vec<String> {
    let columns: Vec<&str> = columns.split(' ').collect();
    let line = |row: &Row| {
        let cells: Vec<&str> = columns.iter().map(|name| row[*name].as_str()).collect();
        cells.join("|")
    };
    rows.iter().map(line).collect()
}

async fn extracts(caller: &mut Story, id: &str, parameters: &[(&str, &str)]) -> Answer {
    let pair = |(name, value): &(&str, &str)| {
        format!("<Parameter><Name>{name}</Name><Value>{value}</Value></Parameter>")
    };
    let parameters: String = parameters.iter().map(pair).collect();
    let payload = format!(
        r#"<ExtractRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><Requests><ID>{id}</ID><Options/><Parameters>{parameters}</Parameters></Requests></ExtractRequestMsg>"#
    );
    caller.sends_payload(&payload, BTreeMap::new()).await
}

fn said(answer: &Answer) -> String {
    let lines: Vec<String> = answer
        .results()
        .iter()
        .map(|row| row.line(&["StatusCode", "ErrorCode", "StatusMessage"]))
        .collect();
    lines.join("; ")
}

fn correlated(key: &str, correlation_id: &str) -> String {
    let id = format!("<CorrelationID>{correlation_id}</CorrelationID></Objects>");
    subscriber(key).replace("</Objects>", &id)
}

/// An object that starts an extract to that file.
fn activity(parameters: &[(&str, &str)], key: &str) -> String {
    let pair = |(name, value): &(&str, &str)| {
        format!("<PartnerProperties><Name>{name}</Name><Value>{value}</Value></PartnerProperties>")
    };
    let properties: String = parameters.iter().map(pair).collect();
    let key = match key {
        "" => String::new(),
        key => format!("<CustomerKey>{key}</CustomerKey>"),
    };
    format!(r#"<Objects xsi:type="DataExtractActivity">{properties}{key}</Objects>"#)
}

/// The same as a Perform names it.
fn definition(parameters: &[(&str, &str)], key: &str) -> String {
    activity(parameters, key).replace("Objects", "Definition")
}

#[tokio::test(start_paused = true)]
async fn an_extract_writes_a_row_for_each_object_of_the_calls_of_a_time() {
    let mut caller = a_caller().await;
    caller.queues(call().creating(subscriber("before"))).await;
    caller.passes(hours(1)).await;
    let from = caller.now();
    let two = call()
        .creating(correlated("ann", "first, &quot;of two&quot;"))
        .and(correlated("bob", "&#233;&#10;second"));
    let two = caller.queues(two).await;
    let part_1 = part("order-1", 1, 2).deleting(subscriber("nobody"));
    let failed = caller.queues(part_1).await;
    let skipped = caller.queues(part("order-1", 2, 2)).await;
    caller.settles().await;
    let later = call().creating(subscriber("cid")).at(from + days(2));
    let later = caller.queues(later).await;
    let from = from.to_string();
    let parameters = [
        ("StartDate", from.as_str()),
        ("OutputFileName", "results.csv"),
        ("_AsyncID", "0"),
    ];
    let answer = extracts(&mut caller, ASYNC_RESULTS_ID, &parameters).await;
    assert_eq!(answer.overall_status(), "OK", "{}", answer.body);
    let request_id = answer.results()[0].line(&["RequestID"]);
    caller.settles().await;
    assert_eq!(caller.state(&request_id).await, "Complete");

    let found = rows(&caller, "extract/1001/results.csv");
    let mut rows = lines(
        &found,
        "RequestID ConversationID SequenceCode OrdinalID CorrelationID Method RequestObjectType Status StatusCode ErrorCode",
    );
    let mut expected = vec![
        format!("{two}||1|0|first, \"of two\"|Create|Subscriber|Complete|OK|"),
        format!("{two}||1|1|\u{e9}\nsecond|Create|Subscriber|Complete|OK|"),
        format!("{failed}|order-1|1|0||Delete|Subscriber|Error|Error|12015"),
        format!("{skipped}|order-1|2|0||Create|Subscriber|NotProcessed|Error|213"),
        format!("{later}||1|||Create|Subscriber|Scheduled||"),
    ];
    rows.sort();
    expected.sort();
    assert_eq!(rows, expected);
    for row in &found {
        let created: Timestamp = row["CreatedDate"].parse().expect("a time");
        assert!(created >= from.parse().expect("a time"), "{row:?}");
        assert_eq!(row["CompleteDate"].is_empty(), row["Status"] == "Scheduled");
    }
    let look = look_for("ResultItem").of("StatusMessage");
    let rows = caller.retrieves(look.by("RequestID", &request_id)).await;
    let rows = rows.lines("StatusMessage");
    assert_eq!(
        rows,
        ["DataExtractActivity performed: 5 rows in extract/1001/results.csv"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_extract_that_cannot_be_made_is_refused_with_its_reason() {
    let mut caller = a_caller().await;
    let start = ("StartDate", "1/1/2026 1:00:00 AM");
    let file = ("OutputFileName", "a.csv");
    for (id, parameters, why) in [
        (
            "c7219016-a7f0-4c72-8657-1ec12c28a0db",
            vec![start, file],
            "only Async Results",
        ),
        (ASYNC_RESULTS, vec![file], "StartDate"),
        (ASYNC_RESULTS, vec![start], "OutputFileName"),
        (
            ASYNC_RESULTS,
            vec![start, ("OutputFileName", "../1/a")],
            "letters",
        ),
        (
            ASYNC_RESULTS,
            vec![start, file, ("Kind", "x")],
            "no parameter &apos;Kind&apos;",
        ),
    ] {
        let answer = extracts(&mut caller, id, &parameters).await;
        let said = said(&answer).replace('\'', "&apos;");
        assert!(said.starts_with("Error 31000"), "{said}");
        assert!(said.contains(why), "{said}");
    }
    caller.settles().await;
    assert!(caller.local().s3().keys(BODIES_BUCKET).is_empty());
    let unnamed = || call().performing("start", definition(&[start], ""));
    let queued = caller.queues(unnamed()).await;
    caller.settles().await;
    let outcome = caller.outcome(&queued).await;
    assert!(outcome.starts_with("Error 31000"), "{outcome}");
    assert!(outcome.contains("OutputFileName"), "{outcome}");
    let before = caller.records().len();
    let answer = caller.sends(unnamed().at_once()).await;
    assert!(answer.body.contains("OutputFileName"), "{}", answer.body);
    assert_eq!(caller.records().len(), before, "nothing is started");
    let stop = call().performing("stop", definition(&[start, file], ""));
    let answer = caller.sends(stop).await;
    assert!(answer.body.contains("only with start"), "{}", answer.body);
}

/// Those of one call are carried out one after the other; whoever waits for the answer is told the number
/// of a Task at once.
#[tokio::test(start_paused = true)]
async fn extracts_are_started_several_at_a_time_and_by_callers_who_wait() {
    let mut caller = a_caller().await;
    let start = ("StartDate", "1/1/2026 1:00:00 AM");
    let to = |name| definition(&[start, ("OutputFileName", name)], "");
    caller.does(call().creating(subscriber("bob"))).await;
    caller.queues(call().creating(subscriber("ann"))).await;
    let two = call().performing("start", to("a.csv")).and(to("b.csv"));
    let two = caller.queues(two).await;
    caller.settles().await;
    assert_eq!(caller.outcome(&two).await, "OK");
    let at_once = call().performing("start", to("c.csv")).at_once();
    let answer = caller.does(at_once).await;
    assert!(answer.body.contains("<Task>"), "{}", answer.body);
    caller.settles().await;
    for key in ["a", "b", "c"] {
        assert!(!rows(&caller, &format!("extract/1001/{key}.csv")).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_activity_that_is_stored_is_performed_with_what_it_says() {
    let mut caller = a_caller().await;
    let stored = activity(
        &[
            ("StartDate", "1/1/2026"),
            ("OutputFileName", "daily.csv"),
            ("HasColumnHeaders", "false"),
            ("ColumnDelimiter", "|"),
        ],
        "daily",
    );
    caller.does(call().creating(stored)).await;
    let ann = caller.queues(call().creating(subscriber("ann"))).await;
    caller.settles().await;
    let other_name = definition(&[("outputfilename", "today.csv")], "daily");
    let performed = caller.queues(call().performing("start", other_name)).await;
    caller.settles().await;
    assert_eq!(caller.state(&performed).await, "Complete");
    let bytes = caller
        .local()
        .s3()
        .object(BODIES_BUCKET, "extract/1001/today.csv");
    let text = String::from_utf8(bytes.expect("a file").to_vec()).expect("UTF-8");
    assert!(text.starts_with(&format!("{ann}||1|0|")), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

/// Each invocation stops behind the first call that it has written.
#[tokio::test(start_paused = true)]
async fn an_extract_goes_on_in_as_many_invocations_as_it_takes() {
    let mut caller = a_caller().await;
    let from = caller.now().to_string();
    for number in 1..=12 {
        caller.queues(part("order-1", number, 12)).await;
        caller
            .queues(call().creating(subscriber(&format!("s{number}"))))
            .await;
    }
    caller.settles().await;
    caller.lives(Lifecycle {
        processor: Duration::from_secs(1),
        ..DEPLOYED
    });
    let parameters = [("StartDate", from.as_str()), ("OutputFileName", "a.csv")];
    let extract = call().performing("start", definition(&parameters, ""));
    let extract = caller.queues(extract).await;
    let before = caller.local().usage().counts();
    caller.passes(minutes(10)).await;
    assert_eq!(caller.state(&extract).await, "Complete");
    let commits = caller.local().usage().since(&before);
    let commits = commits
        .used(local::Service::DynamoDb, "TransactWriteItems")
        .requests;
    assert!(commits >= 24.0, "{commits} steps");
    let mut rows = lines(
        &rows(&caller, "extract/1001/a.csv"),
        "RequestID SequenceCode",
    );
    assert_eq!(rows.len(), 24);
    rows.sort();
    rows.dedup();
    assert_eq!(rows.len(), 24, "each once");
}

/// It is stopped behind some of its steps, since the bucket takes nothing more.
#[tokio::test(start_paused = true)]
async fn an_extract_tells_how_far_it_is_and_can_be_cancelled() {
    let mut caller = a_caller().await;
    let from = caller.now().to_string();
    for number in 1..=12 {
        caller
            .queues(call().creating(subscriber(&format!("s{number}"))))
            .await;
    }
    caller.settles().await;
    caller.lives(Lifecycle {
        processor: Duration::from_secs(1),
        ..DEPLOYED
    });
    let faults = caller.local().faults().clone();
    let mut puts = 0;
    faults.by(move |_, request| {
        puts += usize::from(request.operation == "PutObject");
        (puts > 5 && request.operation == "PutObject").then_some(InjectedFault::LoseRequest)
    });
    let parameters = [("StartDate", from.as_str()), ("OutputFileName", "a.csv")];
    let extract = call().performing("start", definition(&parameters, ""));
    let extract = caller.queues(extract).await;
    caller.passes(minutes(1)).await;
    let look = look_for("AsyncRequestResult").of("Status PartnerProperties");
    let found = caller.retrieves(look.by("RequestID", &extract)).await;
    assert_eq!(found.rows[0].at("Status"), "Processing");
    let said = found.rows[0].all("PartnerProperties");
    let said: Vec<String> = said.map(|it| it.line(&["Name", "Value"])).collect();
    let [task, rows] = said.as_slice() else {
        panic!("{said:?}")
    };
    let rows = rows
        .strip_prefix("Rows ")
        .and_then(|rows| rows.parse::<u32>().ok());
    assert_eq!(task, "Task 1");
    assert!(rows.is_some_and(|rows| (1..12).contains(&rows)), "{said:?}");
    let cancel = format!(
        r#"<Definition xsi:type="AsyncRequestResult"><ObjectID>{extract}</ObjectID></Definition>"#
    );
    caller
        .does(call().performing("cancel", cancel).at_once())
        .await;
    faults.clear();
    caller.passes(minutes(5)).await;
    let outcome = caller.outcome(&extract).await;
    assert_eq!(outcome, "Error 204 The task was cancelled");
    let keys = caller.local().s3().keys(BODIES_BUCKET);
    assert!(
        !keys.iter().any(|key| key.starts_with("extract/")),
        "{keys:?}"
    );
}

/// A file of more than one part: 5 MiB each, but for the last.
#[tokio::test(start_paused = true)]
async fn a_long_extract_is_written_in_parts() {
    let mut caller = a_caller().await;
    let from = caller.now().to_string();
    let long = "x".repeat(200);
    for number in 0..4 {
        let mut many = call().deleting(correlated("nobody-0", &format!("{number}-0-{long}")));
        for object in 1..8_000 {
            let id = format!("{number}-{object}-{long}");
            many = many.and(correlated(&format!("nobody-{object}"), &id));
        }
        caller.queues(many).await;
        caller.passes(minutes(1)).await;
    }
    caller.passes(minutes(10)).await;
    let parameters = [("StartDate", from.as_str()), ("OutputFileName", "a.csv")];
    let before = caller.local().usage().counts();
    let extract = call().performing("start", definition(&parameters, ""));
    let extract = caller.queues(extract).await;
    caller.passes(minutes(10)).await;
    assert_eq!(caller.state(&extract).await, "Complete");
    let used = caller.local().usage().since(&before);
    let parts = used.used(local::Service::S3, "UploadPart").requests;
    assert!(parts >= 2.0, "{parts} parts");
    let found = rows(&caller, "extract/1001/a.csv");
    assert_eq!(found.len(), 32_000);
    let mut ids: Vec<&String> = found.iter().map(|row| &row["CorrelationID"]).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 32_000, "each once");
    let hidden = caller.local().s3().keys(BODIES_BUCKET);
    assert!(
        hidden.iter().all(|key| !key.starts_with('\0')),
        "{hidden:?}"
    );
}

/// Whatever it was cut at: one file, and each call of the time in it once.
#[tokio::test(start_paused = true)]
async fn an_extract_survives_every_cut() {
    let parameters = [
        ("StartDate", "2026-03-02T08:00:00Z"),
        ("OutputFileName", "a.csv"),
    ];
    let plot = Plot {
        prepare: |_caller| {},
        before: Vec::new(),
        calls: vec![
            call()
                .creating(attribute("ann", "Step", "1"))
                .keyed("first"),
            call()
                .performing("start", definition(&parameters, ""))
                .keyed("second"),
        ],
        is_found: false,
        order: CallOrder::OfAccount,
        after: minutes(20),
        promises: |ended| {
            if !ended.outcomes.iter().all(|outcome| outcome == "1 OK") {
                return Err(format!("{:?}", ended.outcomes));
            }
            let [(key, text)] = ended.files.as_slice() else {
                return Err(format!("{:?}", ended.files));
            };
            let rows: Vec<&str> = text.lines().skip(1).collect();
            let mut once = rows.clone();
            once.sort_unstable();
            once.dedup();
            match key == "extract/1001/a.csv" && !rows.is_empty() && once.len() == rows.len() {
                true => Ok(()),
                false => Err(format!("{key}: {text}")),
            }
        },
    };
    assert!(cut_anywhere(plot).await > 100);
}

/// More steps than one: each invocation stops behind the first call that it has written, and one of them is cut,
/// at requests all along the way. One file, and each call in it once.
#[tokio::test(start_paused = true)]
async fn an_extract_of_many_steps_survives_cuts_all_along() {
    const CALLS: usize = 8;
    let mut cuts = 0;
    for fault in [InjectedFault::CrashBefore, InjectedFault::CrashAfter] {
        for at in (1..).step_by(9) {
            let mut caller = a_caller().await;
            let from = caller.now().to_string();
            for number in 0..CALLS {
                let make = call().creating(subscriber(&format!("s{number}")));
                caller.queues(make).await;
            }
            caller.settles().await;
            caller.lives(Lifecycle {
                processor: Duration::from_secs(1),
                ..DEPLOYED
            });
            let parameters = [("StartDate", from.as_str()), ("OutputFileName", "a.csv")];
            let extract = call().performing("start", definition(&parameters, ""));
            let extract = caller.queues(extract).await;
            let faults = caller.local().faults().clone();
            faults.at(faults.requests_made() + at, fault);
            caller.settles().await;
            if !faults.crashed() {
                break;
            }
            cuts += 1;
            caller.restarts();
            caller.passes(minutes(20)).await;
            assert_eq!(caller.outcome(&extract).await, "OK", "{fault:?} at {at}");
            let mut found = lines(&rows(&caller, "extract/1001/a.csv"), "RequestID");
            found.sort();
            found.dedup();
            assert_eq!(found.len(), CALLS, "{fault:?} at {at}");
            assert_eq!(rows(&caller, "extract/1001/a.csv").len(), CALLS);
        }
    }
    assert!(cuts >= 10, "{cuts} cuts");
}

#[tokio::test(start_paused = true)]
async fn the_extract_is_found_by_its_name() {
    let mut caller = a_caller().await;
    let look = look_for("ExtractDescription").of("ObjectID Name");
    let rows = caller.retrieves(look.by("Name", ASYNC_RESULTS)).await;
    let line = format!("{ASYNC_RESULTS_ID} {ASYNC_RESULTS}");
    assert_eq!(rows.lines("ObjectID Name"), [line]);
    let other = look_for("ExtractDescription")
        .of("ObjectID")
        .by("Name", "Tracking Extract");
    assert!(caller.retrieves(other).await.rows.is_empty());
}
