//! Faults: the answer to a request that is not a call, or to a call that its sender may not make.
//!
//! A fault is sent with HTTP status 500. An error in a call that could be read is a
//! [`calls::Refusal`] and is sent as an ordinary answer.

use thiserror::Error;

/// Longest piece of the caller's own text that a fault repeats.
const ECHO_CHARS_MAX: usize = 100;

/// Whose error it is; it determines the faultcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultCode {
    /// The request cannot be read (`soap:Client`, in SOAP 1.2 `soap:Sender`).
    Client,
    /// The server cannot carry it out now (`soap:Server`, in SOAP 1.2 `soap:Receiver`).
    Server,
    /// The caller is not identified, or its token has expired (`wsse:Security`).
    Security,
    /// A header that must be understood is not.
    MustUnderstand,
    /// The envelope is of neither SOAP version.
    VersionMismatch,
}

/// A SOAP fault, before it is written as XML.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text}")]
pub struct Fault {
    pub code: FaultCode,
    /// The faultstring. It never has a password, a token, or more than a line of the caller's text.
    pub text: String,
    /// The protocol's own code and message, written as `detail/apifault`: for Server faults, and
    /// for a failed login.
    pub api: Option<(u32, String)>,
    /// Seconds after which the same request may be sent again; sent as an HTTP header.
    pub retry_after: Option<i64>,
}

impl Fault {
    /// An error of the caller.
    pub fn client(text: impl Into<String>) -> Self {
        Self {
            code: FaultCode::Client,
            text: text.into(),
            api: None,
            retry_after: None,
        }
    }

    /// An error of the server, with the protocol's code: 1 not available, 9 in maintenance, 17 too
    /// many calls.
    pub fn server(api_code: u32, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            code: FaultCode::Server,
            api: Some((api_code, text.clone())),
            text,
            retry_after: None,
        }
    }

    /// Too many requests of one account (17).
    pub fn rate_limited(retry_after: i64) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::server(17, "Rate Limited")
        }
    }

    /// With code and message of the detail.
    #[must_use]
    pub fn because(mut self, api_code: u32, why: &str) -> Self {
        self.api = Some((api_code, why.to_owned()));
        self
    }

    /// Not authenticated: `Login Failed`, `Token Expired`.
    pub fn security(text: impl Into<String>) -> Self {
        Self {
            code: FaultCode::Security,
            text: text.into(),
            api: None,
            retry_after: None,
        }
    }
}

/// The caller's text in a form that a fault may repeat: one line, no control characters, limited
/// length.
pub fn echo(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .filter(|c| !c.is_control())
        .take(ECHO_CHARS_MAX)
        .collect();
    if text.chars().nth(ECHO_CHARS_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}
