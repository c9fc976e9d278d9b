//! Whom a mail goes to, as the events name them that tell of it.

use calls::AccountId;
use serde::{Deserialize, Serialize};

/// Whom a mail went to, and what sent it: all that its events tell of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Whose definition sent it; the events are this account's.
    #[serde(rename = "a")]
    pub account: AccountId,
    /// Whose subscriber it went to.
    #[serde(rename = "o")]
    pub subscriber_account: AccountId,
    #[serde(rename = "k")]
    pub subscriber_key: String,
    #[serde(rename = "i")]
    pub send_id: i32,
    #[serde(rename = "d")]
    pub definition_object_id: String,
}
