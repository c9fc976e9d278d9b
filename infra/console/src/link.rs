//! Addresses of our own pages. Values stand in the query alone, percent-encoded.

use calls::{AccountId, ConversationKey, SequenceCode};
use url::form_urlencoded::Serializer;

/// `path` with these values behind it.
pub(crate) fn with_query(path: &str, values: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in values.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    let query = query.finish();
    match query.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{query}"),
    }
}

pub(crate) fn conversation(base: &str, key: &ConversationKey) -> String {
    with_query(&format!("{base}/conversation"), &[("key", &key.0)])
}

pub(crate) fn call(base: &str, key: &ConversationKey, sequence: SequenceCode) -> String {
    let sequence = sequence.to_string();
    let values = [("key", key.0.as_str()), ("sequence", &sequence)];
    with_query(&format!("{base}/call"), &values)
}

/// To the conversation of an id that a person knows.
pub(crate) fn find(base: &str, account: &AccountId, id: &str) -> String {
    let values = [("account", account.0.as_str()), ("id", id)];
    with_query(&format!("{base}/find"), &values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_a_value() {
        let account = AccountId("a&b=\"c\"".to_owned());
        let link = find("/_local", &account, "<script>'\u{e9} #?/\u{202e}");
        assert_eq!(
            link,
            "/_local/find?account=a%26b%3D%22c%22&id=%3Cscript%3E%27%C3%A9+%23%3F%2F%E2%80%AE"
        );
        assert_eq!(with_query("/calls", &[("state", "")]), "/calls");
    }
}
