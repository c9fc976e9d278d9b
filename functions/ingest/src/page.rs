//! Pages of a Retrieve: at most 2,500 results in one answer, and where the next page begins.

use calls::{AccountId, RequestId};
use cloud::{Cloud, Trouble};
use serde::{Deserialize, Serialize};
use soap::{Element, Operation, RetrieveRequest};

use crate::retrieve;

/// Most results in one answer. The protocol's figure.
pub const RESULTS_MAX: usize = 2_500;

/// What one look came to.
#[derive(Debug, Default)]
pub struct Page {
    pub results: Vec<Element>,
    /// Where to go on, if there is more.
    pub next: Option<Cursor>,
}

/// Where a Retrieve goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Stored objects: the last key that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Results of calls: which of the ids asked for, which call of it, which object of that.
    #[serde(default)]
    pub id: usize,
    #[serde(default)]
    pub sequence: u32,
    #[serde(default)]
    pub object: usize,
}

/// What is kept between two pages.
#[derive(Serialize, Deserialize)]
struct Continuation {
    /// The request as it first came, in canonical form.
    request: String,
    cursor: Cursor,
}

/// Keeps where to go on; the caller asks for it by the RequestID of this answer.
pub async fn keep(
    cloud: &Cloud,
    account: &AccountId,
    request_id: &RequestId,
    request: &str,
    cursor: Cursor,
) -> Result<(), Trouble> {
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

/// The request that a ContinueRequest goes on with; `None`: there is none of that id.
pub async fn continued(
    cloud: &Cloud,
    account: &AccountId,
    page_before: &str,
) -> Result<Option<(RetrieveRequest, String, Cursor)>, Trouble> {
    let page_before = RequestId(page_before.trim().to_lowercase());
    let Some(text) = cloud.calls.continuation(account, &page_before).await? else {
        return Ok(None);
    };
    let unreadable = || Trouble::Unreadable {
        sk: "CONTINUE".to_owned(),
        attribute: "continuation",
    };
    let kept: Continuation = serde_json::from_str(&text).map_err(|_| unreadable())?;
    let body = soap::read_canonical(&kept.request).map_err(|_| unreadable())?;
    match soap::take_operation(body, None, None) {
        Ok(Operation::Retrieve(request)) => Ok(Some((request, kept.request, kept.cursor))),
        Ok(Operation::Query(query)) => {
            let request = retrieve::of_query(&query);
            Ok(Some((request, kept.request, kept.cursor)))
        }
        Ok(_) | Err(_) => Err(unreadable()),
    }
}
