//! What a type of object is made of: a row of the [`registry`](crate::registry).

use calls::Method;
use soap::{Element, ObjectResult};

use crate::context::DecisionContext;
use crate::missing::Missing;
use crate::saving::Intent;
use crate::task::TaskKind;
use crate::unit::{Sends, Unit};
use crate::verdict::{Decision, Refused, Stop};

/// One type of object.
#[derive(Clone, Copy)]
pub struct ObjectType {
    pub name: &'static str,
    /// Those of Create, Update and Delete that it has.
    pub methods: &'static [Method],
    /// Actions of Perform that it has, as the documents spell them.
    pub actions: &'static [&'static str],
    pub sending: Sending,
    /// What its action starts, if that goes on by itself.
    pub(crate) task: Option<TaskKind>,
    /// The field under whose value an object lies: a filter by it is a look at one key.
    pub(crate) key_field: &'static str,
    pub(crate) work: Work,
    pub(crate) retrieval: Retrieval,
    /// What can be said against an object before anything stored is looked at.
    pub(crate) check: Check,
}

/// What carrying an object out sends, beside the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    Nothing,
    /// A mail per subscriber.
    Mails,
    /// One text.
    Text,
    /// One call by voice.
    Voice,
}

pub(crate) type Decide = fn(&DecisionContext<'_>) -> Result<Decision, Stop>;
pub(crate) type Check = fn(Intent, &Element) -> Result<(), Refused>;

/// How an object is carried out.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// It is not: no method leads here.
    Nothing,
    /// In one piece.
    Whole(Decide),
    /// In pieces, each decided and stored by itself.
    InParts(InParts),
    /// By the server itself: what the object names is not to start.
    Cancel(fn(&Element) -> Cancellation),
}

/// The work on an object that is too large for one piece.
#[derive(Clone, Copy)]
pub(crate) struct InParts {
    /// Which fields of an object go into which piece, in order; at least one piece.
    pub(crate) plan: fn(usize, &Element) -> Vec<Unit>,
    pub(crate) decide: fn(&DecisionContext<'_>, &Unit) -> Result<Decision, Stop>,
    /// Whether all is known that deciding needs, without the work of deciding.
    pub(crate) require_records: fn(&DecisionContext<'_>, &Unit) -> Result<(), Missing>,
    /// The result of the object from those of its pieces.
    pub(crate) merge: fn(Vec<Sends>, Option<&Element>) -> ObjectResult,
}

/// Where objects of a type are retrieved from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retrieval {
    /// They cannot be.
    Nothing,
    /// From the partition of their type.
    Partition,
    Subscribers,
    /// The rows of one data extension, which stands behind the name of the type in brackets.
    Rows,
    /// Fields of data extensions: they stand in the definitions.
    Fields,
    /// Members of lists: they stand at the subscribers.
    Members,
    /// What became of the sends of definitions, counted from the events.
    Summaries,
    /// What became of mails, from the partition of its type in the order of time.
    Events,
    /// From what became of calls.
    Calls(CallView),
}

/// What is told of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallView {
    /// One per call that has ended.
    Message,
    /// One per object of a call that has ended.
    Item,
    /// One per call, at any moment after it was accepted.
    Request,
}

impl CallView {
    /// The name of its type.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Message => "ResultMessage",
            Self::Item => "ResultItem",
            Self::Request => "AsyncRequestResult",
        }
    }
}

impl ObjectType {
    /// Whether it is retrieved from what became of calls, and as what.
    pub const fn call_view(&self) -> Option<CallView> {
        match self.retrieval {
            Retrieval::Calls(record) => Some(record),
            Retrieval::Nothing
            | Retrieval::Partition
            | Retrieval::Subscribers
            | Retrieval::Rows
            | Retrieval::Fields
            | Retrieval::Members
            | Retrieval::Summaries
            | Retrieval::Events => None,
        }
    }

    /// Whether the server makes objects of it itself: they are never a backend's.
    pub const fn is_servers_own(&self) -> bool {
        matches!(self.retrieval, Retrieval::Calls(_)) || matches!(self.work, Work::Cancel(_))
    }

    /// Whether its action starts something that goes on by itself.
    pub const fn starts_tasks(&self) -> bool {
        self.task.is_some()
    }

    /// Whether it has a method, and for a Perform the action.
    pub(crate) fn supports(&self, method: Method, action: Option<&str>) -> Result<(), Refused> {
        let name = self.name;
        if method != Method::Perform {
            return if self.methods.contains(&method) {
                Ok(())
            } else {
                let method = method.name();
                let message = format!("Cannot perform {method} on objects of type {name}");
                Err(Refused::new(5, message))
            };
        }
        let action = action.unwrap_or_default();
        let is_known = |known: &&str| known.eq_ignore_ascii_case(action);
        if self.actions.iter().any(is_known) {
            return Ok(());
        }
        let mut message = format!("The Perform method is not supported for the {name} object");
        if !self.actions.is_empty() {
            let known = self.actions.join(", ");
            message = format!(
                "{message} with the Action '{}', only with {known}",
                soap::echo(action)
            );
        }
        Err(Refused::new(100, message))
    }
}

/// What an object asks the server not to start, or to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancellation {
    /// The call of this RequestID.
    Request(String),
    /// The conversation of this ConversationID.
    Conversation(String),
    /// The tasks of the call of this RequestID, which may have begun.
    Tasks(String),
    /// The object does not say which.
    Unnamed,
}
