//! What is sent and not read: named in the answer's head, kept with the call, refused for accounts
//! that are strict.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ingest::{Request, Response};
use journeys::{Story, a_caller};
use local::callback_log::CallbackLog;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TYPO: &str = "<RequestType>Asynchronous</RequestType><ScheduleTime>2026-03-03T09:00:00Z</ScheduleTime><ConversationId>c</ConversationId>";

async fn sends(caller: &Story, request: &str) -> Response {
    let headers = BTreeMap::from([("content-type".to_owned(), "text/xml".to_owned())]);
    let request = Request {
        method: "POST".to_owned(),
        path: "/Service.asmx".to_owned(),
        body: caller.envelope(request).into_bytes(),
        headers,
        ..Request::default()
    };
    caller.asks(request).await
}

fn create(attributes: &str, options: &str) -> String {
    format!(
        r#"<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Options{attributes}>{options}</Options><Objects xsi:type="Subscriber"><SubscriberKey>ann</SubscriberKey><EmailAddress>ann@example.com</EmailAddress></Objects></CreateRequest>"#
    )
}

fn warnings(answer: &Response) -> Vec<&str> {
    let headers = answer.headers.iter();
    let warnings = headers.filter(|(name, _)| *name == "aftercall-warning");
    warnings.map(|(_, value)| value.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_misspelt_option_is_named_with_the_one_that_is_meant() {
    let caller = a_caller().await;
    let answer = sends(&caller, &create("", TYPO)).await;
    assert!(answer.body.contains("Queued"), "{}", answer.body);
    assert_eq!(
        warnings(&answer),
        [
            "\"Element 'ScheduleTime' of Options is not read. Is ScheduledTime meant?\"",
            "\"Element 'ConversationId' of Options is not read. Is ConversationID meant?\"",
        ]
    );
    let good = "<RequestType>Asynchronous</RequestType>";
    let answer = sends(&caller, &create("", good)).await;
    assert!(warnings(&answer).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_attribute_where_an_element_is_meant_is_named() {
    let caller = a_caller().await;
    let answer = sends(&caller, &create(" RequestType=\"Asynchronous\"", "")).await;
    assert!(
        answer.body.contains("Created Subscriber"),
        "{}",
        answer.body
    );
    assert_eq!(
        warnings(&answer),
        [
            "\"Attribute 'RequestType' of Options is not read. An element RequestType inside it is meant\""
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_counts_for_later_is_named_in_a_call_for_now() {
    let caller = a_caller().await;
    let options = "<SendResponseTo><ResponseType>HTTPPost</ResponseType><ResponseAddress>https://c.example.com/cb</ResponseAddress></SendResponseTo><QueuePriority>High</QueuePriority>";
    let answer = sends(&caller, &create("", options)).await;
    assert!(
        answer.body.contains("Created Subscriber"),
        "{}",
        answer.body
    );
    assert_eq!(
        warnings(&answer),
        [
            "\"SendResponseTo is not read in a synchronous call. It counts with RequestType Asynchronous\"",
            "\"QueuePriority is not read in a synchronous call. It counts with RequestType Asynchronous\"",
        ]
    );
}

/// With an option of a call and a misspelt one, and a flag that many clients write.
const LOOK: &str = r#"<RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><ObjectType>Subscriber</ObjectType><Properties>SubscriberKey</Properties><RepeatLastResult>false</RepeatLastResult><Options><Batchsize>1</Batchsize><IncludeObjects>true</IncludeObjects></Options></RetrieveRequest></RetrieveRequestMsg>"#;

#[tokio::test(start_paused = true)]
async fn what_a_retrieve_does_not_read_is_named() {
    let caller = a_caller().await;
    let answer = sends(&caller, LOOK).await;
    assert!(
        answer.body.contains("<OverallStatus>OK<"),
        "{}",
        answer.body
    );
    assert_eq!(
        warnings(&answer),
        [
            "\"Element 'Batchsize' of Options is not read. Is BatchSize meant?\"",
            "\"Element 'IncludeObjects' of Options is not read\"",
        ]
    );
    let query = r#"<QueryRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><QueryRequest><Query><Object><ObjectType>Subscriber</ObjectType><Properties>SubscriberKey</Properties></Object></Query><Options><BatchSize>1</BatchSize></Options></QueryRequest></QueryRequestMsg>"#;
    let answer = sends(&caller, query).await;
    assert_eq!(
        warnings(&answer),
        ["\"Element 'Options' of QueryRequest is not read\""]
    );
}

/// One request to a server on this machine; the whole answer.
async fn over_http(server: SocketAddr, request: &str, action: &str, body: &str) -> String {
    let request = format!(
        "{request} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\nSOAPAction: \"{action}\"\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(server).await.expect("a connection");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it is sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    String::from_utf8(answer).expect("text")
}

#[tokio::test]
async fn the_local_page_shows_what_was_not_read_of_calls_for_later_and_for_now_and_of_looks() {
    let caller = a_caller().await;
    let local = caller.local().clone();
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = local::site::listen(anywhere).await.expect("a port");
    let server = listener.local_addr().expect("an address");
    let log = CallbackLog::new(local);
    let serving = tokio::spawn(local::site::serve(
        caller.stack.clone(),
        log,
        listener,
        false,
    ));
    let for_now = create("", "<QueuePriority>High</QueuePriority>");
    for (action, request) in [
        ("Create", create("", TYPO)),
        ("Create", for_now),
        ("Retrieve", LOOK.to_owned()),
    ] {
        let envelope = caller.envelope(&request);
        let answer = over_http(server, "POST /Service.asmx", action, &envelope).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let page = over_http(server, "GET /_local/sent", "", "").await;
    serving.abort();
    for shown in [
        "<h2>Not read</h2>",
        ">Create</td>",
        ">Retrieve</td>",
        ">Element &#39;ScheduleTime&#39; of Options is not read. Is ScheduledTime meant?",
        ">Element &#39;ConversationId&#39; of Options is not read. Is ConversationID meant?",
        ">QueuePriority is not read in a synchronous call. It counts with RequestType Asynchronous",
        ">Element &#39;IncludeObjects&#39; of Options is not read",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_strict_account_is_refused_instead() {
    let mut caller = a_caller().await;
    caller.account_is_strict().await;
    for request in [
        create("", TYPO),
        create(" RequestType=\"Asynchronous\"", ""),
        create("", "<QueuePriority>High</QueuePriority>"),
    ] {
        let before = caller.records().len();
        let answer = sends(&caller, &request).await;
        assert!(answer.body.contains("<ErrorCode>204<"), "{}", answer.body);
        assert!(
            answer.body.contains("This account is strict"),
            "{}",
            answer.body
        );
        assert_eq!(caller.records().len(), before, "nothing of it is kept");
        assert!(!warnings(&answer).is_empty(), "and what it is, too");
    }
    let good = "<RequestType>Asynchronous</RequestType>";
    let answer = sends(&caller, &create("", good)).await;
    assert!(answer.body.contains("Queued"), "{}", answer.body);
}
