//! The protocol's Options of a call, checked before the call is accepted.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// How far in the future a ScheduledTime may be. The protocol's figure (226).
pub const SCHEDULE_AHEAD_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Most SendResponseTo in one call: each is a record in the transaction that ends the call.
pub const SUBSCRIPTIONS_MAX: usize = 10;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestType {
    #[default]
    Synchronous,
    Asynchronous,
}

/// The queue of a conversation. The order of the variants is the order of precedence.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum QueuePriority {
    Low,
    #[default]
    Medium,
    High,
}

impl QueuePriority {
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SaveAction {
    AddOnly,
    Default,
    Nothing,
    UpdateAdd,
    UpdateOnly,
    Delete,
}

/// What to do with a property (or, with `*`, with whole objects) that exists already, or does not
/// exist yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaveOption {
    pub property_name: String,
    pub save_action: SaveAction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AsyncResponseType {
    None,
    Email,
    HttpPost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RespondWhen {
    Never,
    OnError,
    Always,
    OnConversationError,
    OnConversationComplete,
    OnCallComplete,
    OnExpired,
}

/// One SendResponseTo: who gets a reply about what, and how much is in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    pub response_type: AsyncResponseType,
    pub address: String,
    pub respond_when: RespondWhen,
    pub include_results: bool,
    /// Only read together with `include_results`.
    pub include_objects: bool,
    /// Only read together with `include_objects`.
    pub only_include_base: bool,
}

/// The part between `//` and the last `@` before the path is a user and a password.
fn without_password(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("//") else {
        return address.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}//{}", &rest[host..])
}

/// An address may hold a password.
impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("response_type", &self.response_type)
            .field("address", &without_password(&self.address))
            .field("respond_when", &self.respond_when)
            .field("include_results", &self.include_results)
            .field("include_objects", &self.include_objects)
            .field("only_include_base", &self.only_include_base)
            .finish()
    }
}

/// The Options of a call that are stored. Its place and RequestType are not among them: they have been
/// used when the call is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscriptions: Vec<Subscription>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub save_options: Vec<SaveOption>,
    pub queue_priority: QueuePriority,
    /// Deprecated in the protocol: stored, and not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i8>,
    /// It is not carried out before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_time: Option<Timestamp>,
    /// It is not carried out after this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Elements of the call that were not read, for the console and the command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// One element that was sent and not read, as text. It has names, never values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Warning(pub String);

impl Options {
    /// The rules about times that depend on the present time and on the number of calls of the
    /// conversation: 226, 229, 231. For 228 see [`Self::is_past`].
    pub fn check_times(&self, calls_in_conversation: u32, now: Timestamp) -> Result<(), Refusal> {
        let too_far = |at: Timestamp| at.duration_since(now) > SCHEDULE_AHEAD_MAX;
        if self.scheduled_time.is_some_and(too_far) {
            return Err(Refusal::ScheduledTooFar);
        }
        let Some(expires_at) = self.expires_at else {
            return Ok(());
        };
        if calls_in_conversation > 1 {
            return Err(Refusal::ExpirationInConversation);
        }
        if self
            .scheduled_time
            .is_some_and(|scheduled| expires_at <= scheduled)
        {
            return Err(Refusal::ExpirationBeforeSchedule);
        }
        Ok(())
    }

    /// Whether it has expired (228). A call that was accepted in time and is sent again after that gets
    /// its first answer again.
    pub fn is_past(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// The action of the `SaveOption` with PropertyName `*`, if any.
    pub fn save_action(&self) -> Option<SaveAction> {
        self.save_options
            .iter()
            .find(|option| option.property_name == "*")
            .map(|option| option.save_action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-20T10:00:00Z";

    #[test]
    fn times_are_checked_at_the_door() {
        check(None, None, 1, None);
        check(Some("2026-12-20T10:00:00Z"), None, 1, None);
        check(Some("2026-12-20T10:00:01Z"), None, 1, Some(226));
        check(Some("2020-01-01T00:00:00Z"), None, 3, None);
        check(None, Some("2026-11-20T10:00:01Z"), 1, None);
        check(
            Some("2026-11-20T11:00:00Z"),
            Some("2026-11-20T11:00:00Z"),
            1,
            Some(229),
        );
        check(
            Some("2026-11-20T11:00:00Z"),
            Some("2026-11-20T11:00:01Z"),
            1,
            None,
        );
        check(None, Some("2026-11-20T10:00:01Z"), 2, Some(231));
    }

    #[track_caller]
    fn check(scheduled: Option<&str>, expires: Option<&str>, calls: u32, expected: Option<u32>) {
        let time = |text: &str| text.parse::<Timestamp>().expect("a time");
        let options = Options {
            scheduled_time: scheduled.map(time),
            expires_at: expires.map(time),
            ..Options::default()
        };
        let refused = options.check_times(calls, time(NOW)).err();
        assert_eq!(refused.map(|refusal| refusal.error_code()), expected);
    }

    #[test]
    fn a_call_is_past_from_its_second_on() {
        let now = NOW.parse().expect("a time");
        let until = |expires: &str| Options {
            expires_at: expires.parse().ok(),
            ..Options::default()
        };
        assert!(!until("2026-11-20T10:00:01Z").is_past(now));
        assert!(until(NOW).is_past(now));
        assert!(!Options::default().is_past(now));
    }

    #[test]
    fn a_password_in_an_address_is_never_printed() {
        let subscription = Subscription {
            response_type: AsyncResponseType::HttpPost,
            address: "https://user:secret@c.example/a@b".to_owned(),
            respond_when: RespondWhen::Always,
            include_results: false,
            include_objects: false,
            only_include_base: false,
        };
        let printed = format!("{subscription:?}");
        assert!(printed.contains("\"https://c.example/a@b\""), "{printed}");
        assert!(!printed.contains("secret"), "{printed}");
    }

    #[test]
    fn priorities_have_the_names_of_the_protocol() {
        assert_eq!(
            QueuePriority::ALL.map(QueuePriority::name),
            ["High", "Medium", "Low"]
        );
    }

    #[test]
    fn the_action_for_whole_objects_goes_by_a_star() {
        let option = |property_name: &str, save_action| SaveOption {
            property_name: property_name.to_owned(),
            save_action,
        };
        let save_options = vec![
            option("Status", SaveAction::Nothing),
            option("*", SaveAction::UpdateAdd),
        ];
        let options = Options {
            save_options,
            ..Options::default()
        };
        assert_eq!(options.save_action(), Some(SaveAction::UpdateAdd));
        assert_eq!(Options::default().save_action(), None);
    }
}
