//! Pages of a Retrieve: at most 2,500 results in one answer and no more bytes than it can have; and
//! where the next page begins.

use calls::{AccountId, RequestId};
use cloud::read::conversation_list::ListCursor;
use cloud::{Cloud, Error};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use soap::{Element, Operation, PAYLOAD_BYTES_MAX, RetrieveRequest};

/// Most results in one answer. The protocol's figure.
pub const RESULTS_MAX: usize = 2_500;

/// Longest time for one page, since API Gateway waits 30 s. The page has what was found by then.
pub const LOOK_MAX: SignedDuration = SignedDuration::from_secs(15);

/// A page, or Marketing Cloud's words for why there is none.
pub type PageResult = Result<Page, String>;

/// What one Retrieve has found.
#[derive(Debug)]
pub struct Page {
    /// Results, as they are written.
    pub results: String,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
    /// Most results of the page.
    size: usize,
    count: usize,
    bytes: usize,
}

/// Whether a result was added to the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum PageFit {
    Taken,
    /// It belongs to the next page.
    Full,
}

impl Page {
    pub fn of(size: usize) -> Self {
        Self {
            results: String::new(),
            next: None,
            size,
            count: 0,
            bytes: 0,
        }
    }

    /// Adds a result, unless the page would have too many or too many bytes. Only then is there a
    /// next page, so that no page is empty. The first result is added whatever its size, or the
    /// Retrieve could never go on after it.
    pub fn take(&mut self, result: &Element) -> PageFit {
        if self.count >= self.size {
            return PageFit::Full;
        }
        let written = soap::write_selected(std::slice::from_ref(result));
        let bytes = soap::carried_bytes(&written);
        if self.count > 0 && self.bytes + bytes > PAYLOAD_BYTES_MAX {
            return PageFit::Full;
        }
        self.results.push_str(&written);
        self.count += 1;
        self.bytes += bytes;
        PageFit::Taken
    }
}

/// Where a Retrieve goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// For stored objects and calls of a time range: the index of the account among those
    /// requested.
    #[serde(default)]
    pub account: usize,
    /// The last key that is completely done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The key of an object with several results, of which the first are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// The index among the requested ids or keys; for results of calls also the call.
    #[serde(default)]
    pub id: usize,
    #[serde(default)]
    pub sequence: u32,
    /// The index of the object of a call, or of the result at a key.
    #[serde(default)]
    pub object: usize,
    /// For calls of a time range: after which conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<ListCursor>,
}

/// What is stored between two pages.
#[derive(Serialize, Deserialize)]
struct Continuation {
    /// The request as it first came, in canonical form.
    request: String,
    cursor: Cursor,
}

/// Stores where to go on; the caller names it by the RequestID of this answer.
pub async fn keep(
    cloud: &Cloud,
    account: &AccountId,
    request_id: &RequestId,
    request: &str,
    cursor: Cursor,
) -> Result<(), Error> {
    let continuation = Continuation {
        request: request.to_owned(),
        cursor,
    };
    let text = serde_json::to_string(&continuation).unwrap_or_default();
    cloud
        .calls
        .keep_continuation(account, request_id, &text, cloud.now())
        .await
}

/// Where a ContinueRequest goes on.
#[derive(Debug)]
pub struct Continued {
    pub request: RetrieveRequest,
    /// The same in canonical form, to be kept for the page after this.
    pub canonical: String,
    pub cursor: Cursor,
}

/// The request that a ContinueRequest continues; `None`: there is none with that id.
pub async fn continued(
    cloud: &Cloud,
    account: &AccountId,
    page_before: &str,
) -> Result<Option<Continued>, Error> {
    let page_before = RequestId(page_before.trim().to_lowercase());
    let Some(text) = cloud.calls.continuation(account, &page_before).await? else {
        return Ok(None);
    };
    let unreadable = || Error::Unreadable {
        sk: "CONTINUE".to_owned(),
        attribute: "continuation",
    };
    let stored: Continuation = serde_json::from_str(&text).map_err(|_| unreadable())?;
    let body = soap::read_canonical(&stored.request).map_err(|_| unreadable())?;
    let request = match soap::take_operation(body, None, None) {
        Ok(Operation::Retrieve(request)) => request,
        Ok(Operation::Query(query)) => query.into_retrieve(),
        Ok(_) | Err(_) => return Err(unreadable()),
    };
    Ok(Some(Continued {
        request,
        canonical: stored.request,
        cursor: stored.cursor,
    }))
}
