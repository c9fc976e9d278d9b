//! What each page costs at AWS: requests, and the units by which they are paid. A page that needs one more
//! fails here.

use jiff::SignedDuration;
use local::{Counts, Service, prices};

use crate::server::{Server, bad_subscriber, subscriber};

/// What a look at a page may cost. Fractions: what only the index is read for, which is not consistent.
struct PageCost {
    path: String,
    dynamodb: f64,
    read_units: f64,
    sqs: f64,
    /// Metrics that are read of CloudWatch.
    metrics: f64,
}

fn cost(path: impl Into<String>, dynamodb: f64, read_units: f64) -> PageCost {
    PageCost {
        path: path.into(),
        dynamodb,
        read_units,
        sqs: 0.0,
        metrics: 0.0,
    }
}

/// Looks at a page are counted so often, and the cheapest counts: the timekeeper of the server comes by
/// every five seconds, and its requests are counted with ours.
const LOOKS: usize = 6;

const DEFINITION: &str = "<Objects xsi:type=\"TriggeredSendDefinition\"><CustomerKey>welcome</CustomerKey>\
    <TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>Welcome</Subject>\
    <TextBody>Welcome.</TextBody></Email><FromAddress>shop@example.com</FromAddress></Objects>";

const SEND: &str = "<Objects xsi:type=\"TriggeredSend\"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey>\
    </TriggeredSendDefinition><Subscribers><EmailAddress>ann@example.com</EmailAddress>\
    <SubscriberKey>ann</SubscriberKey></Subscribers></Objects>";

fn to(address: &str) -> String {
    format!(
        "<SendResponseTo><ResponseType>HTTPPost</ResponseType><ResponseAddress>{address}</ResponseAddress>\
         <RespondWhen>Always</RespondWhen><IncludeResults>true</IncludeResults></SendResponseTo>"
    )
}

fn of(conversation: &str, sequence: u32, of: u32) -> String {
    format!(
        "<ConversationID>{conversation}</ConversationID><SequenceCode>{sequence}</SequenceCode>\
         <CallsInConversation>{of}</CallsInConversation>"
    )
}

/// Something for each page.
async fn filled() -> Server {
    let server = Server::local().await;
    server.call("", DEFINITION).await;
    server.call(&of("mailed", 1, 1), SEND).await;
    for number in 0..20 {
        server.part(&format!("good-{number}"), 1, 1).await;
    }
    for sequence in 1..=3 {
        let options = format!(
            "{}{}",
            of("broken", sequence, 3),
            to("http://127.0.0.1:9/down")
        );
        let object = match sequence {
            2 => bad_subscriber("bad"),
            _ => subscriber(&format!("s-{sequence}")),
        };
        server.call(&options, &object).await;
    }
    let at = server.stack.cloud.now() + SignedDuration::from_hours(30);
    let later = format!(
        "{}<ScheduledTime>{at:.0}</ScheduledTime>",
        of("later", 1, 1)
    );
    server.call(&later, &subscriber("later")).await;
    server
}

/// The cheapest of some looks.
async fn cheapest(server: &Server, path: &str) -> Counts {
    let mut cheapest: Option<Counts> = None;
    for _ in 0..LOOKS {
        let before = server.stack.local.usage().counts();
        server.shows(path).await;
        let used = server.stack.local.usage().since(&before);
        let requests = |counts: &Counts| counts.used_of(Service::DynamoDb).requests;
        if cheapest
            .as_ref()
            .is_none_or(|it| requests(&used) < requests(it))
        {
            cheapest = Some(used);
        }
    }
    cheapest.expect("it was looked at")
}

fn of_page(path: String, used: &Counts) -> PageCost {
    let dynamodb = used.used_of(Service::DynamoDb);
    PageCost {
        path,
        dynamodb: dynamodb.requests,
        read_units: dynamodb.table_reads + dynamodb.index_reads,
        sqs: used.used_of(Service::Sqs).requests,
        metrics: used.used_of(Service::CloudWatch).billed,
    }
}

impl PageCost {
    fn line(&self) -> String {
        let Self {
            path,
            dynamodb,
            read_units,
            sqs,
            metrics,
        } = self;
        let path = path.split('?').next().unwrap_or_default();
        let price = read_units * prices::READ_UNIT
            + sqs * prices::FIFO_REQUEST
            + metrics * prices::METRIC_READ;
        format!(
            "{path}: {dynamodb} requests, {read_units} read units, {sqs} of SQS, {metrics} metrics: ${price:.2} a \
             million looks"
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_page_costs_this() {
    let server = filled().await;
    let key = server.key_of("broken").await;
    let replies = server.shows("/replies").await;
    let (_, reply) = replies.split_once("/_local/reply?").expect("a reply");
    let reply = reply.split('"').next().unwrap_or_default();
    let reply = format!(
        "/reply?{}",
        reply.replace("&#38;", "&").replace("&amp;", "&")
    );
    let mails = server.shows("/mail-list").await;
    let (_, mail) = mails.split_once("/_local/mail?").expect("a mail");
    let mail = format!("/mail?{}", mail.split('"').next().unwrap_or_default());
    // The metrics of this minute are read once, with the first look.
    server.shows("/").await;
    let overview = PageCost {
        sqs: 16.0,
        ..cost("/", 182.0, 139.0)
    };
    let expected = [
        overview,
        cost("/calls", 21.0, 34.0),
        cost(format!("/conversation?key={key}"), 8.0, 8.0),
        cost(format!("/call?key={key}&sequence=2"), 3.0, 3.0),
        cost("/scheduled", 66.0, 34.0),
        cost("/replies", 9.0, 8.0),
        cost("/replies?state=any", 67.0, 80.0),
        cost(reply, 4.0, 5.0),
        cost("/mail-list", 6.0, 4.0),
        cost("/mail-list?state=failures", 8.0, 4.0),
        cost(mail, 1.0, 1.0),
        cost("/failed", 9.0, 5.0),
        cost("/unknown", 1.0, 1.0),
        cost("/backends", 1.0, 1.0),
        cost("/accounts", 1.0, 1.0),
        // Remembered for three minutes, as functions remember it.
        cost("/account?account=local", 0.0, 0.0),
        cost("/audit", 1.0, 1.0),
    ];
    let mut lines = (Vec::new(), Vec::new());
    for page in expected {
        let used = cheapest(&server, &page.path).await;
        lines.0.push(of_page(page.path.clone(), &used).line());
        lines.1.push(page.line());
        let scans = used.used(Service::DynamoDb, "Scan").requests;
        assert_eq!(
            scans > 0.0,
            page.path == "/accounts",
            "{}: {scans}",
            page.path
        );
    }
    println!("{}", lines.0.join("\n"));
    assert_eq!(lines.0, lines.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_are_read_once_a_minute_and_not_with_each_look() {
    let server = Server::local().await;
    let before = server.stack.local.usage().counts();
    for _ in 0..4 {
        server.shows("/").await;
    }
    let used = server.stack.local.usage().since(&before);
    let used = used.used(Service::CloudWatch, "GetMetricData");
    // Twice, where a minute ended meanwhile.
    assert!((1.0..=2.0).contains(&used.requests), "{}", used.requests);
    assert_eq!(used.billed, 8.0 * used.requests);
}
