//! EmailSendDefinition: what is mailed to whom. Its Perform `start` sends one mail to each of its
//! audience, as a task; `test` does the same for its TestEmailAddr and the entries that are for tests.

use calls::Method;
use soap::Element;

use crate::audience::{self, NOT_IMPLEMENTED};
use crate::context::DecisionContext;
use crate::keyed::{self, KeyKind};
use crate::naming;
use crate::object_type::{ObjectType, Work};
use crate::object_types::stored_only;
use crate::object_types::triggered_send_definition::{
    Email, FROM, REPLY_TO, check_words, email_of, mailbox_in, pin, split_senders, window_of,
};
use crate::saving::Intent;
use crate::task::TaskKind;
use crate::tree;
use crate::verdict::{Decision, Refused, Stop};

/// The protocol's codes of definitions.
pub(crate) const NOT_FOUND: u32 = 42_002;
pub(crate) const EMAIL_NOT_FOUND: u32 = 42_004;
pub(crate) const EMAIL_NOT_SPECIFIED: u32 = 42_005;
pub(crate) const SUBJECT_INVALID: u32 = 42_103;
pub(crate) const PERSONALIZATION_INVALID: u32 = 42_106;
const KEY_INVALID: u32 = 42_100;
const SEND_WINDOW_INVALID: u32 = 42_108;
const EXCLUSION_FILTER_INVALID: u32 = 42_113;

/// The action that sends to those who look at a mail before all get it.
pub(crate) const TEST: &str = "test";

const KIND: KeyKind<'static> = KeyKind {
    type_name: "EmailSendDefinition",
    name_field: stored_only::NAME_FIELD,
    no_key: (
        KEY_INVALID,
        "The EmailSendDefinition must have a CustomerKey, an ObjectID or a Name",
    ),
    exists: (
        1,
        "An EmailSendDefinition with this name or CustomerKey already exists",
    ),
    lacking: (NOT_FOUND, "The EmailSendDefinition was not found"),
    created: "EmailSendDefinition created",
    updated: "EmailSendDefinition updated",
    deleted: "EmailSendDefinition deleted",
};

pub(crate) const TYPE: ObjectType = ObjectType {
    name: KIND.type_name,
    actions: &["start", TEST],
    task: Some(TaskKind::EmailSend),
    work: Work::Whole(decide),
    check: check_object,
    ..stored_only::TYPE
};

fn check_object(intent: Intent, object: &Element) -> Result<(), Refused> {
    naming::check_named(intent, KIND.name_field, KIND.no_key, object)?;
    match intent {
        Intent::Remove | Intent::Leave => Ok(()),
        Intent::Add | Intent::Change | Intent::Save => check_fields(object),
    }
}

/// What can be said against the fields of a definition, wherever it stands.
pub(crate) fn check_fields(definition: &Element) -> Result<(), Refused> {
    for fields in [&FROM, &REPLY_TO] {
        mailbox_in(definition, fields)?;
        if let Some(profile) = definition.child("SenderProfile") {
            mailbox_in(profile, fields)?;
        }
    }
    let coded = |code| move |refused: Refused| Refused { code, ..refused };
    check_words(definition).map_err(coded(PERSONALIZATION_INVALID))?;
    window_of(definition).map_err(coded(SEND_WINDOW_INVALID))?;
    if tree::filled(definition, "ExclusionFilter").is_some_and(|filter| !filter.trim().is_empty()) {
        let message = "ExclusionFilter is AMPscript, which is not run here: use an ExclusionList";
        return Err(Refused::new(EXCLUSION_FILTER_INVALID, message));
    }
    check_supported(definition)?;
    audience::check_entries(definition)
}

/// Better refused than left out: whoever asks for a copy would wait for it.
fn check_supported(definition: &Element) -> Result<(), Refused> {
    let says = |field: &&str| {
        let text = tree::filled(definition, field).map(str::trim);
        !matches!(text, None | Some("" | "0" | "false" | "False"))
    };
    let fields = [
        "BccEmail",
        "AutoBccEmail",
        "CCEmail",
        "SendLimit",
        "IsSeedListSend",
        "DeliveryScheduledTime",
    ];
    match fields.into_iter().find(says) {
        None => Ok(()),
        Some(field) => {
            let message = format!("{field} of an EmailSendDefinition is not carried out here");
            Err(Refused::new(NOT_IMPLEMENTED, message))
        }
    }
}

fn decide(context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    if context.request.method == Method::Perform {
        return Err(Refused::mixed_task(NOT_IMPLEMENTED, KIND.type_name).into());
    }
    context.fits()?;
    keyed::decide(context, &KIND, check)
}

fn check(
    context: &DecisionContext<'_>,
    _stored: Option<&Element>,
    becomes: &mut Element,
) -> Result<(), Stop> {
    split_senders(context.object, becomes)?;
    check_fields(becomes)?;
    pin(context.overlay, becomes, "Email")?;
    match email_of(context.overlay, becomes)? {
        Email::NotFound => Err(no_such_email().into()),
        email if email.holds_script() => Err(holds_script().into()),
        Email::None | Email::Is { .. } => Ok(()),
    }
}

pub(crate) fn no_such_email() -> Refused {
    let message = "The Email of the EmailSendDefinition was not found";
    Refused::new(EMAIL_NOT_FOUND, message)
}

pub(crate) fn holds_script() -> Refused {
    let message = "The Email of the EmailSendDefinition has AMPscript, which is not run here";
    Refused::new(PERSONALIZATION_INVALID, message)
}
