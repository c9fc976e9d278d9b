//! What became of one object of a call: the content of a Results element, whatever its method.

use serde::{Deserialize, Serialize};

use crate::element::Element;

/// The outcome of one top-level object of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectResult {
    /// StatusCode `OK` or `Error`.
    pub ok: bool,
    pub status_message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<u32>,
    /// Type of the object that was asked for: `Subscriber`.
    pub object_type: String,
    /// The caller's CorrelationID, if the object had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// NewID of a Create; 0 is written where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_id: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_object_id: Option<String>,
    /// The object as it is after the call, or as it came if the call failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Element>,
    #[serde(default, skip_serializing_if = "Detail::is_plain")]
    pub detail: Detail,
    /// The whole of it as a backend gave it, which is what is given on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<Box<Element>>,
}

/// What the typed results add to the plain ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Detail {
    /// CreateResult, UpdateResult, DeleteResult, PerformResult without a task.
    #[default]
    Plain,
    /// TriggeredSendCreateResult.
    TriggeredSend { failures: Vec<SubscriberFailure> },
    /// DataExtensionCreateResult, -UpdateResult, -DeleteResult.
    DataExtension {
        error_message: Option<String>,
        key_errors: Vec<FieldError>,
        value_errors: Vec<FieldError>,
    },
    /// PerformResult with its Task.
    Task {
        id: String,
        interaction_object_id: Option<String>,
    },
}

impl Detail {
    fn is_plain(&self) -> bool {
        *self == Self::Plain
    }
}

/// One subscriber that a triggered send could not be made to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriberFailure {
    /// As it came.
    pub subscriber: Element,
    /// Symbolic: `TriggeredSendSubscriberProcessingError`.
    pub error_code: String,
    /// `Error Code: 5 - The Email Address for this subscriber has invalid syntax.`
    pub error_description: String,
    pub ordinal: u32,
}

/// One field of a data extension row that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    pub name: String,
    pub error_code: u32,
    pub error_message: String,
}
