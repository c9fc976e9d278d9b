//! Perform ClearData: a data extension is empty at once, and the rows that it had are deleted piece by piece.

use journeys::cut::{CallOrder, Plot, cut_anywhere};
use journeys::{Call, Story, a_caller, call, look_for, minutes, part};
use local::InjectedFault;

const PEOPLE: &str = r#"<Objects xsi:type="DataExtension"><CustomerKey>people</CustomerKey><Name>People</Name><Fields><Field><Name>Key</Name><FieldType>Text</FieldType><MaxLength>50</MaxLength><IsPrimaryKey>true</IsPrimaryKey></Field></Fields></Objects>"#;

fn row(key: &str) -> String {
    format!(
        r#"<Objects xsi:type="DataExtensionObject"><CustomerKey>people</CustomerKey><Properties><Property><Name>Key</Name><Value>{key}</Value></Property></Properties></Objects>"#
    )
}

fn definition(key: &str) -> String {
    format!(r#"<Definition xsi:type="DataExtension"><CustomerKey>{key}</CustomerKey></Definition>"#)
}

/// How many rows whoever retrieves them sees.
async fn rows_seen(caller: &mut Story) -> usize {
    let look = look_for("DataExtensionObject[people]").of("Key");
    caller.retrieves(look).await.rows.len()
}

/// Rows that lie in the table, whoever sees them.
fn rows_in_the_table(caller: &Story) -> Vec<String> {
    let mut keys = caller.stored();
    keys.retain(|key| key.starts_with("row-"));
    keys
}

async fn a_caller_with_rows(count: usize) -> Story {
    let mut caller = a_caller().await;
    caller.does(call().creating(PEOPLE)).await;
    let rows = (0..count).map(|number| row(&format!("row-{number:04}")));
    caller.queues(call().doing("Create", rows.collect())).await;
    caller.settles().await;
    assert_eq!(rows_in_the_table(&caller).len(), count);
    caller
}

/// More rows than are deleted in one step.
#[tokio::test(start_paused = true)]
async fn the_rows_that_a_cleared_data_extension_had_are_deleted_from_the_table() {
    let mut caller = a_caller_with_rows(1_100).await;
    let clear = call().performing("ClearData", definition("people"));
    let cleared = caller.queues(clear).await;
    caller.settles().await;
    assert_eq!(caller.outcome(&cleared).await, "OK");
    assert_eq!(rows_in_the_table(&caller), [""; 0]);
    assert_eq!(rows_seen(&mut caller).await, 0);
}

/// Whoever waits for the answer writes rows that stay, although the others are still being deleted.
#[tokio::test(start_paused = true)]
async fn rows_that_are_written_after_the_answer_to_a_clear_are_kept() {
    let mut caller = a_caller_with_rows(1_100).await;
    let clear = call()
        .performing("ClearData", definition("people"))
        .at_once();
    let answer = caller.does(clear).await;
    assert!(answer.body.contains("<Task>"), "{}", answer.body);
    assert!(
        !rows_in_the_table(&caller).is_empty(),
        "they are deleted later"
    );
    assert_eq!(rows_seen(&mut caller).await, 0);
    caller.does(call().creating(row("row-0007"))).await;
    caller.settles().await;
    assert_eq!(rows_in_the_table(&caller), ["row-0007"]);
    assert_eq!(rows_seen(&mut caller).await, 1);
    let lacking = call()
        .performing("ClearData", definition("nothing"))
        .at_once();
    let answer = caller.sends(lacking).await;
    assert!(answer.body.contains("310001"), "{}", answer.body);
}

/// Several of them in one call, and one that is not there among them.
#[tokio::test(start_paused = true)]
async fn each_definition_of_a_perform_is_cleared_in_turn() {
    let mut caller = a_caller_with_rows(3).await;
    let other = PEOPLE.replace("people", "other").replace("People", "Other");
    caller.does(call().creating(other)).await;
    let clear = call()
        .performing("ClearData", definition("other"))
        .and(definition("nothing"))
        .and(definition("people"));
    let cleared = caller.queues(clear).await;
    caller.settles().await;
    let outcome = caller.outcome(&cleared).await;
    assert!(outcome.starts_with("Has Errors 310001"), "{outcome}");
    assert_eq!(rows_in_the_table(&caller), [""; 0]);
    let look = look_for("ResultItem")
        .of("StatusCode")
        .by("RequestID", &cleared);
    let found = caller.retrieves(look).await.lines("StatusCode");
    assert_eq!(found, ["OK", "Error", "OK"]);
}

/// What AsyncRequestResult says of a call: its Status, then Task and Rows.
async fn progress(caller: &mut Story, request_id: &str) -> String {
    let look = look_for("AsyncRequestResult").of("Status PartnerProperties");
    let found = caller.retrieves(look.by("RequestID", request_id)).await;
    let said = found.rows[0]
        .all("PartnerProperties")
        .map(|it| it.at("Value"));
    let said: Vec<&str> = [found.rows[0].at("Status")]
        .into_iter()
        .chain(said)
        .collect();
    said.join(" ")
}

fn cancel(request_id: &str) -> Call {
    let definition = format!(
        r#"<Definition xsi:type="AsyncRequestResult"><ObjectID>{request_id}</ObjectID></Definition>"#
    );
    call().performing("cancel", definition).at_once()
}

/// The table takes no more deletions behind the first step of them.
#[tokio::test(start_paused = true)]
async fn a_clear_tells_how_far_it_is_and_can_be_cancelled() {
    let mut caller = a_caller_with_rows(1_100).await;
    let faults = caller.local().faults().clone();
    let mut deletions = 0;
    faults.by(move |_, request| {
        deletions += usize::from(request.operation == "BatchWriteItem");
        (deletions > 20 && request.operation == "BatchWriteItem")
            .then_some(InjectedFault::LoseRequest)
    });
    let clear = call()
        .performing("ClearData", definition("people"))
        .and(definition("people"));
    let cleared = caller.queues(clear).await;
    caller.passes(minutes(1)).await;
    assert_eq!(progress(&mut caller, &cleared).await, "Processing 1 500");
    let answer = caller.does(cancel(&cleared)).await;
    assert!(
        answer.body.contains("Cancelled: its tasks end"),
        "{}",
        answer.body
    );
    faults.clear();
    caller.passes(minutes(2)).await;
    let outcome = caller.outcome(&cleared).await;
    assert_eq!(outcome, "Error 204 The task was cancelled");
    assert_eq!(progress(&mut caller, &cleared).await, "Error");
    assert_eq!(rows_in_the_table(&caller).len(), 600);
    assert_eq!(rows_seen(&mut caller).await, 0, "it was empty at once");
    caller.passes(minutes(30)).await;
    assert_eq!(
        rows_in_the_table(&caller),
        [""; 0],
        "they are deleted all the same"
    );
    let late = caller.sends(cancel(&cleared)).await;
    assert!(late.body.contains("<ErrorCode>222<"), "{}", late.body);
    let nobody = caller.sends(cancel("no such call")).await;
    assert!(nobody.body.contains("<ErrorCode>220<"), "{}", nobody.body);
}

/// Before its first step nothing of it happens.
#[tokio::test(start_paused = true)]
async fn a_clear_that_is_cancelled_before_it_begins_leaves_the_rows() {
    let mut caller = a_caller_with_rows(3).await;
    let cleared = caller
        .queues(call().performing("ClearData", definition("people")))
        .await;
    caller.does(cancel(&cleared)).await;
    caller.settles().await;
    let outcome = caller.outcome(&cleared).await;
    assert_eq!(outcome, "Error 204 The task was cancelled");
    assert_eq!(rows_seen(&mut caller).await, 3);
}

/// Cut at any request: the old rows are gone from the table, the new one is there, and each call is told once.
#[tokio::test(start_paused = true)]
async fn a_clear_survives_every_cut() {
    let plot = Plot {
        prepare: |_caller| {},
        before: vec![
            call().creating(PEOPLE),
            call().doing("Create", vec![row("row-1"), row("row-2"), row("row-3")]),
        ],
        calls: vec![
            part("clear-1", 1, 2).performing("ClearData", definition("people")),
            part("clear-1", 2, 2).creating(row("row-2")),
        ],
        is_found: false,
        order: CallOrder::Unordered,
        after: minutes(20),
        promises: |ended| {
            ended.is("outcomes", &ended.outcomes, &["1 OK", "2 OK"])?;
            let mut rows = ended.stored.clone();
            rows.retain(|key| key.starts_with("row-"));
            ended.is("rows in the table", &rows, &["row-2"])
        },
    };
    println!("{} worlds", cut_anywhere(plot).await);
}
