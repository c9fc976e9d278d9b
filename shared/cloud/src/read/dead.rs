//! Dead letters, with what the table knows of what each of them was to wake.

use calls::{AccountId, ConversationId, ConversationKey, SequenceCode};

use crate::Cloud;
use crate::aws::dead_letters::DeadLetter;
use crate::aws::lanes::Queue;
use crate::aws::queues::{read_reply_wake_up, read_wake_up};
use crate::error::Error;
use crate::read::state::ConversationState;

/// A dead letter and its conversation, as far as both can be read.
#[derive(Clone, Debug)]
pub struct KnownLetter {
    pub letter: DeadLetter,
    pub conversation: Option<ConversationKey>,
    /// Of a reply or mails: of which call.
    pub sequence: Option<SequenceCode>,
    pub account: Option<AccountId>,
    pub conversation_id: Option<ConversationId>,
    /// `None`: the conversation is not there any more, so that the letter can be dropped.
    pub state: Option<ConversationState>,
}

impl Cloud {
    /// Each with the header that it leads to.
    pub async fn known_letters(&self, letters: Vec<DeadLetter>) -> Result<Vec<KnownLetter>, Error> {
        let mut known = Vec::with_capacity(letters.len());
        for letter in letters {
            let (conversation, sequence) = target_of(&letter);
            let header = match &conversation {
                Some(key) => self.conversation_record(key).await?,
                None => None,
            };
            let conversation_of = header.as_ref().map(|header| &header.conversation);
            known.push(KnownLetter {
                account: conversation_of.map(|it| it.account.clone()),
                conversation_id: conversation_of.and_then(|it| it.conversation_id.clone()),
                state: conversation_of.map(ConversationState::of),
                letter,
                conversation,
                sequence,
            });
        }
        Ok(known)
    }
}

fn target_of(letter: &DeadLetter) -> (Option<ConversationKey>, Option<SequenceCode>) {
    match letter.queue {
        Queue::Calls(_) => {
            let wake = read_wake_up(&letter.body).ok();
            (wake.map(|wake| wake.conversation), None)
        }
        Queue::Replies => match read_reply_wake_up(&letter.body).ok() {
            Some(wake) => (Some(wake.conversation), Some(wake.sequence)),
            None => (None, None),
        },
    }
}
