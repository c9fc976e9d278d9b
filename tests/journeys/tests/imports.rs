//! Imports: files of the bucket, row by row, into data extensions and lists.

use std::time::Duration;

use bytes::Bytes;
use journeys::cut::{CallOrder, Plot, cut_anywhere};
use journeys::look::simple;
use journeys::{Answer, Call, Node, Story, a_caller, call, look_for, minutes, part};
use local::lifecycle::{DEPLOYED, Lifecycle};
use local::names::BODIES_BUCKET;

const PEOPLE: &str = r#"<Objects xsi:type="DataExtension"><CustomerKey>people</CustomerKey><Name>People</Name><Fields><Field><Name>Key</Name><FieldType>Text</FieldType><MaxLength>50</MaxLength><IsPrimaryKey>true</IsPrimaryKey></Field><Field><Name>Age</Name><FieldType>Number</FieldType></Field><Field><Name>City</Name><FieldType>Text</FieldType><MaxLength>20</MaxLength></Field></Fields></Objects>"#;

const NEWS: &str = r#"<Objects xsi:type="List"><CustomerKey>news</CustomerKey><ListName>News</ListName></Objects>"#;

const INTO_PEOPLE: &str = r#"<DestinationObject xsi:type="DataExtension"><CustomerKey>people</CustomerKey></DestinationObject>"#;

/// A definition that reads `people.csv`, with more fields of its own.
fn definition(fields: &str) -> String {
    format!(
        r#"<Objects xsi:type="ImportDefinition"><CustomerKey>people-in</CustomerKey><Name>People in</Name>{INTO_PEOPLE}{fields}<FileSpec>people.csv</FileSpec></Objects>"#
    )
}

fn start() -> Call {
    start_of("")
}

/// With what the Perform says beside the key.
fn start_of(fields: &str) -> Call {
    let definition = format!(
        r#"<Definition xsi:type="ImportDefinition"><CustomerKey>people-in</CustomerKey>{fields}</Definition>"#
    );
    call().performing("start", definition)
}

fn put(caller: &Story, name: &str, bytes: impl Into<Bytes>) {
    let key = format!("import/1001/{name}");
    let s3 = caller.local().s3();
    s3.put_object(BODIES_BUCKET, &key, bytes.into())
        .expect("put");
}

fn file(caller: &Story, key: &str) -> Option<String> {
    let bytes = caller.local().s3().object(BODIES_BUCKET, key)?;
    Some(String::from_utf8(bytes.to_vec()).expect("UTF-8"))
}

async fn a_caller_with(definition: &str) -> Story {
    let mut caller = a_caller().await;
    caller.does(call().creating(PEOPLE)).await;
    caller.does(call().creating(definition)).await;
    caller
}

/// The values of a row, without those that are null.
fn values(row: &Node) -> String {
    let properties = row.child("Properties").into_iter();
    let values = properties.flat_map(|it| it.all("Property").map(|pair| pair.at("Value")));
    let values: Vec<&str> = values.filter(|value| !value.is_empty()).collect();
    values.join(" ")
}

/// Key, Age and City of each row, in the order of the keys.
async fn people(caller: &mut Story) -> Vec<String> {
    let look = look_for("DataExtensionObject[people]").of("Key Age City");
    let found = caller.retrieves(look).await;
    let mut rows: Vec<String> = found.rows.iter().map(values).collect();
    rows.sort();
    rows
}

const SUMMARY: &str =
    "ImportStatus NumberSuccessful NumberDuplicated NumberRestricted NumberErrors TotalRows";

fn task_of(answer: &Answer) -> String {
    let (_, rest) = answer.body.split_once("<Task>").expect("a Task");
    let (_, id) = rest.split_once("<ID>").expect("an ID");
    id.split('<').next().unwrap_or_default().to_owned()
}

async fn summary(caller: &mut Story, task: &str) -> String {
    let look = look_for("ImportResultsSummary")
        .of(SUMMARY)
        .by("TaskResultID", task);
    caller.retrieves(look).await.lines(SUMMARY).join("; ")
}

/// Imports the file and tells what became of it: the summary, then the rows.
async fn imported(definition: &str, bytes: impl Into<Bytes>) -> (String, Vec<String>) {
    let mut caller = a_caller_with(definition).await;
    put(&caller, "people.csv", bytes);
    let answer = caller.does(start()).await;
    caller.settles().await;
    let found = summary(&mut caller, &task_of(&answer)).await;
    (found, people(&mut caller).await)
}

#[tokio::test(start_paused = true)]
async fn an_import_tells_its_progress_under_the_number_of_its_task() {
    let mut caller = a_caller_with(&definition("")).await;
    put(
        &caller,
        "people.csv",
        "Key,Age,City\r\nann,36,London\r\nbob,,\r\n\"c,c\",7,\"a\"\"b\"\r\n",
    );
    let answer = caller.does(start()).await;
    let task = task_of(&answer);
    let said = format!("ImportDefinition performed AsyncID:{task}");
    assert!(answer.body.contains(&said), "{}", answer.body);
    assert_eq!(summary(&mut caller, &task).await, "New 0 0 0 0 0");
    caller.settles().await;
    assert_eq!(summary(&mut caller, &task).await, "Completed 3 0 0 0 3");
    assert_eq!(
        people(&mut caller).await,
        ["ann 36 London", "bob", "c,c 7 a\"b"]
    );
    let properties = "ImportDefinitionCustomerKey TaskResultID ImportType";
    let look = look_for("ImportResultsSummary").of(properties);
    let found = caller.retrieves(look.by("TaskResultID", &task)).await;
    assert_eq!(
        found.lines(properties),
        [format!("people-in {task} DataExtension")]
    );
}

/// Each kind of update over a table that has `ann` already.
#[tokio::test(start_paused = true)]
async fn the_kind_of_update_says_what_becomes_of_rows_that_are_there_and_that_are_not() {
    for (update, expected, rows) in [
        ("AddAndUpdate", "Completed 2 0 0 0 2", "ann 2 X|bob 3"),
        ("AddAndDoNotUpdate", "Completed 1 1 0 0 2", "ann 1 X|bob 3"),
        ("UpdateButDoNotAdd", "Completed 1 0 1 0 2", "ann 2 X"),
        ("Overwrite", "Completed 2 0 0 0 2", "ann 2|bob 3"),
    ] {
        let fields = format!("<UpdateType>{update}</UpdateType>");
        let mut caller = a_caller_with(&definition(&fields)).await;
        put(&caller, "people.csv", "Key,Age,City\nann,1,X\n");
        let first = start_of("<UpdateType>AddAndUpdate</UpdateType>");
        caller.does(first).await;
        caller.settles().await;
        put(&caller, "people.csv", "Key,Age\nann,2\nbob,3\n");
        let answer = caller.does(start()).await;
        caller.settles().await;
        assert_eq!(
            summary(&mut caller, &task_of(&answer)).await,
            expected,
            "{update}"
        );
        assert_eq!(people(&mut caller).await.join("|"), rows, "{update}");
        let keys = caller.stored();
        let kept = keys.iter().filter(|key| *key == "ann").count();
        assert_eq!(kept, 1, "{update}: what was replaced is deleted");
    }
}

/// Rows that are refused are counted and listed with their reasons; without AllowErrors the first ends it.
#[tokio::test(start_paused = true)]
async fn rows_that_are_wrong_are_listed_in_a_file_of_errors() {
    let bytes = "Key,Age,City\nann,old,\n,1,\nbob,2,\ncid,3\ndan,4,a city of far too long a name\n";
    let mut caller = a_caller_with(&definition("<AllowErrors>true</AllowErrors>")).await;
    put(&caller, "people.csv", bytes);
    let answer = caller.does(start()).await;
    let task = task_of(&answer);
    caller.settles().await;
    assert_eq!(summary(&mut caller, &task).await, "Completed 1 0 0 4 5");
    assert_eq!(people(&mut caller).await, ["bob 2"]);
    let errors = file(&caller, &format!("extract/1001/import-{task}-errors.csv")).expect("a file");
    let begins: Vec<String> = errors
        .lines()
        .map(|line| line.split(',').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        begins,
        ["Row ErrorCode", "2 310007", "3 310007", "5 204", "6 310007"]
    );
    assert!(errors.contains("ann,old"), "{errors}");

    let (found, rows) = imported(&definition("<AllowErrors>false</AllowErrors>"), bytes).await;
    assert_eq!(found, "Error 0 0 0 1 1");
    assert_eq!(rows, [""; 0]);
}

#[expect(
    clippy::too_many_lines,
    reason = "a table: one line for each kind of file"
)]
#[tokio::test(start_paused = true)]
async fn files_are_read_in_the_encoding_and_with_the_marks_that_the_definition_says() {
    let utf16 = |text: &str, mark: &[u8], big: bool| {
        let unit = |unit: u16| match big {
            true => unit.to_be_bytes(),
            false => unit.to_le_bytes(),
        };
        let units = text.encode_utf16().flat_map(unit);
        mark.iter().copied().chain(units).collect::<Vec<u8>>()
    };
    let plain = "Key,City\nann,Z\u{fc}rich\n";
    for (fields, bytes, expected) in [
        ("", plain.as_bytes().to_vec(), "ann Z\u{fc}rich"),
        (
            "",
            [b"\xef\xbb\xbf", plain.as_bytes()].concat(),
            "ann Z\u{fc}rich",
        ),
        ("", b"Key,City\rann,x\r".to_vec(), "ann x"),
        (
            "<EncodingCodePage>1252</EncodingCodePage>",
            b"Key,City\nann,Z\xfcrich\n".to_vec(),
            "ann Z\u{fc}rich",
        ),
        (
            "<EncodingCodePage>932</EncodingCodePage>",
            b"Key,City\nann,\x93\x8c\x8b\x9e".to_vec(),
            "ann \u{6771}\u{4eac}",
        ),
        ("", utf16(plain, b"\xff\xfe", false), "ann Z\u{fc}rich"),
        (
            "<EncodingCodePage>1201</EncodingCodePage>",
            utf16("Key,City\nann,\u{1f600}\n", b"", true),
            "ann \u{1f600}",
        ),
        (
            "<FileType>TAB</FileType>",
            b"Key\tCity\nann\ta,b\n".to_vec(),
            "ann a,b",
        ),
        (
            "<FileType>Other</FileType><Delimiter>|</Delimiter>",
            b"Key|City\nann|a,b\n".to_vec(),
            "ann a,b",
        ),
        (
            "<StandardQuotedStrings>false</StandardQuotedStrings>",
            b"Key,City\nann,\"a\"\n".to_vec(),
            "ann \"a\"",
        ),
        (
            "<NullRepresentation>NULL</NullRepresentation>",
            b"Key,Age,City\nann,NULL,x\n".to_vec(),
            "ann x",
        ),
        (
            "<FieldMappingType>MapByOrdinal</FieldMappingType><HeaderLines>2</HeaderLines>",
            b"made\nby hand\nann,5,x\n".to_vec(),
            "ann 5 x",
        ),
        (
            "<FieldMappingType>ManualMap</FieldMappingType><FieldMaps><FieldMap><SourceOrdinal>2</SourceOrdinal><DestinationName>Key</DestinationName></FieldMap><FieldMap><SourceName>years</SourceName><DestinationName>Age</DestinationName></FieldMap><FieldMap><SourceName>Town</SourceName><DestinationName>City</DestinationName></FieldMap></FieldMaps>",
            b"Years,Id,TOWN\n5,ann,x\n".to_vec(),
            "ann 5 x",
        ),
    ] {
        let (found, rows) = imported(&definition(fields), bytes).await;
        assert!(found.starts_with("Completed 1"), "{fields}: {found}");
        assert_eq!(rows, [expected], "{fields}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_import_into_a_list_makes_members_of_its_rows() {
    let mut caller = a_caller().await;
    let list = caller.does(call().creating(NEWS)).await;
    let id = list.results()[0].line(&["NewID"]);
    let definition = format!(
        r#"<Objects xsi:type="ImportDefinition"><CustomerKey>people-in</CustomerKey><DestinationObject xsi:type="List"><ID>{id}</ID></DestinationObject><FileSpec>members.csv</FileSpec><UpdateType>AddAndDoNotUpdate</UpdateType></Objects>"#
    );
    caller.does(call().creating(definition)).await;
    let ann = r#"<Objects xsi:type="Subscriber"><EmailAddress>ann@example.com</EmailAddress><SubscriberKey>ann</SubscriberKey></Objects>"#;
    caller.does(call().creating(ann)).await;
    put(
        &caller,
        "members.csv",
        "Email Address,Subscriber Key,First Name\nnew@example.com,ann,Ann\nbob@example.com,bob,Bob\nnobody,cid,Cid\n",
    );
    let answer = caller.does(start()).await;
    caller.settles().await;
    assert_eq!(
        summary(&mut caller, &task_of(&answer)).await,
        "Completed 2 0 0 1 3"
    );
    let answer = caller.does(start()).await;
    caller.settles().await;
    assert_eq!(
        summary(&mut caller, &task_of(&answer)).await,
        "Completed 0 2 0 1 3"
    );
    let look = look_for("ListSubscriber")
        .of("SubscriberKey Status")
        .by("ListID", &id);
    let mut members = caller.retrieves(look).await.lines("SubscriberKey Status");
    members.sort();
    assert_eq!(members, ["ann Active", "bob Active"]);
    let look = look_for("Subscriber")
        .of("EmailAddress")
        .by("SubscriberKey", "ann");
    let found = caller.retrieves(look).await.lines("EmailAddress");
    assert_eq!(found, ["ann@example.com"], "who is there stays as it is");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_imported_is_refused_with_its_reason() {
    let other = r#"<DestinationObject xsi:type="DataExtension"><CustomerKey>nothing</CustomerKey></DestinationObject>"#;
    let mut caller = a_caller_with(&definition("")).await;
    for (fields, why) in [
        ("<UpdateType>Merge</UpdateType>", "43060 UpdateType Merge"),
        (other, "43060 The data extension of the DestinationObject"),
        ("<FileSpec>../a</FileSpec>", "43060 FileSpec"),
        ("<EncodingCodePage>x</EncodingCodePage>", "204"),
        ("<FileType>Other</FileType>", "43060 FileType Other"),
    ] {
        let answer = caller.sends(start_of(fields).at_once()).await;
        let said = answer.results()[0].line(&["StatusCode", "ErrorCode", "StatusMessage"]);
        assert!(said.starts_with(&format!("Error {why}")), "{said}");
    }
    let unknown = start().performing(
        "start",
        r#"<Definition xsi:type="ImportDefinition"><CustomerKey>x</CustomerKey></Definition>"#,
    );
    let answer = caller.sends(unknown.at_once()).await;
    assert!(answer.body.contains("43010"), "{}", answer.body);
    // What only the file tells is said by the task.
    for (bytes, why) in [
        (None, "there is no such file"),
        (Some("Alter,Stadt\n1,2\n"), "No heading"),
        (Some(""), "no line of headings"),
    ] {
        if let Some(bytes) = bytes {
            put(&caller, "people.csv", bytes);
        }
        let started = caller.queues(start()).await;
        caller.settles().await;
        let outcome = caller.outcome(&started).await;
        assert!(outcome.starts_with("Error 43060"), "{outcome}");
        assert!(outcome.contains(why), "{outcome}");
    }
}

/// A record that no quote ends would be the rest of the file.
#[tokio::test(start_paused = true)]
async fn a_quote_that_is_not_closed_ends_an_import_instead_of_its_memory() {
    let long = format!("Key,City\nann,x\nbob,\"{}", "y,z\n".repeat(2_000_000));
    let (found, rows) = imported(&definition(""), long).await;
    assert_eq!(found, "Error 1 0 0 0 1");
    assert_eq!(rows, ["ann x"]);
}

fn many(count: usize) -> String {
    let rows = (0..count).map(|number| format!("row-{number:05},{number},x\n"));
    rows.fold("Key,Age,City\n".to_owned(), |file, row| file + &row)
}

/// Each invocation stops after a few steps; other accounts' calls go on beside it.
#[tokio::test(start_paused = true)]
async fn an_import_goes_on_in_as_many_invocations_as_it_takes() {
    let mut caller = a_caller_with(&definition("")).await;
    put(&caller, "people.csv", many(3_000));
    caller.lives(Lifecycle {
        processor: Duration::from_secs(1),
        ..DEPLOYED
    });
    let before = caller.local().usage().counts();
    let started = caller.queues(start()).await;
    caller.passes(minutes(10)).await;
    assert_eq!(caller.state(&started).await, "Complete");
    let used = caller.local().usage().since(&before);
    let reads = used.used(local::Service::S3, "GetObject").requests;
    assert!(reads >= 3.0, "{reads} invocations");
    let keys = caller.stored();
    assert_eq!(
        keys.iter().filter(|key| key.starts_with("row-")).count(),
        3_000
    );
}

#[tokio::test(start_paused = true)]
async fn an_import_can_be_cancelled_while_it_goes_on() {
    let mut caller = a_caller_with(&definition("")).await;
    put(&caller, "people.csv", many(3_000));
    let answer = caller.does(start()).await;
    let task = task_of(&answer);
    let cancel = |task: &str| {
        let definition = format!(
            r#"<Definition xsi:type="ImportResultsSummary"><TaskResultID>{task}</TaskResultID></Definition>"#
        );
        call().performing("cancel", definition)
    };
    caller.does(cancel(&task)).await;
    caller.settles().await;
    let found = summary(&mut caller, &task).await;
    assert!(found.starts_with("Error"), "{found}");
    let count = people(&mut caller).await.len();
    assert!(count < 3_000, "{count} rows");
    let late = caller.sends(cancel(&task).at_once()).await;
    assert!(late.body.contains("ended already"), "{}", late.body);
    let nobody = caller.sends(cancel("17").at_once()).await;
    assert!(
        nobody.body.contains("There is no ImportResultsSummary 17"),
        "{}",
        nobody.body
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_a_definition_notifies_gets_a_mail_at_the_end() {
    let notification = "<Notification><ResponseType>email</ResponseType><ResponseAddress>me@example.net</ResponseAddress></Notification>";
    let mut caller = a_caller_with(&definition(notification)).await;
    put(&caller, "people.csv", many(3));
    caller.does(start()).await;
    caller.settles().await;
    let mails = caller.mails();
    let found: Vec<_> = mails
        .iter()
        .filter(|mail| mail.to == ["me@example.net"])
        .collect();
    assert_eq!(found.len(), 1);
}

/// A definition need not be stored, and a filter finds the rows that were imported.
#[tokio::test(start_paused = true)]
async fn a_definition_may_come_whole_with_its_perform() {
    let mut caller = a_caller().await;
    caller.does(call().creating(PEOPLE)).await;
    put(&caller, "people.csv", many(10));
    let whole = format!(
        r#"<Definition xsi:type="ImportDefinition">{INTO_PEOPLE}<FileSpec>people.csv</FileSpec></Definition>"#
    );
    caller.does(call().performing("Start", whole)).await;
    caller.settles().await;
    let look = look_for("DataExtensionObject[people]").of("Key");
    let look = look.filtered(&simple("Age", "equals", &["7"]));
    assert_eq!(caller.retrieves(look).await.rows.len(), 1);
}

/// Cut at any request: each row once, each wrong row in the file once, and the counts agree.
fn an_import(update: &str) -> Plot {
    let fields = format!("<UpdateType>{update}</UpdateType><AllowErrors>true</AllowErrors>");
    Plot {
        before: vec![
            call().creating(PEOPLE),
            call().creating(definition(&fields)),
        ],
        prepare: |caller| put(caller, "people.csv", "Key,Age\nrow-1,1\nrow-2,x\nrow-3,3\n"),
        calls: vec![part("import-1", 1, 1).performing(
            "start",
            r#"<Definition xsi:type="ImportDefinition"><CustomerKey>people-in</CustomerKey></Definition>"#,
        )],
        is_found: false,
        order: CallOrder::Unordered,
        after: minutes(20),
        promises: |ended| {
            ended.is("outcomes", &ended.outcomes, &["1 OK"])?;
            let mut rows = ended.stored.clone();
            rows.retain(|key| key.starts_with("row-"));
            ended.is("rows in the table", &rows, &["row-1", "row-3"])?;
            let [(key, text)] = ended.files.as_slice() else {
                return Err(format!("{:?}", ended.files));
            };
            match text.lines().count() {
                2 => Ok(()),
                _ => Err(format!("{key}: {text}")),
            }
        },
    }
}

#[tokio::test(start_paused = true)]
async fn an_import_survives_every_cut() {
    println!(
        "{} worlds",
        cut_anywhere(an_import("AddAndDoNotUpdate")).await
    );
}

#[tokio::test(start_paused = true)]
async fn an_overwriting_import_survives_every_cut() {
    println!("{} worlds", cut_anywhere(an_import("Overwrite")).await);
}
