//! OverallStatus of full and last pages, and the numbers of rows.

use journeys::look::{both, simple};
use journeys::{Look, Story, a_caller, attribute, call, look_for, minutes, part, subscriber};

/// Looks page after page; no page is empty, and all but the last say that there is more.
async fn pages(caller: &mut Story, look: Look, size: u32) -> Vec<usize> {
    let mut counts = Vec::new();
    let mut page = caller.retrieves(look.in_pages_of(size)).await;
    loop {
        assert!(!page.status.starts_with("Error"), "{}", page.status);
        counts.push(page.rows.len());
        if page.status != "MoreDataAvailable" {
            assert_eq!(page.status, "OK");
            return counts;
        }
        let next = look_for("").continuing(&page.request_id);
        page = caller.retrieves(next).await;
    }
}

#[tokio::test(start_paused = true)]
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from its beginning to its end"
)]
async fn a_page_that_is_full_and_the_last_says_so_whatever_is_retrieved() {
    let mut caller = a_caller().await;
    let definition = r#"<Objects xsi:type="DataExtension"><CustomerKey>d</CustomerKey><Name>d</Name><Fields><Field><Name>Id</Name><IsPrimaryKey>true</IsPrimaryKey></Field><Field><Name>A</Name></Field><Field><Name>B</Name></Field><Field><Name>C</Name></Field></Fields></Objects>"#;
    caller.does(call().creating(definition)).await;
    let list = |number: u32| {
        format!(
            r#"<Objects xsi:type="List"><CustomerKey>l{number}</CustomerKey><ListName>list {number}</ListName></Objects>"#
        )
    };
    let row = |number: u32| {
        format!(
            r#"<Objects xsi:type="DataExtensionObject"><CustomerKey>d</CustomerKey><Properties><Property><Name>Id</Name><Value>{number}</Value></Property></Properties></Objects>"#
        )
    };
    let mut ids = Vec::new();
    for number in 0..4 {
        let made = caller.does(call().creating(list(number))).await;
        ids.push(made.results()[0].at("NewID").to_owned());
        caller.does(call().creating(row(number))).await;
    }
    let mut four = call();
    for number in 0..4 {
        let member = subscriber(&format!("s{number}"));
        four = match number {
            0 => four.creating(member),
            _ => four.and(member),
        };
    }
    let request = caller.queues(four).await;
    for number in 1..=4 {
        let part = part("c", number, 4).updating(attribute("s0", "N", &number.to_string()));
        caller.queues(part).await;
    }
    caller.settles().await;
    let memberships: String = ids
        .iter()
        .map(|id| format!("<Lists><ID>{id}</ID></Lists>"))
        .collect();
    let member = subscriber("s0").replacen(
        "<SubscriberKey>",
        &format!("{memberships}<SubscriberKey>"),
        1,
    );
    caller.does(call().updating(member)).await;
    let some = |names: &[&str], property: &str| simple(property, "IN", names);
    let looks = [
        look_for("List").of("CustomerKey"),
        look_for("List")
            .of("CustomerKey")
            .filtered(&some(&["l0", "l1", "l2", "l3", "none"], "CustomerKey")),
        look_for("List").of("CustomerKey").filtered(&both(
            &simple("ListName", "beginsWith", &["list"]),
            "AND",
            &simple("CustomerKey", "isNotNull", &[]),
        )),
        look_for("Subscriber").of("SubscriberKey"),
        look_for("ListSubscriber").of("ListID"),
        look_for("DataExtensionField").of("Name"),
        look_for("DataExtensionObject[d]").of("Id"),
        look_for("ResultItem")
            .of("StatusCode")
            .by("RequestID", &request),
        look_for("ResultItem")
            .of("StatusCode")
            .by("ConversationID", "c"),
        look_for("ResultMessage")
            .of("StatusCode")
            .by("ConversationID", "c"),
        look_for("AsyncRequestResult")
            .of("Status")
            .by("ConversationID", "c"),
    ];
    for look in looks {
        for (size, expected) in [
            (4, vec![4]),
            (2, vec![2, 2]),
            (1, vec![1, 1, 1, 1]),
            (3, vec![3, 1]),
            (5, vec![4]),
        ] {
            assert_eq!(
                pages(&mut caller, look.clone(), size).await,
                expected,
                "{look:?} in pages of {size}"
            );
        }
    }
    // Of what is full, what comes behind it may not be asked for.
    let none_behind = simple("SubscriberKey", "IN", &["s0", "none", "nobody"]);
    let look = look_for("Subscriber")
        .of("SubscriberKey")
        .filtered(&none_behind);
    assert_eq!(pages(&mut caller, look, 1).await, [1]);
    let first_only = simple("ListName", "equals", &["list 0"]);
    let look = look_for("List").of("CustomerKey").filtered(&first_only);
    assert_eq!(pages(&mut caller, look, 1).await, [1]);
}

#[tokio::test(start_paused = true)]
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from its beginning to its end"
)]
async fn every_row_has_a_number_and_a_time_of_its_own() {
    let mut caller = a_caller().await;
    let definition = r#"<Objects xsi:type="DataExtension"><CustomerKey>d</CustomerKey><Name>d</Name><Fields><Field><Name>Id</Name><IsPrimaryKey>true</IsPrimaryKey></Field><Field><Name>Hat</Name></Field></Fields></Objects>"#;
    caller.does(call().creating(definition)).await;
    let row = |id: &str, hat: &str| {
        format!(
            r#"<Objects xsi:type="DataExtensionObject"><CustomerKey>d</CustomerKey><Properties><Property><Name>Id</Name><Value>{id}</Value></Property><Property><Name>Hat</Name><Value>{hat}</Value></Property></Properties></Objects>"#
        )
    };
    caller
        .does(call().creating(row("1", "red")).and(row("2", "blue")))
        .await;
    caller.passes(minutes(2)).await;
    caller.does(call().creating(row("3", "red"))).await;
    caller.does(call().updating(row("1", "green"))).await;
    let read = async |caller: &mut Story, look: Look| {
        let look = look.of("Id _CustomObjectKey _createddate Hat");
        let found = caller.retrieves(look).await;
        assert_eq!(found.status, "OK");
        let rows: Vec<Vec<String>> = found
            .rows
            .iter()
            .map(|row| {
                let columns = row.child("Properties").expect("columns").all("Property");
                columns
                    .map(|column| column.at("Value").to_owned())
                    .collect()
            })
            .collect();
        rows
    };
    let all = look_for("DataExtensionObject[d]");
    let rows = read(&mut caller, all.clone()).await;
    let numbers: std::collections::BTreeSet<i64> = rows
        .iter()
        .map(|row| row[2].parse().expect("a number"))
        .collect();
    assert_eq!((rows.len(), numbers.len()), (3, 3), "{rows:?}");
    assert!(numbers.iter().all(|number| *number > 0));
    let seen: Vec<[&str; 3]> = rows
        .iter()
        .map(|row| [&*row[0], &*row[1], &*row[3]])
        .collect();
    assert_eq!(
        seen,
        [
            ["1", "green", "2026-03-02T03:00:00"],
            ["2", "blue", "2026-03-02T03:00:00"],
            ["3", "red", "2026-03-02T03:02:00"],
        ]
    );
    for row in &rows {
        let by_number = all.clone().by("_CustomObjectKey", &row[2]);
        assert_eq!(
            read(&mut caller, by_number).await,
            std::slice::from_ref(row)
        );
    }
    // A row that is made again is another one.
    let key = r#"<Objects xsi:type="DataExtensionObject"><CustomerKey>d</CustomerKey><Keys><Key><Name>Id</Name><Value>3</Value></Key></Keys></Objects>"#;
    caller.does(call().deleting(key)).await;
    caller.does(call().creating(row("3", "red"))).await;
    let again = read(&mut caller, all).await;
    assert_ne!(again[2][2], rows[2][2]);
    assert_eq!(again[..2], rows[..2]);
}
