//! Rows and data extensions that end by themselves, or with their data extension: whoever looks does not see
//! them, and the table loses them afterwards.

use bytes::Bytes;
use journeys::cut::{CallOrder, Ended, Plot, cut_anywhere, cut_while_time_passes};
use journeys::record::objects_table;
use journeys::story::BEGINNING;
use journeys::{Call, Story, a_caller, call, days, hours, look_for, minutes, part};
use local::InjectedFault;
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

const A_DAY: &str = "<DataRetentionPeriodLength>1</DataRetentionPeriodLength>";

/// More rows than one request deletes.
fn thirty_rows() -> Call {
    let rows = (0..30).map(|number| row(&format!("row-{number:02}")));
    call().doing("Create", rows.collect())
}

/// What is made of a data extension with thirty rows, while nothing goes wrong, and what must hold after the
/// timekeeper was cut.
fn upkeep(fields: &str, calls: Vec<Call>, promises: fn(&Ended) -> Result<(), String>) -> Plot {
    Plot {
        prepare: |_caller| {},
        before: vec![call().creating(people(fields)), thirty_rows()],
        calls,
        is_found: false,
        order: CallOrder::Unordered,
        after: minutes(45),
        promises,
    }
}

fn nothing_is_left(ended: &Ended) -> Result<(), String> {
    ended.is("stored", &ended.stored, &[""; 0])
}

/// The timekeeper is cut while it deletes rows, and while it removes the note of it, which it does when nobody
/// can write any more.
#[tokio::test(start_paused = true)]
async fn the_deletion_of_a_data_extensions_rows_survives_every_cut() {
    let delete = call().deleting(PEOPLE_KEY).keyed("delete");
    let plot = upkeep("", vec![delete], nothing_is_left);
    let passing = [minutes(1), minutes(1), minutes(21)];
    let worlds = cut_while_time_passes(plot, minutes(0), &passing).await;
    assert!(worlds >= 12, "{worlds}");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_data_extension_survives_every_cut() {
    let plot = upkeep(&format!("{A_DAY}{IN_DAYS}"), Vec::new(), nothing_is_left);
    let passing = [minutes(2), minutes(1), minutes(21)];
    let worlds = cut_while_time_passes(plot, days(1) - minutes(1), &passing).await;
    assert!(worlds >= 20, "{worlds}");
}

/// The rows are gone, and so is all that was noted of them but when they end next.
#[tokio::test(start_paused = true)]
async fn the_end_of_all_rows_survives_every_cut() {
    let fields = format!("{A_DAY}{ROWS_ONLY}{IN_DAYS}");
    let plot = upkeep(&fields, Vec::new(), |ended| {
        let rows = ended.stored.iter().filter(|key| key.starts_with("row-"));
        match (rows.count(), ended.stored.iter().any(|key| key == "people")) {
            (0, true) => Ok(()),
            (rows, there) => Err(format!("{rows} rows; the data extension is there: {there}")),
        }
    });
    let passing = [minutes(2), minutes(1), minutes(21)];
    let worlds = cut_while_time_passes(plot, days(1) - minutes(1), &passing).await;
    assert!(worlds >= 20, "{worlds}");
}

const NINETY_DAYS: &str = r#"<Objects xsi:type="DataExtension"><CustomerKey>people</CustomerKey><DataRetentionPeriodLength>90</DataRetentionPeriodLength></Objects>"#;

/// When the table may remove a row that was made at the beginning and is kept 90 days.
fn is_after_97_days(at: i64) -> bool {
    let beginning: jiff::Timestamp = BEGINNING.parse().expect("a time");
    let from = (beginning + days(97)).as_second();
    (from..from + 60).contains(&at)
}

/// Each row is told the new period, wherever the timekeeper was cut, and nothing is left to be done.
#[tokio::test(start_paused = true)]
async fn the_marking_of_rows_survives_every_cut() {
    let longer = call().updating(NINETY_DAYS).keyed("longer");
    let fields = format!("{THIRTY_DAYS}{BY_ROW}{IN_DAYS}");
    let plot = Plot {
        before: vec![
            call().creating(people(&fields)),
            call().doing("Create", vec![row("row-1"), row("row-2"), row("row-3")]),
        ],
        ..upkeep("", vec![longer], |ended| {
            let keys: Vec<String> = ended.removable.iter().map(|(key, _)| key.clone()).collect();
            ended.is("rows", &keys, &["row-1", "row-2", "row-3"])?;
            let is_marked = |(_, at): &(String, i64)| is_after_97_days(*at);
            let upkeep = ended.stored.iter().filter(|key| key.contains('#')).count();
            match ended.removable.iter().all(is_marked) && upkeep == 0 {
                true => Ok(()),
                false => Err(format!("{:?}, and {:?}", ended.removable, ended.stored)),
            }
        })
    };
    let worlds = cut_while_time_passes(plot, minutes(19), &[minutes(2), minutes(1)]).await;
    assert!(worlds >= 16, "{worlds}");
}

/// More rows than are marked in one go: cut behind the first page, before and after it is noted how far the
/// marking is. What is noted is not done again, and no row is left out.
#[tokio::test(start_paused = true)]
async fn a_marking_of_many_rows_goes_on_behind_what_is_noted() {
    const ROWS: usize = 620;
    for (fault, left) in [
        (InjectedFault::CrashBefore, 620.0),
        (InjectedFault::CrashAfter, 120.0),
    ] {
        let mut caller = a_caller_with(&format!("{THIRTY_DAYS}{BY_ROW}{IN_DAYS}")).await;
        let rows = (0..ROWS).map(|number| row(&format!("row-{number:04}")));
        caller.queues(call().doing("Create", rows.collect())).await;
        caller.settles().await;
        caller.does(call().updating(NINETY_DAYS)).await;
        caller.passes(minutes(19)).await;
        let faults = caller.local().faults().clone();
        faults.once(
            |request| request.operation == "PutItem" && request.key.contains("Upkeep"),
            fault,
        );
        caller.passes(minutes(2)).await;
        assert!(faults.crashed(), "it came to the note");
        caller.restarts();
        let before = caller.local().usage().counts();
        caller.passes(minutes(2)).await;
        let used = caller.local().usage().since(&before);
        let marked = used.used(local::Service::DynamoDb, "UpdateItem").requests;
        assert!((left..left + 5.0).contains(&marked), "{fault:?}: {marked}");
        let records = objects_table(caller.local());
        let rows = records
            .iter()
            .filter(|it| it.text("sk").starts_with("row-"));
        let marked = rows.filter(|row| is_after_97_days(row.number("expires_at")));
        assert_eq!(marked.count(), ROWS, "{fault:?}");
    }
}
