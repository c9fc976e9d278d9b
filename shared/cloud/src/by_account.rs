//! The index of conversations by account and time, and that of failures: which part of it something is
//! listed in.
//!
//! The index of failures is sparse: a conversation has an entry once it has failed, a reply from its first
//! attempt that failed until it is delivered, and a mail that failed or of which nobody knows what became.
//!
//! A part is a partition key of the index: an account and a share of its conversations' keys; in it they
//! lie by the time at which they were opened. An entry is one write unit, made with the header and never
//! changed: state and priority are read from the header. A part takes 1,000 writes a second, so that
//! sixteen shares take what an account opens at some 5,000 a second at a third of that. A day is no part
//! of the key: it would spare no write, and make a range of days as many requests longer.
//!
//! Calls are found by the time of their arrival, which is not long after their conversation was opened,
//! but for conversations of many calls: these have shares of their own, where one looks further back.
//! Mails have shares of their own, too, so that nobody passes over them who lists conversations: an entry
//! for the mails of a call, by the time at which they were ordered.

use calls::{AccountId, Conversation, ConversationKey};
use jiff::SignedDuration;

/// Of conversations whose calls come within [`QUICK_GATHERING`].
const QUICK_SHARES: &str = "0123456789abcdef";

/// Of all longer ones, which are as many calls and far fewer conversations.
const LONG_SHARES: &str = "wxyz";

/// Of the mails of calls: the mail service takes far fewer in a second than a part takes entries.
const MAIL_SHARES: &str = "mnop";

/// Shares of what failed: an account whose every call fails at 5,000 a second is rare enough to be slowed
/// by its index, and who lists failures asks each of them.
const FAILED_SHARES: &str = "01234567";

/// Most calls of a conversation that gathers quickly: twelve silences between them.
const QUICK_CALLS_MAX: u32 = 13;

/// The longest that a conversation of so many calls gathers, and a minute for clocks that differ.
pub(crate) const QUICK_GATHERING: SignedDuration = SignedDuration::from_mins(5 * 12 + 1);

/// The same for any conversation.
pub(crate) const LONG_GATHERING: SignedDuration = SignedDuration::from_hours(834);

/// The shares of the conversations of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gathering {
    Quick,
    Long,
}

impl Gathering {
    pub(crate) fn shares(self) -> impl Iterator<Item = char> {
        match self {
            Self::Quick => QUICK_SHARES.chars(),
            Self::Long => LONG_SHARES.chars(),
        }
    }

    /// How long after its opening a call of such a conversation can come.
    pub(crate) const fn longest(self) -> SignedDuration {
        match self {
            Self::Quick => QUICK_GATHERING,
            Self::Long => LONG_GATHERING,
        }
    }
}

/// The part that a conversation is listed in.
pub(crate) fn part_of(key: &ConversationKey, conversation: &Conversation) -> String {
    let shares = match conversation.calls_in_conversation.get() <= QUICK_CALLS_MAX {
        true => QUICK_SHARES,
        false => LONG_SHARES,
    };
    part(&conversation.account, share_of(key, shares))
}

/// The part of the index of failures that a record of a conversation is listed in: its header, one of its
/// replies or mails.
pub(crate) fn failed_part_of(key: &ConversationKey, account: &AccountId) -> String {
    part(account, share_of(key, FAILED_SHARES))
}

/// The part that the mails of a call are listed in.
pub(crate) fn mail_part_of(key: &ConversationKey, account: &AccountId) -> String {
    part(account, share_of(key, MAIL_SHARES))
}

/// One of these shares, by the last digit of a key.
fn share_of(key: &ConversationKey, shares: &str) -> char {
    let digit = key.0.chars().next_back();
    let digit = digit.and_then(|digit| digit.to_digit(16)).unwrap_or(0);
    let number = usize::try_from(digit).unwrap_or(0) % shares.len();
    shares.chars().nth(number).unwrap_or('0')
}

/// The shares of the mails of an account.
pub(crate) fn mail_shares() -> impl Iterator<Item = char> {
    MAIL_SHARES.chars()
}

/// The shares of what failed of an account.
pub(crate) fn failed_shares() -> impl Iterator<Item = char> {
    FAILED_SHARES.chars()
}

/// The partition key. What follows the account is always two characters, so that no two accounts have
/// one in common.
pub(crate) fn part(account: &AccountId, share: char) -> String {
    let AccountId(account) = account;
    format!("{account}#{share}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use calls::Digest;
    use calls::call::CALLS_MAX;
    use calls::conversation::SILENCE_MAX;
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_conversation_is_in_one_of_its_shares_and_they_are_filled_alike() {
        let at: Timestamp = "2026-11-28T23:59:59.999Z".parse().expect("a time");
        for (calls, gathering, each) in [(1, Gathering::Quick, 1_000), (14, Gathering::Long, 4_000)]
        {
            let account = AccountId("7001".to_owned());
            let mut counts: BTreeMap<String, u32> = gathering
                .shares()
                .map(|share| (part(&account, share), 0))
                .collect();
            for number in 0..16_000 {
                let Digest(hash) = Digest::of(format!("{number}").as_bytes());
                let conversation = opened(calls, at);
                let part = part_of(&ConversationKey(hash), &conversation);
                *counts.get_mut(&part).expect("one of all") += 1;
            }
            let is_even = |count: &u32| (each * 4 / 5..each * 6 / 5).contains(count);
            assert!(counts.values().all(is_even), "{counts:?}");
            assert!(counts.keys().all(|part| part.starts_with("7001#")));
        }
    }

    #[test]
    fn no_two_kinds_of_entries_are_in_one_part() {
        let of_conversations = [Gathering::Quick, Gathering::Long].into_iter();
        let mut shares: Vec<char> = of_conversations.flat_map(Gathering::shares).collect();
        shares.extend(mail_shares());
        let all = shares.len();
        shares.sort_unstable();
        shares.dedup();
        assert_eq!(shares.len(), all);
        let key = ConversationKey("7a6".to_owned());
        assert_eq!(mail_part_of(&key, &AccountId("1".to_owned())), "1#o");
    }

    #[test]
    fn who_gathers_quickly_does_within_what_is_looked_back() {
        let silences = i32::try_from(QUICK_CALLS_MAX - 1).expect("few");
        assert!(SILENCE_MAX * silences < QUICK_GATHERING);
        let silences = i32::try_from(CALLS_MAX - 1).expect("few");
        assert!(SILENCE_MAX * silences < LONG_GATHERING);
    }

    fn opened(calls: u32, at: Timestamp) -> Conversation {
        Conversation {
            account: AccountId("7001".to_owned()),
            conversation_id: None,
            calls_in_conversation: calls.try_into().expect("not zero"),
            arrived: calls::ReceivedSet::default(),
            subscribers_at_end: calls::ReceivedSet::default(),
            last_arrival: at,
            priority: calls::QueuePriority::Medium,
            phase: calls::Phase::Gathering,
            due: calls::Due::Never,
            waits_for: None,
            queue_place: None,
            undelivered: None,
        }
    }
}
