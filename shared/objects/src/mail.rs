//! One mail that a triggered send or a send to an audience owes.

use calls::AccountId;
use serde::{Deserialize, Serialize};

use crate::daily_window::DailyWindow;
use crate::recipient::Recipient;

/// Whether a mail goes before others where the mail service does not take all at once. The protocol's
/// words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SendPriority {
    Burst,
    #[default]
    Normal,
    Low,
}

/// What becomes of the mails of a definition or a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailHold {
    /// They leave.
    Free,
    Held,
    /// They never leave.
    Dropped,
}

/// A mail, complete: sending it needs nothing else. Stored together with the outcome of its call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailOrder {
    pub to: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to_name: Option<String>,
    pub subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its definition is Inactive: kept, and not sent before that changes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// Of a send to a whole audience, which can be paused and cancelled while its mails leave.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_of_send: bool,
    /// The hours in which it may leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<DailyWindow>,
    /// Outside these hours it does not wait for them, and is not sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drops_outside_window: bool,
    #[serde(default)]
    pub priority: SendPriority,
    /// CustomerKey of its definition.
    pub definition: String,
    /// Whose definition that is: not always the caller's.
    pub account: AccountId,
    pub subscriber_key: String,
    /// Whose subscriber it goes to.
    pub subscriber_account: AccountId,
    /// The definition's ID, or the number of the send: events name it as SendID.
    pub send_id: i32,
    /// The definition's ObjectID.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub definition_object_id: String,
    /// Bulk mail: its reader must be able to unsubscribe by one click.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_commercial: bool,
}

impl MailOrder {
    /// Whom it goes to, and what sends it, for the events that tell of it.
    pub fn recipient(&self) -> Recipient {
        Recipient {
            account: self.account.clone(),
            subscriber_account: self.subscriber_account.clone(),
            subscriber_key: self.subscriber_key.clone(),
            send_id: self.send_id,
            definition_object_id: self.definition_object_id.clone(),
        }
    }
}
