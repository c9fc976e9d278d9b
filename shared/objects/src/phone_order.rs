//! One text, or one call by voice, that a triggered send owes.

use serde::{Deserialize, Serialize};

use crate::daily_window::DailyWindow;
use crate::recipient::Recipient;

/// How a phone is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PhoneChannel {
    Text,
    /// A voice reads the words out.
    Voice,
}

/// A text or a call, complete: sending it needs nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneOrder {
    pub channel: PhoneChannel,
    /// `+` and digits.
    pub to: String,
    /// The number, sender id or pool that it comes from.
    pub from: String,
    pub words: String,
    /// Parts of a text, each of which is paid for; a call has one.
    pub parts: u32,
    /// When nobody is to be disturbed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blackout: Option<DailyWindow>,
    /// Whom it goes to, and what sends it.
    pub recipient: Recipient,
}

/// What texts and calls may come from: numbers, sender ids and pools, by their names or ARNs. The first
/// of each is taken where nothing else is said; without one there are none in this stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhoneSenders {
    pub text: Vec<String>,
    pub voice: Vec<String>,
}

impl PhoneSenders {
    pub(crate) fn of(&self, channel: PhoneChannel) -> &[String] {
        match channel {
            PhoneChannel::Text => &self.text,
            PhoneChannel::Voice => &self.voice,
        }
    }
}

/// The one of these that is meant by its whole name, or by a part of its ARN:
/// `arn:...:sender-id/SHOP/DE` is called `SHOP`, too.
pub(crate) fn sender_named<'a>(senders: &'a [String], name: &str) -> Option<&'a str> {
    let is_it = |sender: &&String| {
        let mut parts = sender.split('/').skip(1);
        *sender == name || parts.any(|part| part == name)
    };
    senders.iter().find(is_it).map(String::as_str)
}
