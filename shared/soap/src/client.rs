//! `Client`: the account for which something is done. Up to four identifiers name it and must
//! agree; here each of them is the account's id.

use calls::{AccountId, Invalid, Refusal};

use crate::element::Element;
use crate::fault::echo;
use crate::xml;

/// Identifiers that are numbers: typed clients write 0 if there is none.
const NUMBERS: [&str; 2] = ["ID", "ClientID"];

const KEYS: [&str; 2] = ["CustomerKey", "PartnerClientKey"];

/// Elements that name an account, anywhere in a request.
const ELEMENTS: [&str; 2] = ["Client", "ClientIDs"];

/// The code of an account that is neither the caller's nor owned by it.
const NO_ACCESS: u32 = 4;

/// What a `Client` names: nothing, an account, or several.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientContext {
    /// Identifier and value, each value once.
    named: Vec<(&'static str, String)>,
}

impl ClientContext {
    pub(crate) fn read(client: &Element) -> Self {
        Self::default().and(client)
    }

    /// The same with the identifier of one more element.
    fn and(mut self, client: &Element) -> Self {
        if client.nil {
            return self;
        }
        for child in client.children.iter().filter(|child| !child.nil) {
            let text = xml::trimmed(&child.text);
            let (identifier, value) = if let Some(number) = one_of(&NUMBERS, &child.name) {
                (number, number_as_written(text))
            } else if let Some(key) = one_of(&KEYS, &child.name) {
                (key, text.to_owned())
            } else {
                continue;
            };
            let is_none = value.is_empty() || (value == "0" && NUMBERS.contains(&identifier));
            if !is_none && !self.named.iter().any(|(_, named)| *named == value) {
                self.named.push((identifier, value));
            }
        }
        self
    }

    /// The account that is named; `None`: none is. Identifiers that disagree are refused (4),
    /// because a guess could change the data of another account.
    pub fn account(&self) -> Result<Option<AccountId>, Refusal> {
        match self.named.as_slice() {
            [] => Ok(None),
            [(_, value)] => Ok(Some(AccountId(value.clone()))),
            [(first, one), (second, other), ..] => Err(Refusal::Invalid(Invalid::Object {
                code: NO_ACCESS,
                message: format!(
                    "Client names more than one account: {first} '{}' and {second} '{}'",
                    echo(one),
                    echo(other)
                ),
            })),
        }
    }
}

/// The refusal of an account that does not exist, or that is neither the caller's nor owned by it.
pub fn no_access(account: &AccountId) -> Refusal {
    Refusal::Invalid(Invalid::Object {
        code: NO_ACCESS,
        message: format!(
            "You don't have access to an account with customer key of {}.",
            echo(&account.0)
        ),
    })
}

/// The account of an object according to its own `Client`, whatever the elements around it say.
pub fn client_of(object: &Element) -> ClientContext {
    object
        .children
        .iter()
        .filter(|child| child.name == "Client")
        .fold(ClientContext::default(), ClientContext::and)
}

/// All identifiers of accounts in a request, each once: in its Options, its objects, and objects in
/// these.
pub fn clients_in(body: &Element) -> Vec<ClientContext> {
    let mut found = Vec::new();
    collect(body, &mut found);
    found.sort_unstable();
    found.dedup();
    found
}

fn collect(element: &Element, found: &mut Vec<ClientContext>) {
    for child in &element.children {
        if ELEMENTS.contains(&child.name.as_str()) {
            found.push(ClientContext::read(child));
        } else {
            collect(child, found);
        }
    }
    // Two of them on one object name one account together.
    let own = client_of(element);
    if own.named.len() > 1 {
        found.push(own);
    }
}

fn one_of(names: &[&'static str], name: &str) -> Option<&'static str> {
    names.iter().find(|known| **known == name).copied()
}

/// `07001` is 7001. A text that is not a number names no account, and is refused as unknown.
fn number_as_written(text: &str) -> String {
    text.parse::<i64>()
        .map_or_else(|_| text.to_owned(), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(identifiers: &[(&str, &str)]) -> Element {
        let children = identifiers
            .iter()
            .map(|(name, value)| Element::of(name, *value));
        Element {
            children: children.collect(),
            ..Element::new("Client")
        }
    }

    #[track_caller]
    fn check(identifiers: &[(&str, &str)], expected: Result<Option<&str>, u32>) {
        let found = ClientContext::read(&client(identifiers)).account();
        let found = found
            .map(|account| account.map(|account| account.0))
            .map_err(|refusal| refusal.error_code());
        let expected = expected.map(|account| account.map(str::to_owned));
        assert_eq!(found, expected, "{identifiers:?}");
    }

    #[test]
    fn an_account_is_named_by_each_of_its_identifiers() {
        for identifier in ["ID", "ClientID", "CustomerKey", "PartnerClientKey"] {
            check(&[(identifier, "7001")], Ok(Some("7001")));
        }
        check(&[("ID", " 07001 ")], Ok(Some("7001")));
        check(&[("CustomerKey", " shop ")], Ok(Some("shop")));
        check(&[("ID", "7001"), ("CustomerKey", "7001")], Ok(Some("7001")));
    }

    #[test]
    fn what_is_not_set_names_nobody() {
        check(&[], Ok(None));
        check(&[("ID", "0"), ("CustomerKey", "")], Ok(None));
        check(&[("UserID", "5"), ("EnterpriseID", "6")], Ok(None));
        check(&[("ID", "0"), ("CustomerKey", "200")], Ok(Some("200")));
        let nil = Element {
            nil: true,
            ..client(&[("ID", "1")])
        };
        assert_eq!(ClientContext::read(&nil), ClientContext::default());
    }

    #[test]
    fn identifiers_that_disagree_are_refused() {
        check(&[("ID", "1"), ("ClientID", "2")], Err(4));
        check(&[("ID", "1"), ("CustomerKey", "one")], Err(4));
        check(&[("CustomerKey", "1"), ("PartnerClientKey", "2")], Err(4));
        check(&[("ID", "1"), ("ID", "2")], Err(4));
        check(&[("ID", "one"), ("CustomerKey", "0")], Err(4));
    }

    #[test]
    fn they_are_found_wherever_they_stand() {
        let nested = Element::new("Subscribers").with(client(&[("ID", "3")]));
        let object = Element::new("Objects")
            .with(client(&[("ID", "2")]))
            .with(nested);
        let options = Element::new("Options").with(client(&[("CustomerKey", "1")]));
        let body = Element::new("CreateRequest")
            .with(options)
            .with(object.clone())
            .with(object);
        let accounts: Vec<String> = clients_in(&body)
            .iter()
            .filter_map(|client| client.account().ok().flatten())
            .map(|account| account.0)
            .collect();
        assert_eq!(accounts.len(), 3, "{accounts:?}");
        assert!(
            ["1", "2", "3"]
                .iter()
                .all(|id| accounts.contains(&(*id).to_owned()))
        );
        let twice = Element::new("Objects")
            .with(client(&[("ID", "1")]))
            .with(client(&[("ID", "2")]));
        let body = Element::new("CreateRequest").with(twice);
        assert!(
            clients_in(&body)
                .iter()
                .any(|client| client.account().is_err())
        );
    }
}
