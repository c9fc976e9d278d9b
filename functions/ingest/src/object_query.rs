//! Retrieves about calls: which results, by which ids or of which time.

use std::collections::BTreeSet;

use calls::AccountId;
use cloud::read::conversation_list::{
    ConversationFilter, ListOrder, ListQuery, ListedBy, LookBack,
};
use jiff::{SignedDuration, Timestamp};
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
        let mut requested = soap::unknown_properties(object_type, request.properties());
        let mut filtered_by = soap::unknown_properties(object_type, request.filtered_by());
        if self == Self::Request {
            // Marketing Cloud has no such result, so the type does not name these properties.
            let is_unknown = |path: &&str| !["RequestID", "ConversationID"].contains(path);
            requested.retain(is_unknown);
            filtered_by.retain(is_unknown);
        }
        RetrieveError::of_unknown(object_type, &requested, &filtered_by)
    }
}

/// Results that are searched by time: how long before the first CreatedDate their call may have
/// arrived. Results of calls that waited longer are found by their ids, or as AsyncRequestResult by
/// the time of their arrival.
const ENDED_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// Times of results have milliseconds, but filters may have whole seconds.
const SPREAD: SignedDuration = SignedDuration::from_secs(1);

impl ResultKind {
    /// The conversations in which calls of a time range may be. The CreatedDate of a state is the
    /// arrival of its call, that of results the end of the call.
    pub fn list_query(self, account: &AccountId, range: CreatedRange) -> ListQuery {
        let ended_within = match self {
            Self::Request => SignedDuration::ZERO,
            Self::Message | Self::Item => ENDED_WITHIN,
        };
        let to = range.to.and_then(|to| to.checked_add(SPREAD).ok());
        ListQuery {
            account: account.clone(),
            by: ListedBy::Opened,
            from: range.from.checked_sub(SPREAD).unwrap_or(Timestamp::MIN),
            to: to.unwrap_or(Timestamp::MAX),
            look_back: LookBack::CallsAnd(ended_within),
            order: ListOrder::OldestFirst,
            filter: ConversationFilter::default(),
        }
    }
}

/// The two names of an id: the one of results, and the one of all objects.
const OF_CALLS: [&str; 2] = ["RequestID", "ObjectID"];
const OF_CONVERSATIONS: [&str; 2] = ["ConversationID", "CustomerKey"];

/// The calls that a filter selects.
pub struct ObjectQuery {
    pub subjects: Subjects,
    /// Whether the filter names conversations at all.
    pub names_conversations: bool,
    /// RequestIDs are compared as the server writes them, without surrounding blanks.
    /// ConversationIDs are chosen by callers, and blanks are part of them.
    pub filter: Filter,
}

/// Which calls are selected.
pub enum Subjects {
    /// The calls with these RequestIDs, each once.
    Calls(Vec<String>),
    /// The calls of the conversations with these ConversationIDs, each once.
    Conversations(Vec<String>),
    /// The calls of a time range, whatever their ids.
    Created(CreatedRange),
}

/// The range of CreatedDate in a filter; it has at least a beginning.
#[derive(Clone, Copy)]
pub struct CreatedRange {
    pub from: Timestamp,
    pub to: Option<Timestamp>,
}

impl ObjectQuery {
    pub fn of(request: &RetrieveRequest) -> Option<Self> {
        let filter = request.filter.clone()?.trimming(&OF_CALLS);
        let named = |names: [&str; 2]| names.into_iter().find_map(|name| filter.equals(name));
        let (calls, conversations) = (named(OF_CALLS), named(OF_CONVERSATIONS));
        let subjects = match (calls, conversations) {
            (Some(ids), _) => Subjects::Calls(once(ids.iter().map(|id| id.to_lowercase()))),
            (None, Some(ids)) => Subjects::Conversations(once(ids.iter().cloned())),
            (None, None) => {
                let created = filter.time_range("CreatedDate");
                let (from, to) = (created.from?, created.to);
                Subjects::Created(CreatedRange { from, to })
            }
        };
        Some(Self {
            subjects,
            names_conversations: conversations.is_some(),
            filter,
        })
    }
}

fn once(ids: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    ids.filter(|id| seen.insert(id.clone())).collect()
}
