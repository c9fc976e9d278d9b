//! What a start of an EmailSendDefinition is to send, and to whom: fixed when it begins, so that nobody
//! gets another mail because the definition was changed meanwhile.

use calls::AccountId;
use serde::{Deserialize, Serialize};
use soap::Element;

use crate::attribute_defaults::{defaults_of, fields_of};
use crate::audience::{AudienceSource, Exclusion, RowLookup, SendPurpose, audience_of};
use crate::context::account_of;
use crate::daily_window::DailyWindow;
use crate::key;
use crate::keyed;
use crate::mail::SendPriority;
use crate::missing::Missing;
use crate::object_types::email_send_definition::{
    EMAIL_NOT_SPECIFIED, NOT_FOUND, SUBJECT_INVALID, TEST, TYPE, check_fields, holds_script,
    no_such_email,
};
use crate::object_types::stored_only::NAME_FIELD;
use crate::object_types::suppression_list_definition::{self, SendContext};
use crate::object_types::triggered_send_definition::{Email, email_of, window_of};
use crate::overlay::{Overlay, View};
use crate::send_classification::{Classification, classification_of};
use crate::task::TaskRefused;
use crate::tree;
use crate::unit::MethodCall;
use crate::verdict::{Refused, Stop};

/// What a send is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailSendPlan {
    /// Whose definition, lists and data extensions they are.
    pub account: AccountId,
    pub definition_key: String,
    /// The definition as it was, and what its mails are made of.
    pub(crate) definition: Element,
    pub(crate) email: Element,
    pub(crate) classification: Classification,
    pub(crate) window: Option<DailyWindow>,
    /// One mail for one address, whoever has it.
    pub(crate) deduplicates_by_address: bool,
    pub(crate) sources: Vec<AudienceSource>,
    pub(crate) exclusions: Vec<Exclusion>,
    pub(crate) suppressions: Vec<RowLookup>,
    /// What attributes are that nobody has.
    pub(crate) defaults: Vec<(String, String)>,
}

/// Where the people of a source come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum People {
    /// They lie in this partition, in the order of their keys.
    Stored(String),
    /// They are these few.
    Named(Vec<Element>),
}

impl EmailSendPlan {
    /// Where the people of a source come from; `None`: there is no such source.
    pub fn people(&self, source: usize) -> Option<People> {
        Some(match self.sources.get(source)? {
            AudienceSource::Lists(_) => People::Stored(key::partition(&self.account, "Subscriber")),
            AudienceSource::Rows(rows) => People::Stored(rows.partition.clone()),
            AudienceSource::Addresses(addresses) => {
                let named = addresses.iter().map(|address| {
                    Element::new("Subscribers").with(Element::of("EmailAddress", address))
                });
                People::Named(named.collect())
            }
        })
    }

    /// Whether somebody may come twice: then it is noted who has come.
    pub(crate) fn notes_people(&self) -> bool {
        match self.sources.as_slice() {
            [AudienceSource::Lists(_)] => false,
            [AudienceSource::Rows(rows)] => !rows.is_unique,
            _ => true,
        }
    }

    /// What a result tells of the definition that was started.
    pub fn started_object(&self) -> Element {
        let kept = ["ObjectID", "CustomerKey", "Name", "SenderProfile"];
        let kept = kept
            .into_iter()
            .filter_map(|name| self.definition.child(name));
        kept.cloned()
            .fold(Element::new("Object").typed(TYPE.name), Element::with)
    }
}

/// Where the suppression lists of the account lie whose definition an object starts.
pub fn suppression_lists_of(request: &MethodCall<'_>, object: &Element) -> Option<String> {
    let account = account_of(object, request.client)?;
    let type_name = suppression_list_definition::TYPE.name;
    Some(key::partition(&account, type_name))
}

/// What the send that an object starts is to do, or why it cannot. `suppression_lists`: all of the account.
pub fn email_send_plan(
    overlay: &Overlay,
    request: &MethodCall<'_>,
    object: &Element,
    suppression_lists: &[Element],
) -> Result<Result<EmailSendPlan, TaskRefused>, Missing> {
    let Some(account) = account_of(object, request.client) else {
        return Ok(Err(TaskRefused {
            code: 4,
            message: "The object names several accounts".to_owned(),
        }));
    };
    let is_test = |action: &str| action.eq_ignore_ascii_case(TEST);
    let purpose = match request.action.is_some_and(is_test) {
        true => SendPurpose::Test,
        false => SendPurpose::Start,
    };
    match read(overlay.of(&account), object, suppression_lists, purpose) {
        Ok(plan) => Ok(Ok(plan)),
        Err(Stop::Missing(missing)) => Err(missing),
        Err(Stop::Refused(refused)) => {
            let Refused { code, message, .. } = *refused;
            Ok(Err(TaskRefused { code, message }))
        }
    }
}

fn read(
    view: View<'_, '_>,
    object: &Element,
    suppression_lists: &[Element],
    purpose: SendPurpose,
) -> Result<EmailSendPlan, Stop> {
    let found = keyed::find(view, TYPE.name, NAME_FIELD, object)?;
    let Some(found) = found.filter(|found| found.object.is_some()) else {
        return Err(Refused::new(NOT_FOUND, "The EmailSendDefinition was not found").into());
    };
    let mut definition = found.object.cloned().unwrap_or_default();
    let profile = stored_of(view, &definition, "SenderProfile")?;
    take_sender(&mut definition, profile, object);
    check_fields(&definition)?;
    let email = whole_email(view, &definition)?;
    let subject = ["EmailSubject", "DynamicEmailSubject"]
        .iter()
        .find_map(|name| tree::filled(&definition, name))
        .or_else(|| tree::filled(&email, "Subject"));
    if subject.is_none_or(|subject| subject.trim().is_empty()) {
        let message = "The EmailSendDefinition has no EmailSubject, and its Email no Subject";
        return Err(Refused::new(SUBJECT_INVALID, message).into());
    }
    let classification = classification_of(view, &definition)?;
    let audience = audience_of(view, &definition, purpose)??;
    let context = SendContext {
        is_operational: classification.is_operational,
        classification: [
            definition.child("SendClassification"),
            stored_of(view, &definition, "SendClassification")?,
        ],
        profile: [definition.child("SenderProfile"), profile],
    };
    let mut suppressions = Vec::new();
    for list in suppression_lists {
        suppressions.extend(context.suppressed_by(view, list)?);
    }
    let words = subject.into_iter().chain(
        ["HTMLBody", "TextBody"]
            .into_iter()
            .filter_map(|name| tree::filled(&email, name)),
    );
    let defaults = defaults_of(view, &fields_of(words))?;
    let defaults = defaults
        .into_iter()
        .map(|default| (default.name, default.value.to_owned()))
        .collect();
    let window = window_of(&definition)?;
    Ok(EmailSendPlan {
        account: view.account().clone(),
        definition_key: found.customer_key,
        deduplicates_by_address: tree::is_true(&definition, "DeduplicateByEmail") == Some(true),
        // What is sent to one person who waits for it goes before what is sent to all.
        classification: Classification {
            priority: SendPriority::Low,
            ..classification
        },
        window,
        sources: audience.sources,
        exclusions: audience.exclusions,
        suppressions,
        defaults,
        email,
        definition,
    })
}

/// The stored object that a definition names.
fn stored_of<'a>(
    view: View<'a, '_>,
    definition: &Element,
    type_name: &str,
) -> Result<Option<&'a Element>, Missing> {
    let Some(named) = definition.child(type_name).filter(|named| !named.nil) else {
        return Ok(None);
    };
    let found = keyed::find(view, type_name, NAME_FIELD, named)?;
    Ok(found.and_then(|found| found.object))
}

/// Who sends: as the Perform says, else the definition, else its SenderProfile.
fn take_sender(definition: &mut Element, stored: Option<&Element>, object: &Element) {
    const FIELDS: [&str; 4] = [
        "FromName",
        "FromAddress",
        "ReplyToAddress",
        "ReplyToDisplayName",
    ];
    let said = object.child("SenderProfile").filter(|said| !said.nil);
    let mut profile = definition
        .child("SenderProfile")
        .cloned()
        .unwrap_or_else(|| Element::new("SenderProfile"));
    for field in FIELDS {
        let of_stored = stored.and_then(|stored| tree::filled(stored, field));
        if let Some(text) = of_stored.filter(|_| tree::filled(&profile, field).is_none()) {
            tree::set(&mut profile, field, text);
        }
        if let Some(text) = said.and_then(|said| tree::filled(said, field)) {
            tree::set(&mut profile, field, text);
            tree::set(definition, field, text);
        }
    }
    if !profile.children.is_empty() {
        tree::replace(definition, "SenderProfile", vec![profile]);
    }
}

/// The Email of a definition, in one piece.
fn whole_email(view: View<'_, '_>, definition: &Element) -> Result<Element, Stop> {
    let email = email_of(view, definition)?;
    match &email {
        Email::None => {
            let message = "The EmailSendDefinition has no Email";
            return Err(Refused::new(EMAIL_NOT_SPECIFIED, message).into());
        }
        Email::NotFound => return Err(no_such_email().into()),
        Email::Is { .. } if email.holds_script() => return Err(holds_script().into()),
        Email::Is { .. } => {}
    }
    let fields = [
        "ID",
        "CustomerKey",
        "Name",
        "Subject",
        "HTMLBody",
        "TextBody",
    ];
    let whole = fields
        .into_iter()
        .filter_map(|name| Some(Element::of(name, email.field(name)?)));
    Ok(whole.fold(Element::new("Email"), Element::with))
}
