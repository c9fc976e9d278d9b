//! One mail that a triggered send owes.

use calls::AccountId;
use serde::{Deserialize, Serialize};

use crate::recipient::Recipient;

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
    /// CustomerKey of its definition.
    pub definition: String,
    /// Whose definition that is: not always the caller's.
    pub account: AccountId,
    pub subscriber_key: String,
    /// Whose subscriber it goes to.
    pub subscriber_account: AccountId,
    /// The definition's ID, which events name as SendID.
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
