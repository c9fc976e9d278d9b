//! What an attempt at a reply came to: the lines of its delivery log.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Most bytes that are kept of what a receiver answers: as much as tells a person what is wrong, and
/// one write unit at most.
pub const ANSWER_BYTES_MAX: usize = 1_024;

/// One line of the delivery log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub at: Timestamp,
    // Stored under this name, which is in the dictionary of compressed records.
    #[serde(rename = "found")]
    pub result: DeliveryResult,
    /// What the receiver said when it did not take the reply. Of one attempt at a time: the latest that
    /// had such an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<ReceiverAnswer>,
}

/// The result of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryResult {
    /// HTTP status that is not 2xx, with its Retry-After in seconds.
    Status {
        status: u16,
        retry_after_s: Option<u32>,
    },
    /// 2xx, or taken by the mail service.
    Taken,
    /// No answer in time.
    TimedOut,
    /// No connection, or it broke.
    Unreachable(UnreachableCause),
    /// The address leads to a place where replies may not go.
    Forbidden,
    /// The mail service will never accept it.
    Rejected,
    /// Each time, the process that made an attempt died.
    GivenUp,
}

/// Why a receiver could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnreachableCause {
    /// Its name was not resolved.
    Dns,
    /// Nobody listens there.
    Refused,
    /// Its certificate was not accepted, or TLS was not agreed upon.
    Tls,
    /// The connection was closed before there was an answer.
    Closed,
    /// The mail service did not answer, or was not able to take it.
    MailService,
    /// Something else, a missing route say.
    Other,
}

/// What an attempt came to, with what the receiver said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptResult {
    pub result: DeliveryResult,
    pub answer: Option<ReceiverAnswer>,
}

/// The beginning of what a receiver answered, as text. It is the receiver's and may hold anything, so
/// that it is stored and shown to operators, and is in no log: `Debug` tells its length only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReceiverAnswer(String);

impl DeliveryResult {
    /// In a few words, for people.
    pub fn text(&self) -> String {
        match self {
            Self::Status {
                status,
                retry_after_s: Some(seconds),
            } => format!("HTTP {status}, Retry-After {seconds} s"),
            Self::Status { status, .. } => format!("HTTP {status}"),
            Self::Taken => "taken".to_owned(),
            Self::TimedOut => "timeout: no answer in time".to_owned(),
            Self::Unreachable(cause) => cause.text().to_owned(),
            Self::Forbidden => "leads where replies may not go".to_owned(),
            Self::Rejected => "the mail service will never take it".to_owned(),
            Self::GivenUp => "whoever made it ended before, each time".to_owned(),
        }
    }
}

impl UnreachableCause {
    pub const fn text(self) -> &'static str {
        match self {
            Self::Dns => "DNS: its name was not resolved",
            Self::Refused => "refused: nobody listens there",
            Self::Tls => "TLS: its certificate was not accepted, or TLS was not agreed upon",
            Self::Closed => "closed: the connection ended before an answer",
            Self::MailService => "the mail service did not answer, or could not take it",
            Self::Other => "no connection",
        }
    }
}

impl From<DeliveryResult> for AttemptResult {
    fn from(result: DeliveryResult) -> Self {
        Self {
            result,
            answer: None,
        }
    }
}

impl ReceiverAnswer {
    /// `None`: nothing was said. Bytes that are no UTF-8, and control characters, are replaced.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..ANSWER_BYTES_MAX).unwrap_or(bytes);
        let text = String::from_utf8_lossy(without_cut_character(bytes));
        let kept = text.trim().chars().filter(|character| *character != '\r');
        let shown = |character: char| match character {
            '\n' | '\t' => character,
            other if other.is_control() => char::REPLACEMENT_CHARACTER,
            other => other,
        };
        let mut text: String = kept.map(shown).collect();
        // What was replaced may have grown.
        text.truncate(text.floor_char_boundary(ANSWER_BYTES_MAX));
        (!text.is_empty()).then_some(Self(text))
    }

    pub fn text(&self) -> &str {
        &self.0
    }
}

/// The last character may have been cut in two.
fn without_cut_character(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => {
            bytes.get(..error.valid_up_to()).unwrap_or(bytes)
        }
        Ok(_) | Err(_) => bytes,
    }
}

impl fmt::Debug for ReceiverAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ReceiverAnswer({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(bytes: &[u8]) -> Option<String> {
        ReceiverAnswer::of(bytes).map(|answer| answer.text().to_owned())
    }

    #[test]
    fn an_answer_is_text_and_bounded() {
        for (bytes, text) in [
            (b"".as_slice(), None),
            (b" \r\n ", None),
            (b"{\"error\":\r\n\t\"no\"}", Some("{\"error\":\n\t\"no\"}")),
            (b"a\x1b[31mb\0c", Some("a\u{fffd}[31mb\u{fffd}c")),
            (b"caf\xe9", Some("caf")),
            (b"caf\xe9!", Some("caf\u{fffd}!")),
        ] {
            assert_eq!(text_of(bytes).as_deref(), text, "{bytes:?}");
        }
        let long = "\u{20ac}".repeat(1_000);
        let kept = text_of(long.as_bytes()).expect("text");
        assert_eq!(kept.chars().count(), ANSWER_BYTES_MAX / 3);
        let grown = text_of(&[0xff; 5_000]).expect("text");
        assert!(grown.len() <= ANSWER_BYTES_MAX);
    }

    #[test]
    fn an_answer_is_in_no_debug_text() {
        let answer = ReceiverAnswer::of(b"ann@example.com").expect("text");
        assert_eq!(format!("{answer:?}"), "ReceiverAnswer(15 bytes)");
    }
}
