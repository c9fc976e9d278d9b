//! A send that is to begin at a time of its own: one for a definition and a time, so that a Schedule which is
//! sent again, because nobody heard its answer, is the same send.
//!
//! The note of it and its Send are written together, before the call that carries it out is taken in. That call
//! has the RequestID of the note, however often it is taken in; and it is not once the send has begun.

use calls::{Digest, RequestId};
use jiff::Timestamp;
use soap::Element;

use crate::email_send_plan::{EmailSendPlan, email_send_plan};
use crate::key;
use crate::missing::Missing;
use crate::object_types::send::{
    EmailSendCounts, SendNote, SendStatus, has_begun, is_cancelled, send_key,
};
use crate::overlay::Overlay;
use crate::task::{TaskRefused, task_number};
use crate::task_record;
use crate::unit::MethodCall;

/// The fields of a note.
const REQUEST_ID: &str = "RequestID";
const NUMBER: &str = "Number";
const DIGEST: &str = "Digest";

/// What is to be scheduled.
#[derive(Clone, Copy, Debug)]
pub struct WantedSend<'a> {
    /// The call that carries it out, with one object.
    pub request: &'a MethodCall<'a>,
    pub at: Timestamp,
    /// Tells the same Schedule from another one.
    pub digest: &'a Digest,
}

/// What became of a wish to schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScheduledSend {
    /// It is noted, once the overlay is committed; its call is to be taken in then.
    New(SendReference),
    /// It was scheduled before and has not begun. Whether its call was taken in is not known.
    Pending(SendReference),
    /// It was scheduled before, and has begun.
    Begun(SendReference),
    /// Something else was scheduled for this definition and this time.
    Otherwise(SendReference),
    /// It cannot be sent.
    Refused(TaskRefused),
}

/// A scheduled send: the call that carries it out, and its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendReference {
    pub request_id: RequestId,
    pub number: i32,
}

impl SendReference {
    fn read(note: &Element) -> Option<Self> {
        Some(Self {
            request_id: RequestId(note.text_of(REQUEST_ID)?.to_owned()),
            number: note.text_of(NUMBER)?.parse().ok()?,
        })
    }

    fn note(&self, digest: &Digest) -> Element {
        Element::new("Scheduled")
            .with(Element::of(REQUEST_ID, &self.request_id.0))
            .with(Element::of(NUMBER, self.number.to_string()))
            .with(Element::of(DIGEST, &digest.0))
    }
}

/// Notes a send, unless it is noted already. One that was cancelled makes room for another.
pub fn schedule_send(
    overlay: &mut Overlay,
    wanted: &WantedSend<'_>,
) -> Result<ScheduledSend, Missing> {
    let request = wanted.request;
    let nothing = Element::default();
    let object = request.objects.first().unwrap_or(&nothing);
    let plan = match email_send_plan(overlay, request, object, &[])? {
        Ok(plan) => plan,
        Err(refused) => return Ok(ScheduledSend::Refused(refused)),
    };
    let at = key::scheduled(&plan.account, &plan.definition_key, wanted.at);
    if let Some(note) = overlay.get(&at)?
        && let Some(before) = SendReference::read(note)
    {
        let is_same = note.text_of(DIGEST) == Some(wanted.digest.0.as_str());
        let send = overlay.get(&send_key(&plan.account, before.number))?;
        let send = task_record::of_call(send, &before.request_id.0);
        match send {
            Some(send) if is_cancelled(send) => {}
            _ if !is_same => return Ok(ScheduledSend::Otherwise(before)),
            Some(send) if has_begun(send) => return Ok(ScheduledSend::Begun(before)),
            Some(_) | None => return Ok(ScheduledSend::Pending(before)),
        }
    }
    let new = SendReference {
        request_id: request.request_id.clone(),
        number: task_number(overlay.caller(), request.request_id, 0),
    };
    note_send(overlay, &plan, &new, request.now)?;
    overlay.change(at, Some(new.note(wanted.digest)), request.now);
    Ok(ScheduledSend::New(new))
}

fn note_send(
    overlay: &mut Overlay,
    plan: &EmailSendPlan,
    send: &SendReference,
    now: Timestamp,
) -> Result<(), Missing> {
    let note = SendNote {
        account: &plan.account,
        number: send.number,
        request_id: &send.request_id.0,
        plan: Some(plan),
        counts: EmailSendCounts::default(),
        status: SendStatus::Scheduled,
        now,
    };
    note.note(overlay)
}
