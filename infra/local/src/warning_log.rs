//! The warnings of answers about elements that were sent and not read, for `/_local/`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use crate::held;

/// Most warnings that are kept: as many as the page shows.
const WARNINGS_MAX: usize = 200;

/// The header of an answer that names one thing that was not read.
const HEADER: &str = "aftercall-warning";

/// One thing that was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Warned {
    pub(crate) at: String,
    /// `Create`, `Retrieve`; of a request that does not say so, the path.
    pub(crate) operation: String,
    pub(crate) request_id: String,
    pub(crate) text: String,
}

/// The newest warnings.
#[derive(Clone, Debug, Default)]
pub(crate) struct WarningLog(Arc<Mutex<VecDeque<Warned>>>);

impl WarningLog {
    /// Keeps the warnings of an answer.
    pub(crate) fn note(
        &self,
        operation: &str,
        headers: &[(&'static str, String)],
        body: &str,
        now: Timestamp,
    ) {
        let warnings = headers.iter().filter(|(name, _)| *name == HEADER);
        for (_, value) in warnings {
            let mut all = held(&self.0);
            if all.len() >= WARNINGS_MAX {
                all.pop_front();
            }
            all.push_back(Warned {
                at: now.to_string(),
                operation: operation.to_owned(),
                request_id: request_id_in(body).to_owned(),
                text: unquoted(value),
            });
        }
    }

    pub(crate) fn empty(&self) {
        held(&self.0).clear();
    }

    pub(crate) fn warned(&self) -> Vec<Warned> {
        held(&self.0).iter().cloned().collect()
    }
}

/// What a request does: its SOAPAction, or the end of its address.
pub(crate) fn operation_of(headers: &BTreeMap<String, String>, path: &str) -> String {
    let action = headers
        .get("soapaction")
        .map(|action| action.trim_matches(['"', ' ']));
    match action.filter(|action| !action.is_empty()) {
        Some(action) => action.to_owned(),
        None => path.to_owned(),
    }
}

fn request_id_in(body: &str) -> &str {
    let behind = body.split_once("<RequestID>").map(|(_, behind)| behind);
    behind
        .and_then(|behind| behind.split_once('<'))
        .map_or("", |(id, _)| id)
}

/// The text of a string as structured headers have it.
fn unquoted(value: &str) -> String {
    let inside = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(value);
    let mut text = String::with_capacity(inside.len());
    let mut letters = inside.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => text.extend(letters.next()),
            _ => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_warning_of_an_answer_is_kept_with_what_it_is_about() {
        let log = WarningLog::default();
        let headers = [
            ("content-type", "text/xml".to_owned()),
            (HEADER, r#""Element 'a\"b' is not read""#.to_owned()),
            (HEADER, "\"Another\"".to_owned()),
        ];
        let now = "2026-11-20T10:00:00Z".parse().expect("a time");
        let operation = operation_of(
            &BTreeMap::from([("soapaction".to_owned(), "\"Create\"".to_owned())]),
            "/Service.asmx",
        );
        log.note(
            &operation,
            &headers,
            "<a><RequestID>r-1</RequestID></a>",
            now,
        );
        let warned: Vec<String> = log
            .warned()
            .into_iter()
            .map(|it| format!("{} {} {} {}", it.at, it.operation, it.request_id, it.text))
            .collect();
        assert_eq!(
            warned,
            [
                "2026-11-20T10:00:00Z Create r-1 Element 'a\"b' is not read",
                "2026-11-20T10:00:00Z Create r-1 Another",
            ]
        );
    }

    #[test]
    fn no_more_are_kept_than_are_shown() {
        let log = WarningLog::default();
        for number in 0..=WARNINGS_MAX {
            let headers = [(HEADER, format!("\"{number}\""))];
            log.note("/Service.asmx", &headers, "", Timestamp::UNIX_EPOCH);
        }
        let warned = log.warned();
        assert_eq!(warned.len(), WARNINGS_MAX);
        assert_eq!(warned[0].text, "1");
        assert_eq!(
            operation_of(&BTreeMap::new(), "/Service.asmx"),
            "/Service.asmx"
        );
    }
}
