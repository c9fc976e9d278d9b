//! Mails as an operator lists them: all of an account, newest first, or what failed alone; never by a scan.

use calls::AccountId;
use cloud::read::conversation_list::{
    ConversationFilter, ListCursor, ListOrder, ListQuery, ListedBy, LookBack,
};
use cloud::read::mails::{ListedMail, ListedMailState, MailCursor, MailPage, MailQuery};
use jiff::Timestamp;
use journeys::{Call, Story, a_caller, call, hours, minutes, seconds, subscriber};
use local::faults::InjectedFault;
use local::{AwsRequest, Counts, EventDelivery, MailFault, Service};

const DEFINITION: &str = r#"<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>welcome</CustomerKey><TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>Welcome</Subject><TextBody>Welcome.</TextBody></Email><FromName>The Shop</FromName><FromAddress>shop@example.com</FromAddress></Objects>"#;

async fn a_shop() -> Story {
    let mut caller = a_caller().await;
    caller.does(call().creating(DEFINITION)).await;
    caller
}

/// A triggered send to so many subscribers, whose names begin so.
fn send(name: &str, count: u32) -> Call {
    let to = |number| {
        format!(
            "<Subscribers><EmailAddress>{name}-{number}@example.com</EmailAddress><SubscriberKey>{name}-{number}</SubscriberKey></Subscribers>"
        )
    };
    let subscribers: String = (0..count).map(to).collect();
    call().creating(format!(
        r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey></TriggeredSendDefinition>{subscribers}</Objects>"#
    ))
}

fn query(states: &[ListedMailState], order: ListOrder) -> MailQuery {
    MailQuery {
        account: AccountId("1001".to_owned()),
        from: Timestamp::UNIX_EPOCH,
        to: Timestamp::MAX,
        order,
        states: states.to_vec(),
    }
}

async fn a_page(caller: &Story, query: &MailQuery, from: MailCursor, size: usize) -> MailPage {
    let page = caller.cloud().mail_page(query, from, size).await;
    page.expect("the table is there")
}

/// Whom each goes to, over all pages of that size.
async fn listed(caller: &Story, query: &MailQuery, size: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut cursor = Some(MailCursor::default());
    while let Some(from) = cursor {
        let page = a_page(caller, query, from, size).await;
        assert!(page.mails.len() <= size);
        found.extend(page.mails.iter().map(to));
        // A cursor is carried in a link.
        let link = page
            .next
            .map(|next| serde_json::to_string(&next).expect("JSON"));
        cursor = link.map(|link| serde_json::from_str(&link).expect("a cursor"));
    }
    found
}

fn to(mail: &ListedMail) -> String {
    let (_, behind) = mail.record.order.split_once("\"to\":\"").expect("whom");
    let address = behind.split('"').next().unwrap_or_default();
    address.trim_end_matches("@example.com").to_owned()
}

async fn used_by_a_page(caller: &Story, query: &MailQuery, size: usize) -> Counts {
    let usage = caller.local().usage().clone();
    let before = usage.counts();
    let page = a_page(caller, query, MailCursor::default(), size).await;
    assert_eq!(page.mails.len(), size);
    usage.since(&before)
}

#[tokio::test(start_paused = true)]
async fn all_mails_of_an_account_are_listed_once_each_whatever_a_page_takes() {
    let mut caller = a_shop().await;
    caller.queues(send("first", 3)).await;
    caller.settles().await;
    caller.passes(seconds(2)).await;
    // A synchronous one: no conversation is listed for it.
    caller.does(send("second", 2)).await;
    caller.settles().await;
    caller.passes(seconds(2)).await;
    caller.queues(call().creating(subscriber("no-mail"))).await;
    caller.queues(send("third", 1)).await;
    caller.settles().await;
    let newest = [
        "third-0", "second-0", "second-1", "first-0", "first-1", "first-2",
    ];
    for size in [1, 2, 3, 5, 6, 100] {
        let query = query(&[], ListOrder::NewestFirst);
        assert_eq!(listed(&caller, &query, size).await, newest, "{size}");
    }
    let oldest = query(&[ListedMailState::Sent], ListOrder::OldestFirst);
    let names = listed(&caller, &oldest, 2).await;
    assert_eq!(names.first().map(String::as_str), Some("first-0"));
    assert_eq!(names.len(), newest.len());
    for states in [
        &[ListedMailState::Failed, ListedMailState::Unknown][..],
        &[ListedMailState::Pending, ListedMailState::Sending],
    ] {
        let none = query(states, ListOrder::NewestFirst);
        assert_eq!(listed(&caller, &none, 2).await, Vec::<String>::new());
    }
    // Who lists conversations does not see them.
    let conversations = ListQuery {
        account: AccountId("1001".to_owned()),
        by: ListedBy::Opened,
        from: Timestamp::UNIX_EPOCH,
        to: Timestamp::MAX,
        look_back: LookBack::Nothing,
        order: ListOrder::NewestFirst,
        filter: ConversationFilter::default(),
    };
    let list = caller.cloud().conversation_list();
    let page = list.page(&conversations, ListCursor::default(), 100).await;
    assert_eq!(page.expect("a page").conversations.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_call_with_more_mails_than_a_batch_is_listed_whole() {
    let mut caller = a_shop().await;
    caller.queues(send("many", 230)).await;
    caller.settles().await;
    caller.passes(minutes(2)).await;
    let all = query(&[], ListOrder::OldestFirst);
    for size in [7, 100, 150] {
        let names = listed(&caller, &all, size).await;
        let expected: Vec<String> = (0..230).map(|number| format!("many-{number}")).collect();
        assert_eq!(names, expected, "{size}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_failed_or_is_unknown_is_found_without_going_through_the_others() {
    let mut caller = a_shop().await;
    for number in 0..60 {
        caller.queues(send(&format!("good-{number}"), 1)).await;
    }
    caller.settles().await;
    caller.passes(minutes(1)).await;
    caller.local().ses().refuse_next(MailFault::MessageRejected);
    caller.queues(send("refused", 1)).await;
    caller.settles().await;
    caller.passes(seconds(2)).await;
    let is_mail =
        |request: &AwsRequest| request.service == Service::Ses && request.operation == "SendEmail";
    let ses = caller.local().ses().clone();
    ses.set_event_delivery(EventDelivery::Never);
    caller
        .local()
        .faults()
        .once(is_mail, InjectedFault::LoseAnswer);
    caller.queues(send("lost", 1)).await;
    caller.settles().await;
    caller.passes(hours(1)).await;
    let both = [ListedMailState::Failed, ListedMailState::Unknown];
    let failures = query(&both, ListOrder::NewestFirst);
    assert_eq!(listed(&caller, &failures, 1).await, ["lost-0", "refused-0"]);
    let failed = query(&[ListedMailState::Failed], ListOrder::NewestFirst);
    assert_eq!(listed(&caller, &failed, 10).await, ["refused-0"]);
    let used = used_by_a_page(&caller, &failures, 2).await;
    // Each part of the index of failures, and one batch.
    let requests = used.used_of(Service::DynamoDb).requests;
    assert!((requests - 9.0).abs() < 0.1, "{used}");

    // What a person has sent once more is no failure any more.
    let page = a_page(&caller, &failures, MailCursor::default(), 10).await;
    let (account, tag) = (AccountId("1001".to_owned()), page.mails[0].record.tag());
    let unknown = caller.cloud().unknown_mail(&account, &tag).await;
    let unknown = unknown.expect("a table").expect("it is unknown");
    let said = cloud::records::unknown_record::Settlement {
        verdict: cloud::records::unknown_record::Verdict::SentAgain,
        by: "ann".to_owned(),
        at: caller.now(),
        why: "she never got it".to_owned(),
    };
    let resent = caller
        .cloud()
        .resend_unknown_mail(&unknown, said, caller.now());
    resent.await.expect("it is sent again");
    assert_eq!(listed(&caller, &failures, 10).await, ["refused-0"]);
    caller.passes(minutes(3)).await;
    let sent = query(&[ListedMailState::Sent], ListOrder::NewestFirst);
    assert_eq!(listed(&caller, &sent, 100).await.len(), 61);
}

/// Parts of the index, the records of calls with mails, and the mails themselves.
#[tokio::test(start_paused = true)]
async fn a_page_of_mails_costs_six_requests_however_many_there_are() {
    let mut caller = a_shop().await;
    for number in 0..40 {
        caller.queues(send(&format!("s-{number}"), 2)).await;
    }
    caller.settles().await;
    caller.passes(minutes(1)).await;
    let all = query(&[], ListOrder::NewestFirst);
    let used = used_by_a_page(&caller, &all, 20).await;
    let of = used.used_of(Service::DynamoDb);
    assert!((of.requests - 6.0).abs() < 0.1, "{used}");
    assert!(used.used(Service::DynamoDb, "Scan").requests < 0.5);
}
