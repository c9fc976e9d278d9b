//! TriggeredSendSummary: how many of a definition's mails went where, counted from its events.

use soap::Element;

use crate::object_types::mail_event::{EventKind, kind_of};
use crate::tree;

/// Numbers of the protocol's list of send failures whose reason is that somebody does not want it.
const OPTED_OUT: [&str; 2] = ["Error Code: 1 -", "Error Code: 31 -"];

/// Those whose reason is the address.
const UNDELIVERABLE: [&str; 4] = [
    "Error Code: 2 -",
    "Error Code: 4 -",
    "Error Code: 5 -",
    "Error Code: 40 -",
];

/// What one event counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SummaryCount {
    Sent,
    NotSentDueToOptOut,
    NotSentDueToUndeliverable,
    NotSentDueToError,
    Bounces,
    OptOuts,
}

impl SummaryCount {
    pub const ALL: [Self; 6] = [
        Self::Sent,
        Self::NotSentDueToOptOut,
        Self::NotSentDueToUndeliverable,
        Self::Bounces,
        Self::OptOuts,
        Self::NotSentDueToError,
    ];

    /// The field of the summary; also how it stands at the event.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "Sent",
            Self::NotSentDueToOptOut => "NotSentDueToOptOut",
            Self::NotSentDueToUndeliverable => "NotSentDueToUndeliverable",
            Self::NotSentDueToError => "NotSentDueToError",
            Self::Bounces => "Bounces",
            Self::OptOuts => "OptOuts",
        }
    }

    /// What an object counts as; `None`: it is no event.
    pub fn of(event: &Element) -> Option<Self> {
        Some(match kind_of(event)? {
            EventKind::Sent => Self::Sent,
            EventKind::Bounce => Self::Bounces,
            EventKind::Unsubscribe => Self::OptOuts,
            EventKind::NotSent => {
                let reason = event.at("PartnerProperties.Value");
                let reason = reason.map_or("", |reason| reason.text.as_str());
                let begins =
                    |numbers: &[&str]| numbers.iter().any(|with| reason.starts_with(*with));
                if begins(&OPTED_OUT) || reason.starts_with("33300") {
                    Self::NotSentDueToOptOut
                } else if begins(&UNDELIVERABLE) {
                    Self::NotSentDueToUndeliverable
                } else {
                    Self::NotSentDueToError
                }
            }
        })
    }
}

/// What names the send that an event is of: the definition's ID.
pub fn send_of(event: &Element) -> Option<&str> {
    kind_of(event).and_then(|_event| tree::filled(event, "SendID"))
}

/// The summary of a definition that has its counts beside its own fields.
pub(crate) fn summary_of(definition: &Element) -> Element {
    let kept = [
        "CreatedDate",
        "ModifiedDate",
        "ID",
        "ObjectID",
        "CustomerKey",
    ];
    let fields = kept.iter().filter_map(|name| definition.child(name));
    let mut summary = Element::new("Objects").typed("TriggeredSendSummary");
    summary.children.extend(fields.cloned());
    let counts = SummaryCount::ALL.iter().map(|count| count.name());
    // Counted from the mails themselves.
    let counts = counts.chain(["Queued", "InProcess"]);
    let counts = counts.filter_map(|name| definition.child(name).cloned());
    let counts: Vec<Element> = counts.collect();
    let key = definition.text_of("CustomerKey").unwrap_or_default();
    let named = Element::new("TriggeredSendDefinition").with(Element::of("CustomerKey", key));
    counts.into_iter().fold(summary.with(named), Element::with)
}
