//! Rows and data extensions that end by themselves, or with their data extension: whoever looks does not see
//! them, and the table loses them afterwards.

use bytes::Bytes;
use journeys::cut::{CallOrder, Plot, cut_anywhere};
use journeys::{Story, a_caller, call, days, hours, look_for, minutes, part};
use local::names::BODIES_BUCKET;

fn people(fields: &str) -> String {
    format!(
        r#"<Objects xsi:type="DataExtension"><CustomerKey>people</CustomerKey><Name>People</Name>{fields}<Fields><Field><Name>Key</Name><FieldType>Text</FieldType><MaxLength>50</MaxLength><IsPrimaryKey>true</IsPrimaryKey></Field></Fields></Objects>"#
    )
}

const PEOPLE_KEY: &str =
    r#"<Objects xsi:type="DataExtension"><CustomerKey>people</CustomerKey></Objects>"#;

/// In the order of the protocol.
const THIRTY_DAYS: &str = "<DataRetentionPeriodLength>30</DataRetentionPeriodLength>";
const BY_ROW: &str = "<RowBasedRetention>true</RowBasedRetention>";
const ROWS_ONLY: &str = "<DeleteAtEndOfRetentionPeriod>true</DeleteAtEndOfRetentionPeriod>";
const IN_DAYS: &str = "<DataRetentionPeriod>Days</DataRetentionPeriod>";

fn row(key: &str) -> String {
    format!(
        r#"<Objects xsi:type="DataExtensionObject"><CustomerKey>people</CustomerKey><Properties><Property><Name>Key</Name><Value>{key}</Value></Property></Properties></Objects>"#
    )
}

async fn a_caller_with(fields: &str) -> Story {
    let mut caller = a_caller().await;
    caller.does(call().creating(people(fields))).await;
    caller
}

/// The keys of the rows that whoever retrieves them sees.
async fn rows_seen(caller: &mut Story) -> Vec<String> {
    let look = look_for("DataExtensionObject[people]").of("Key");
    let found = caller.retrieves(look).await;
    let key = |row: &journeys::Node| {
        let columns = row.child("Properties").expect("a row has columns");
        columns
            .all("Property")
            .map(|pair| pair.at("Value").to_owned())
            .collect::<String>()
    };
    let mut keys: Vec<String> = found.rows.iter().map(key).collect();
    keys.sort();
    keys
}

/// Rows that lie in the table, whoever sees them.
fn rows_in_the_table(caller: &Story) -> Vec<String> {
    let mut keys = caller.stored();
    keys.retain(|key| key.starts_with("row-"));
    keys
}

#[tokio::test(start_paused = true)]
async fn a_row_is_not_seen_after_its_period_and_leaves_the_table_a_week_later() {
    let mut caller = a_caller_with(&format!("{THIRTY_DAYS}{BY_ROW}{IN_DAYS}")).await;
    caller.does(call().creating(row("row-1"))).await;
    caller.passes(days(29)).await;
    caller.does(call().creating(row("row-2"))).await;
    assert_eq!(rows_seen(&mut caller).await, ["row-1", "row-2"]);
    caller.passes(days(1)).await;
    assert_eq!(rows_seen(&mut caller).await, ["row-2"]);
    let by_key = look_for("DataExtensionObject[people]")
        .of("Key")
        .by("Key", "row-1");
    assert!(caller.retrieves(by_key).await.rows.is_empty());
    caller.local().dynamodb().sweep_expired().expect("a sweep");
    assert_eq!(rows_in_the_table(&caller), ["row-1", "row-2"]);
    caller.passes(days(7) + hours(1)).await;
    caller.local().dynamodb().sweep_expired().expect("a sweep");
    assert_eq!(rows_in_the_table(&caller), ["row-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_longer_period_reaches_rows_before_the_table_removes_them() {
    let mut caller = a_caller_with(&format!("{THIRTY_DAYS}{BY_ROW}{IN_DAYS}")).await;
    let rows = (0..1_200).map(|number| row(&format!("row-{number:04}")));
    caller.queues(call().doing("Create", rows.collect())).await;
    caller.passes(days(29)).await;
    let longer = r#"<Objects xsi:type="DataExtension"><CustomerKey>people</CustomerKey><DataRetentionPeriodLength>90</DataRetentionPeriodLength></Objects>"#;
    caller.does(call().updating(longer)).await;
    caller.passes(hours(1)).await;
    caller.passes(days(50)).await;
    caller.local().dynamodb().sweep_expired().expect("a sweep");
    assert_eq!(rows_in_the_table(&caller).len(), 1_200);
    assert_eq!(rows_seen(&mut caller).await.len(), 1_200);
    caller.passes(days(11)).await;
    assert_eq!(rows_seen(&mut caller).await.len(), 0);
    caller.passes(days(8)).await;
    caller.local().dynamodb().sweep_expired().expect("a sweep");
    assert_eq!(rows_in_the_table(&caller).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn all_rows_end_at_once_and_leave_the_table_within_minutes() {
    let mut caller = a_caller_with(&format!("{THIRTY_DAYS}{ROWS_ONLY}{IN_DAYS}")).await;
    caller.does(call().creating(row("row-1"))).await;
    caller.passes(days(29)).await;
    caller.does(call().creating(row("row-2"))).await;
    caller.passes(days(1)).await;
    assert_eq!(rows_seen(&mut caller).await, [""; 0]);
    caller.does(call().creating(row("row-3"))).await;
    caller.passes(minutes(2)).await;
    assert_eq!(rows_seen(&mut caller).await, ["row-3"]);
    assert_eq!(rows_in_the_table(&caller), ["row-3"]);
}

#[tokio::test(start_paused = true)]
async fn a_data_extension_ends_with_its_rows_and_one_made_anew_is_empty() {
    let fields = format!("{THIRTY_DAYS}{IN_DAYS}");
    let mut caller = a_caller_with(&fields).await;
    caller.does(call().creating(row("row-1"))).await;
    caller.passes(days(30)).await;
    let look = look_for("DataExtension").of("CustomerKey");
    assert!(caller.retrieves(look.clone()).await.rows.is_empty());
    let fields_left = look_for("DataExtensionField").of("Name");
    assert!(caller.retrieves(fields_left).await.rows.is_empty());
    caller.passes(hours(1)).await;
    assert_eq!(caller.stored(), [""; 0], "nothing of it is left");
    caller.does(call().creating(people(&fields))).await;
    assert_eq!(rows_seen(&mut caller).await, [""; 0]);
    caller.does(call().creating(row("row-1"))).await;
    assert_eq!(caller.retrieves(look).await.rows.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_import_begins_the_period_anew_where_the_data_extension_says_so() {
    for (resets, left) in [(true, &["row-1", "row-9"][..]), (false, &[])] {
        let reset =
            format!("<ResetRetentionPeriodOnImport>{resets}</ResetRetentionPeriodOnImport>");
        let fields = format!("{THIRTY_DAYS}{reset}{ROWS_ONLY}{IN_DAYS}");
        let mut caller = a_caller_with(&fields).await;
        caller.does(call().creating(row("row-1"))).await;
        caller.passes(days(20)).await;
        let s3 = caller.local().s3();
        s3.put_object(
            BODIES_BUCKET,
            "import/1001/people.csv",
            Bytes::from("Key\nrow-9\n"),
        )
        .expect("put");
        let import = r#"<Definition xsi:type="ImportDefinition"><DestinationObject xsi:type="DataExtension"><CustomerKey>people</CustomerKey></DestinationObject><FileSpec>people.csv</FileSpec></Definition>"#;
        caller.queues(call().performing("start", import)).await;
        caller.settles().await;
        assert_eq!(rows_seen(&mut caller).await, ["row-1", "row-9"]);
        caller.passes(days(20)).await;
        assert_eq!(rows_seen(&mut caller).await, left, "reset: {resets}");
        caller.passes(days(10)).await;
        assert_eq!(
            rows_seen(&mut caller).await,
            [""; 0],
            "20 and 10 days are 30"
        );
    }
}

/// More of them than are deleted in one go.
#[tokio::test(start_paused = true)]
async fn the_rows_of_a_deleted_data_extension_are_deleted_from_the_table() {
    let mut caller = a_caller_with("").await;
    let rows = (0..6_000).map(|number| row(&format!("row-{number:04}")));
    caller.queues(call().doing("Create", rows.collect())).await;
    caller.settles().await;
    assert_eq!(rows_in_the_table(&caller).len(), 6_000);
    caller.does(call().deleting(PEOPLE_KEY)).await;
    caller.does(call().creating(people(""))).await;
    assert_eq!(rows_seen(&mut caller).await, [""; 0]);
    caller.does(call().creating(row("row-0007"))).await;
    caller.passes(minutes(2)).await;
    assert_eq!(rows_in_the_table(&caller), ["row-0007"]);
    assert_eq!(rows_seen(&mut caller).await, ["row-0007"]);
}

/// Cut at any request: of the data extension that was deleted no row is left, of the new one its row.
#[tokio::test(start_paused = true)]
async fn a_deleted_data_extension_survives_every_cut() {
    let plot = Plot {
        prepare: |_caller| {},
        before: vec![
            call().creating(people("")),
            call().doing("Create", vec![row("row-1"), row("row-2"), row("row-3")]),
        ],
        calls: vec![
            part("delete-1", 1, 3).deleting(PEOPLE_KEY),
            part("delete-1", 2, 3).creating(people("")),
            part("delete-1", 3, 3).creating(row("row-2")),
        ],
        is_found: false,
        order: CallOrder::Unordered,
        after: minutes(30),
        promises: |ended| {
            ended.is("outcomes", &ended.outcomes, &["1 OK", "2 OK", "3 OK"])?;
            let mut rows = ended.stored.clone();
            rows.retain(|key| key.starts_with("row-"));
            ended.is("rows in the table", &rows, &["row-2"])
        },
    };
    println!("{} worlds", cut_anywhere(plot).await);
}
