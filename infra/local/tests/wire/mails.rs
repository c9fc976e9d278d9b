//! SES: mails are kept whole, and refused when a test wants it.

use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{Body, Destination, EmailContent, Message, RawMessage};
use local::MailFault;

use crate::{cloud, config};

#[tokio::test(start_paused = true)]
async fn a_raw_mail_is_kept_with_its_attachments() {
    let cloud = cloud();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("row.csv", zip::write::SimpleFileOptions::default())
        .expect("a file");
    std::io::Write::write_all(&mut zip, b"a,b\n1,2\n").expect("a file");
    let zip = zip.finish().expect("an archive").into_inner();
    let raw = mail_builder::MessageBuilder::new()
        .from(("Aftercall", "noreply@example.com"))
        .to("to@example.com")
        .subject("Grüße")
        .header("X-Call", mail_builder::headers::text::Text::new("42"))
        .text_body("plain")
        .html_body("<p>rich</p>")
        .attachment("application/zip", "rows.zip", zip.clone())
        .write_to_vec()
        .expect("a mail");
    let client = aws_sdk_sesv2::Client::new(&config(&cloud));
    let send = || {
        let message = RawMessage::builder()
            .data(Blob::new(raw.clone()))
            .build()
            .expect("a mail");
        client
            .send_email()
            .content(EmailContent::builder().raw(message).build())
            .send()
    };
    let sent = send().await.expect("a mail");
    let mail = &cloud.ses().mails()[0];
    assert_eq!(sent.message_id(), Some(mail.id.as_str()));
    assert_eq!(mail.from, "Aftercall <noreply@example.com>");
    assert_eq!(
        (mail.subject.as_str(), mail.to.as_slice()),
        ("Grüße", &["to@example.com".to_owned()][..])
    );
    assert_eq!(mail.text.as_deref().map(str::trim), Some("plain"));
    assert_eq!(mail.html.as_deref().map(str::trim), Some("<p>rich</p>"));
    let call = mail.headers.iter().find(|(name, _)| name == "X-Call");
    assert_eq!(call.map(|(_, value)| value.as_str()), Some("42"));
    let attachment = &mail.attachments[0];
    assert_eq!(
        (attachment.name.as_str(), &attachment.content),
        ("rows.zip", &zip)
    );
    assert_eq!(attachment.files[0].name, "row.csv");
    assert_eq!(attachment.files[0].text.as_deref(), Some("a,b\n1,2\n"));
    cloud.ses().refuse_next(MailFault::MessageRejected);
    let error = send().await.expect_err("a fault").into_service_error();
    assert!(error.is_message_rejected());
    cloud.ses().set_fault(Some(MailFault::TooManyRequests));
    let error = send().await.expect_err("a fault").into_service_error();
    assert!(error.is_too_many_requests_exception());
    cloud.ses().set_fault(Some(MailFault::AccountSendingPaused));
    let error = send().await.expect_err("a fault").into_service_error();
    assert!(error.is_sending_paused_exception());
    assert_eq!(cloud.refused(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_simple_mail_is_kept_too() {
    let cloud = cloud();
    let content = |text: &str| {
        aws_sdk_sesv2::types::Content::builder()
            .data(text)
            .build()
            .expect("a text")
    };
    let message = Message::builder()
        .subject(content("subject"))
        .body(Body::builder().text(content("plain")).build())
        .build();
    aws_sdk_sesv2::Client::new(&config(&cloud))
        .send_email()
        .from_email_address("noreply@example.com")
        .destination(
            Destination::builder()
                .to_addresses("to@example.com")
                .build(),
        )
        .content(EmailContent::builder().simple(message).build())
        .send()
        .await
        .expect("a mail");
    let mail = &cloud.ses().mails()[0];
    assert_eq!(
        (mail.subject.as_str(), mail.text.as_deref()),
        ("subject", Some("plain"))
    );
    assert_eq!(mail.html, None);
}
