//! Send: one start of an EmailSendDefinition, how far it is, and what became of it. The server makes one
//! for each; it is retrieved by its ID, that of the Task, and cancelled, paused and resumed by it.

use std::collections::BTreeMap;

use calls::AccountId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use soap::Element;

use crate::context::DecisionContext;
use crate::email_send_plan::EmailSendPlan;
use crate::key::{self, ObjectKey};
use crate::mail::MailHold;
use crate::missing::Missing;
use crate::object_type::{ObjectType, Work};
use crate::object_types::{email_send_definition, stored_only};
use crate::overlay::Overlay;
use crate::saving::Intent;
use crate::send_summary::SummaryCount;
use crate::task_record::{self, CANCELLED, TaskChange};
use crate::tree;
use crate::verdict::{Decision, Refused, Stop};

const NUMBER: &str = "ID";

pub(crate) const TYPE: ObjectType = ObjectType {
    name: "Send",
    methods: &[],
    actions: &["cancel", "pause", "resume"],
    key_field: NUMBER,
    work: Work::Whole(decide),
    check,
    ..stored_only::TYPE
};

/// What the SDKs of the original ask a Send for: its BccEmail, in letters that its type does not have.
pub(crate) const MISSPELT: &str = "BCCEmail";

/// Says that mails which have not left are kept back. Ours, like the two below.
const PAUSED: &str = "_Paused";

/// Says that all its mails are ordered, and under which call.
const MAILS: &str = "_Mails";

const SCHEDULED: &str = "Scheduled";
const SENDING: &str = "Sending";
const COMPLETE: &str = "Complete";
const CANCELED: &str = "Canceled";
const ERROR: &str = "Error";

fn check(_intent: Intent, object: &Element) -> Result<(), Refused> {
    task_record::check_number(NUMBER, object)
}

fn decide(context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    let action = context.request.action.unwrap_or_default();
    let wanted = match action.to_ascii_lowercase().as_str() {
        "pause" => TaskChange {
            done: "paused",
            has_ended,
            change: |becomes| tree::set(becomes, PAUSED, "true"),
        },
        "resume" => TaskChange {
            done: "resumed",
            has_ended,
            change: |becomes| tree::remove(becomes, PAUSED),
        },
        _ => TaskChange {
            done: "canceled",
            has_ended,
            change: |becomes| tree::set(becomes, CANCELLED, "true"),
        },
    };
    task_record::change(context, NUMBER, &wanted)
}

fn has_ended(send: &Element) -> bool {
    is_cancelled(send) || matches!(send.text_of("Status"), Some(COMPLETE | ERROR))
}

pub(crate) fn is_cancelled(send: &Element) -> bool {
    send.child(CANCELLED).is_some()
}

/// Whether its people are looked at, or were.
pub(crate) fn has_begun(send: &Element) -> bool {
    send.text_of("Status") != Some(SCHEDULED)
}

/// What becomes of mails of a send that have not left.
pub(crate) fn hold_of(send: &Element) -> MailHold {
    match (is_cancelled(send), send.child(PAUSED).is_some()) {
        (true, _) => MailHold::Dropped,
        (false, true) => MailHold::Held,
        (false, false) => MailHold::Free,
    }
}

/// Where the send of a number lies.
pub(crate) fn send_key(account: &AccountId, number: i32) -> ObjectKey {
    key::object(account, TYPE.name, &number.to_string())
}

/// The ObjectID of a send.
pub fn send_object_id(account: &AccountId, number: i32) -> String {
    key::guid(account, TYPE.name, number)
}

/// What became of the people of an audience so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailSendCounts {
    /// Whose mails are ordered.
    pub targeted: u64,
    /// They are not to be mailed.
    pub excluded: u64,
    /// They cannot be.
    pub errored: u64,
    /// They have come before.
    pub duplicates: u64,
}

/// How a send stands while its task goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendStatus<'a> {
    /// It is to begin later.
    Scheduled,
    /// Its people are being looked at.
    Targeting,
    /// All its mails are ordered, by the call of that conversation and with that number in it.
    Ordered {
        conversation: &'a str,
        sequence: u32,
    },
    /// With the reason.
    Error(&'a str),
}

/// What a send tells of itself.
#[derive(Clone, Debug)]
pub struct SendNote<'a> {
    pub account: &'a AccountId,
    pub number: i32,
    pub request_id: &'a str,
    /// `None`: the definition could not be read.
    pub plan: Option<&'a EmailSendPlan>,
    pub counts: EmailSendCounts,
    pub status: SendStatus<'a>,
    pub now: Timestamp,
}

impl SendNote<'_> {
    fn at(&self) -> ObjectKey {
        send_key(self.account, self.number)
    }

    /// Whether somebody has cancelled the send.
    pub fn is_cancelled(&self, overlay: &Overlay) -> Result<bool, Missing> {
        let stored = task_record::of_call(overlay.get(&self.at())?, self.request_id);
        Ok(stored.is_some_and(is_cancelled))
    }

    /// Whether it is where it is retrieved already.
    pub fn is_noted(&self, overlay: &Overlay) -> Result<bool, Missing> {
        let stored = overlay.get(&self.at())?;
        Ok(task_record::of_call(stored, self.request_id).is_some())
    }

    /// Puts it where it is retrieved.
    pub fn note(&self, overlay: &mut Overlay) -> Result<(), Missing> {
        let at = self.at();
        let stored = task_record::of_call(overlay.get(&at)?, self.request_id);
        let mut becomes = stored.cloned().unwrap_or_else(|| {
            task_record::begin(TYPE.name, self.request_id, &self.now.to_string())
        });
        let (number, counts) = (self.number.to_string(), self.counts);
        tree::set(&mut becomes, "ModifiedDate", self.now.to_string());
        let object_id = send_object_id(self.account, self.number);
        tree::set(&mut becomes, "ObjectID", object_id);
        for name in [NUMBER, "CustomerKey"] {
            tree::set(&mut becomes, name, number.as_str());
        }
        if let Some(plan) = self.plan {
            describe(&mut becomes, plan);
        }
        let (status, why) = match self.status {
            SendStatus::Scheduled => (SCHEDULED, None),
            SendStatus::Targeting | SendStatus::Ordered { .. } => (SENDING, None),
            SendStatus::Error(why) => (ERROR, Some(why)),
        };
        tree::set(&mut becomes, "Status", status);
        if self.status == SendStatus::Targeting && tree::filled(&becomes, "SendDate").is_none() {
            let now = soap::write_date_time(self.now);
            tree::set(&mut becomes, "SendDate", now.as_str());
            tree::set(&mut becomes, "SentDate", now);
        }
        for (name, count) in [
            ("NumberTargeted", counts.targeted),
            ("NumberExcluded", counts.excluded),
            ("NumberErrored", counts.errored),
            ("Duplicates", counts.duplicates),
        ] {
            tree::set(&mut becomes, name, count.to_string());
        }
        if let SendStatus::Ordered {
            conversation,
            sequence,
        } = self.status
        {
            tree::set(&mut becomes, MAILS, format!("{conversation}#{sequence}"));
        }
        let reason = why.map(|why| {
            let property = Element::new("PartnerProperties");
            let property = property.with(Element::of("Name", "Message"));
            property.with(Element::of("Value", why))
        });
        tree::replace(
            &mut becomes,
            "PartnerProperties",
            reason.into_iter().collect(),
        );
        overlay.change(at, Some(becomes), self.now);
        Ok(())
    }
}

/// What is sent.
fn describe(send: &mut Element, plan: &EmailSendPlan) {
    let definition = &plan.definition;
    let subject = ["EmailSubject", "DynamicEmailSubject"]
        .iter()
        .find_map(|name| tree::filled(definition, name))
        .or_else(|| tree::filled(&plan.email, "Subject"));
    let named = |of: &Element, name: &str, fields: &[&str]| {
        let fields = fields.iter().filter_map(|field| of.child(field)).cloned();
        fields.fold(Element::new(name), Element::with)
    };
    let email = named(&plan.email, "Email", &["ID", "CustomerKey", "Name"]);
    tree::replace(send, "Email", vec![email]);
    let of = named(
        definition,
        email_send_definition::TYPE.name,
        &["ID", "ObjectID", "CustomerKey", "Name"],
    );
    tree::replace(send, email_send_definition::TYPE.name, vec![of]);
    for (name, text) in [
        ("Subject", subject),
        ("EmailName", tree::filled(&plan.email, "Name")),
        ("FromName", tree::filled(definition, "FromName")),
        ("FromAddress", tree::filled(definition, "FromAddress")),
    ] {
        if let Some(text) = text {
            tree::set(send, name, text);
        }
    }
}

/// Where the mails of a send are told of: the key of the conversation, and the number of the call in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendMails {
    pub conversation: String,
    pub sequence: u32,
}

/// Where the mails of a stored send are told of; `None`: it is no send, or they are not all ordered.
pub fn mails_of(send: &Element) -> Option<SendMails> {
    if send.type_name.as_deref() != Some(TYPE.name) {
        return None;
    }
    let (conversation, sequence) = send.text_of(MAILS)?.rsplit_once('#')?;
    Some(SendMails {
        conversation: conversation.to_owned(),
        sequence: sequence.parse().ok()?,
    })
}

/// How far the mails of a send are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendProgress {
    /// None of them is owed any more.
    pub all_left: bool,
    /// How many events there are of each kind, by the names of [`SummaryCount`]; none: nobody has counted.
    pub events: BTreeMap<String, u64>,
}

/// A send as it is told of; any other object as it is.
pub fn shown_send(mut send: Element, progress: &SendProgress) -> Element {
    if send.type_name.as_deref() != Some(TYPE.name) {
        return send;
    }
    let count = |of: SummaryCount| progress.events.get(of.name()).copied().unwrap_or_default();
    if !progress.events.is_empty() {
        let (sent, bounces) = (count(SummaryCount::Sent), count(SummaryCount::Bounces));
        for (name, number) in [
            ("NumberSent", sent),
            ("NumberDelivered", sent.saturating_sub(bounces)),
            ("Unsubscribes", count(SummaryCount::OptOuts)),
        ] {
            tree::set(&mut send, name, number.to_string());
        }
    }
    let status = match hold_of(&send) {
        MailHold::Dropped => CANCELED,
        MailHold::Held | MailHold::Free if has_ended(&send) => return send,
        MailHold::Held | MailHold::Free if progress.all_left => COMPLETE,
        MailHold::Held => "Paused",
        MailHold::Free => return send,
    };
    tree::set(&mut send, "Status", status);
    send
}
