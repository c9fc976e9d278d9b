//! Retrieve of rows, fields, memberships and every other type that is stored.

use journeys::look::simple;
use journeys::{Story, a_caller, call, hours, look_for, minutes};

fn row(key: &str, number: &str) -> String {
    let pair = |name: &str, value: &str| format!("<Name>{name}</Name><Value>{value}</Value>");
    format!(
        r#"<Objects xsi:type="DataExtensionObject"><CustomerKey>prices</CustomerKey><Properties><Property>{}</Property><Property>{}</Property></Properties></Objects>"#,
        pair("Article", key),
        pair("Price", number)
    )
}

async fn a_caller_with_prices() -> Story {
    let mut caller = a_caller().await;
    let field = |name: &str, kind: &str, primary: bool| {
        format!(
            "<Field><Name>{name}</Name><FieldType>{kind}</FieldType><IsPrimaryKey>{primary}</IsPrimaryKey><IsRequired>{primary}</IsRequired></Field>"
        )
    };
    let extension = format!(
        r#"<Objects xsi:type="DataExtension"><CustomerKey>prices</CustomerKey><Name>Our prices</Name><Fields>{}{}</Fields></Objects>"#,
        field("Article", "Text", true),
        field("Price", "Number", false)
    );
    caller
        .queues(
            call()
                .with("ConversationID", "c")
                .with("SequenceCode", 1)
                .with("CallsInConversation", 2)
                .creating(extension),
        )
        .await;
    let rows = call()
        .with("ConversationID", "c")
        .with("SequenceCode", 2)
        .with("CallsInConversation", 2);
    caller
        .queues(
            rows.creating(row("apple", "3"))
                .and(row("pear", "10"))
                .and(row("plum", "4")),
        )
        .await;
    caller.passes(minutes(1)).await;
    assert_eq!(caller.outcomes("c").await, ["1 OK", "2 OK"]);
    caller
}

#[tokio::test(start_paused = true)]
async fn rows_are_retrieved_by_the_key_of_their_data_extension() {
    let mut caller = a_caller_with_prices().await;
    for name in ["prices", "Our prices"] {
        let dear = simple("Price", "greaterThan", &["3"]);
        let look = look_for(&format!("DataExtensionObject[{name}]"))
            .of("Article Price")
            .filtered(&dear);
        let found = caller.retrieves(look).await;
        let rows = found.rows.iter().map(|row| {
            let properties = row.child("Properties").expect("a row has properties");
            let pair = |pair: &journeys::Node| format!("{}={}", pair.at("Name"), pair.at("Value"));
            properties
                .all("Property")
                .map(pair)
                .collect::<Vec<_>>()
                .join(" ")
        });
        let mut rows: Vec<String> = rows.collect();
        rows.sort();
        assert_eq!(rows, ["Article=pear Price=10", "Article=plum Price=4"]);
        let unknown =
            look_for(&format!("DataExtensionObject[{name}]")).of("article Cost CustomerKey");
        assert_eq!(
            caller.retrieves(unknown).await.status,
            format!(
                "Error: The Request Property(s) Cost do not match with the fields of DataExtensionObject[{name}] retrieve"
            )
        );
        let unknown = look_for(&format!("DataExtensionObject[{name}]"))
            .of("Article")
            .filtered(&simple("Cost", "greaterThan", &["3"]));
        assert_eq!(
            caller.retrieves(unknown).await.status,
            "Error: The Filter Property 'Cost' is not a retrievable property."
        );
    }
}

/// A few of those that have no meaning of their own here, each with what is nested in it.
#[tokio::test(start_paused = true)]
async fn objects_of_every_type_come_back() {
    let mut caller = a_caller().await;
    for (object_type, inside, path, expected) in [
        (
            "FilterDefinition",
            "<Name>n</Name><DataFilter xsi:type=\"ComplexFilterPart\"><LeftOperand xsi:type=\"SimpleFilterPart\"><Property>City</Property><SimpleOperator>equals</SimpleOperator><Value>Rome</Value></LeftOperand><LogicalOperator>OR</LogicalOperator></DataFilter>",
            "Name DataFilter.LeftOperand.Value",
            "n Rome",
        ),
        (
            "Automation",
            "<AutomationTasks><AutomationTask><Name>step</Name><Activities><Activity><Sequence>2</Sequence></Activity></Activities></AutomationTask></AutomationTasks><Status>3</Status>",
            "AutomationTasks.AutomationTask.Activities.Activity.Sequence Status",
            "2 3",
        ),
        (
            "AccountUser",
            "<UserID>u</UserID><Name>n</Name><Email>a@b.co</Email><Delete>0</Delete><Roles><Role><Name>admin</Name></Role></Roles>",
            "UserID Roles.Role.Name",
            "u admin",
        ),
        (
            "Template",
            "<LayoutHTML>html</LayoutHTML>",
            "LayoutHTML",
            "html",
        ),
        ("SendSummary", "<SendID>7</SendID>", "SendID", "7"),
        (
            "Asset",
            "<Data><email><options>o</options></email></Data>",
            "Data.email.options",
            "o",
        ),
        (
            "ScheduleDefinition",
            "<Recurrence xsi:type=\"WeeklyRecurrence\"><WeekInterval>3</WeekInterval></Recurrence>",
            "Recurrence.WeekInterval",
            "3",
        ),
    ] {
        let object = format!(
            "<Objects xsi:type=\"{object_type}\"><CustomerKey>k</CustomerKey>{inside}</Objects>"
        );
        caller.does(call().at_once().creating(object)).await;
        let names = path.split(' ').map(|path| path.split('.').next());
        let names: Vec<&str> = names.map(Option::unwrap_or_default).collect();
        let look = look_for(object_type).of(&names.join(" "));
        let found = caller.retrieves(look.by("CustomerKey", "k")).await;
        assert_eq!(found.lines(path), [expected], "{object_type}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_field_has_its_defaults_and_can_be_deleted_by_its_id() {
    let mut caller = a_caller().await;
    let fields = "<Field><Name>Id</Name><IsPrimaryKey>true</IsPrimaryKey><MaxLength>9</MaxLength></Field>\
        <Field><Name>Born</Name><FieldType>Date</FieldType></Field>\
        <Field><Name>Hat</Name><IsRequired>true</IsRequired></Field>";
    let extension = |fields: &str| {
        format!(
            "<Objects xsi:type=\"DataExtension\"><CustomerKey>k</CustomerKey><Fields>{fields}</Fields></Objects>"
        )
    };
    caller
        .does(call().at_once().creating(extension(fields)))
        .await;
    let all = "Ordinal Name FieldType IsPrimaryKey IsRequired CustomerKey";
    let look = || look_for("DataExtensionField").by("DataExtension.CustomerKey", "k");
    let found = caller
        .retrieves(look().of(&format!("{all} ObjectID")))
        .await;
    assert_eq!(
        found.lines(all),
        [
            "0 Id Text true true [k].[Id]",
            "1 Born Date false false [k].[Born]",
            "2 Hat Text false true [k].[Hat]"
        ]
    );
    let ids = found.lines("ObjectID");
    let again = caller.retrieves(look().of("ObjectID")).await;
    assert_eq!(again.lines("ObjectID"), ids);
    let born = format!("<Field><ObjectID>{}</ObjectID></Field>", ids[1]);
    caller
        .does(call().at_once().deleting(extension(&born)))
        .await;
    let left = caller.retrieves(look().of("Name")).await;
    assert_eq!(left.lines("Name"), ["Id", "Hat"]);
}

/// What follows the members of a list asks for those that changed since it asked last.
#[tokio::test(start_paused = true)]
async fn memberships_have_their_dates() {
    let mut caller = a_caller().await;
    let list = r#"<Objects xsi:type="List"><CustomerKey>news</CustomerKey><ListName>News</ListName></Objects>"#;
    caller.does(call().creating(list)).await;
    let member = |key: &str, status: &str| {
        format!(
            r#"<Objects xsi:type="Subscriber"><SubscriberKey>{key}</SubscriberKey><EmailAddress>{key}@example.com</EmailAddress><Lists><CustomerKey>news</CustomerKey><Status>{status}</Status></Lists></Objects>"#
        )
    };
    for key in ["ann", "bob"] {
        caller.does(call().creating(member(key, "Active"))).await;
    }
    caller.passes(hours(1)).await;
    let since = caller.now();
    caller.passes(hours(1)).await;
    caller
        .does(call().updating(member("bob", "Unsubscribed")))
        .await;
    let changed = format!(
        r#"<FILTER xsi:type="SimpleFilterPart"><Property>ModifiedDate</Property><SimpleOperator>greaterThanOrEqual</SimpleOperator><DateValue>{since}</DateValue></FILTER>"#
    );
    let properties = "SubscriberKey Status";
    let look = look_for("ListSubscriber").of(properties);
    let all = caller.retrieves(look.clone()).await.lines(properties);
    assert_eq!(all, ["ann Active", "bob Unsubscribed"]);
    let found = caller.retrieves(look.filtered(&changed)).await;
    assert_eq!(found.lines(properties), ["bob Unsubscribed"]);
    let created = look_for("ListSubscriber").of("CreatedDate ModifiedDate");
    let dates = caller
        .retrieves(created)
        .await
        .lines("CreatedDate ModifiedDate");
    let [ann, bob] = dates.as_slice() else {
        panic!("two members")
    };
    let same = |line: &str| {
        line.split_once(' ')
            .is_some_and(|(one, other)| one == other)
    };
    assert_eq!((same(ann), same(bob)), (true, false), "{dates:?}");
}

#[tokio::test(start_paused = true)]
async fn memberships_go_with_their_list_and_do_not_come_back_with_it() {
    let mut caller = a_caller().await;
    let list = |name: &str| {
        format!(
            r#"<Objects xsi:type="List"><CustomerKey>{name}</CustomerKey><ListName>{name}</ListName></Objects>"#
        )
    };
    let member = |lists: &str| {
        format!(
            r#"<Objects xsi:type="Subscriber"><EmailAddress>ann@example.com</EmailAddress><SubscriberKey>ann</SubscriberKey>{lists}</Objects>"#
        )
    };
    let on = |name: &str| format!("<Lists><CustomerKey>{name}</CustomerKey></Lists>");
    caller
        .does(call().creating(list("gone")).and(list("stays")))
        .await;
    let both = on("gone") + &on("stays");
    caller.does(call().creating(member(&both))).await;
    assert_eq!(lists_of_ann(&mut caller).await, [2, 2]);
    caller.does(call().deleting(list("gone"))).await;
    assert_eq!(lists_of_ann(&mut caller).await, [1, 1]);
    caller.does(call().creating(list("gone"))).await;
    assert_eq!(lists_of_ann(&mut caller).await, [1, 1], "it begins anew");
    caller.does(call().updating(member(&on("gone")))).await;
    assert_eq!(lists_of_ann(&mut caller).await, [2, 2]);
}

/// On how many lists the subscriber is, as ListSubscriber and as the Subscriber itself tell.
async fn lists_of_ann(caller: &mut Story) -> [usize; 2] {
    let members = look_for("ListSubscriber")
        .of("ListID Status")
        .by("SubscriberKey", "ann");
    let members = caller.retrieves(members).await;
    let all = caller
        .retrieves(look_for("ListSubscriber").of("ListID"))
        .await;
    assert_eq!(
        members.rows.len(),
        all.rows.len(),
        "by its key and by looking through"
    );
    let subscriber = look_for("Subscriber")
        .of("SubscriberKey Lists")
        .by("SubscriberKey", "ann");
    let subscriber = caller.retrieves(subscriber).await;
    [members.rows.len(), subscriber.rows[0].all("Lists").count()]
}
