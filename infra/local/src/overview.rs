//! The page at `/_local/`: conversations, calls, what was not read, mails and callbacks on one screen.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::callback_log::CallbackLog;
use crate::names;
use crate::stack::{EventSource, Stack};
use crate::warning_log::WarningLog;

/// Rows of each kind that are shown, the newest first.
const ROWS_MAX: usize = 200;

/// Records of the calls table that are looked through.
const RECORDS_MAX: usize = 20_000;

pub(crate) fn page(stack: &Stack, callback_log: &CallbackLog, warning_log: &WarningLog) -> String {
    let mut html = String::from(HEAD);
    let now = stack.local.clock().now();
    let queues: Vec<String> = EventSource::ALL
        .iter()
        .map(|event_source| {
            format!(
                "{} {}",
                event_source.queue(),
                stack.local.sqs().depth(event_source.queue())
            )
        })
        .collect();
    html.push_str(&format!(
        "<p>{now} &middot; {}</p>",
        soap::escaped(&queues.join(", "))
    ));
    let records = records(stack);
    table(
        &mut html,
        "Conversations",
        &["ConversationID", "Calls", "Phase", "Priority"],
        records
            .iter()
            .filter(|record| text(record, "sk") == "CONVERSATION")
            .map(|record| {
                let named = text(record, "conversation_id");
                let name = if named.is_empty() {
                    format!("({})", text(record, "pk"))
                } else {
                    named
                };
                vec![
                    name,
                    text(record, "calls_in_conversation"),
                    text(record, "phase"),
                    text(record, "priority"),
                ]
            }),
    );
    table(
        &mut html,
        "Outcomes",
        &["RequestID", "SequenceCode", "Method", "Object", "Outcome"],
        records
            .iter()
            .filter(|record| !text(record, "outcome").is_empty())
            .map(outcome),
    );
    not_read(&mut html, warning_log);
    sent_items(&mut html, stack, callback_log);
    html
}

/// What was sent and is not read, the newest first.
fn not_read(html: &mut String, warning_log: &WarningLog) {
    table(
        html,
        "Not read",
        &["At", "Operation", "RequestID", "Warning"],
        warning_log
            .warned()
            .into_iter()
            .rev()
            .map(|warned| vec![warned.at, warned.operation, warned.request_id, warned.text]),
    );
}

/// An outcome that lies in its call's record leaves it to the call to say what it is the outcome of.
fn outcome(record: &Value) -> Vec<String> {
    let compressed = record["call"]["B"].as_str().unwrap_or_default();
    let call = BASE64_STANDARD.decode(compressed).ok();
    let call = call.and_then(|compressed| cloud::decompress(&compressed));
    let call: Option<Value> = call.and_then(|call| serde_json::from_str(&call).ok());
    let what = ["request_id", "sequence", "method", "object_type"].map(|name| match &call {
        Some(_) if name == "sequence" => "1".to_owned(),
        Some(call) => plain(&call[name]),
        None => text(record, name),
    });
    let how = text(record, "outcome");
    what.into_iter().chain([how]).collect()
}

/// Callbacks and mails, the newest first.
fn sent_items(html: &mut String, stack: &Stack, callback_log: &CallbackLog) {
    table(
        html,
        "Callbacks",
        &["At", "URL", "Status", "Form"],
        callback_log.posted().into_iter().rev().map(|posted| {
            let status = match posted.status {
                Some(status) => status.to_string(),
                None => posted.cause.unwrap_or_default(),
            };
            vec![posted.at, posted.url, status, posted.body]
        }),
    );
    table(
        html,
        "Mails",
        &["To", "Subject", "Text"],
        stack.local.ses().mails().into_iter().rev().map(|mail| {
            let mail = json!(mail);
            ["to", "subject", "text"]
                .map(|name| plain(&mail[name]))
                .to_vec()
        }),
    );
}

const HEAD: &str = "<!doctype html><meta charset=utf-8><title>Aftercall, local</title>\
    <style>body{font:14px system-ui;margin:2em}table{border-collapse:collapse;margin:0 0 2em}\
    td,th{border:1px solid #ccc;padding:.2em .5em;text-align:left;max-width:40em;\
    overflow-wrap:anywhere;vertical-align:top}</style><h1>Aftercall, local</h1>";

fn table(html: &mut String, title: &str, heads: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    html.push_str("<h2>");
    html.push_str(title);
    html.push_str("</h2><table><tr>");
    for head in heads {
        html.push_str("<th>");
        html.push_str(head);
    }
    for row in rows.take(ROWS_MAX) {
        html.push_str("<tr>");
        for cell in row {
            html.push_str("<td>");
            html.push_str(&soap::escaped(&cell));
        }
    }
    html.push_str("</table>");
}

/// The records of the calls table, as DynamoDB writes them.
fn records(stack: &Stack) -> Vec<Value> {
    let mut records = Vec::new();
    let mut start = Value::Null;
    while records.len() < RECORDS_MAX {
        let mut scan = json!({ "TableName": names::CALLS_TABLE });
        if !start.is_null() {
            scan["ExclusiveStartKey"] = start;
        }
        let request = http::Request::builder()
            .method("POST")
            .uri("/")
            .header("x-amz-target", "DynamoDB_20120810.Scan")
            .body(Bytes::from(scan.to_string()))
            .unwrap_or_default();
        let answer = stack.local.answer(request);
        let Ok(mut answer) = serde_json::from_slice::<Value>(answer.body()) else {
            break;
        };
        if let Value::Array(items) = answer["Items"].take() {
            records.extend(items);
        }
        start = answer["LastEvaluatedKey"].take();
        if start.is_null() {
            break;
        }
    }
    records.reverse();
    records
}

/// An attribute's text: `{"S": "a"}` or `{"N": "1"}`.
fn text(record: &Value, attribute: &str) -> String {
    let value = &record[attribute];
    value["S"]
        .as_str()
        .or_else(|| value["N"].as_str())
        .unwrap_or_default()
        .to_owned()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}
