//! What invocations may hold is bounded by what their environment has, whatever callers send.

use std::collections::BTreeMap;
use std::time::Duration;

use cloud::outbound::receiver_health::QUICK_MAX;
use journeys::memory::with_memory;
use journeys::record::{objects_table, put_call_records, put_object_records};
use journeys::story::ADDRESS;
use journeys::{Story, a_caller, attribute, call, look_for, minutes, post_to, subscriber};
use local::CallbackAnswer;
use local::names::{BODIES_BUCKET, MEDIUM_QUEUE, REPLIES_QUEUE};

/// A call whose one object has so many elements without content.
fn hollow(elements: usize) -> String {
    let elements = "<a/>".repeat(elements);
    format!(
        r#"<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Options><RequestType>Asynchronous</RequestType></Options><Objects xsi:type="Portfolio"><CustomerKey>k</CustomerKey>{elements}</Objects></CreateRequest>"#
    )
}

async fn queues_hollow(caller: &mut Story, elements: usize) -> String {
    let answer = caller
        .sends_payload(&hollow(elements), BTreeMap::new())
        .await;
    assert!(answer.is_queued(), "{}", answer.said());
    answer.request_id()
}

/// An invocation that held more than there is would have been killed, and its messages be in flight.
#[track_caller]
fn nobody_was_killed(caller: &Story) {
    for queue in [MEDIUM_QUEUE, REPLIES_QUEUE] {
        assert_eq!(caller.local().sqs().in_flight(queue), 0);
        assert_eq!(caller.local().sqs().depth(queue), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn ten_calls_of_390_000_elements_in_one_batch_pass() {
    let mut caller = a_caller().await;
    let mut sent = Vec::new();
    for _ in 0..10 {
        sent.push(queues_hollow(&mut caller, 390_000).await);
    }
    caller.settles().await;
    nobody_was_killed(&caller);
    for request_id in sent {
        let outcome = caller.outcome(&request_id).await;
        assert!(
            outcome.starts_with("Error 204 The object is too large"),
            "{outcome}"
        );
    }
}

/// The other end: few elements, and as many bytes as an envelope holds.
#[tokio::test(start_paused = true)]
async fn two_calls_of_five_megabytes_in_one_batch_pass() {
    let mut caller = a_caller().await;
    let notes = "x\n".repeat(100_000);
    let mut sent = Vec::new();
    for of in 0..2 {
        let all = (0..22).map(|number| attribute(&format!("s{of}-{number}"), "Notes", &notes));
        sent.push(caller.queues(call().doing("Create", all.collect())).await);
    }
    caller.settles().await;
    nobody_was_killed(&caller);
    for request_id in sent {
        assert_eq!(caller.state(&request_id).await, "Complete");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_very_many_objects_in_one_batch_pass() {
    let mut caller = a_caller().await;
    let mut sent = Vec::new();
    for of in 0..3 {
        let all = (0..32_766).map(|number| subscriber(&format!("s{of}-{number:05}")));
        let call = call().doing("Create", all.collect());
        sent.push(caller.queues(call).await);
    }
    caller.passes(minutes(2)).await;
    nobody_was_killed(&caller);
    for request_id in sent {
        assert_eq!(caller.state(&request_id).await, "Complete");
    }
}

/// Half as much again as the replies below hold with the bytes that all of an invocation may take
/// (67 MB). Where each run may take as many by itself, they hold 162 MB.
const FOR_REPLIES: u64 = 110_000_000;

/// Replies with results of megabytes, of which each byte is three in a form: those under way hold what
/// they post. Gives back how many messages went to the notifier.
async fn replies_of_megabytes_pass(to: &str, receiver_takes: Duration) -> usize {
    const CALLS: usize = 10;
    let mut caller = a_caller().await;
    caller.lives(with_memory(FOR_REPLIES));
    caller
        .local()
        .callbacks()
        .answer_by(move |_| Some(CallbackAnswer::status(200).late_by(receiver_takes)));
    let notes = ";".repeat(200_000);
    for of in 0..CALLS {
        let all = (0..22).map(|number| attribute(&format!("s{of}-{number}"), "Notes", &notes));
        let callbacks = post_to(to).with_results().with_objects();
        let call = call().doing("Create", all.collect()).replying_to(callbacks);
        caller.queues(call).await;
    }
    caller.passes(minutes(1)).await;
    nobody_was_killed(&caller);
    let callbacks = caller.callbacks();
    assert_eq!(callbacks.len(), CALLS, "each once");
    for callback in callbacks {
        let results = callback.field("ResultDetailXML").unwrap_or_default();
        assert!(results.len() > 4_400_000, "{}", results.len());
    }
    let journal = caller.local().faults().journal();
    let to_notifier = journal.iter().filter(|entry| {
        entry.operation.starts_with("SendMessage") && entry.resource.contains(REPLIES_QUEUE)
    });
    to_notifier.count()
}

/// A receiver that counts as quick: the run that has carried a call out posts its reply itself, while the
/// other calls of its batch are carried out.
#[tokio::test(start_paused = true)]
async fn ten_replies_of_megabytes_that_a_run_posts_pass() {
    let quick = QUICK_MAX * 3 / 4;
    let to_notifier = replies_of_megabytes_pass(ADDRESS, quick).await;
    assert_eq!(to_notifier, 0, "the processor has posted all of them");
}

#[tokio::test(start_paused = true)]
async fn ten_replies_of_megabytes_that_the_notifier_posts_pass() {
    let to = "https://nobody-knows.example.org/done";
    let to_notifier = replies_of_megabytes_pass(to, Duration::from_millis(400)).await;
    assert!(to_notifier > 0);
}

/// More rows than fit: what an extract holds does not grow with its calls, only its file does.
#[tokio::test(start_paused = true)]
#[expect(clippy::too_many_lines, reason = "one story, told to its end")]
async fn an_extract_of_very_many_calls_holds_a_part_of_its_file_and_no_more() {
    const CALLS: usize = 1_000;
    const OBJECTS: usize = 60;
    let mut caller = a_caller().await;
    let from = caller.now().to_string();
    let id = format!(
        "<CorrelationID>{}-ID</CorrelationID></Objects>",
        "c".repeat(400)
    );
    let correlated = |number: usize| {
        let key = format!("ann-{number}");
        let id = id.replace("-ID", &format!("-{number}"));
        subscriber(&key).replace("</Objects>", &id)
    };
    let all = (0..OBJECTS).map(correlated).collect();
    caller.queues(call().doing("Create", all)).await;
    caller.settles().await;
    let records = caller.records();
    let header = records.iter().find(|it| it.kind() == "CONVERSATION");
    let of_call = header.expect("a header").text("pk");
    let of_call: Vec<_> = records
        .iter()
        .filter(|it| it.text("pk") == of_call)
        .collect();
    let copies = (0..CALLS).flat_map(|number| {
        of_call.iter().map(move |record| {
            let mut item = record.json().clone();
            item["pk"] = serde_json::json!({ "S": format!("{number:040x}") });
            item
        })
    });
    let copies: Vec<serde_json::Value> = copies.collect();
    put_call_records(caller.local(), &copies);
    drop(copies);
    caller.lives(with_memory(30_000_000));
    let properties = [("StartDate", from.as_str()), ("OutputFileName", "a.csv")];
    let properties: String = properties
        .iter()
        .map(|(name, value)| {
            format!(
                "<PartnerProperties><Name>{name}</Name><Value>{value}</Value></PartnerProperties>"
            )
        })
        .collect();
    let definition =
        format!(r#"<Definition xsi:type="DataExtractActivity">{properties}</Definition>"#);
    let extract = caller.queues(call().performing("start", definition)).await;
    caller.passes(minutes(10)).await;
    nobody_was_killed(&caller);
    assert_eq!(caller.outcome(&extract).await, "OK");
    let file = caller
        .local()
        .s3()
        .object(BODIES_BUCKET, "extract/1001/a.csv");
    let file = file.expect("a file");
    let rows = file.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(
        rows,
        1 + (CALLS + 1) * OBJECTS,
        "headings, and each object once"
    );
    assert!(
        file.len() > 30_000_000,
        "it would not have fitted: {}",
        file.len()
    );
}

/// Three ranges of a file, one after the other: what is held does not grow with the file.
#[tokio::test(start_paused = true)]
async fn an_import_holds_a_range_of_its_file_and_no_more() {
    let mut caller = a_caller().await;
    let people = r#"<Objects xsi:type="DataExtension"><CustomerKey>people</CustomerKey><Name>People</Name><Fields><Field><Name>Key</Name><FieldType>Text</FieldType><MaxLength>50</MaxLength><IsPrimaryKey>true</IsPrimaryKey></Field><Field><Name>Note</Name><FieldType>Text</FieldType></Field></Fields></Objects>"#;
    caller.does(call().creating(people)).await;
    let note = "n".repeat(3_000);
    let rows = (0..4_000).map(|number| format!("row-{number},{note}\n"));
    let file = rows.fold("Key,Note\n".to_owned(), |file, row| file + &row);
    assert!(file.len() > 12_000_000);
    caller
        .local()
        .s3()
        .put_object(BODIES_BUCKET, "import/1001/people.csv", file.into())
        .expect("put");
    caller.lives(with_memory(40_000_000));
    let definition = r#"<Definition xsi:type="ImportDefinition"><DestinationObject xsi:type="DataExtension"><CustomerKey>people</CustomerKey></DestinationObject><FileSpec>people.csv</FileSpec></Definition>"#;
    let started = caller.queues(call().performing("start", definition)).await;
    caller.passes(minutes(5)).await;
    nobody_was_killed(&caller);
    assert_eq!(caller.outcome(&started).await, "OK");
}

/// More people than there is memory for: what is held does not grow with the audience.
#[tokio::test(start_paused = true)]
async fn an_email_send_holds_a_page_of_its_people_and_no_more() {
    let note = "n".repeat(30_000);
    let mut caller = a_caller_with_a_send().await;
    // Nobody is mailed, each is looked at and has an event.
    let reader = |number: usize| {
        format!(
            r#"<Objects xsi:type="Subscriber"><EmailAddress>r{number}@example.com</EmailAddress><Attributes><Name>Note</Name><Value>{note}</Value></Attributes><SubscriberKey>r{number}</SubscriberKey><Status>Held</Status><Lists><CustomerKey>news</CustomerKey></Lists></Objects>"#
        )
    };
    for of in 0..20 {
        let all = (0..100).map(|number| reader(of * 100 + number));
        caller.queues(call().doing("Create", all.collect())).await;
        caller.settles().await;
    }
    assert_eq!(excluded_with(&mut caller, 40_000_000).await, ["2000"]);
}

/// A hundred thousand subscribers, of whom few are on the list: nor does it grow with those who are looked at.
#[tokio::test(start_paused = true)]
async fn a_send_looks_through_a_hundred_thousand_subscribers_and_holds_a_page_of_them() {
    const HELD: usize = 200;
    const OTHERS: usize = 100_000;
    let mut caller = a_caller_with_a_send().await;
    let held = |number: usize| {
        format!(
            r#"<Objects xsi:type="Subscriber"><EmailAddress>r{number}@example.com</EmailAddress><SubscriberKey>{:02}-r{number}</SubscriberKey><Status>Held</Status><Lists><CustomerKey>news</CustomerKey></Lists></Objects>"#,
            number % 100
        )
    };
    let all = (0..HELD).map(held).collect();
    caller.queues(call().doing("Create", all)).await;
    caller
        .queues(call().creating(attribute("other", "Note", &"n".repeat(300))))
        .await;
    caller.settles().await;
    let records = objects_table(caller.local());
    let other = records
        .iter()
        .find(|it| it.text("sk") == "other" && it.text("pk").ends_with("#Subscriber"));
    let other = other.expect("it is stored").json();
    let copies = (0..OTHERS).map(|number| {
        let mut item = other.clone();
        item["sk"] = serde_json::json!({ "S": format!("{:02}-{number:06}", number % 100) });
        item
    });
    let copies: Vec<serde_json::Value> = copies.collect();
    put_object_records(caller.local(), &copies);
    drop(copies);
    assert_eq!(excluded_with(&mut caller, 20_000_000).await, ["200"]);
}

/// With a list, and what is sent to it.
async fn a_caller_with_a_send() -> Story {
    let list = r#"<Objects xsi:type="List"><CustomerKey>news</CustomerKey><ListName>News</ListName></Objects>"#;
    let definition = r#"<Objects xsi:type="EmailSendDefinition"><CustomerKey>autumn</CustomerKey><SendDefinitionList><List><CustomerKey>news</CustomerKey></List></SendDefinitionList><Email><Subject>Hello</Subject><TextBody>Hello.</TextBody></Email><FromAddress>shop@example.com</FromAddress></Objects>"#;
    let mut caller = a_caller().await;
    caller.does(call().creating(list)).await;
    caller.does(call().creating(definition)).await;
    caller
}

/// Starts it where an invocation may hold so many bytes: how many of its people were left out.
async fn excluded_with(caller: &mut Story, bytes: u64) -> Vec<String> {
    let start = r#"<Definition xsi:type="EmailSendDefinition"><CustomerKey>autumn</CustomerKey></Definition>"#;
    caller.lives(with_memory(bytes));
    let started = caller.queues(call().performing("start", start)).await;
    caller.passes(minutes(5)).await;
    nobody_was_killed(caller);
    assert_eq!(caller.outcome(&started).await, "OK");
    let look = look_for("Send").of("NumberExcluded");
    caller.retrieves(look).await.lines("NumberExcluded")
}
