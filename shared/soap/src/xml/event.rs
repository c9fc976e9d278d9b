//! The events of a document.

use std::borrow::Cow;

use crate::namespaces::Space;
use crate::xml::tag::QName;

/// What comes next in a document. Comments and instructions never come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// An element begins; [`super::Reader::attributes`] are its own.
    Start(Name<'a>),
    /// Text, or one piece of it: a comment or CDATA section in between splits it.
    Text(Cow<'a, str>),
    /// The innermost open element ends.
    End,
    /// The root has ended, and nothing stands behind it.
    Done,
}

/// A resolved name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name<'a> {
    pub(crate) space: Space,
    pub(crate) local: &'a str,
}

/// An attribute that is no namespace declaration.
#[derive(Clone, Debug)]
pub(crate) struct Attribute<'a> {
    pub(crate) qname: QName<'a>,
    pub(crate) space: Space,
    /// Where its prefix is declared, if it has one.
    pub(crate) binding: Option<usize>,
    pub(crate) value: Cow<'a, str>,
}

impl<'a> Attribute<'a> {
    pub(crate) fn is(&self, space: Space, local: &str) -> bool {
        self.space == space && self.qname.local == local
    }
}
