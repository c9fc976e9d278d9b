//! Data extensions of very many rows, and rows with any text: what is read of them, and what comes back.

use std::time::Duration;

use journeys::look::simple;
use journeys::record::{objects_table, put_object_records};
use journeys::{Call, Look, Retrieved, Story, a_caller, call, look_for, minutes};
use local::Service;
use local::lifecycle::{DEPLOYED, Lifecycle};
use serde_json::json;

/// Rows that are made by calls, and copies of each that are put into the table beside them.
const NUMBERS: usize = 100;
const COPIES: usize = 999;

fn row(number: usize) -> String {
    format!(
        r#"<Objects xsi:type="DataExtensionObject"><CustomerKey>many</CustomerKey><Properties><Property><Name>Key</Name><Value>row-{number:02}</Value></Property><Property><Name>Number</Name><Value>{number}</Value></Property></Properties></Objects>"#
    )
}

async fn a_caller_with_many() -> Story {
    let mut caller = a_caller().await;
    let extension = r#"<Objects xsi:type="DataExtension"><CustomerKey>many</CustomerKey><Name>Many</Name><Fields><Field><Name>Key</Name><FieldType>Text</FieldType><MaxLength>50</MaxLength><IsPrimaryKey>true</IsPrimaryKey></Field><Field><Name>Number</Name><FieldType>Number</FieldType></Field></Fields></Objects>"#;
    caller.does(call().creating(extension)).await;
    caller
}

async fn a_caller_with_very_many_rows() -> Story {
    let mut caller = a_caller_with_many().await;
    let rows = (0..NUMBERS).map(row).collect();
    caller.queues(call().doing("Create", rows)).await;
    caller.settles().await;
    let records = objects_table(caller.local());
    let rows = records
        .iter()
        .filter(|it| it.text("sk").starts_with("row-"));
    let mut copies = Vec::new();
    for row in rows {
        for copy in 0..COPIES {
            let mut item = row.json().clone();
            item["sk"] = json!({ "S": format!("{}-{copy:03}", row.text("sk")) });
            copies.push(item);
        }
    }
    assert_eq!(copies.len(), NUMBERS * COPIES);
    put_object_records(caller.local(), &copies);
    caller
}

/// One page, with how many requests and units of the table it took.
async fn page(caller: &mut Story, look: Look) -> (Retrieved, f64, f64) {
    let usage = caller.local().usage().clone();
    let mark = usage.counts();
    let found = caller.retrieves(look).await;
    let used = usage.since(&mark).used(Service::DynamoDb, "Query");
    (found, used.requests, used.table_reads)
}

/// A page of 2,500 rows reads 500 at a time, and one more time to know that there are more. A filter reads
/// each row once, however few it lets through, and no page reads again what the one before has read.
#[tokio::test(start_paused = true)]
async fn a_page_of_a_hundred_thousand_rows_reads_no_more_than_it_needs() {
    let mut caller = a_caller_with_very_many_rows().await;
    let look = || look_for("DataExtensionObject[many]").of("Number");
    let (first, requests, units) = page(&mut caller, look()).await;
    assert_eq!(
        (first.status.as_str(), first.rows.len()),
        ("MoreDataAvailable", 2_500)
    );
    println!("a page of 2,500 rows: {requests} requests, {units} units");
    assert!(requests <= 6.0, "{requests}");
    let per_row = units / 3_000.0;
    let (second, requests, again) = page(&mut caller, look().continuing(&first.request_id)).await;
    assert_eq!(second.rows.len(), 2_500);
    assert!(
        requests <= 6.0 && again <= 1.1 * units,
        "{requests}, {again}"
    );

    let few = simple("Number", "equals", &["7"]);
    let (found, requests, units) = page(&mut caller, look().filtered(&few)).await;
    assert_eq!((found.status.as_str(), found.rows.len()), ("OK", 1_000));
    println!("1,000 of 100,000 rows: {requests} requests, {units} units");
    assert!(requests <= 201.0, "{requests}");
    assert!(units <= 1.1 * 100_000.0 * per_row, "{units}");

    let many = simple("Number", "greaterThanOrEqual", &["94"]);
    let (mut found, mut all, mut seen) = (Vec::new(), 0.0, 0);
    let mut look = look().filtered(&many);
    loop {
        let (page, requests, _) = page(&mut caller, look).await;
        all += requests;
        seen += page.rows.len();
        found.push(page.rows.len());
        if page.status == "OK" {
            break;
        }
        look = look_for("DataExtensionObject[many]").continuing(&page.request_id);
    }
    assert_eq!(
        (seen, found.as_slice()),
        (6_000, &[2_500, 2_500, 1_000][..])
    );
    assert!(all <= 203.0, "{all}");
}

/// As short as rows are, or so many would not fit one request.
fn rows_of_a_call(count: usize) -> Call {
    let row = |number: usize| {
        format!(
            r#"<Objects xsi:type="DataExtensionObject"><CustomerKey>m</CustomerKey><Keys><Key><Name>K</Name><Value>{number:05}</Value></Key></Keys></Objects>"#
        )
    };
    call().doing("Create", (0..count).map(row).collect())
}

async fn a_caller_with_keys() -> Story {
    let mut caller = a_caller().await;
    let extension = r#"<Objects xsi:type="DataExtension"><CustomerKey>m</CustomerKey><Fields><Field><Name>K</Name><IsPrimaryKey>true</IsPrimaryKey></Field></Fields></Objects>"#;
    caller.does(call().creating(extension)).await;
    caller
}

fn rows_in_the_table(caller: &Story) -> usize {
    let keys = caller.stored();
    let is_row = |key: &&String| key.len() == 5 && key.bytes().all(|byte| byte.is_ascii_digit());
    keys.iter().filter(is_row).count()
}

/// Two write units of a transaction for each row, and for each eighty the header and the results so far.
#[tokio::test(start_paused = true)]
async fn a_row_of_a_call_of_32_766_costs_this() {
    const ROWS: u32 = 32_766;
    let mut caller = a_caller_with_keys().await;
    let usage = caller.local().usage().clone();
    let mark = usage.counts();
    let rows = rows_of_a_call(usize::try_from(ROWS).expect("a number"));
    let sent = caller.queues(rows).await;
    caller.passes(minutes(10)).await;
    let used = usage.since(&mark).per_call(ROWS);
    assert_eq!(caller.outcome(&sent).await, "OK");
    assert_eq!(rows_in_the_table(&caller), 32_766);
    println!("A row of a call of {ROWS}\n{used}\n");
    let writes = used
        .used(Service::DynamoDb, "TransactWriteItems")
        .table_writes;
    assert!(writes < 2.3, "{writes} write units");
    // Dollars for a million rows.
    let price = used.price_per_million();
    assert!(price <= 1.75, "{price}");
}

/// Each invocation stops behind its first transaction.
#[tokio::test(start_paused = true)]
async fn a_call_of_very_many_rows_goes_on_in_as_many_invocations_as_it_takes() {
    let mut caller = a_caller_with_keys().await;
    caller.lives(Lifecycle {
        processor: Duration::from_secs(1),
        ..DEPLOYED
    });
    let mark = caller.local().usage().counts();
    let sent = caller.queues(rows_of_a_call(2_000)).await;
    caller.passes(minutes(10)).await;
    assert_eq!(caller.outcome(&sent).await, "OK");
    assert_eq!(rows_in_the_table(&caller), 2_000);
    let used = caller.local().usage().since(&mark);
    let received = used.used(Service::Sqs, "ReceiveMessage").requests;
    assert!(received >= 20.0, "{received} invocations");
}

/// Every character that XML can carry on the first plane, and some of all others; an apostrophe, tabs and
/// both ends of lines among them, at the ends, too.
#[tokio::test(start_paused = true)]
#[expect(clippy::too_many_lines, reason = "one story, told to its end")]
async fn rows_give_back_every_character_that_xml_can_carry() {
    const LETTERS_MAX: usize = 4_000;
    let is_text =
        |letter: &char| matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    let first_plane = ('\0'..='\u{ffff}').filter(is_text);
    let others = (1..=16_u32).flat_map(|plane| {
        let begin = plane << 16;
        (begin..begin + 50).chain(begin + 0xff00..begin + 0xfffe)
    });
    let letters: Vec<char> = first_plane
        .chain(others.filter_map(char::from_u32))
        .collect();
    let mut texts: Vec<String> = letters
        .chunks(LETTERS_MAX)
        .map(|all| all.iter().collect())
        .collect();
    texts.extend(
        [
            "'",
            " ' ",
            "\t",
            "\r\n",
            "\n x \n",
            "\r",
            "]]>",
            "&amp;<!-- -->",
        ]
        .map(str::to_owned),
    );
    let written = |text: &String| {
        let letter = |letter: char| match letter {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '\r' => "&#13;".to_owned(),
            other => other.to_string(),
        };
        text.chars().map(letter).collect::<String>()
    };
    let mut caller = a_caller().await;
    let extension = r#"<Objects xsi:type="DataExtension"><CustomerKey>texts</CustomerKey><Fields><Field><Name>Id</Name><FieldType>Number</FieldType><IsPrimaryKey>true</IsPrimaryKey></Field><Field><Name>Words</Name></Field></Fields></Objects>"#;
    caller.does(call().creating(extension)).await;
    for (id, text) in texts.iter().enumerate() {
        let row = format!(
            r#"<Objects xsi:type="DataExtensionObject"><CustomerKey>texts</CustomerKey><Properties><Property><Name>Id</Name><Value>{id}</Value></Property><Property><Name>Words</Name><Value>{}</Value></Property></Properties></Objects>"#,
            written(text)
        );
        caller.queues(call().creating(row)).await;
    }
    caller.settles().await;
    for (id, text) in texts.iter().enumerate() {
        let look = look_for("DataExtensionObject[texts]").of("Words");
        let found = caller.retrieves(look.by("Id", &id.to_string())).await;
        let columns = found.rows[0]
            .child("Properties")
            .expect("a row has columns");
        let words: Vec<&str> = columns
            .all("Property")
            .map(|pair| pair.at("Value"))
            .collect();
        assert_eq!(words, [text.as_str()], "row {id}");
    }
}
