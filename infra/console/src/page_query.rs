//! What stands behind the question mark of a page's address.

use std::collections::BTreeMap;

use calls::{AccountId, ConversationKey, SequenceCode};

use crate::console::Console;
use crate::failure::PageFailure;

/// Longest key of a conversation: it is a hash, in hexadecimal digits.
const KEY_CHARS_MAX: usize = 64;

/// The values by name; one that is not there is empty.
#[derive(Clone, Debug, Default)]
pub struct PageQuery(pub(crate) BTreeMap<String, String>);

impl PageQuery {
    pub fn read(query: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(pairs.into_owned().collect())
    }

    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }

    /// The account that is named, or the one that the console was started for.
    pub(crate) fn account(&self, console: &Console) -> Option<AccountId> {
        match self.text("account") {
            "" => console.options.account.clone(),
            id => Some(AccountId(id.to_owned())),
        }
    }

    pub(crate) fn key(&self) -> Result<ConversationKey, PageFailure> {
        let key = self.text("key");
        let is_hash = !key.is_empty()
            && key.len() <= KEY_CHARS_MAX
            && key.bytes().all(|byte| byte.is_ascii_hexdigit());
        match is_hash {
            true => Ok(ConversationKey(key.to_owned())),
            false => Err(PageFailure::Wrong(
                "This is no key of a conversation.".to_owned(),
            )),
        }
    }

    /// The first one, if none is named.
    pub(crate) fn sequence(&self, name: &str) -> Result<SequenceCode, PageFailure> {
        match self.text(name) {
            "" => Ok(SequenceCode::FIRST),
            text => text
                .parse()
                .ok()
                .and_then(SequenceCode::new)
                .ok_or_else(|| PageFailure::Wrong(format!("{name} is a number from 1 on."))),
        }
    }
}
