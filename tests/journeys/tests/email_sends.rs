//! Sends to an audience: one mail for each person of an EmailSendDefinition, and what is told of it.

use journeys::cut::{CallOrder, Plot, cut_anywhere};
use journeys::{
    Answer, Call, Story, a_caller, attributes, call, days, look_for, minutes, part, seconds,
};
use local::{CapturedMail, InjectedFault};

const NEWS: &str = r#"<Objects xsi:type="List"><CustomerKey>news</CustomerKey><ListName>News</ListName></Objects>"#;

const FROM: &str = "<FromName>The Shop</FromName><FromAddress>shop@example.com</FromAddress>";

const EMAIL: &str = "<Email><Name>Autumn</Name><Subject>Hello %%FirstName%%</Subject><HTMLBody>&lt;p&gt;%%FirstName%%, %%City%%&lt;/p&gt;</HTMLBody><TextBody>%%FirstName%%, %%City%%</TextBody></Email>";

/// An entry of the audience.
fn entry(kind: &str, inside: &str) -> String {
    format!(
        "<SendDefinitionList>{inside}<SendDefinitionListType>{kind}</SendDefinitionListType></SendDefinitionList>"
    )
}

fn list(key: &str) -> String {
    format!("<List><CustomerKey>{key}</CustomerKey></List>")
}

fn rows(key: &str) -> String {
    format!("<CustomObjectID>{key}</CustomObjectID>")
}

fn to_news() -> String {
    entry("SourceList", &list("news"))
}

fn definition_of(key: &str, audience: &str, more: &str) -> String {
    format!(
        r#"<Objects xsi:type="EmailSendDefinition"><CustomerKey>{key}</CustomerKey><Name>{key}</Name>{FROM}{audience}{EMAIL}{more}</Objects>"#
    )
}

fn definition(audience: &str) -> String {
    definition_of("autumn", audience, "")
}

fn start_of(key: &str, more: &str) -> Call {
    call().performing(
        "start",
        format!(
            r#"<Definition xsi:type="EmailSendDefinition"><CustomerKey>{key}</CustomerKey>{more}</Definition>"#
        ),
    )
}

fn start() -> Call {
    start_of("autumn", "")
}

/// A subscriber with that status, and membership of lists.
fn subscriber(name: &str, status: &str, lists: &str) -> String {
    let first = name.to_uppercase();
    format!(
        r#"<Objects xsi:type="Subscriber"><EmailAddress>{name}@example.com</EmailAddress><Attributes><Name>FirstName</Name><Value>{first}</Value></Attributes><SubscriberKey>{name}</SubscriberKey><Status>{status}</Status>{lists}</Objects>"#
    )
}

fn on(list: &str, status: &str) -> String {
    format!("<Lists><CustomerKey>{list}</CustomerKey><Status>{status}</Status></Lists>")
}

fn member(name: &str) -> String {
    subscriber(name, "Active", &on("news", "Active"))
}

fn data_extension(key: &str, field: &str, of: &str) -> String {
    format!(
        r#"<Objects xsi:type="DataExtension"><CustomerKey>{key}</CustomerKey><Name>{key}</Name><IsSendable>true</IsSendable><SendableDataExtensionField><Name>{field}</Name></SendableDataExtensionField><SendableSubscriberField><Name>{of}</Name></SendableSubscriberField><Fields><Field><Name>Id</Name><FieldType>Text</FieldType><MaxLength>50</MaxLength><IsPrimaryKey>true</IsPrimaryKey></Field><Field><Name>Mail</Name><FieldType>EmailAddress</FieldType></Field><Field><Name>City</Name><FieldType>Text</FieldType><MaxLength>50</MaxLength></Field></Fields></Objects>"#
    )
}

fn row(key: &str, id: &str, mail: &str, city: &str) -> String {
    let pair = |name: &str, value: &str| {
        format!("<Property><Name>{name}</Name><Value>{value}</Value></Property>")
    };
    format!(
        r#"<Objects xsi:type="DataExtensionObject"><CustomerKey>{key}</CustomerKey><Properties>{}{}{}</Properties></Objects>"#,
        pair("Id", id),
        pair("Mail", mail),
        pair("City", city)
    )
}

async fn a_caller_with(objects: &[String]) -> Story {
    let mut caller = a_caller().await;
    for object in objects {
        caller.does(call().creating(object.as_str())).await;
    }
    caller
}

/// The mails that were sent, by recipient.
fn sent(caller: &Story) -> Vec<CapturedMail> {
    let mut mails = caller.mails();
    mails.retain(|mail| mail.from.contains("shop@example.com"));
    mails.sort_by(|one, other| one.to.cmp(&other.to));
    mails
}

fn recipients(caller: &Story) -> Vec<String> {
    let names = sent(caller).into_iter().flat_map(|mail| mail.to);
    names
        .map(|address| address.trim_end_matches("@example.com").to_owned())
        .collect()
}

fn task_of(answer: &Answer) -> String {
    let (_, rest) = answer.body.split_once("<Task>").expect("a Task");
    let (_, id) = rest.split_once("<ID>").expect("an ID");
    id.split('<').next().unwrap_or_default().to_owned()
}

const REPORTED: &str = "Status NumberTargeted NumberExcluded NumberErrored Duplicates NumberSent";

async fn report_of(caller: &mut Story, send: &str) -> String {
    let look = look_for("Send").of(REPORTED).by("ID", send);
    caller.retrieves(look).await.lines(REPORTED).join("; ")
}

async fn not_sent(caller: &mut Story) -> Vec<String> {
    let properties = "SubscriberKey PartnerProperties";
    let found = caller
        .retrieves(look_for("NotSentEvent").of(properties))
        .await;
    let mut lines = found.lines("SubscriberKey PartnerProperties.Value");
    lines.sort();
    lines
}

#[tokio::test(start_paused = true)]
#[expect(clippy::too_many_lines, reason = "one story, told to its end")]
async fn an_email_send_mails_each_active_subscriber_of_its_lists_and_data_extensions_once() {
    let audience = to_news() + &entry("SourceList", &rows("buyers"));
    let mut caller = a_caller_with(&[
        NEWS.to_owned(),
        member("ann"),
        member("bob"),
        subscriber("left", "Active", &on("news", "Unsubscribed")),
        subscriber("unsubscribed", "Unsubscribed", &on("news", "Active")),
        subscriber("held", "Held", &on("news", "Active")),
        subscriber("elsewhere", "Active", ""),
        data_extension("buyers", "Id", "Subscriber Key"),
        row("buyers", "bob", "bob.other@example.com", "Bern"),
        row("buyers", "cid", "cid@example.com", "Chur"),
        row("buyers", "nobody", "", "Davos"),
        definition(&audience),
    ])
    .await;
    let answer = caller.does(start().at_once()).await;
    assert!(
        answer.body.contains("EmailSendDefinition performed"),
        "{}",
        answer.body
    );
    let send = task_of(&answer);
    assert_eq!(report_of(&mut caller, &send).await, "Sending 0 0 0 0");
    caller.settles().await;
    assert_eq!(recipients(&caller), ["ann", "bob", "cid"]);
    let mails = sent(&caller);
    let texts: Vec<_> = mails
        .iter()
        .map(|mail| {
            (
                mail.subject.as_str(),
                mail.text.as_deref().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(
        texts,
        [
            ("Hello ANN", "ANN, "),
            ("Hello BOB", "BOB, "),
            ("Hello", ", Chur")
        ]
    );
    assert_eq!(mails[0].html.as_deref(), Some("<p>ANN, </p>"));
    for mail in &mails {
        let has = |wanted: &str| mail.headers.iter().any(|(name, _)| name == wanted);
        assert!(
            has("List-Unsubscribe") && has("List-Unsubscribe-Post"),
            "{:?}",
            mail.headers
        );
    }
    assert_eq!(report_of(&mut caller, &send).await, "Complete 3 3 1 1 3");
    let expected = [
        "held Error Code: 2 - Subscriber is held.",
        "nobody Error Code: 4 - The Email Address for this subscriber is missing.",
        "unsubscribed Error Code: 1 - Subscriber is unsubscribed.",
    ];
    assert_eq!(not_sent(&mut caller).await, expected);
    let look = look_for("SentEvent").of("SendID SubscriberKey");
    let mut events = caller.retrieves(look).await.lines("SendID SubscriberKey");
    events.sort();
    let expected = ["ann", "bob", "cid"].map(|name| format!("{send} {name}"));
    assert_eq!(events, expected);
    let look = look_for("Subscriber")
        .of("EmailAddress")
        .by("SubscriberKey", "cid");
    let found = caller.retrieves(look).await.lines("EmailAddress");
    assert_eq!(found, ["cid@example.com"], "who is mailed is a subscriber");
}

/// What the SDKs ask of a Send.
#[tokio::test(start_paused = true)]
async fn a_send_is_retrieved_by_the_properties_that_clients_ask_for() {
    let mut caller = a_caller_with(&[NEWS.to_owned(), member("ann"), definition(&to_news())]).await;
    let from = "<SenderProfile><FromName>Ann of the Shop</FromName><FromAddress>ann@shop.example.com</FromAddress></SenderProfile>";
    let answer = caller.does(start_of("autumn", from).at_once()).await;
    caller.settles().await;
    let properties = "ID PartnerKey CreatedDate ModifiedDate Client.ID Client.PartnerClientKey Email.ID Email.PartnerKey SendDate FromAddress FromName Duplicates InvalidAddresses ExistingUndeliverables ExistingUnsubscribes HardBounces SoftBounces OtherBounces ForwardedEmails UniqueClicks UniqueOpens NumberSent NumberDelivered NumberTargeted NumberErrored NumberExcluded Unsubscribes MissingAddresses Subject PreviewURL SentDate EmailName Status IsMultipart SendLimit SendWindowOpen SendWindowClose BCCEmail EmailSendDefinition.ObjectID EmailSendDefinition.CustomerKey";
    let look = look_for("Send").of(properties).by("ID", &task_of(&answer));
    let found = caller.retrieves(look).await;
    let reported = "FromAddress FromName Subject EmailName NumberSent NumberDelivered EmailSendDefinition.CustomerKey";
    assert_eq!(
        found.lines(reported),
        ["ann@shop.example.com Ann of the Shop Hello %%FirstName%% Autumn 1 1 autumn"]
    );
    assert!(caller.mails()[0].from.contains("ann@shop.example.com"));
}

#[tokio::test(start_paused = true)]
async fn one_address_gets_one_mail_where_the_definition_says_so() {
    let twin = member("ann").replace("<SubscriberKey>ann", "<SubscriberKey>twin");
    for (more, expected) in [
        ("", vec!["ann", "ann"]),
        ("<DeduplicateByEmail>true</DeduplicateByEmail>", vec!["ann"]),
    ] {
        let mut caller = a_caller_with(&[
            NEWS.to_owned(),
            member("ann"),
            twin.clone(),
            definition_of("autumn", &to_news(), more),
        ])
        .await;
        caller.does(start()).await;
        caller.settles().await;
        assert_eq!(recipients(&caller), expected, "{more}");
    }
}

/// Rows that name their readers by address, several of one reader.
#[tokio::test(start_paused = true)]
async fn rows_of_one_reader_are_one_mail() {
    let audience = entry("SourceList", &rows("visits"));
    let mut caller = a_caller_with(&[
        data_extension("visits", "Mail", "Email Address"),
        row("visits", "1", "ann@example.com", "Bern"),
        row("visits", "2", "ANN@example.com", "Chur"),
        row("visits", "3", "bob@example.com", "Davos"),
        definition(&audience),
    ])
    .await;
    let answer = caller.does(start().at_once()).await;
    caller.settles().await;
    assert_eq!(recipients(&caller), ["ann", "bob"]);
    let send = task_of(&answer);
    assert_eq!(report_of(&mut caller, &send).await, "Complete 2 0 0 1 2");
}

/// A row that has ended is nobody's: it brings no mail, and leaves nobody out.
#[tokio::test(start_paused = true)]
async fn rows_that_have_ended_count_no_more() {
    let thirty_days = |key: &str, field: &str, of: &str| {
        data_extension(key, field, of).replace(
            "<Fields>",
            "<DataRetentionPeriodLength>30</DataRetentionPeriodLength><DataRetentionPeriodUnitOfMeasure>3</DataRetentionPeriodUnitOfMeasure><RowBasedRetention>true</RowBasedRetention><Fields>",
        )
    };
    let audience =
        entry("SourceList", &rows("visits")) + &entry("ExclusionList", &rows("complaints"));
    let mut caller = a_caller_with(&[
        thirty_days("visits", "Id", "Subscriber Key"),
        thirty_days("complaints", "Id", "Subscriber Key"),
        row("visits", "ann", "ann@example.com", "Bern"),
        row("complaints", "bob", "bob@example.com", "Davos"),
        definition(&audience),
    ])
    .await;
    caller.passes(days(31)).await;
    for object in [
        row("visits", "bob", "bob@example.com", "Chur"),
        row("visits", "cid", "cid@example.com", "Davos"),
        row("complaints", "cid", "cid@example.com", "Davos"),
    ] {
        caller.does(call().creating(object.as_str())).await;
    }
    caller.does(start().at_once()).await;
    caller.settles().await;
    assert_eq!(recipients(&caller), ["bob"]);
}

fn suppression(key: &str, contexts: &str) -> String {
    format!(
        r#"<Objects xsi:type="SuppressionListDefinition"><CustomerKey>{key}</CustomerKey><Name>{key}</Name><Contexts>{contexts}</Contexts></Objects>"#
    )
}

fn suppressed(key: &str, address: &str) -> String {
    format!(
        r#"<Objects xsi:type="DataExtensionObject"><CustomerKey>{key}</CustomerKey><Properties><Property><Name>Email Address</Name><Value>{address}</Value></Property></Properties></Objects>"#
    )
}

#[tokio::test(start_paused = true)]
async fn exclusion_opt_out_and_suppression_lists_leave_people_out() {
    let other = |key: &str| NEWS.replace("news", key).replace("News", key);
    let all = "<Context><Context>BusinessUnit</Context><SendClassificationType>Marketing</SendClassificationType></Context>";
    let operational = all.replace("Marketing", "Operational");
    let audience = to_news()
        + &entry("ExclusionList", &list("staff"))
        + &entry("ExclusionList", &rows("banned"))
        + &entry("OptOutList", &list("quiet"));
    let also =
        |name: &str, lists: &str| subscriber(name, "Active", &(on("news", "Active") + lists));
    let mut caller = a_caller_with(&[
        NEWS.to_owned(),
        other("staff"),
        other("quiet"),
        suppression("competitors", all),
        suppression("of-others", &operational),
        suppressed("competitors", "eve@example.com"),
        suppressed("of-others", "ann@example.com"),
        data_extension("banned", "Id", "Subscriber Key"),
        row("banned", "dan", "", ""),
        member("ann"),
        also("bob", &on("staff", "Active")),
        also("cid", &on("quiet", "Active")),
        member("dan"),
        member("eve"),
        definition(&audience),
    ])
    .await;
    let answer = caller.does(start().at_once()).await;
    caller.settles().await;
    assert_eq!(recipients(&caller), ["ann"]);
    let expected = [
        "bob Error Code: 102 - Subscriber is excluded.",
        "cid Error Code: 28 - Subscriber is on an opt-out list.",
        "dan Error Code: 102 - Subscriber is excluded.",
        "eve Error Code: 27 - Subscriber is on a suppression list.",
    ];
    assert_eq!(not_sent(&mut caller).await, expected);
    let send = task_of(&answer);
    assert_eq!(report_of(&mut caller, &send).await, "Complete 1 4 0 0 1");
    // With its definition the addresses are gone, too.
    let gone = r#"<Objects xsi:type="SuppressionListDefinition"><CustomerKey>competitors</CustomerKey></Objects>"#;
    caller.does(call().deleting(gone)).await;
    let answer = caller.sends(
        call()
            .creating(suppressed("competitors", "x@example.com"))
            .at_once(),
    );
    assert!(answer.await.body.contains("Error"));
}

/// The publication list beside a data extension: who has left it gets nothing.
#[tokio::test(start_paused = true)]
async fn a_publication_list_counts_for_the_rows_beside_it() {
    let inside = rows("buyers") + &list("news");
    let mut caller = a_caller_with(&[
        NEWS.to_owned(),
        data_extension("buyers", "Id", "Subscriber Key"),
        subscriber("bob", "Active", &on("news", "Unsubscribed")),
        row("buyers", "ann", "ann@example.com", "Bern"),
        row("buyers", "bob", "bob@example.com", "Chur"),
        definition(&entry("SourceList", &inside)),
    ])
    .await;
    caller.does(start()).await;
    caller.settles().await;
    assert_eq!(recipients(&caller), ["ann"]);
    let expected = ["bob Error Code: 31 - Subscriber is unsubscribed from the list."];
    assert_eq!(not_sent(&mut caller).await, expected);
}

/// An attribute that nobody has is what its PropertyDefinition says; in triggered mail as well.
#[tokio::test(start_paused = true)]
async fn attributes_that_nobody_has_become_their_defaults() {
    let default = r#"<Objects xsi:type="PropertyDefinition"><Name>City</Name><DefaultValue>your town</DefaultValue></Objects>"#;
    let triggered = r#"<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>welcome</CustomerKey><TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>Welcome</Subject><TextBody>In %%city%%.</TextBody></Email><FromAddress>shop@example.com</FromAddress></Objects>"#;
    let to_ann = r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey></TriggeredSendDefinition><Subscribers><SubscriberKey>ann</SubscriberKey></Subscribers></Objects>"#;
    let mut caller = a_caller_with(&[
        NEWS.to_owned(),
        default.to_owned(),
        member("ann"),
        attributes("bob", &[("City", "Bern")]),
        definition(&to_news()),
        triggered.to_owned(),
        to_ann.to_owned(),
    ])
    .await;
    caller.settles().await;
    assert_eq!(sent(&caller)[0].text.as_deref(), Some("In your town."));
    caller.does(start()).await;
    caller.settles().await;
    let texts: Vec<_> = sent(&caller)
        .into_iter()
        .filter_map(|mail| mail.text)
        .collect();
    assert!(texts.contains(&"ANN, your town".to_owned()), "{texts:?}");
}

fn act(action: &'static str, send: &str) -> Call {
    let send = format!(r#"<Definition xsi:type="Send"><ID>{send}</ID></Definition>"#);
    call().performing(action, send).at_once()
}

fn members(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| member(&format!("m{number:05}")))
        .collect()
}

async fn a_caller_with_members(count: usize) -> Story {
    let mut caller = a_caller_with(&[NEWS.to_owned(), definition(&to_news())]).await;
    caller.queues(call().doing("Create", members(count))).await;
    caller.settles().await;
    caller
}

/// More people than one step takes.
#[tokio::test(start_paused = true)]
async fn an_email_send_goes_on_in_as_many_steps_as_it_takes() {
    let mut caller = a_caller_with_members(400).await;
    let answer = caller.does(start().at_once()).await;
    caller.passes(minutes(1)).await;
    let all = recipients(&caller);
    assert_eq!(all.len(), 400);
    let once: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(once.len(), 400, "each once");
    let send = task_of(&answer);
    assert_eq!(
        report_of(&mut caller, &send).await,
        "Complete 400 0 0 0 400"
    );
}

#[tokio::test(start_paused = true)]
async fn a_send_is_paused_resumed_and_cancelled_while_its_mails_leave() {
    let mut caller = a_caller_with_members(300).await;
    caller.local().ses().set_rate(10);
    let answer = caller.does(start().at_once()).await;
    let send = task_of(&answer);
    caller.passes(seconds(8)).await;
    let answer = caller.does(act("pause", &send)).await;
    assert!(answer.body.contains("Send paused"), "{}", answer.body);
    caller.passes(minutes(20)).await;
    let first = recipients(&caller).len();
    assert!((20..250).contains(&first), "{first}");
    assert!(
        report_of(&mut caller, &send)
            .await
            .starts_with("Paused 300")
    );
    caller.does(act("resume", &send)).await;
    caller.passes(seconds(70)).await;
    let second = recipients(&caller).len();
    assert!(second > first && second < 300, "{second} after {first}");
    let answer = caller.does(act("cancel", &send)).await;
    assert!(answer.body.contains("Send canceled"), "{}", answer.body);
    caller.passes(minutes(20)).await;
    let third = recipients(&caller).len();
    assert!(third < second + 100, "{third} after {second}");
    let found = report_of(&mut caller, &send).await;
    assert_eq!(found, format!("Canceled 300 0 0 0 {third}"));
    assert_eq!(not_sent(&mut caller).await.len(), 300 - third);
    assert!(caller.due().is_empty());
    let answer = caller.sends(act("cancel", &send)).await;
    assert!(answer.body.contains("has ended already"), "{}", answer.body);
    let answer = caller.sends(act("cancel", "17")).await;
    assert!(
        answer.body.contains("There is no Send 17"),
        "{}",
        answer.body
    );
}

fn schedule(start: &str, more: &str) -> String {
    format!(
        r#"<ScheduleRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><Action>start</Action><Schedule>{more}<StartDateTime>{start}</StartDateTime><Occurrences>1</Occurrences></Schedule><Interactions><Interaction xsi:type="EmailSendDefinition"><CustomerKey>autumn</CustomerKey></Interaction></Interactions></ScheduleRequestMsg>"#
    )
}

const DAILY: &str = r#"<Recurrence xsi:type="DailyRecurrence"><DailyRecurrencePatternType>Interval</DailyRecurrencePatternType><DayInterval>1</DayInterval></Recurrence><RecurrenceType>Daily</RecurrenceType><RecurrenceRangeType>EndAfter</RecurrenceRangeType>"#;

async fn schedules(caller: &mut Story, request: &str) -> Answer {
    caller
        .sends_payload(request, std::collections::BTreeMap::new())
        .await
}

#[tokio::test(start_paused = true)]
async fn an_email_send_is_scheduled_for_its_time_and_can_be_cancelled_before() {
    let mut caller = a_caller_with(&[NEWS.to_owned(), member("ann"), definition(&to_news())]).await;
    let start = (caller.now() + minutes(90)).to_string();
    let answer = schedules(&mut caller, &schedule(&start, DAILY)).await;
    assert!(
        answer.body.contains("EmailSendDefinition scheduled"),
        "{}",
        answer.body
    );
    assert!(
        answer.body.contains("-06:00</StartDateTime>"),
        "{}",
        answer.body
    );
    let first = task_of(&answer);
    let later = (caller.now() + minutes(91)).to_string();
    let second = task_of(&schedules(&mut caller, &schedule(&later, "")).await);
    assert_ne!(first, second);
    assert_eq!(report_of(&mut caller, &first).await, "Scheduled 0 0 0 0");
    caller.does(act("cancel", &second)).await;
    caller.passes(minutes(89)).await;
    assert_eq!(recipients(&caller), [""; 0]);
    caller.passes(minutes(3)).await;
    assert_eq!(recipients(&caller), ["ann"]);
    assert_eq!(report_of(&mut caller, &first).await, "Complete 1 0 0 0 1");
    assert!(
        report_of(&mut caller, &second)
            .await
            .starts_with("Canceled")
    );
    for (request, code) in [
        (schedule("", DAILY), "151"),
        (
            schedule(&start, DAILY).replace("<Occurrences>1<", "<Occurrences>2<"),
            "140",
        ),
        (
            schedule(&start, DAILY).replace("<Occurrences>1</Occurrences>", ""),
            "153",
        ),
        (schedule(&start, &DAILY.replace("EndAfter", "EndOn")), "152"),
        (schedule("tomorrow", ""), "140"),
        (
            schedule(&start, "").replace(">autumn<", ">winter<"),
            "42002",
        ),
        (
            schedule(&start, "").replace("\"EmailSendDefinition\"", "\"QueryDefinition\""),
            "105",
        ),
    ] {
        let answer = schedules(&mut caller, &request).await;
        let code = format!("<ErrorCode>{code}</ErrorCode>");
        assert!(answer.body.contains(&code), "{code}: {}", answer.body);
    }
}

/// Who does not hear the answer sends the Schedule again: before it begins, and afterwards. It is the same send.
#[tokio::test(start_paused = true)]
async fn a_schedule_that_is_sent_again_is_the_same_send() {
    let mut caller = a_caller_with(&[NEWS.to_owned(), member("ann"), definition(&to_news())]).await;
    let start = (caller.now() + minutes(90)).to_string();
    let first = task_of(&schedules(&mut caller, &schedule(&start, DAILY)).await);
    caller.passes(minutes(10)).await;
    // By the same time in another zone, too.
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(2));
    let elsewhere = (caller.now() + minutes(80)).to_zoned(zone);
    let elsewhere = elsewhere.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    for again in [schedule(&start, DAILY), schedule(&elsewhere, "")] {
        let answer = schedules(&mut caller, &again).await;
        assert_eq!(task_of(&answer), first, "{}", answer.body);
    }
    // What would send something else then is not taken for it.
    let other = schedule(&start, "").replace(
        "</Interaction>",
        "<SenderProfile><FromName>Ann</FromName></SenderProfile></Interaction>",
    );
    let answer = schedules(&mut caller, &other).await;
    let said = format!("cancel the Send {first} first");
    assert!(
        answer.body.contains("<ErrorCode>140</ErrorCode>"),
        "{}",
        answer.body
    );
    assert!(answer.body.contains(&said), "{}", answer.body);
    caller.passes(minutes(85)).await;
    assert_eq!(recipients(&caller), ["ann"]);
    let answer = schedules(&mut caller, &schedule(&start, DAILY)).await;
    assert_eq!(task_of(&answer), first, "{}", answer.body);
    caller.passes(days(40)).await;
    let answer = schedules(&mut caller, &schedule(&start, DAILY)).await;
    assert_eq!(task_of(&answer), first, "{}", answer.body);
    caller.passes(minutes(5)).await;
    assert_eq!(recipients(&caller), ["ann"], "once");
}

/// What was cancelled makes room for another send at that time.
#[tokio::test(start_paused = true)]
async fn a_cancelled_schedule_can_be_made_again() {
    let mut caller = a_caller_with(&[NEWS.to_owned(), member("ann"), definition(&to_news())]).await;
    let start = (caller.now() + minutes(90)).to_string();
    let first = task_of(&schedules(&mut caller, &schedule(&start, "")).await);
    caller.does(act("cancel", &first)).await;
    let second = task_of(&schedules(&mut caller, &schedule(&start, "")).await);
    assert_ne!(first, second);
    caller.passes(minutes(95)).await;
    assert_eq!(recipients(&caller), ["ann"]);
    assert!(report_of(&mut caller, &first).await.starts_with("Canceled"));
    assert_eq!(report_of(&mut caller, &second).await, "Complete 1 0 0 0 1");
}

/// Whatever request of the first Schedule is the last that happens: the second one is answered with a Task,
/// and there is one mail.
#[tokio::test(start_paused = true)]
async fn a_schedule_survives_every_cut() {
    let mut cuts = 0;
    for fault in [InjectedFault::CrashBefore, InjectedFault::CrashAfter] {
        for at in 1.. {
            let mut caller =
                a_caller_with(&[NEWS.to_owned(), member("ann"), definition(&to_news())]).await;
            let start = (caller.now() + minutes(90)).to_string();
            let faults = caller.local().faults().clone();
            faults.at(faults.requests_made() + at, fault);
            let unheard = schedules(&mut caller, &schedule(&start, DAILY)).await;
            if !faults.crashed() {
                assert!(unheard.body.contains("scheduled"), "{}", unheard.body);
                break;
            }
            cuts += 1;
            caller.restarts();
            let answer = schedules(&mut caller, &schedule(&start, DAILY)).await;
            assert!(
                answer.body.contains("EmailSendDefinition scheduled"),
                "{fault:?} at {at}: {}",
                answer.body
            );
            let send = task_of(&answer);
            caller.passes(minutes(95)).await;
            assert_eq!(recipients(&caller), ["ann"], "{fault:?} at {at}");
            let all = caller
                .retrieves(look_for("Send").of("ID"))
                .await
                .lines("ID");
            assert_eq!(all, [send], "{fault:?} at {at}");
            assert!(caller.due().is_empty());
        }
    }
    assert!(cuts >= 10, "{cuts} cuts");
}

/// Action `test`: to the TestEmailAddr, and to the lists that are for tests; to nobody else.
#[tokio::test(start_paused = true)]
async fn a_test_of_a_send_goes_to_those_who_look_at_it() {
    let testers = entry("SourceList", &list("testers")).replace(
        "</SendDefinitionList>",
        "<IsTestObject>true</IsTestObject></SendDefinitionList>",
    );
    let two = "<TestEmailAddr>editor@example.com; chief@example.com</TestEmailAddr>";
    let mut caller = a_caller_with(&[
        NEWS.to_owned(),
        NEWS.replace("news", "testers").replace("News", "Testers"),
        member("ann"),
        subscriber("tom", "Active", &on("testers", "Active")),
        definition_of("autumn", &(to_news() + &testers), two),
        definition_of("untested", &to_news(), ""),
    ])
    .await;
    let test = |key: &str| {
        let definition = format!(
            r#"<Definition xsi:type="EmailSendDefinition"><CustomerKey>{key}</CustomerKey></Definition>"#
        );
        call().performing("Test", definition)
    };
    let answer = caller.does(test("autumn")).await;
    let send = task_of(&answer);
    caller.settles().await;
    assert_eq!(recipients(&caller), ["chief", "editor", "tom"]);
    assert_eq!(report_of(&mut caller, &send).await, "Complete 3 0 0 0 3");
    let look = look_for("Subscriber").of("SubscriberKey");
    let mut known = caller.retrieves(look).await.lines("SubscriberKey");
    known.sort();
    assert_eq!(
        known,
        ["ann", "tom"],
        "who looks at a test is no subscriber for it"
    );
    let answer = caller.sends(test("untested").at_once()).await;
    assert!(
        answer.body.contains("<ErrorCode>42110</ErrorCode>"),
        "{}",
        answer.body
    );
    assert!(answer.body.contains("no TestEmailAddr"), "{}", answer.body);
    for action in ["GetMaxCount", "stop", "pause", "restart"] {
        let definition = r#"<Definition xsi:type="EmailSendDefinition"><CustomerKey>autumn</CustomerKey></Definition>"#;
        let answer = caller
            .sends(call().performing(action, definition).at_once())
            .await;
        let said = format!("with the Action '{action}', only with start, test");
        assert!(
            answer.body.contains("<ErrorCode>100</ErrorCode>"),
            "{}",
            answer.body
        );
        assert!(answer.body.contains(&said), "{}", answer.body);
    }
    caller.does(start_of("autumn", "")).await;
    caller.settles().await;
    assert_eq!(recipients(&caller), ["ann", "chief", "editor", "tom"]);
}

/// By the ScheduledTime of an asynchronous Perform.
#[tokio::test(start_paused = true)]
async fn an_email_send_begins_at_the_scheduled_time_of_its_call() {
    let mut caller = a_caller_with(&[NEWS.to_owned(), member("ann"), definition(&to_news())]).await;
    let at = caller.now() + minutes(30);
    caller.queues(start().at(at)).await;
    caller.passes(minutes(29)).await;
    assert_eq!(recipients(&caller), [""; 0]);
    // Whoever becomes a member until then is mailed, too.
    caller.does(call().creating(member("bob"))).await;
    caller.passes(minutes(3)).await;
    assert_eq!(recipients(&caller), ["ann", "bob"]);
}

#[tokio::test(start_paused = true)]
#[expect(clippy::too_many_lines, reason = "a table: one line for each refusal")]
async fn what_cannot_be_sent_is_refused_with_its_code() {
    let mut caller = a_caller_with(&[
        NEWS.to_owned(),
        data_extension("buyers", "Id", "Subscriber Key"),
        data_extension("plain", "Id", "Subscriber Key")
            .replace("<IsSendable>true", "<IsSendable>false"),
        definition_of("nobody", "", ""),
        definition_of("unknown", &entry("SourceList", &list("nothing")), ""),
        definition_of("no-rows", &entry("SourceList", &rows("nothing")), ""),
        definition_of("unsendable", &entry("SourceList", &rows("plain")), ""),
        definition_of("no-email", &to_news(), "").replace(EMAIL, ""),
        definition_of("no-subject", &to_news(), "").replace("Hello %%FirstName%%", ""),
    ])
    .await;
    for (key, code) in [
        ("nothing-at-all", "42002"),
        ("nobody", "42110"),
        ("unknown", "42007"),
        ("no-rows", "42008"),
        ("unsendable", "42110"),
        ("no-email", "42005"),
        ("no-subject", "42103"),
    ] {
        let answer = caller.sends(start_of(key, "").at_once()).await;
        let said = answer.results()[0].line(&["StatusCode", "ErrorCode"]);
        assert_eq!(said, format!("Error {code}"), "{key}: {}", answer.body);
        let request_id = caller.queues(start_of(key, "")).await;
        caller.settles().await;
        let outcome = caller.outcome(&request_id).await;
        assert!(
            outcome.starts_with(&format!("Error {code}")),
            "{key}: {outcome}"
        );
    }
    for (audience, more, code) in [
        (
            to_news(),
            "<ExclusionFilter>Domain(emailaddr) != 1</ExclusionFilter>",
            "42113",
        ),
        (to_news(), "<BccEmail>a@example.com</BccEmail>", "42000"),
        (
            to_news(),
            "<SendWindowOpen>08:00:00</SendWindowOpen>",
            "42108",
        ),
        (
            to_news(),
            "<EmailSubject>%%=v(@x)=%%</EmailSubject>",
            "42106",
        ),
        (entry("DomainExclusion", &list("news")), "", "42000"),
        (
            entry(
                "SourceList",
                "<FilterDefinition><ObjectID>x</ObjectID></FilterDefinition>",
            ),
            "",
            "42000",
        ),
        (entry("SourceList", ""), "", "42110"),
        (
            to_news(),
            "<TestEmailAddr>editor@example.com, chief</TestEmailAddr>",
            "42110",
        ),
    ] {
        let wrong = definition_of("wrong", &audience, more);
        let answer = caller.sends(call().creating(wrong).at_once()).await;
        let said = answer.results()[0].line(&["StatusCode", "ErrorCode"]);
        assert_eq!(
            said,
            format!("Error {code}"),
            "{audience}{more}: {}",
            answer.body
        );
    }
    let nameless =
        r#"<Objects xsi:type="EmailSendDefinition"><EmailSubject>x</EmailSubject></Objects>"#;
    let answer = caller.sends(call().creating(nameless).at_once()).await;
    assert!(
        answer.body.contains("<ErrorCode>42100</ErrorCode>"),
        "{}",
        answer.body
    );
    let send = r#"<Objects xsi:type="Send"><Subject>s</Subject></Objects>"#;
    let answer = caller.sends(call().creating(send).at_once()).await;
    assert!(
        answer.body.contains("<ErrorCode>5</ErrorCode>"),
        "{}",
        answer.body
    );
    assert_eq!(recipients(&caller), [""; 0]);
}

/// Whatever one account sends to very many, what another one sends to one reader leaves at once.
#[tokio::test(start_paused = true)]
async fn a_large_send_does_not_hold_up_another_accounts_triggered_mails() {
    let mut caller = a_caller_with_members(1_500).await;
    let mut other = caller.another_caller("1002").await;
    let welcome = r#"<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>welcome</CustomerKey><TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>Welcome</Subject><TextBody>x</TextBody></Email><FromAddress>other@example.com</FromAddress></Objects>"#;
    other.does(call().creating(welcome)).await;
    caller.local().ses().set_rate(10);
    caller.does(start().at_once()).await;
    caller.passes(seconds(10)).await;
    for number in 0..10 {
        let ordered = other.now();
        let address = format!("reader{number}@example.com");
        let send = format!(
            r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey></TriggeredSendDefinition><Subscribers><EmailAddress>{address}</EmailAddress><SubscriberKey>{address}</SubscriberKey></Subscribers></Objects>"#
        );
        other.queues(call().creating(send)).await;
        other.passes(seconds(5)).await;
        let mails = other.mails();
        let mail = mails.iter().find(|mail| mail.to == [address.as_str()]);
        let waited = mail.expect("it has left").at.duration_since(ordered);
        assert!(waited <= seconds(3), "{address} waited {waited:?}");
    }
    let sent = recipients(&caller).len();
    assert!(
        (100..1_400).contains(&sent),
        "{sent} of the large send have left meanwhile"
    );
    caller.passes(minutes(5)).await;
    assert_eq!(recipients(&caller).len(), 1_500);
}

/// Cut at any request: each reader one mail at most, each told of by one event, and nobody else.
#[tokio::test(start_paused = true)]
async fn an_email_send_survives_every_cut() {
    let audience = to_news() + &entry("SourceList", &rows("buyers"));
    let plot = Plot {
        prepare: |_caller| {},
        before: vec![
            call().creating(NEWS),
            call().creating(data_extension("buyers", "Id", "Subscriber Key")),
            call().creating(member("ann")),
            call().creating(member("bob")),
            call().creating(row("buyers", "bob", "bob@example.com", "Bern")),
            call().creating(row("buyers", "cid", "cid@example.com", "Chur")),
            call().creating(definition(&audience)),
        ],
        calls: vec![part("send-1", 1, 1).performing(
            "start",
            r#"<Definition xsi:type="EmailSendDefinition"><CustomerKey>autumn</CustomerKey></Definition>"#,
        )],
        is_found: false,
        order: CallOrder::Unordered,
        after: minutes(40),
        promises: |ended| {
            ended.is("outcomes", &ended.outcomes, &["1 OK"])?;
            let readers = ["ann@example.com", "bob@example.com", "cid@example.com"];
            ended.sent_at_most_once(&readers)?;
            ended.mails_have_events(&readers, 0)
        },
    };
    println!("{} worlds", cut_anywhere(plot).await);
}
