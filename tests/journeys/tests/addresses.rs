//! Addresses as people type them, and as they are sent to.

use journeys::{a_caller, call, mail_to, subscriber};

#[tokio::test(start_paused = true)]
async fn a_callback_goes_to_the_address_as_a_uri() {
    for (typed, posted) in [
        (
            "https://b\u{fc}cher.example.com/cb",
            "https://xn--bcher-kva.example.com/cb",
        ),
        (
            "https://client.example.com/r\u{fc}ckruf?t=\"q\"",
            "https://client.example.com/r%C3%BCckruf?t=%22q%22",
        ),
        (
            "https://client.example.com/cb?t=%22q%22#top",
            "https://client.example.com/cb?t=%22q%22",
        ),
    ] {
        let mut caller = a_caller().await;
        caller
            .queues(call().creating(subscriber("ann")).calling_back(typed))
            .await;
        caller.settles().await;
        let urls: Vec<String> = caller.callbacks().into_iter().map(|it| it.url).collect();
        assert_eq!(urls, [posted], "{typed}");
    }
}

#[tokio::test(start_paused = true)]
async fn user_and_password_of_an_address_are_sent_as_a_header_and_shown_nowhere() {
    let mut caller = a_caller().await;
    let address = "https://us%40er:s3cr3t@client.example.com/cb";
    let id = caller
        .queues(call().creating(subscriber("ann")).calling_back(address))
        .await;
    caller.settles().await;
    let callbacks = caller.callbacks();
    assert_eq!(callbacks.len(), 1);
    assert_eq!(callbacks[0].url, "https://client.example.com/cb");
    assert_eq!(
        callbacks[0].header("authorization"),
        Some("Basic dXNAZXI6czNjcjN0")
    );
    assert!(!callbacks[0].body.contains("s3cr3t"));
    assert_eq!(caller.state(&id).await, "Complete");
}

#[tokio::test(start_paused = true)]
async fn results_are_mailed_to_the_punycode_of_an_international_domain() {
    let mut caller = a_caller().await;
    let told = mail_to("ann@b\u{fc}cher.example");
    caller
        .queues(call().creating(subscriber("ann")).telling(told))
        .await;
    caller.settles().await;
    let mails = caller.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, ["ann@xn--bcher-kva.example"]);
}

#[tokio::test(start_paused = true)]
async fn a_mail_without_a_name_has_no_empty_one() {
    let mut caller = a_caller().await;
    let definition = r#"<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>t</CustomerKey><FromAddress>Shop &lt;shop@example.com&gt;</FromAddress><ReplyToAddress>ann@example.com</ReplyToAddress><TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>S</Subject><TextBody>x</TextBody></Email></Objects>"#;
    caller.does(call().at_once().creating(definition)).await;
    let send = r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>t</CustomerKey></TriggeredSendDefinition><Subscribers><EmailAddress>a@b&#252;cher.example</EmailAddress><SubscriberKey>k</SubscriberKey></Subscribers></Objects>"#;
    caller.does(call().at_once().creating(send)).await;
    let told = mail_to("ops@example.com");
    caller
        .queues(call().creating(subscriber("ann")).telling(told))
        .await;
    caller.settles().await;
    let mut lines: Vec<String> = caller
        .mails()
        .iter()
        .flat_map(|mail| {
            let raw = mail.raw.clone().unwrap_or_default();
            raw.lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .filter(|line| {
            ["From:", "To:", "Reply-To:"]
                .iter()
                .any(|name| line.starts_with(name))
        })
        .collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            "From: \"Shop\" <shop@example.com>",
            "From: <aftercall@localhost.example>",
            "Reply-To: <ann@example.com>",
            "To: <a@xn--bcher-kva.example>",
            "To: <ops@example.com>",
        ]
    );
}
