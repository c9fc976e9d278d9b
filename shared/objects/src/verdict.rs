//! How the decision on a unit ends: made, refused, or not possible yet.

use soap::{Detail, Element};

use crate::key::ObjectKey;
use crate::missing::Missing;
use crate::send_order::SendOrder;
use crate::unit::UnitResult;

/// A decision that is made: the result, and all that comes of it.
pub(crate) struct Decision {
    pub(crate) result: UnitResult,
    /// What the objects become; `None` removes one.
    pub(crate) changes: Vec<(ObjectKey, Option<Element>)>,
    /// Mails, texts and calls by voice.
    pub(crate) mails: Vec<SendOrder>,
}

impl Decision {
    /// Nothing comes of it but its result.
    pub(crate) fn only(result: UnitResult) -> Self {
        Self {
            result,
            changes: Vec::new(),
            mails: Vec::new(),
        }
    }

    #[must_use]
    pub(crate) fn changing(mut self, key: ObjectKey, becomes: Option<Element>) -> Self {
        self.changes.push((key, becomes));
        self
    }

    #[must_use]
    pub(crate) fn changing_all(mut self, changes: Vec<(ObjectKey, Option<Element>)>) -> Self {
        self.changes.extend(changes);
        self
    }
}

/// Our "no" to one object, with the protocol's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) code: u32,
    pub(crate) message: String,
    pub(crate) detail: Detail,
}

impl Refused {
    pub(crate) fn new(code: u32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            detail: Detail::Plain,
        }
    }

    /// Of a task among objects that are none, or tasks of another kind.
    pub(crate) fn mixed_task(code: u32, type_name: &str) -> Self {
        let message = format!(
            "A {type_name} is started by a Perform of its own: with no object of another type in the same call"
        );
        Self::new(code, message)
    }
}

/// Why there is no decision yet, or none but a refusal.
#[derive(Debug)]
pub(crate) enum Stop {
    Missing(Missing),
    Refused(Box<Refused>),
}

impl From<Missing> for Stop {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Refused(Box::new(refused))
    }
}
