//! Why a page cannot be shown, or an act was not done.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// What is said instead of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageFailure {
    /// AWS, or the local server, is out of reach or refused.
    Cloud(String),
    /// What was named is not there.
    NotFound(String),
    /// It was said wrongly.
    Wrong(String),
    /// It stands in a way that does not allow it.
    NotAllowed(String),
    /// Nothing may be done here.
    ReadOnly,
    /// It does not come from a form of ours.
    Forged,
}

impl PageFailure {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Cloud(_) => StatusCode::BAD_GATEWAY,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Wrong(_) => StatusCode::BAD_REQUEST,
            Self::NotAllowed(_) => StatusCode::CONFLICT,
            Self::ReadOnly | Self::Forged => StatusCode::FORBIDDEN,
        }
    }

    pub(crate) fn title(&self) -> &'static str {
        match self {
            Self::Cloud(_) => "Out of reach",
            Self::NotFound(_) => "Not found",
            Self::Wrong(_) => "That cannot be read",
            Self::NotAllowed(_) => "That is not possible",
            Self::ReadOnly => "Read only",
            Self::Forged => "Not from a page of this console",
        }
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Cloud(text)
            | Self::NotFound(text)
            | Self::Wrong(text)
            | Self::NotAllowed(text) => text,
            Self::ReadOnly => {
                "This console only looks. Start it with --allow-acts to do something here."
            }
            Self::Forged => {
                "The form is none of this console's, or the console was started again since. Nothing was \
                 done. Open the page again."
            }
        }
    }
}

impl From<cloud::Error> for PageFailure {
    fn from(error: cloud::Error) -> Self {
        Self::Cloud(error.in_full())
    }
}

/// The guard makes a page of it, which knows where it is.
impl IntoResponse for PageFailure {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
