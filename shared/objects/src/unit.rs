//! The work of a call in pieces: what is asked for, which piece is meant, and what became of it.

use std::ops::Range;

use calls::{AccountId, Method, Options, RequestId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use soap::{Element, ObjectResult, SubscriberFailure};

use crate::phone_order::PhoneSenders;
use crate::task::TaskProgress;

/// A call that is carried out.
#[derive(Clone, Copy, Debug)]
pub struct MethodCall<'a> {
    pub method: Method,
    /// Action of a Perform.
    pub action: Option<&'a str>,
    pub options: &'a Options,
    pub objects: &'a [Element],
    /// Whose objects they are, but for those that name an account of their own: what `Client` of
    /// the Options names, else the caller.
    pub client: &'a AccountId,
    pub request_id: &'a RequestId,
    /// What texts and calls by voice come from.
    pub phone_senders: &'a PhoneSenders,
    pub now: Timestamp,
}

/// What is decided, and stored, in one piece: one object, or some subscribers of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Which object of the call, from 0.
    pub object: usize,
    /// Which of its fields hold the subscribers; the whole object is meant when it is empty.
    pub part: Range<usize>,
    /// The number of the first of these subscribers, from 0.
    pub first_subscriber: usize,
    pub last_of_object: bool,
}

impl Unit {
    /// The whole of an object.
    pub fn whole(object: usize) -> Self {
        Self {
            object,
            part: 0..0,
            first_subscriber: 0,
            last_of_object: true,
        }
    }
}

/// What became of a unit. Kept until the last unit of its object is done, then [`merge`]d.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnitResult {
    /// The unit was the whole object.
    Whole(Box<ObjectResult>),
    /// Some subscribers of a triggered send.
    Sends(Sends),
    /// How far a task is, of the calls that start one.
    Progress(TaskProgress),
    /// What a piece of a task leaves to a later one.
    Notes(String),
}

/// What became of some subscribers of a triggered send.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sends {
    /// Type of the object, for whoever merges.
    pub object_type: String,
    /// How many mails are owed; texts and calls by voice, too.
    pub mails: u32,
    /// Code and text, if none of these subscribers was even looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<(u32, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<SubscriberFailure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

pub(crate) fn whole(result: ObjectResult) -> UnitResult {
    UnitResult::Whole(Box::new(result))
}
