//! TriggeredSendDefinition: what a triggered send sends, and whether it may.

use soap::{Element, Mailbox};

use crate::alias::PARTNER_KEY;
use crate::context::{DecisionContext, account_of};
use crate::daily_window::DailyWindow;
use crate::keyed::{self, KeyKind};
use crate::missing::Missing;
use crate::naming;
use crate::object_type::{ObjectType, Work};
use crate::object_types::stored_only;
use crate::overlay::View;
use crate::personalise::holds_script;
use crate::saving::Intent;
use crate::tree;
use crate::verdict::{Decision, Refused, Stop};

const NOT_ACTIVATED: u32 = 17000;
const NOT_UPDATED: u32 = 17003;
const EMAIL_NOT_FOUND: u32 = 17010;
const KEY_INVALID: u32 = 17100;
const STATUS_INVALID: u32 = 17101;

const KIND: KeyKind<'static> = KeyKind {
    type_name: "TriggeredSendDefinition",
    // A Name is no address of a triggered send, so it does not stand in for the key.
    name_field: "CustomerKey",
    no_key: (
        KEY_INVALID,
        "TriggeredSendDefinitionCustomerKeyInvalid: a CustomerKey is needed",
    ),
    exists: (
        1,
        "A TriggeredSendDefinition with this CustomerKey already exists",
    ),
    lacking: (
        18000,
        "TriggeredSendObjectNotFound: there is no such TriggeredSendDefinition",
    ),
    created: "TriggeredSendDefinition created",
    updated: "TriggeredSendDefinition updated",
    deleted: "TriggeredSendDefinition deleted",
};

/// Whether a definition sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    New,
    Active,
    /// Takes triggered sends in, and keeps their mails until it is active again.
    Inactive,
    /// For good.
    Canceled,
    Deleted,
    Moved,
}

impl Status {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "New" => Some(Self::New),
            "Active" => Some(Self::Active),
            "Inactive" => Some(Self::Inactive),
            "Canceled" => Some(Self::Canceled),
            "Deleted" => Some(Self::Deleted),
            "Moved" => Some(Self::Moved),
            _ => None,
        }
    }

    pub(crate) fn of(definition: &Element) -> Self {
        tree::filled(definition, "TriggeredSendStatus")
            .and_then(Self::parse)
            .unwrap_or(Self::New)
    }
}

pub(crate) const TYPE: ObjectType = ObjectType {
    name: KIND.type_name,
    work: Work::Whole(decide),
    check: check_object,
    ..stored_only::TYPE
};

fn check_object(intent: Intent, object: &Element) -> Result<(), Refused> {
    naming::check_named(intent, KIND.name_field, KIND.no_key, object)?;
    if matches!(intent, Intent::Remove | Intent::Leave) {
        return Ok(());
    }
    for fields in [&FROM, &REPLY_TO] {
        mailbox_in(object, fields)?;
    }
    check_words(object)?;
    window_of(object)?;
    let status = status_in(object)?;
    let has_email = object.child("Email").is_some_and(|email| !email.nil);
    if intent == Intent::Add && status == Some(Status::Active) && !has_email {
        return Err(no_email());
    }
    Ok(())
}

/// The two fields that say whom a mail is from, or whom answers go to.
pub(crate) struct SenderFields {
    pub(crate) address: &'static str,
    pub(crate) name: &'static str,
}

pub(crate) const FROM: SenderFields = SenderFields {
    address: "FromAddress",
    name: "FromName",
};

pub(crate) const REPLY_TO: SenderFields = SenderFields {
    address: "ReplyToAddress",
    name: "ReplyToDisplayName",
};

pub(crate) fn mailbox_in(
    definition: &Element,
    fields: &SenderFields,
) -> Result<Option<Mailbox>, Refused> {
    let mailbox = tree::filled(definition, fields.address).map(Mailbox::parse);
    mailbox.transpose().map_err(|error| {
        let type_name = definition.type_name.as_deref().unwrap_or(KIND.type_name);
        let message = format!("{} of the {type_name}: {error}", fields.address);
        Refused::new(204, message)
    })
}

/// The hours in which a definition sends; both ends the same are no bound.
pub(crate) fn window_of(definition: &Element) -> Result<Option<DailyWindow>, Refused> {
    const OPENS: &str = "SendWindowOpen";
    const CLOSES: &str = "SendWindowClose";
    let ends = [OPENS, CLOSES].map(|field| tree::filled(definition, field));
    match ends {
        [Some(opens), Some(closes)] if opens != closes => {
            let window = DailyWindow::parse(opens, closes, None);
            let wrong = |_| {
                let message = format!("{OPENS} and {CLOSES} must be times such as 08:00:00");
                Refused::new(204, message)
            };
            window.map(Some).map_err(wrong)
        }
        [Some(_), Some(_)] | [None, None] => Ok(None),
        [Some(_), None] | [None, Some(_)] => {
            let message = format!("A send window has both {OPENS} and {CLOSES}");
            Err(Refused::new(204, message))
        }
    }
}

/// Words that a mail is made of, and where they stand.
struct Words<'a> {
    place: &'static str,
    text: &'a str,
}

impl Words<'_> {
    /// Code that is not run must never reach a reader, nor silently be taken out.
    fn script_is_not_run(&self) -> Refused {
        let place = self.place;
        let message =
            format!("{place} has AMPscript, which is not run here: send its values as Attributes");
        Refused::new(204, message)
    }
}

pub(crate) fn check_words(definition: &Element) -> Result<(), Refused> {
    let mut words = words_in(definition);
    match words.find(|words| holds_script(words.text)) {
        Some(words) => Err(words.script_is_not_run()),
        None => Ok(()),
    }
}

/// The words that stand in a definition itself.
fn words_in(definition: &Element) -> impl Iterator<Item = Words<'_>> {
    let own = ["EmailSubject", "DynamicEmailSubject", "PreHeader"];
    let own = own
        .into_iter()
        .map(move |place| (place, definition.text_of(place)));
    let email = definition.child("Email");
    let of_email = ["Subject", "HTMLBody", "TextBody"].into_iter();
    let of_email = of_email.map(move |place| (place, email.and_then(|email| email.text_of(place))));
    let words = own.chain(of_email);
    words.filter_map(|(place, text)| text.map(|text| Words { place, text }))
}

/// People write a name and an address into one field; they are kept as the two that they are. A
/// name of its own that comes with the call counts first.
pub(crate) fn split_senders(incoming: &Element, becomes: &mut Element) -> Result<(), Refused> {
    for fields in [&FROM, &REPLY_TO] {
        let Some(mailbox) = mailbox_in(incoming, fields)? else {
            continue;
        };
        tree::set(becomes, fields.address, mailbox.address.as_str());
        if let Some(name) = mailbox.name
            && tree::filled(incoming, fields.name).is_none()
        {
            tree::set(becomes, fields.name, name);
        }
    }
    Ok(())
}

/// The status that is asked for.
fn status_in(definition: &Element) -> Result<Option<Status>, Refused> {
    let parse = |name: &str| {
        Status::parse(name).ok_or_else(|| {
            Refused::new(
                STATUS_INVALID,
                format!("{name} is not a status of a TriggeredSendDefinition"),
            )
        })
    };
    tree::filled(definition, "TriggeredSendStatus")
        .map(parse)
        .transpose()
}

fn no_email() -> Refused {
    Refused::new(
        NOT_ACTIVATED,
        "The TriggeredSendDefinition cannot be activated: it has no Email",
    )
}

fn decide(context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    keyed::decide(context, &KIND, check)
}

fn check(
    context: &DecisionContext<'_>,
    stored: Option<&Element>,
    becomes: &mut Element,
) -> Result<(), Stop> {
    split_senders(context.object, becomes)?;
    window_of(becomes)?;
    check_words(becomes)?;
    let wanted = match status_in(becomes)? {
        None => {
            tree::replace(
                becomes,
                "TriggeredSendStatus",
                vec![Element::of("TriggeredSendStatus", "New")],
            );
            Status::New
        }
        Some(status) => status,
    };
    let before = stored.map(Status::of);
    match (before, wanted) {
        (Some(Status::Canceled | Status::Deleted), Status::Active) => {
            let message = "The TriggeredSendDefinition cannot be activated: it is canceled";
            return Err(Refused::new(NOT_ACTIVATED, message).into());
        }
        (Some(Status::Canceled | Status::Deleted), _) => {
            let message = "The TriggeredSendDefinition cannot be updated: it is canceled";
            return Err(Refused::new(NOT_UPDATED, message).into());
        }
        (None, Status::Canceled | Status::Deleted | Status::Moved) => {
            let message = "A TriggeredSendDefinition is created New, Active or Inactive";
            return Err(Refused::new(STATUS_INVALID, message).into());
        }
        (
            _,
            Status::New | Status::Inactive | Status::Canceled | Status::Deleted | Status::Moved,
        ) => {}
        (_, Status::Active) => {}
    }
    pin(context.overlay, becomes, "List")?;
    pin(context.overlay, becomes, "Email")?;
    let email = email_of(context.overlay, becomes)?;
    match (email, wanted) {
        (Email::NotFound, _) => Err(Refused::new(
            EMAIL_NOT_FOUND,
            "The Email of the TriggeredSendDefinition was not found",
        )
        .into()),
        (Email::None, Status::Active) => Err(no_email().into()),
        (email, Status::Active) if email.holds_script() => {
            let message = "The TriggeredSendDefinition cannot be activated: its Email has AMPscript, which is not run here";
            Err(Refused::new(NOT_ACTIVATED, message).into())
        }
        (Email::None | Email::Is { .. }, _) => Ok(()),
    }
}

/// What a definition names by its PartnerKey is that object for good, although another one may have the
/// PartnerKey later: its CustomerKey is kept beside it.
pub(crate) fn pin(
    overlay: View<'_, '_>,
    definition: &mut Element,
    type_name: &str,
) -> Result<(), Missing> {
    let by_partner_key = |named: &&mut Element| {
        let is_said = |name: &str| tree::filled(named, name).is_some();
        named.name == type_name
            && is_said(PARTNER_KEY)
            && !["CustomerKey", "ObjectID", "ID"]
                .iter()
                .any(|name| is_said(name))
    };
    let Some(named) = definition.children.iter_mut().find(by_partner_key) else {
        return Ok(());
    };
    let Some(account) = account_of(named, overlay.account()) else {
        return Ok(());
    };
    let found = keyed::find_by_key(overlay.of(&account), type_name, named)?;
    let customer_key = found.and_then(|found| found.object.is_some().then_some(found.customer_key));
    if let Some(customer_key) = customer_key {
        tree::set(named, "CustomerKey", customer_key);
    }
    Ok(())
}

/// The Email of a definition.
pub(crate) enum Email<'a> {
    None,
    /// It names one that there is not.
    NotFound,
    Is {
        /// As it stands in the definition: what is said here counts first.
        inline: &'a Element,
        /// The one that it names.
        stored: Option<&'a Element>,
    },
}

pub(crate) fn email_of<'a>(
    overlay: View<'a, '_>,
    definition: &'a Element,
) -> Result<Email<'a>, Missing> {
    let Some(inline) = definition.child("Email").filter(|email| !email.nil) else {
        return Ok(Email::None);
    };
    let Some(account) = account_of(inline, overlay.account()) else {
        return Ok(Email::NotFound);
    };
    let emails = overlay.of(&account);
    let found = keyed::find(emails, "Email", "Name", inline)?.and_then(|found| found.object);
    let has_words = ["HTMLBody", "TextBody"]
        .iter()
        .any(|body| tree::filled(inline, body).is_some());
    Ok(match found {
        Some(stored) => Email::Is {
            inline,
            stored: Some(stored),
        },
        None if has_words => Email::Is {
            inline,
            stored: None,
        },
        None => Email::NotFound,
    })
}

impl Email<'_> {
    /// Whether its words hold script, which is not run here.
    pub(crate) fn holds_script(&self) -> bool {
        let words = ["Subject", "HTMLBody", "TextBody"];
        let mut words = words.into_iter().filter_map(|name| self.field(name));
        words.any(holds_script)
    }

    /// A field of the Email, wherever it is said.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        match self {
            Self::None | Self::NotFound => None,
            Self::Is { inline, stored } => {
                tree::filled(inline, name).or_else(|| tree::filled((*stored)?, name))
            }
        }
    }
}
