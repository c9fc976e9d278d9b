//! The payload of an envelope as a tree: the form in which a caller's objects are read, stored and
//! returned.
//!
//! It has only what has a meaning in the protocol: local names, `xsi:type`, `xsi:nil`, text and
//! order. It has no prefixes, comments or white space between elements, so that two spellings of
//! the same call are equal.

use serde::{Deserialize, Serialize};

/// One element of a payload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Element {
    /// Local name.
    #[serde(rename = "n")]
    pub name: String,
    /// Local name of its `xsi:type`, if it has one: `Subscriber`, `TriggeredSend`.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
    /// `xsi:nil="true"`.
    #[serde(rename = "z", default, skip_serializing_if = "std::ops::Not::not")]
    pub nil: bool,
    /// Text of an element without children, exactly as it is after unescaping; otherwise empty.
    #[serde(rename = "v", default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Element>,
}

impl Element {
    /// An element with children.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// An element with text.
    pub fn of(name: &str, text: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            text: text.into(),
            ..Self::default()
        }
    }

    /// With a type: `Element::new("Objects").typed("Subscriber")`.
    #[must_use]
    pub fn typed(mut self, type_name: &str) -> Self {
        self.type_name = Some(type_name.to_owned());
        self
    }

    /// With one more child, at the end.
    #[must_use]
    pub fn with(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    /// The first child of that name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of that name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child of that name, if it is there and not nil.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name)
            .filter(|child| !child.nil)
            .map(|child| child.text.as_str())
    }

    /// Follows a path with dots: `List.ID`, `Client.ID`.
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('.')
            .try_fold(self, |element, name| element.child(name))
    }
}
