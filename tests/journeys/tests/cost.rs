//! What a call costs: every operation that AWS bills, counted, with its price at list prices.

use std::collections::BTreeMap;
use std::time::Duration;

use journeys::story::ADDRESS;
use journeys::{Call, Story, a_caller, attributes, call, part, subscriber};
use local::{CallbackAnswer, CapturedCallback, Counts, Service};

/// Memory of a function, as in the template.
const GIGABYTES: f64 = 0.25;

/// What an invocation is taken to last with its requests to AWS, and what it lasts longer for each
/// receiver that it waits for. Measured durations may replace them; the rest is exact.
const SECONDS: f64 = 0.06;

/// What a million single calls with a callback may cost, in cents.
const TARGET: f64 = 888.0;

/// The same of a million calls in conversations of three, and of a hundred, each with a callback. Each
/// part is kept by itself, so that none is lost that comes before the others.
const THREE_TARGET: f64 = 815.0;
const HUNDRED_TARGET: f64 = 690.0;

/// The price of a million, in whole cents.
fn in_cents(used: &Counts) -> f64 {
    (100.0 * used.price_per_million()).round()
}

/// Operations, one in a line: requests, write units of table and index, read units of both.
fn lines(counts: &Counts) -> Vec<String> {
    let line = |(service, operation, used): (Service, &str, local::usage::Used)| {
        let units = [
            (used.requests, ""),
            (used.table_writes, " WRU"),
            (used.index_writes, " WRU of the index"),
            (used.list_writes, " WRU of the lists"),
            (used.table_reads, " RRU"),
            (used.index_reads, " RRU of the index"),
        ];
        let said = units.iter().filter(|(number, _)| *number > 0.0);
        let said: Vec<String> = said
            .map(|(number, unit)| format!("{number}{unit}"))
            .collect();
        format!("{service} {operation}: {}", said.join(", "))
    };
    counts.operations().map(line).collect()
}

/// What these calls use from the first to the last reply, in functions that are warm.
async fn used_by(calls: Vec<Call>) -> Counts {
    let mut caller = a_warm_caller().await;
    let usage = caller.local().usage().clone();
    let mark = usage.counts();
    let posted = caller.callbacks().len();
    for call in calls {
        caller.queues(call).await;
    }
    caller.settles().await;
    let used = usage.since(&mark);
    assert!(
        caller.due().is_empty(),
        "nothing is left that would cost more"
    );
    with_invocations(used, in_a_row(&caller.callbacks()[posted..]))
}

/// The replies of a conversation go out one after the other, those of others beside them.
fn in_a_row(callbacks: &[CapturedCallback]) -> f64 {
    let mut rows = BTreeMap::new();
    for callback in callbacks {
        let names = ["ConversationID", "RequestID"].map(|name| callback.field(name));
        let conversation = names.into_iter().flatten().find(|name| !name.is_empty());
        *rows.entry(conversation).or_insert(0.0) += 1.0;
    }
    rows.into_values().fold(0.0, f64::max)
}

/// Tokens and accounts are remembered.
async fn a_warm_caller() -> Story {
    let mut caller = a_caller().await;
    caller
        .queues(call().creating(subscriber("warm")).calling_back(ADDRESS))
        .await;
    caller.settles().await;
    caller
}

/// Each request from outside is an invocation, and so is each batch that is received. `waits`: how
/// many receivers are waited for one after the other.
fn with_invocations(mut used: Counts, waits: f64) -> Counts {
    let batches = used
        .operations()
        .filter(|(_, operation, _)| *operation == "ReceiveMessage");
    let batches: f64 = batches.map(|(_, _, used)| used.requests).sum();
    used.invocations = used.http_requests + batches;
    used.gb_seconds = (used.invocations + waits) * GIGABYTES * SECONDS;
    used
}

#[tokio::test(start_paused = true)]
async fn a_single_call_with_a_callback_costs_this() {
    let single = call().creating(subscriber("ann")).calling_back(ADDRESS);
    let used = used_by(vec![single]).await;
    println!("A single call with a callback\n{used}\n");
    let expected = [
        "DynamoDB BatchGetItem: 1, 1 RRU",
        "DynamoDB PutItem: 2, 2 WRU, 2 WRU of the index, 1 WRU of the lists",
        "DynamoDB Query: 1, 1 RRU",
        "DynamoDB TransactWriteItems: 1, 4 WRU",
        "SQS DeleteMessageBatch: 1",
        "SQS ReceiveMessage: 1",
        "SQS SendMessage: 1",
    ];
    assert_eq!(lines(&used), expected);
    assert!(in_cents(&used) <= TARGET, "{used}");
}

/// What usual calls hold: an envelope of 2.2 KB, of which 1.7 KB are kept before they are deflated.
#[tokio::test(start_paused = true)]
async fn a_call_of_two_kilobytes_costs_no_more_units_than_a_small_one() {
    let small = call().creating(subscriber("ann")).calling_back(ADDRESS);
    let usual = attributes(
        "ann.lovelace.1815@example.com",
        &[
            ("First Name", "Ann"),
            ("Last Name", "Lovelace-Byron"),
            ("City", "Newcastle upon Tyne"),
            ("Country", "United Kingdom"),
            ("Customer Since", "2019-03-27T14:08:51"),
            ("Loyalty Card", "7730 1194 0258 6611"),
            ("Last Order", "ORD-2026-0193847"),
            ("Last Order Total", "184.20"),
            ("Preferred Store", "Grainger Street 42"),
            ("Voucher", "9F3K-TT7Q-0ZPL-41XD"),
            (
                "Unsubscribe Link",
                "https://shop.example.com/u/5b1f0c9de24a",
            ),
        ],
    );
    let usual = call().creating(&usual).calling_back(ADDRESS);
    let (small, usual) = (used_by(vec![small]).await, used_by(vec![usual]).await);
    println!("A call of two kilobytes with a callback\n{usual}\n");
    assert_eq!(lines(&usual), lines(&small));
}

/// Under load, when queues hand out full batches.
#[tokio::test(start_paused = true)]
async fn single_calls_with_callbacks_in_batches_of_ten_cost_this() {
    let singles = (0..10).map(|number| {
        call()
            .creating(subscriber(&format!("ann-{number}")))
            .calling_back(ADDRESS)
    });
    let used = used_by(singles.collect()).await;
    let each = used.per_call(10);
    println!("A single call with a callback, in batches of ten\n{each}\n");
    let expected = [
        "DynamoDB BatchGetItem: 10, 10 RRU",
        "DynamoDB PutItem: 20, 20 WRU, 20 WRU of the index, 10 WRU of the lists",
        "DynamoDB Query: 10, 10 RRU",
        "DynamoDB TransactWriteItems: 10, 40 WRU",
        "SQS DeleteMessageBatch: 1",
        "SQS ReceiveMessage: 1",
        "SQS SendMessage: 10",
    ];
    assert_eq!(lines(&used), expected);
    assert!(in_cents(&each) <= TARGET, "{each}");
}

#[tokio::test(start_paused = true)]
async fn a_call_in_a_conversation_of_three_with_callbacks_costs_this() {
    let three = |number| part("order-1", number, 3).calling_back(ADDRESS);
    let used = used_by(vec![three(1), three(2), three(3)]).await;
    let each = used.per_call(3);
    println!("A call in a conversation of three with callbacks\n{each}\n");
    let expected = [
        "DynamoDB BatchGetItem: 3, 3 RRU",
        "DynamoDB GetItem: 3, 3 RRU",
        "DynamoDB PutItem: 7, 7 WRU, 2 WRU of the index, 1 WRU of the lists",
        "DynamoDB Query: 1, 1 RRU",
        "DynamoDB TransactWriteItems: 3, 18 WRU",
        "SQS DeleteMessageBatch: 1",
        "SQS ReceiveMessage: 1",
        "SQS SendMessage: 1",
    ];
    assert_eq!(lines(&used), expected);
    let cents = in_cents(&each);
    println!("{cents} cents a million");
    assert!(cents <= THREE_TARGET, "{cents}: {each}");
}

/// It is written with the attempt, which is written anyway: no request more, and the records of the reply are a
/// unit longer at most while it is tried again.
#[tokio::test(start_paused = true)]
async fn what_a_receiver_answers_costs_no_request_and_a_unit_for_each_write() {
    let of = async |body: &str| {
        let mut caller = a_warm_caller().await;
        let refusal = CallbackAnswer::status(503).with_body(body);
        caller.local().callbacks().answer_next(ADDRESS, refusal);
        let usage = caller.local().usage().clone();
        let mark = usage.counts();
        caller
            .queues(call().creating(subscriber("ann")).calling_back(ADDRESS))
            .await;
        caller.passes(journeys::minutes(5)).await;
        assert!(caller.due().is_empty(), "delivered by the second attempt");
        let used = usage.since(&mark).used_of(Service::DynamoDb);
        (used.requests, used.table_writes)
    };
    // Letters that do not pack.
    let digits = (0..200_u32).map(|number| number.wrapping_mul(2_654_435_761).to_string());
    let long: String = digits.collect();
    let (requests, writes) = of("").await;
    let (requests_with, writes_with) = of(&long).await;
    assert!(
        (requests - requests_with).abs() < 0.5,
        "{requests} {requests_with}"
    );
    let more = writes_with - writes;
    println!("an answer of 1 KB: {more} write units");
    assert!((0.0..=4.0).contains(&more), "{more} units");
}

/// A conversation is listed by account and time from its first call on, whatever becomes of it.
#[tokio::test(start_paused = true)]
async fn being_listed_costs_one_write_unit_for_a_conversation() {
    let single = |name| call().creating(subscriber(name)).calling_back(ADDRESS);
    let three = (1..=3).map(|number| part("order-1", number, 3).calling_back(ADDRESS));
    let fifty = (1..=50).map(|number| part("order-2", number, 50));
    for (title, calls, conversations) in [
        (
            "a call alone",
            vec![single("ann"), single("bob"), single("cid")],
            3.0,
        ),
        // Those that fail are listed once more, among the failures.
        (
            "a call alone, where two of three fail",
            vec![single("ann"), single("ann"), single("ann")],
            5.0,
        ),
        ("a call of a conversation of three", three.collect(), 1.0),
        ("a call of a conversation of fifty", fifty.collect(), 1.0),
    ] {
        let made = u32::try_from(calls.len()).expect("few");
        let used = used_by(calls).await;
        let each = used.per_call(made).lists_per_million();
        println!("Lists, {title}: ${each:.3} a million calls");
        let units = used.used_of(Service::DynamoDb).list_writes;
        assert!((units - conversations).abs() < 1e-9, "{title}: {units}");
        let price = conversations * local::prices::WRITE_UNIT;
        assert!((used.lists_per_million() - price).abs() < 1e-9, "{title}");
    }
}

/// A conversation of so many calls, without replies: what one of them uses.
async fn per_call(calls: u32) -> Counts {
    let parts = (1..=calls).map(|number| part("order-1", i64::from(number), i64::from(calls)));
    used_by(parts.collect()).await.per_call(calls)
}

/// What a call uses of the tables, in units.
fn units(counts: &Counts) -> f64 {
    let of = |used: local::usage::Used| {
        used.table_writes + used.index_writes + used.table_reads + used.index_reads
    };
    counts.operations().map(|(_, _, used)| of(used)).sum()
}

#[tokio::test(start_paused = true)]
async fn one_more_call_costs_no_more_in_a_long_conversation() {
    let ten = units(&per_call(10).await);
    for calls in [100, 1_000, 10_000] {
        let used = per_call(calls).await;
        println!("A call in a conversation of {calls}\n{used}\n");
        let units = units(&used);
        assert!(
            units <= ten,
            "{units} units for each of {calls} calls, {ten} for each of ten"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_callback_costs_no_more_than_what_is_called_back_for() {
    let alone = used_by(vec![call().creating(subscriber("ann"))]).await;
    println!("A single call without a callback\n{alone}\n");
    let posted = call().creating(subscriber("ann")).calling_back(ADDRESS);
    let posted = used_by(vec![posted]).await.price_per_million();
    let alone = alone.price_per_million();
    assert!(alone < posted && posted < 2.0 * alone, "{alone}, {posted}");
}

#[tokio::test(start_paused = true)]
async fn a_call_in_a_conversation_of_a_hundred_costs_no_more_than_in_one_of_three() {
    let each = |calls: u32| async move {
        let parts = (1..=calls).map(|number| {
            part("order-1", i64::from(number), i64::from(calls)).calling_back(ADDRESS)
        });
        used_by(parts.collect()).await.per_call(calls)
    };
    let hundred = each(100).await;
    println!("A call in a conversation of 100 with callbacks\n{hundred}\n");
    let cents = in_cents(&hundred);
    println!("{cents} cents a million");
    assert!(cents <= HUNDRED_TARGET, "{cents}: {hundred}");
    let (hundred, three) = (
        hundred.price_per_million(),
        each(3).await.price_per_million(),
    );
    assert!(hundred <= three, "{hundred}, {three}");
}

/// Mails cost ten times as much as all the rest; the rest is what is looked at.
#[tokio::test(start_paused = true)]
async fn a_triggered_send_costs_a_mail_and_three_calls_at_most() {
    let definition = r#"<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>welcome</CustomerKey><TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>Welcome</Subject><TextBody>Welcome.</TextBody></Email><FromName>The Shop</FromName><FromAddress>shop@example.com</FromAddress></Objects>"#;
    let send = r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey></TriggeredSendDefinition><Subscribers><EmailAddress>ann@example.com</EmailAddress><SubscriberKey>ann</SubscriberKey></Subscribers></Objects>"#;
    let mut caller = a_warm_caller().await;
    caller.does(call().creating(definition)).await;
    let usage = caller.local().usage().clone();
    let mark = usage.counts();
    caller.queues(call().creating(send)).await;
    caller.settles().await;
    let used = with_invocations(usage.since(&mark), 0.0);
    println!("A triggered send of one mail\n{used}\n");
    let mails = used.used(Service::Ses, "SendEmail").billed;
    assert!((mails - 1.0).abs() < 1e-9, "{mails} mails");
    // Its conversation is listed, and so are its mails, however many.
    let listed = used.used_of(Service::DynamoDb).list_writes;
    assert!((listed - 2.0).abs() < 1e-9, "{listed}");
    let lists = used.lists_per_million();
    println!("Lists, a triggered send: ${lists:.3} a million calls");
    let single = used_by(vec![call().creating(subscriber("ann"))]).await;
    let rest = used.price_per_million() - local::prices::MAIL;
    assert!(rest <= 3.0 * single.price_per_million(), "{rest}");
}

/// What a million mails of a send may cost beside the mail service, in cents: the mail is written in a
/// transaction, claimed and settled, its event is written, and people are read by the page.
const SENT_TO_AN_AUDIENCE: f64 = 380.0;

#[tokio::test(start_paused = true)]
async fn a_mail_of_a_send_costs_this() {
    const READERS: u32 = 300;
    let list = r#"<Objects xsi:type="List"><CustomerKey>news</CustomerKey><ListName>News</ListName></Objects>"#;
    let definition = r#"<Objects xsi:type="EmailSendDefinition"><CustomerKey>autumn</CustomerKey><SendDefinitionList><List><CustomerKey>news</CustomerKey></List></SendDefinitionList><Email><Subject>Hello</Subject><TextBody>Hello.</TextBody></Email><FromAddress>shop@example.com</FromAddress></Objects>"#;
    let start = r#"<Definition xsi:type="EmailSendDefinition"><CustomerKey>autumn</CustomerKey></Definition>"#;
    let mut caller = a_warm_caller().await;
    caller.does(call().creating(list)).await;
    caller.does(call().creating(definition)).await;
    let reader = |number: u32| {
        format!(
            r#"<Objects xsi:type="Subscriber"><EmailAddress>r{number}@example.com</EmailAddress><SubscriberKey>r{number}</SubscriberKey><Lists><CustomerKey>news</CustomerKey></Lists></Objects>"#
        )
    };
    let readers = (0..READERS).map(reader).collect();
    caller.queues(call().doing("Create", readers)).await;
    caller.settles().await;
    let usage = caller.local().usage().clone();
    let mark = usage.counts();
    caller.queues(call().performing("start", start)).await;
    caller.passes(jiff::SignedDuration::from_mins(1)).await;
    let used = with_invocations(usage.since(&mark), 0.0);
    let mails = used.used(Service::Ses, "SendEmail").billed;
    assert!((mails - f64::from(READERS)).abs() < 1e-9, "{mails} mails");
    let each = used.per_call(READERS);
    println!("A mail of a send\n{each}\n");
    let rest = in_cents(&each) - 100.0 * local::prices::MAIL;
    assert!(rest <= SENT_TO_AN_AUDIENCE, "{rest}: {each}");
}

/// A text is paid for by its parts, and each part costs a thousand times what our own work does.
#[tokio::test(start_paused = true)]
async fn a_text_costs_its_parts_and_three_calls_at_most() {
    for (words, parts) in [
        ("x".repeat(160), 1.0),
        ("x".repeat(161), 2.0),
        ("\u{436}".repeat(70), 1.0),
        ("\u{436}".repeat(71), 2.0),
        (format!("{}~{}", "x".repeat(152), "x".repeat(152)), 3.0),
    ] {
        let price = parts * local::prices::TEXT_PART;
        a_send_costs(SendByPhone::Text, &words, parts, price).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_by_voice_costs_a_minute_and_three_calls_at_most() {
    for words in ["x".repeat(10), "x".repeat(3_000)] {
        let price = local::prices::VOICE_MINUTE;
        a_send_costs(SendByPhone::Voice, &words, 1.0, price).await;
    }
}

#[derive(Clone, Copy)]
enum SendByPhone {
    Text,
    Voice,
}

/// What the service bills, and its price for a million: the rest is what three calls cost.
async fn a_send_costs(send: SendByPhone, words: &str, billed: f64, price: f64) {
    let (kind, operation) = match send {
        SendByPhone::Text => ("SMS", "SendTextMessage"),
        SendByPhone::Voice => ("Voice", "SendVoiceMessage"),
    };
    let definition = format!(
        r#"<Objects xsi:type="{kind}TriggeredSendDefinition"><CustomerKey>code</CustomerKey></Objects>"#
    );
    let send = format!(
        r#"<Objects xsi:type="{kind}TriggeredSend"><{kind}TriggeredSendDefinition><CustomerKey>code</CustomerKey></{kind}TriggeredSendDefinition><Subscriber><SubscriberKey>ann</SubscriberKey></Subscriber><Message>{words}</Message><Number>12065550123</Number></Objects>"#
    );
    let mut caller = a_warm_caller().await;
    caller.does(call().creating(definition)).await;
    let usage = caller.local().usage().clone();
    let mark = usage.counts();
    caller.queues(call().creating(send)).await;
    caller.settles().await;
    let used = with_invocations(usage.since(&mark), 0.0);
    let sent = used.used(Service::Phone, operation);
    assert!((sent.requests - 1.0).abs() < 1e-9, "{used}");
    assert!((sent.billed - billed).abs() < 1e-9, "{used}");
    let single = used_by(vec![call().creating(subscriber("ann"))]).await;
    let rest = used.price_per_million() - price;
    assert!(
        rest > 0.0 && rest <= 3.0 * single.price_per_million(),
        "{rest}"
    );
}

/// What a million forwarded calls with a callback may cost in batches of ten, in cents; the backend's
/// own time is beside it, and so is the unit that lists of calls take.
const FORWARDED_TARGET: f64 = 650.0 + 62.5;

#[tokio::test(start_paused = true)]
async fn forwarded_calls_in_batches_of_ten_cost_this() {
    const CALLS: u32 = 10;
    let mut caller = a_caller().await;
    let backend = caller.forwards().await;
    let one = |key: &str| call().creating(subscriber(key)).calling_back(ADDRESS);
    caller.queues(one("warm")).await;
    caller.settles().await;
    let usage = caller.local().usage().clone();
    let mark = usage.counts();
    for number in 0..CALLS {
        caller.queues(one(&format!("k{number}"))).await;
    }
    caller.settles().await;
    assert_eq!(backend.log().len(), 11);
    assert!(caller.due().is_empty());
    let used = with_invocations(usage.since(&mark), 1.0);
    let cents = in_cents(&used) / f64::from(CALLS);
    println!("Ten forwarded calls with a callback: {cents} cents a million\n{used}\n");
    assert!(cents <= FORWARDED_TARGET, "{cents}: {used}");
}

/// What a bound on the calls in flight may add to a million of them in batches of ten, in cents: three writes
/// a batch, and the reads before them.
const LEASES_TARGET: f64 = 25.0;

/// The same for calls that come one by one: a lease, and giving it back.
const LEASE_ALONE_TARGET: f64 = 150.0;

/// Cents a million of forwarded calls that come so many at once.
async fn forwarded_cents(concurrency: Option<u32>, at_once: u32) -> f64 {
    let mut caller = a_caller().await;
    let settings = cloud::accounts::backends::BackendSettings {
        concurrency,
        ..journeys::backend::settings()
    };
    let backend = caller.forwards_as(&settings).await;
    backend.does(journeys::backend::Does::WellAfter(Duration::from_millis(
        300,
    )));
    caller.queues(call().creating(subscriber("warm"))).await;
    caller.settles().await;
    let usage = caller.local().usage().clone();
    let mark = usage.counts();
    for number in 0..at_once {
        let key = format!("k{number}");
        caller.queues(call().creating(subscriber(&key))).await;
    }
    caller.settles().await;
    assert!(caller.due().is_empty());
    let used = with_invocations(usage.since(&mark), 1.0);
    in_cents(&used) / f64::from(at_once)
}

#[tokio::test(start_paused = true)]
async fn a_bound_on_what_is_in_flight_at_a_backend_costs_this() {
    for (at_once, target) in [(10, LEASES_TARGET), (1, LEASE_ALONE_TARGET)] {
        let without = forwarded_cents(None, at_once).await;
        let with = forwarded_cents(Some(20), at_once).await;
        let leases = with - without;
        println!("Leases of {at_once}: {leases} cents a million\n");
        assert!(leases > 0.0 && leases <= target, "{leases} cents a million");
    }
}

/// What a million rows of an import may cost, in cents: two write units of a transaction for each, a read,
/// and for each 75 the header, the place in the file and the summary.
const IMPORTED_ROWS: f64 = 150.0;

#[tokio::test(start_paused = true)]
async fn a_row_of_an_import_costs_this() {
    const ROWS: u32 = 750;
    let mut caller = a_warm_caller().await;
    let people = r#"<Objects xsi:type="DataExtension"><CustomerKey>people</CustomerKey><Name>People</Name><Fields><Field><Name>Key</Name><FieldType>Text</FieldType><MaxLength>50</MaxLength><IsPrimaryKey>true</IsPrimaryKey></Field><Field><Name>City</Name><FieldType>Text</FieldType><MaxLength>50</MaxLength></Field></Fields></Objects>"#;
    caller.does(call().creating(people)).await;
    let rows = (0..ROWS).map(|number| format!("person-{number}@example.com,Newcastle\n"));
    let file = rows.fold("Key,City\n".to_owned(), |file, row| file + &row);
    let s3 = caller.local().s3();
    s3.put_object(
        local::names::BODIES_BUCKET,
        "import/1001/people.csv",
        file.into(),
    )
    .expect("put");
    let definition = r#"<Definition xsi:type="ImportDefinition"><DestinationObject xsi:type="DataExtension"><CustomerKey>people</CustomerKey></DestinationObject><FileSpec>people.csv</FileSpec></Definition>"#;
    let usage = caller.local().usage().clone();
    let mark = usage.counts();
    caller.queues(call().performing("start", definition)).await;
    caller.settles().await;
    let used = with_invocations(usage.since(&mark), 0.0);
    let each = used.per_call(ROWS);
    println!("A row of an import\n{each}\n");
    let writes = used
        .used(Service::DynamoDb, "TransactWriteItems")
        .table_writes;
    assert!(writes / f64::from(ROWS) < 2.15, "{writes} write units");
    assert!(in_cents(&each) <= IMPORTED_ROWS, "{each}");
}
