//! Mails that wait for their definition to become active: who must be woken when it does.
//!
//! | pk     | sk                                                        | written by | read by    |
//! |--------|-----------------------------------------------------------|------------|------------|
//! | `HELD` | digest of the definition's key, `#`, conversation, `#0000000001` | notifier   | timekeeper |
//!
//! It is only a pointer. The mails themselves say how they stand, and are looked at in any case, only
//! later.

use calls::{ConversationKey, Digest, SequenceCode};
use jiff::Timestamp;
use objects::ObjectKey;

use crate::aws::table::Key;
use crate::error::Error;
use crate::records::item::{Item, ItemReader, ItemWriter};

/// Where all of them lie. One part of the table takes a thousand of them a second, more than mails are
/// looked at.
pub(crate) const HELD: &str = "HELD";

/// The mails of one call that one definition holds back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRecord {
    pub definition: ObjectKey,
    pub conversation: ConversationKey,
    pub sequence: SequenceCode,
}

impl HeldRecord {
    pub(crate) fn key(&self) -> Key {
        let (beginning, sequence) = (self.beginning(), self.sequence.get());
        let conversation = &self.conversation.0;
        Key::new(HELD, format!("{beginning}{conversation}#{sequence:010}"))
    }

    /// How the sort keys of all begin that one definition holds back.
    fn beginning(&self) -> String {
        let ObjectKey { partition, sort } = &self.definition;
        let Digest(hash) = Digest::of(format!("{partition}\n{sort}").as_bytes());
        format!("{hash}#")
    }

    /// A sort key behind all of the same definition, and before all others.
    pub(crate) fn behind_its_definition(&self) -> String {
        format!("{}~", self.beginning())
    }

    pub(crate) fn to_item(&self, expires: Timestamp) -> Item {
        ItemWriter::new(self.key())
            .text("partition", &self.definition.partition)
            .text("sort", &self.definition.sort)
            .text("conversation", &self.conversation.0)
            .number("sequence", self.sequence)
            .expires(Some(expires))
            .done()
    }

    pub(crate) fn from_item(item: Item) -> Result<Self, Error> {
        let item = ItemReader(item);
        Ok(Self {
            definition: ObjectKey {
                partition: item.text("partition")?.to_owned(),
                sort: item.text("sort")?.to_owned(),
            },
            conversation: ConversationKey(item.text("conversation")?.to_owned()),
            sequence: SequenceCode::new(item.number("sequence")?)
                .ok_or_else(|| item.unreadable("sequence"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(definition: &str, conversation: &str) -> HeldRecord {
        HeldRecord {
            definition: ObjectKey {
                partition: "acme#TriggeredSendDefinition".to_owned(),
                sort: definition.to_owned(),
            },
            conversation: ConversationKey(conversation.to_owned()),
            sequence: SequenceCode::FIRST,
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let record = held("a#b", "c");
        let read = HeldRecord::from_item(record.to_item(Timestamp::UNIX_EPOCH));
        assert_eq!(read.expect("readable"), record);
    }

    #[test]
    fn those_of_a_definition_lie_together() {
        let (one, other) = (held("a", "0"), held("a", "f"));
        assert!(one.key().sk < other.key().sk && other.key().sk < one.behind_its_definition());
        let apart = held("b", "0").key().sk;
        assert!(apart < one.key().sk || apart > one.behind_its_definition());
    }
}
