//! A reply by mail: a notification, and with IncludeResults one attachment `Results.zip` that holds
//! one file `Results.xml`.

use std::io::{Cursor, Write};

use calls::SubjectKind;
use cloud::aws::mail::Mail;
use cloud::records::reply_record::ReplyRecord;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Most bytes of an attachment that the mail service accepts, after encoding.
const ATTACHMENT_BYTES_MAX: usize = 28_000_000;

/// `None`: the results are too large for a mail.
pub fn write(record: &ReplyRecord, results_xml: Option<&str>) -> Option<Mail> {
    let reply = &record.reply;
    let status = reply.overall_status.text();
    let what = match (&record.conversation_id, reply.subject) {
        (Some(id), SubjectKind::Conversation) => format!("Conversation {id}"),
        (Some(_) | None, _) => format!("Request {}", reply.request_id),
    };
    let attachment = match results_xml {
        Some(xml) => Some(("Results.zip".to_owned(), "application/zip", zipped(xml)?)),
        None => None,
    };
    Some(Mail {
        to: reply.subscription.address.clone(),
        subject: format!("{what}: {status}"),
        text: Some(text(record, status)),
        attachment,
        headers: vec![("X-Aftercall-Reply", reply.id())],
        ..Mail::default()
    })
}

fn text(record: &ReplyRecord, status: &str) -> String {
    let reply = &record.reply;
    let mut lines = vec![format!("RequestID: {}", reply.request_id)];
    if let Some(id) = &record.conversation_id {
        lines.push(format!("ConversationID: {id}"));
        lines.push(format!("SequenceCode: {}", reply.sequence));
    }
    lines.push(format!("OverallStatus: {status}"));
    if !reply.status_message.is_empty() {
        lines.push(format!("StatusMessage: {}", reply.status_message));
    }
    if let Some(code) = reply.error_code {
        lines.push(format!("ErrorCode: {code}"));
    }
    lines.join("\r\n") + "\r\n"
}

fn zipped(xml: &str) -> Option<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("Results.xml", SimpleFileOptions::default())
        .ok()?;
    zip.write_all(br#"<?xml version="1.0" encoding="utf-8"?>"#)
        .ok()?;
    zip.write_all(xml.as_bytes()).ok()?;
    let bytes = zip.finish().ok()?.into_inner();
    (bytes.len() <= ATTACHMENT_BYTES_MAX).then_some(bytes)
}
