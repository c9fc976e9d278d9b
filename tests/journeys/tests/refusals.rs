//! Every "no" at the door, with its exact words; and that nothing of a refused call is kept.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use journeys::{Call, SendTo, Story, a_caller, call, mail_to, part, post_to, seconds, subscriber};

const TAIL: &str =
    "ConversationID, SequenceCode, and CallsInConversation are required for Conversations Requests";
const UNSECURE: &str = "An unsecure response address specified in the 'SendResponseTo' parameter.";

/// One call that is refused.
struct Case {
    /// What the account has sent before.
    before: Vec<Call>,
    /// How long ago that was.
    ago: SignedDuration,
    call: Call,
    code: u32,
    message: String,
}

fn case(code: u32, message: impl Into<String>, call: Call) -> Case {
    Case {
        before: Vec::new(),
        ago: seconds(0),
        call,
        code,
        message: message.into(),
    }
}

impl Case {
    fn after(mut self, before: Call) -> Self {
        self.before.push(before);
        self
    }

    fn later(mut self, ago: SignedDuration) -> Self {
        self.ago = ago;
        self
    }
}

fn alone() -> Call {
    call().creating(subscriber("ann"))
}

#[expect(clippy::too_many_lines, reason = "a table: one line for each refusal")]
fn of_conversations() -> Vec<Case> {
    let one = || part("c", 1, 3);
    let changed = "CallsInConversation don't match previous value in the Conversation. \
                   Conversation has been invalidated";
    let twice = "SequenceCode already used for Conversation. Conversation has been invalidated";
    let failed = |because: &str| {
        format!(
            "Conversation is in an error state and is no longer able to accept conversation parts, \
             since {because}. Send all of its calls again with a new ConversationID"
        )
    };
    let silent =
        "Async API Timeout. More than 5 minutes passed between two parts of the Conversation";
    let sequence = "SequenceCode Out Of Bounds. Valid SequenceCode range is 1 to the value of CallsInConversation";
    let total = "CallsInConversation Out Of Bounds. CallsInConversation is expected to be a positive number";
    let missing = |what: &str| format!("Missing Required Conversation Property {what}. {TAIL}");
    let not_asynchronous = |sent: &str| {
        format!(
            "Options.RequestType is required to be set to RequestType.Asynchronous: the request has {sent}"
        )
    };
    let all = "ConversationID, SequenceCode, CallsInConversation";
    let used = "Invalid ConversationID. ConversationID has already been used";
    let unnamed = || one().without("ConversationID");
    vec![
        case(200, changed, part("c", 2, 4)).after(one()),
        case(202, missing("SequenceCode"), one().without("SequenceCode")),
        case(203, silent, part("c", 2, 3))
            .after(one())
            .later(seconds(301)),
        case(205, sequence, part("c", 0, 3)),
        case(205, sequence, part("c", -1, 3)),
        case(205, sequence, part("c", 4, 3)),
        case(206, total, part("c", 1, 0)),
        case(206, total, part("c", 1, -3)),
        case(
            206,
            "CallsInConversation Out Of Bounds. A Conversation may have at most 10000 calls; \
             split the work into several Conversations",
            part("c", 1, 10_001),
        ),
        case(207, missing("ConversationID"), unnamed()),
        case(
            207,
            missing("ConversationID"),
            unnamed().with("ConversationID", ""),
        ),
        case(
            207,
            missing("ConversationID"),
            unnamed().without("SequenceCode"),
        ),
        case(
            208,
            missing("CallsInConversation"),
            one().without("CallsInConversation"),
        ),
        case(209, not_asynchronous(all), one().at_once()),
        case(
            209,
            not_asynchronous(all),
            one().at_once().with("RequestType", "Synchronous"),
        ),
        case(
            209,
            not_asynchronous("ConversationID"),
            alone().at_once().with("ConversationID", "c"),
        ),
        case(
            209,
            not_asynchronous("SequenceCode"),
            alone().at_once().with("SequenceCode", 1),
        ),
        case(
            209,
            not_asynchronous("CallsInConversation"),
            alone().at_once().with("CallsInConversation", 1),
        ),
        case(
            209,
            not_asynchronous("ScheduledTime"),
            alone().at_once().at("2026-03-02T10:00:00Z"),
        ),
        case(211, used, part("c", 2, 3)).after(part("c", 1, 1)),
        case(
            212,
            "Invalid Conversation. A ConversationID may have at most 255 characters",
            part(&"c".repeat(256), 1, 3),
        ),
        case(213, failed(&format!("200: {changed}")), part("c", 2, 3))
            .after(one())
            .after(part("c", 2, 4)),
        case(213, failed(&format!("214: {twice}")), part("c", 2, 3))
            .after(one())
            .after(one().creating(subscriber("bob"))),
        case(214, twice, one().creating(subscriber("bob"))).after(one()),
        case(
            215,
            "Conversation is closed and cannot accept more parts",
            part("c", 2, 3),
        )
        .after(part("c", 1, 1).at("2026-03-02T10:00:00Z")),
    ]
}

fn of_times() -> Vec<Case> {
    let too_far = "A request may not have ScheduledTime greater than 30 days from now";
    let past = "RequestExpirationTime is in the past";
    let early = "RequestExpirationTime must be later than ScheduledTime";
    let together = "RequestExpirationTime is not supported for a Conversation of more than one \
                    call, nor for a synchronous request";
    let ten = "2026-03-02T10:00:00Z";
    vec![
        case(226, too_far, alone().at("2026-04-01T09:00:01Z")),
        case(226, too_far, part("c", 1, 2).at("2026-04-01T03:00:00.001")),
        case(228, past, alone().until("2026-03-02T08:59:59Z")),
        case(228, past, alone().until("2026-03-02T02:59:59")),
        case(229, early, alone().at(ten).until(ten)),
        case(229, early, alone().at(ten).until("2026-03-02T09:30:00Z")),
        case(231, together, part("c", 1, 2).until(ten)),
        case(231, together, part("c", 2, 2).until(ten)).after(part("c", 1, 2)),
        case(231, together, alone().at_once().until(ten)),
        case(
            231,
            together,
            alone()
                .at_once()
                .with("RequestType", "Synchronous")
                .until(ten),
        ),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table: one line for each refusal")]
fn of_replies() -> Vec<Case> {
    let to = |url: &str| alone().calling_back(url);
    let address =
        |text: &str| format!("ResponseAddress of SendResponseTo: '{text}' is not a mail address");
    let (private, port) = (
        "leads to a host that is not on the public internet",
        "has a port that no web server has: 443, or 1024 and above",
    );
    let unreadable = "cannot be read as an address. Write it like https://host/path";
    let mut cases: Vec<Case> = [
        ("http://client.example.com/cb", "is not https"),
        ("ftp://client.example.com/cb", "is not https"),
        ("client.example.com", unreadable),
        ("https:///cb", unreadable),
        ("https://127.0.0.1/cb", private),
        ("https://10.0.0.1/cb", private),
        ("https://169.254.169.254/latest/meta-data", private),
        ("https://[::1]/cb", private),
        ("https://[::ffff:c0a8:1]/cb", private),
        ("https://localhost/cb", private),
        ("https://client.example.com:22/cb", port),
        (
            "https://aftercall.example.net/Service.asmx",
            "leads to this service itself",
        ),
    ]
    .into_iter()
    .map(|(url, rule)| {
        let message = format!("{UNSECURE} ResponseAddress '{url}' (1 of 1) {rule}");
        case(227, message, to(url))
    })
    .collect();
    let third = alone()
        .calling_back("https://client.example.com/cb")
        .replying_to(mail_to("a@example.com"))
        .calling_back("https://user:secret@10.0.0.1/cb");
    cases.push(case(
        227,
        format!("{UNSECURE} ResponseAddress 'https://10.0.0.1/cb' (3 of 3) {private}"),
        third,
    ));
    let eleven = (0..11).fold(alone(), |call, _| {
        call.replying_to(mail_to("a@example.com"))
    });
    cases.extend([
        case(
            204,
            "ResponseType FTP is reserved and not supported. Use HTTPPost or email in SendResponseTo",
            alone().replying_to(SendTo::of("FTP", "ftp.example.com")),
        ),
        case(204, address("nobody"), alone().replying_to(mail_to("nobody"))),
        case(
            204,
            "ResponseAddress of SendResponseTo: mail cannot be sent to 'j\u{fc}rgen@example.com': of \
             an address only the part behind the @ may be outside ASCII",
            alone().replying_to(mail_to("j\u{fc}rgen@example.com")),
        ),
        case(204, address("a@b@"), alone().replying_to(mail_to("a@b@"))),
        case(204, "ResponseAddress is missing in SendResponseTo", alone().replying_to(post_to(""))),
        case(204, "At most 10 SendResponseTo are supported in a request", eleven),
    ]);
    cases
}

#[expect(clippy::too_many_lines, reason = "a table: one line for each refusal")]
fn of_objects() -> Vec<Case> {
    let correlated = |key: &str| {
        subscriber(key).replace(
            "<EmailAddress>",
            "<CorrelationID>7</CorrelationID><EmailAddress>",
        )
    };
    let send = |inside: &str| {
        call().creating(format!(
            r#"<Objects xsi:type="TriggeredSend">{inside}</Objects>"#
        ))
    };
    let definition =
        "<TriggeredSendDefinition><CustomerKey>welcome</CustomerKey></TriggeredSendDefinition>";
    let to = |address: &str| {
        format!("{definition}<Subscribers><EmailAddress>{address}</EmailAddress></Subscribers>")
    };
    let nobody = "Unable to queue Triggered Send request. There are no valid subscribers.";
    let everybody = (0..32_767).map(|_| subscriber("ann")).collect();
    vec![
        case(
            6,
            "No object specified. A request must hold at least one object",
            call(),
        ),
        case(
            6,
            "No object specified at 0-based index 1. Its xsi:type must say what it is",
            alone().and("<Objects><SubscriberKey>bob</SubscriberKey></Objects>"),
        ),
        case(
            204,
            "CorrelationID '7' is used by more than one object of the request",
            call().creating(correlated("ann")).and(correlated("bob")),
        ),
        case(
            218,
            "Too many objects. A request may hold at most 32766 objects; split it into several",
            call().doing("Create", everybody),
        ),
        case(
            18_002,
            "The Triggered Send Object must contain the Triggered Send ID or the Customer Key",
            send("<Subscribers><EmailAddress>a@example.com</EmailAddress></Subscribers>"),
        ),
        case(
            180_007,
            "The Triggered Send Object must have subscribers associated with it",
            send(definition),
        ),
        case(
            8,
            "This operation does not support the APIObject of type [Subscribers]. Is Subscriber meant?",
            part("c", 1, 2).creating(r#"<Objects xsi:type="Subscribers"/>"#),
        ),
        case(
            5,
            "Cannot perform Create on objects of type ResultItem",
            call().creating(r#"<Objects xsi:type="ResultItem"/>"#),
        ),
        case(
            100,
            "The Perform method is not supported for the DataExtension object with the Action 'start', only with ClearData",
            call().performing(
                "start",
                r#"<Definition xsi:type="DataExtension"><CustomerKey>x</CustomerKey></Definition>"#,
            ),
        ),
        case(
            12_000,
            "InvalidEmailAddress: the EmailAddress is missing or has invalid syntax",
            call().creating(
                r#"<Objects xsi:type="Subscriber"><EmailAddress>x</EmailAddress></Objects>"#,
            ),
        ),
        case(180_008, nobody, send(&to("nobody"))),
        case(180_008, nobody, send(&to(""))),
        case(
            4,
            "You don't have access to an account with customer key of 1002.",
            alone().with("Client", "<ID>1002</ID>"),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_refusal_has_its_code_and_words_and_keeps_nothing() {
    let cases = [of_conversations(), of_times(), of_replies(), of_objects()];
    for case in cases.into_iter().flatten() {
        check(case).await;
    }
}

async fn check(case: Case) {
    let Case {
        before,
        ago,
        call,
        code,
        message,
    } = case;
    let mut caller = a_caller().await;
    for before in before {
        caller.sends(before).await;
    }
    // Only a conversation of one ends by this; no time passes.
    caller.settles().await;
    caller.local().clock().advance(ago);
    let kept = keys(&caller);
    let answer = caller.sends(call).await;
    assert_eq!(answer.http_status, 200, "{code}: {}", answer.said());
    assert_eq!(answer.said(), format!("Error {code} {message}"));
    assert_eq!(answer.overall_status(), "Error");
    assert_eq!(
        answer.request_id(),
        "",
        "{code}: what was not taken in has no RequestID"
    );
    for result in answer.results() {
        let said = result.line(&["StatusCode", "ErrorCode", "StatusMessage"]);
        assert_eq!(
            said,
            format!("Error {code} {message}"),
            "each object hears the same"
        );
    }
    assert_eq!(keys(&caller), kept, "{code}: something of it was kept");
}

/// The names of all records; those of other accounts' standing data do not change in a story.
fn keys(caller: &Story) -> BTreeSet<String> {
    let records = caller.records();
    let names = records
        .iter()
        .map(|record| format!("{} {}", record.text("pk"), record.text("sk")));
    names.collect()
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_has_a_result_for_each_object() {
    let mut caller = a_caller().await;
    let two = part("c", 5, 3)
        .creating(subscriber("ann"))
        .and(subscriber("bob"));
    let answer = caller.sends(two).await;
    let ordinals: Vec<&str> = answer
        .results()
        .iter()
        .map(|result| result.at("OrdinalID"))
        .collect();
    assert_eq!(ordinals, ["0", "1"]);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_of_one_may_expire() {
    let mut caller = a_caller().await;
    let ten = "2026-03-02T10:00:00Z";
    let named = alone().with("ConversationID", "c").until(ten);
    let answer = caller.sends(named).await;
    assert!(answer.is_queued(), "{}", answer.said());
    let answer = caller.sends(part("d", 1, 1).until(ten)).await;
    assert!(answer.is_queued(), "{}", answer.said());
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_can_be_corrected_and_sent_again() {
    let mut caller = a_caller().await;
    caller.queues(part("c", 1, 2)).await;
    let wrong = part("c", 2, 2).calling_back("http://client.example.com/cb");
    assert_eq!(caller.sends(wrong).await.error_code(), 227);
    caller
        .queues(part("c", 2, 2).calling_back("https://client.example.com/cb"))
        .await;
    caller.settles().await;
    assert_eq!(caller.states("c").await, ["Complete", "Complete"]);
}
