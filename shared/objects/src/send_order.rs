//! Whatever a triggered send owes: a mail, a text, a call by voice.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::mail::MailOrder;
use crate::phone_order::PhoneOrder;
use crate::recipient::Recipient;

/// What is to be sent, complete. Stored together with the outcome of its call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SendOrder {
    Mail(Box<MailOrder>),
    Phone(Box<PhoneOrder>),
}

impl From<MailOrder> for SendOrder {
    fn from(order: MailOrder) -> Self {
        Self::Mail(Box::new(order))
    }
}

impl From<PhoneOrder> for SendOrder {
    fn from(order: PhoneOrder) -> Self {
        Self::Phone(Box::new(order))
    }
}

impl SendOrder {
    /// Whom it goes to, and what sends it, for the events that tell of it.
    pub fn recipient(&self) -> Recipient {
        match self {
            Self::Mail(order) => order.recipient(),
            Self::Phone(order) => order.recipient.clone(),
        }
    }

    /// When it may leave, if that is not now.
    pub fn not_before(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Mail(order) => {
                let window = order.window.filter(|_| !order.drops_outside_window)?;
                (!window.contains(now)).then(|| window.opens_after(now))
            }
            Self::Phone(order) => {
                let blackout = order.blackout.filter(|blackout| blackout.contains(now))?;
                Some(blackout.closes_after(now))
            }
        }
    }

    /// Whether it is outside its hours, and then not sent at all.
    pub fn is_dropped(&self, now: Timestamp) -> bool {
        match self {
            Self::Mail(order) => {
                let window = order.window.filter(|_| order.drops_outside_window);
                window.is_some_and(|window| !window.contains(now))
            }
            Self::Phone(_) => false,
        }
    }

    /// What is paid for: a mail, a call, or each part of a text.
    pub fn parts(&self) -> u32 {
        match self {
            Self::Mail(_) => 1,
            Self::Phone(order) => order.parts,
        }
    }

    /// Rough, and not less than it takes where it is stored: it is compressed there.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Mail(order) => {
                let long = [order.html.as_ref(), order.text.as_ref()];
                order.subject.len() + long.into_iter().flatten().map(String::len).sum::<usize>()
            }
            Self::Phone(order) => order.words.len(),
        }
    }
}
