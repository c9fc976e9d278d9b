//! The parts of a tag: its name and its attributes. The library splits a tag; what it lets through
//! there (names of any characters, attributes that touch, `<` in a value) is refused here.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::escape::{EscapeError, resolve_xml_entity};
use quick_xml::events::attributes::{AttrError, Attribute, Attributes};

use crate::xml::{NAME_BYTES_MAX, chars};

const NO_NAME: &str = "a name expected";
const NO_REFERENCE: &str = "'&' that begins no reference";
pub(crate) const NO_ENTITY: &str = "an entity that is not declared";
pub(crate) const NO_CHARACTER: &str = "a reference to a character that XML does not allow";

/// What is wrong inside a tag, and how many bytes behind its beginning.
pub(crate) struct TagError {
    pub(crate) what: &'static str,
    pub(crate) at: usize,
}

/// A name as it stands: `soap:Envelope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QName<'a> {
    /// Empty if there is none.
    pub(crate) prefix: &'a str,
    pub(crate) local: &'a str,
}

impl<'a> QName<'a> {
    #[inline]
    pub(crate) fn parse(whole: &'a str) -> Result<Self, &'static str> {
        // Most have no prefix, and one look at them is enough.
        let Err(wrong) = check_ncname(whole) else {
            return Ok(Self {
                prefix: "",
                local: whole,
            });
        };
        let colon = whole.bytes().position(|byte| byte == b':').ok_or(wrong)?;
        let (prefix, local) = (&whole[..colon], &whole[colon + 1..]);
        check_ncname(local)?;
        check_ncname(prefix)?;
        Ok(Self { prefix, local })
    }
}

/// Refuses what is no name without colon, or a name that is too long.
#[inline]
pub(crate) fn check_ncname(name: &str) -> Result<(), &'static str> {
    const { assert!(NAME_BYTES_MAX == 255, "the number stands in the text below") };
    if name.len() > NAME_BYTES_MAX {
        return Err("a name longer than 255 bytes");
    }
    if chars::is_ncname(name) {
        Ok(())
    } else {
        Err(NO_NAME)
    }
}

/// One attribute as it stands.
pub(crate) struct Pair<'a> {
    attribute: Attribute<'a>,
    /// Bytes before it in its tag.
    pub(crate) at: usize,
}

impl<'a> Pair<'a> {
    pub(crate) fn name(&self) -> &'a str {
        self.attribute.key.into_inner()
    }

    /// What stands between the quotes.
    pub(crate) fn into_raw(self) -> Cow<'a, str> {
        self.attribute.value
    }

    /// The value: references resolved, blanks made spaces.
    pub(crate) fn value(&self) -> Result<Cow<'a, str>, &'static str> {
        if self.attribute.value.bytes().any(|byte| byte == b'<') {
            return Err("'<' in an attribute value");
        }
        // Named, because a feature of the library would have it know all of HTML's entities.
        let entity = resolve_xml_entity;
        let value = self
            .attribute
            .normalized_value_with(XmlVersion::Implicit1_0, 1, entity)
            .map_err(|error| explain_escape(&error))?;
        // It takes references to any character but U+0000.
        match &value {
            Cow::Owned(text) if chars::first_forbidden(text).is_some() => Err(NO_CHARACTER),
            Cow::Owned(_) | Cow::Borrowed(_) => Ok(value),
        }
    }
}

fn explain_escape(error: &quick_xml::Error) -> &'static str {
    let quick_xml::Error::Escape(error) = error else {
        return NO_REFERENCE;
    };
    match error {
        EscapeError::UnrecognizedEntity(..) => NO_ENTITY,
        EscapeError::InvalidCharRef(_) => NO_CHARACTER,
        EscapeError::UnterminatedEntity(_) | EscapeError::TooManyNestedEntities => NO_REFERENCE,
    }
}

/// The attributes of a tag, each with a blank before it.
pub(crate) struct Pairs<'a> {
    tag: &'a str,
    attributes: Attributes<'a>,
}

impl<'a> Pairs<'a> {
    /// `tag` is all between `<` and `>`, and its name has so many bytes.
    pub(crate) fn new(tag: &'a str, name_length: usize) -> Self {
        let mut attributes = Attributes::new(tag, name_length);
        // Ours compares by namespace, which includes this.
        attributes.with_checks(false);
        Self { tag, attributes }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<Pair<'a>, TagError>;

    fn next(&mut self) -> Option<Self::Item> {
        let attribute = match self.attributes.next()? {
            Ok(attribute) => attribute,
            Err(error) => return Some(Err(explain_attribute(&error))),
        };
        // The library does not say where it stands, but it is a part of the tag.
        let name = attribute.key.into_inner();
        let at = name.as_ptr().addr() - self.tag.as_ptr().addr();
        let before = self.tag.as_bytes()[..at].last();
        if !before.is_some_and(|byte| chars::is_blank(*byte)) {
            let what = "a blank expected before an attribute";
            return Some(Err(TagError { what, at }));
        }
        Some(Ok(Pair { attribute, at }))
    }
}

fn explain_attribute(error: &AttrError) -> TagError {
    let (what, at) = match *error {
        AttrError::ExpectedEq(at) => ("'=' or '>' expected", at),
        AttrError::ExpectedValue(at) | AttrError::UnquotedValue(at) => {
            ("a quoted value expected", at)
        }
        AttrError::ExpectedQuote(at, _) => ("an attribute value without an end", at),
        AttrError::Duplicated(at, _) => ("an attribute stands twice in one element", at),
    };
    TagError { what, at }
}
