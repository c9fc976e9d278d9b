//! How a stand-in refuses a request.

use std::fmt::Display;

/// The error answer to one request; the wire gives it the form that its service's protocol wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WireFailure {
    pub(crate) status: u16,
    /// The error's name in the service's own model.
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// The member `Reason`, of the services that have one.
    pub(crate) reason: Option<&'static str>,
}

/// The code for what the local cloud does not do. AWS has no such code, so no program handles it.
pub(crate) const NOT_BUILT: &str = "NotBuiltInLocalCloud";

impl WireFailure {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Display) -> Self {
        Self {
            status,
            code,
            message: message.to_string(),
            reason: None,
        }
    }

    pub(crate) const fn because(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// 501, which no SDK retries.
    pub(crate) fn not_built(what: impl Display) -> Self {
        Self::new(
            501,
            NOT_BUILT,
            format!("the local cloud does not do this: {what}"),
        )
    }

    /// A member that no stand-in reads is not built; anything else is malformed.
    pub(crate) fn unreadable(operation: &str, error: &serde_json::Error) -> Self {
        Self::not_built(format!("{operation} with such a request ({error})"))
    }
}
