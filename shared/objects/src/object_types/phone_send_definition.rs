//! SMSTriggeredSendDefinition and VoiceTriggeredSendDefinition: what a text or a call by voice is sent
//! by, and when it must not be.

use soap::Element;

use crate::context::DecisionContext;
use crate::daily_window::{BadDailyWindow, DailyWindow};
use crate::keyed;
use crate::object_type::{ObjectType, Work};
use crate::object_types::stored_only;
use crate::overlay::View;
use crate::phone_number::BadNumber;
use crate::phone_order::PhoneChannel;
use crate::saving::Intent;
use crate::tree;
use crate::verdict::{Decision, Refused, Stop};

pub(crate) const TEXT: ObjectType = ObjectType {
    name: "SMSTriggeredSendDefinition",
    work: Work::Whole(|context| decide(PhoneChannel::Text, context)),
    check: |intent, object| check(PhoneChannel::Text, intent, object),
    ..stored_only::TYPE
};

pub(crate) const VOICE: ObjectType = ObjectType {
    name: "VoiceTriggeredSendDefinition",
    work: Work::Whole(|context| decide(PhoneChannel::Voice, context)),
    check: |intent, object| check(PhoneChannel::Voice, intent, object),
    ..stored_only::TYPE
};

/// Names of the PartnerProperties that a blackout is written in. The type has no field for it.
const STARTS: &str = "BlackoutStart";
const ENDS: &str = "BlackoutEnd";
const ZONE: &str = "BlackoutTimeZone";

/// What is wrong with a send by phone, in the protocol's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PhoneFault {
    NoDefinition,
    Definition,
    NoKey,
    NoWords,
    TooLong,
    Letters,
    NoSender,
    NoSubscriber,
    /// More than the one that there may be.
    Subscribers,
    NoNumber,
    NotNorthAmerican,
    OptedOut,
    OptedOutOfAll,
    Blackout,
    BlackoutZone,
    /// The definition is of a kind of send that there is not here.
    Kind,
}

impl PhoneFault {
    pub(crate) const fn of_number(bad: BadNumber) -> Self {
        match bad {
            BadNumber::Invalid => Self::NoNumber,
            BadNumber::Ambiguous | BadNumber::NotNorthAmerican => Self::NotNorthAmerican,
        }
    }

    /// The protocol has a code of each for texts, and three for calls by voice.
    const fn code(self, channel: PhoneChannel) -> u32 {
        match (channel, self) {
            (PhoneChannel::Voice, Self::NoDefinition | Self::NoKey) => 32_000,
            (PhoneChannel::Voice, Self::Subscribers) => 32_001,
            (PhoneChannel::Voice, _) => 32_002,
            (PhoneChannel::Text, Self::NoDefinition) => 33_000,
            (PhoneChannel::Text, Self::Definition) => 33_001,
            (PhoneChannel::Text, Self::NoKey) => 33_002,
            (PhoneChannel::Text, Self::NoWords) => 33_003,
            (PhoneChannel::Text, Self::TooLong) => 33_004,
            (PhoneChannel::Text, Self::Letters) => 33_005,
            (PhoneChannel::Text, Self::NoSender) => 33_006,
            (PhoneChannel::Text, Self::NoSubscriber | Self::Subscribers) => 33_100,
            (PhoneChannel::Text, Self::NoNumber) => 33_101,
            (PhoneChannel::Text, Self::NotNorthAmerican) => 33_102,
            (PhoneChannel::Text, Self::OptedOut) => 33_300,
            (PhoneChannel::Text, Self::OptedOutOfAll) => 33_301,
            (PhoneChannel::Text, Self::Blackout) => 33_302,
            (PhoneChannel::Text, Self::BlackoutZone) => 33_303,
            (PhoneChannel::Text, Self::Kind) => 33_500,
        }
    }

    pub(crate) fn refused(self, channel: PhoneChannel, message: impl Into<String>) -> Refused {
        Refused::new(self.code(channel), message)
    }
}

pub(crate) const fn type_name(channel: PhoneChannel) -> &'static str {
    match channel {
        PhoneChannel::Text => TEXT.name,
        PhoneChannel::Voice => VOICE.name,
    }
}

fn check(channel: PhoneChannel, intent: Intent, object: &Element) -> Result<(), Refused> {
    (stored_only::TYPE.check)(intent, object)?;
    match intent {
        Intent::Add | Intent::Save | Intent::Change => blackout_of(channel, object).map(drop),
        Intent::Remove | Intent::Leave => Ok(()),
    }
}

fn decide(channel: PhoneChannel, context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    check(channel, context.intent(), context.object)?;
    stored_only::decide(context)
}

/// A definition as it is stored.
pub(crate) struct PhoneDefinition<'a> {
    pub(crate) object: &'a Element,
}

/// The definition that a send names.
pub(crate) fn find<'a>(
    channel: PhoneChannel,
    definitions: View<'a, '_>,
    named: &Element,
) -> Result<PhoneDefinition<'a>, Stop> {
    let found = keyed::find(
        definitions,
        type_name(channel),
        stored_only::NAME_FIELD,
        named,
    )?;
    match found.and_then(|found| found.object) {
        Some(object) if tree::is_true(object, "SendToList") == Some(true) => {
            let message = format!(
                "The {} sends to its list, which is not done here: send to each Subscriber",
                type_name(channel)
            );
            Err(PhoneFault::Kind.refused(channel, message).into())
        }
        Some(object) => Ok(PhoneDefinition { object }),
        None => {
            let message = format!("There is no such {}", type_name(channel));
            Err(PhoneFault::Definition.refused(channel, message).into())
        }
    }
}

impl PhoneDefinition<'_> {
    pub(crate) fn number(&self) -> i32 {
        let id = self.object.text_of("ID").and_then(|id| id.parse().ok());
        id.unwrap_or_default()
    }

    pub(crate) fn object_id(&self) -> &str {
        self.object.text_of("ObjectID").unwrap_or_default()
    }

    pub(crate) fn blackout(&self, channel: PhoneChannel) -> Result<Option<DailyWindow>, Refused> {
        blackout_of(channel, self.object)
    }
}

/// When a definition sends nothing.
fn blackout_of(
    channel: PhoneChannel,
    definition: &Element,
) -> Result<Option<DailyWindow>, Refused> {
    let property = |name: &str| {
        let mut properties = definition.all("PartnerProperties");
        let found = properties.find(|property| property.text_of("Name") == Some(name))?;
        tree::filled(found, "Value")
    };
    let (starts, ends) = match (property(STARTS), property(ENDS)) {
        (None, None) => return Ok(None),
        (Some(starts), Some(ends)) => (starts, ends),
        (Some(_), None) | (None, Some(_)) => {
            let message = format!("A blackout has both {STARTS} and {ENDS}");
            return Err(PhoneFault::Definition.refused(channel, message));
        }
    };
    let window = DailyWindow::parse(starts, ends, property(ZONE)).map_err(|bad| match bad {
        BadDailyWindow::Time => {
            let message = format!("{STARTS} and {ENDS} must be two different times such as 21:00");
            PhoneFault::Definition.refused(channel, message)
        }
        BadDailyWindow::Zone => {
            let message = format!("{ZONE} must be an offset from UTC such as -06:00");
            PhoneFault::BlackoutZone.refused(channel, message)
        }
    });
    window.map(Some)
}
