//! No value of a caller becomes markup, an attribute, a script or an address: hostile values in every
//! field that a caller or a receiver can fill, and every page that could show one.

use crate::server::{Server, element};

/// Closes what a value could stand in, and begins what would be noticed.
const HOSTILE: &str =
    "\"'><b hostile=1><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}${7*7}";

/// As XML has it.
fn xml() -> String {
    HOSTILE
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[track_caller]
fn is_harmless(path: &str, page: &str) {
    let page = page.to_lowercase();
    for markup in [
        "<b ",
        "<b>",
        "<script>",
        "<img",
        "onerror=alert(2)>\"",
        "\" hostile",
        "' hostile",
    ] {
        assert!(!page.contains(markup), "{path} holds {markup}: {page}");
    }
    for tag in page.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap_or_default();
        let is_handler = |attribute: &str| attribute.starts_with("on") && attribute.contains('=');
        let outside = tag.split('"').step_by(2);
        for attributes in outside {
            assert!(
                !attributes.split_whitespace().any(is_handler),
                "{path}: <{tag}>"
            );
        }
    }
    assert!(!page.contains("javascript:"), "{path}");
}

/// Calls, accounts and acts with the value wherever somebody can put one.
#[expect(clippy::too_many_lines, reason = "one hostile value after the other")]
async fn fill(server: &Server) {
    let hostile = xml();
    let address = format!("http://{}/_local/callbacks?q=%22%3E%3Cb%3E", server.address);
    let options = |sequence: u32| {
        format!(
            "<ConversationID>{hostile}</ConversationID><SequenceCode>{sequence}</SequenceCode>\
             <CallsInConversation>2</CallsInConversation><SendResponseTo><ResponseType>HTTPPost</ResponseType>\
             <ResponseAddress>{address}</ResponseAddress><RespondWhen>Always</RespondWhen>\
             <IncludeResults>true</IncludeResults><IncludeObjects>true</IncludeObjects></SendResponseTo>\
             <b>{hostile}</b>"
        )
    };
    let object = format!(
        "<Objects xsi:type=\"Subscriber\"><PartnerKey>{hostile}</PartnerKey><CorrelationID>{hostile}</CorrelationID>\
         <EmailAddress>a@example.com</EmailAddress><SubscriberKey>{hostile}</SubscriberKey>\
         <Attributes><Name>{hostile}</Name><Value>{hostile}</Value></Attributes></Objects>"
    );
    server.call(&options(1), &object).await;
    let bad = object.replace(
        "</Objects>",
        "<Lists><ID>4711</ID><Status>Active</Status></Lists></Objects>",
    );
    server.call(&options(2), &bad).await;
    let definition = format!(
        "<Objects xsi:type=\"TriggeredSendDefinition\"><CustomerKey>{hostile}</CustomerKey>\
         <TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>{hostile}</Subject>\
         <HTMLBody>{hostile}</HTMLBody><TextBody>{hostile}</TextBody></Email><FromName>{hostile}</FromName>\
         <FromAddress>shop@example.com</FromAddress></Objects>"
    );
    server.call("", &definition).await;
    let send = format!(
        "<Objects xsi:type=\"TriggeredSend\"><TriggeredSendDefinition><CustomerKey>{hostile}</CustomerKey>\
         </TriggeredSendDefinition><Subscribers><EmailAddress>m@example.com</EmailAddress>\
         <SubscriberKey>mailed {hostile}</SubscriberKey></Subscribers></Objects>"
    );
    server.call("", &send).await;
    let scheduled = server.stack.cloud.now() + jiff::SignedDuration::from_hours(2);
    let later = format!(
        "<ConversationID>later {hostile}</ConversationID><SequenceCode>1</SequenceCode>\
         <CallsInConversation>1</CallsInConversation><ScheduledTime>{scheduled:.0}</ScheduledTime>"
    );
    server.call(&later, &object).await;
    let form = [
        ("account", HOSTILE),
        ("name", HOSTILE),
        ("owner", "local"),
        ("reason", HOSTILE),
    ];
    is_harmless("/acts/account", &server.does("/acts/account", &form).await);
    let login = [
        ("account", HOSTILE),
        ("kind", "user"),
        ("name", HOSTILE),
        ("secret", HOSTILE),
    ];
    is_harmless("/acts/login", &server.does("/acts/login", &login).await);
    let window = [
        ("from", "2099-01-01T00:00:00Z"),
        ("to", "2099-01-01T01:00:00Z"),
        ("reason", HOSTILE),
    ];
    let planned = server.post("/acts/plan", &window).await;
    is_harmless("/acts/plan", &planned.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn h07_no_page_takes_a_callers_value_for_markup() {
    let server = Server::local().await;
    fill(&server).await;
    let key = server.key_of(HOSTILE).await;
    let encoded = |text: &str| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("x", text).finish().replacen("x=", "", 1)
    };
    let hostile = encoded(HOSTILE);
    let mails = server.shows("/mail-list").await;
    let (_, mail) = mails.split_once("/_local/mail?").expect("a mail");
    let mail = mail.split('"').next().unwrap_or_default();
    // What is somebody's markup is shown by itself, and is not part of a page.
    let frame = server.get(&format!("/mail/html?{mail}")).await;
    assert!(
        frame.body.contains("<script>")
            && frame
                .head
                .contains("content-security-policy: default-src 'none'")
            && frame.head.contains("sandbox"),
        "{}",
        frame.head
    );
    let mut seen = 0;
    for path in [
        "/mail-list".to_owned(),
        format!("/mail-list?account={hostile}&state={hostile}"),
        format!("/mail?{mail}"),
        "/backends?all=yes".to_owned(),
        "/".to_owned(),
        "/calls".to_owned(),
        format!("/calls?prefix={hostile}&account=local"),
        format!("/calls?account={hostile}&state={hostile}&priority={hostile}"),
        format!("/conversation?key={key}"),
        format!("/call?key={key}&sequence=1"),
        format!("/call?key={key}&sequence=2"),
        "/scheduled".to_owned(),
        "/failed".to_owned(),
        format!("/failed?account={hostile}"),
        "/replies?state=any".to_owned(),
        format!("/replies?receiver={hostile}"),
        format!("/unknown?account={hostile}&all=1"),
        "/accounts".to_owned(),
        format!("/account?account={hostile}"),
        "/dead".to_owned(),
        "/audit".to_owned(),
        "/sent".to_owned(),
        "/tools".to_owned(),
    ] {
        let page = server.shows(&path).await;
        is_harmless(&path, &page);
        seen += usize::from(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"));
    }
    assert!(seen >= 12, "the value was shown on {seen} pages alone");
    // What cannot be read is said again, harmlessly, too.
    for path in [
        format!("/conversation?key={hostile}"),
        format!("/audit?day={hostile}"),
        format!("/account?account=x{hostile}"),
        format!("/reply?id={hostile}"),
    ] {
        is_harmless(&path, &server.get(&path).await.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn h07_the_command_that_repeats_a_call_is_one_command() {
    let server = Server::local().await;
    let object = "<Objects xsi:type=\"Subscriber\"><EmailAddress>a@example.com</EmailAddress>\
                  <SubscriberKey>'; touch /tmp/x; echo '$(id)`id`</SubscriberKey></Objects>";
    // Its time is ahead, so that it is kept as it came.
    let at = server.stack.cloud.now() + jiff::SignedDuration::from_hours(2);
    let options = format!("<ScheduledTime>{at:.0}</ScheduledTime>");
    let answer = server.call(&options, object).await;
    let key = server.key_of(element(&answer, "RequestID")).await;
    let page = server.shows(&format!("/call?key={key}")).await;
    let (_, behind) = page.split_once("<pre id=\"curl\">").expect("a command");
    let command = behind.split("</pre>").next().unwrap_or_default();
    let command = command
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#38;", "&");
    let script = format!("curl() {{ printf '%s ' \"$#\"; }}; {command}");
    let ran = std::process::Command::new("bash")
        .args(["-c", &script])
        .output();
    let said = String::from_utf8(ran.expect("bash").stdout).expect("text");
    assert_eq!(
        said, "8 ",
        "curl is called once, with so many words: {command}"
    );
}
