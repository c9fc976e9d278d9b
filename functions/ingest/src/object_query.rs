//! What a Retrieve asks about calls: which results, of which ids.

use std::collections::BTreeSet;

use objects::{CallView, RetrieveError};
use soap::{Filter, RetrieveRequest};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultKind {
    /// One per call that has ended.
    Message,
    /// One per object of a call that has ended.
    Item,
    /// One per call, at any moment after it was accepted.
    Request,
}

impl ResultKind {
    pub fn named(object_type: &str) -> Option<Self> {
        Some(match objects::object_type(object_type)?.call_view()? {
            CallView::Message => Self::Message,
            CallView::Item => Self::Item,
            CallView::Request => Self::Request,
        })
    }

    pub fn check_properties(self, request: &RetrieveRequest) -> Result<(), RetrieveError> {
        let object_type = request.object_type.as_str();
        let mut asked_for = soap::unknown_properties(object_type, request.properties());
        let mut filtered_by = soap::unknown_properties(object_type, request.filtered_by());
        if self == Self::Request {
            // The original has no such result for calls, so its type does not name these.
            let is_unknown = |path: &&str| !["RequestID", "ConversationID"].contains(path);
            asked_for.retain(is_unknown);
            filtered_by.retain(is_unknown);
        }
        RetrieveError::of_unknown(object_type, &asked_for, &filtered_by)
    }
}

/// The two names of an id: the results' own, and the one that every object has.
const OF_CALLS: [&str; 2] = ["RequestID", "ObjectID"];
const OF_CONVERSATIONS: [&str; 2] = ["ConversationID", "CustomerKey"];

/// The ids that a filter asks for, each once.
pub struct ObjectQuery {
    pub ids: Vec<String>,
    /// Whether they name conversations.
    pub by_conversation: bool,
    /// Whether conversations are named at all, beside the calls or by themselves.
    pub names_conversations: bool,
    /// With RequestIDs as we make them, whatever blanks a client puts around them. The names of
    /// conversations are their caller's, and blanks belong to them.
    pub filter: Filter,
}

impl ObjectQuery {
    pub fn of(request: &RetrieveRequest) -> Option<Self> {
        let filter = request.filter.clone()?.trimming(&OF_CALLS);
        let named = |names: [&str; 2]| names.into_iter().find_map(|name| filter.equals(name));
        let (calls, conversations) = (named(OF_CALLS), named(OF_CONVERSATIONS));
        let ids = match (calls, conversations) {
            (Some(ids), _) => once(ids.iter().map(|id| id.to_lowercase())),
            (None, Some(ids)) => once(ids.iter().cloned()),
            (None, None) => return None,
        };
        Some(Self {
            ids,
            by_conversation: calls.is_none(),
            names_conversations: conversations.is_some(),
            filter,
        })
    }
}

fn once(ids: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    ids.filter(|id| seen.insert(id.clone())).collect()
}
