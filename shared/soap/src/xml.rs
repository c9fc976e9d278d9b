//! Strict XML: from bytes to a stream of elements and text, with namespaces, under firm bounds.
//!
//! A tokenizer of our own: the fast readers leave well-formedness to whoever stands on top of them
//! (names, characters, references, declarations, one root), which means reading every tag a second
//! time. What two readers understand differently is where attacks live, so whatever an XML parser
//! has to refuse is refused here, and a DOCTYPE always.
//!
//! `encoding` (bytes to text), `chars` (what may stand where), `scan` (the smallest pieces: names,
//! references, attributes), `scope` (namespaces), `reader` (elements and bounds).

mod chars;
mod encoding;
mod reader;
mod scan;
mod scope;

pub(crate) use chars::{is_all_blank, is_ncname};
pub(crate) use encoding::decode;
pub(crate) use reader::{Event, Name, Reader};

use crate::fault::Fault;

/// Deepest nesting of elements. Real calls stay below fifteen.
pub const DEPTH_MAX: usize = 64;

/// Most attributes of one element, namespace declarations included: they are compared in pairs.
pub const ATTRIBUTES_MAX: usize = 64;

/// Longest name of an element, attribute or prefix, in bytes.
pub const NAME_BYTES_MAX: usize = 255;

/// Most elements of one document: each costs memory of its own, so that the size of the request
/// alone bounds nothing. The densest real calls (rows of short values) have one per 16 bytes.
pub const ELEMENTS_MAX: usize = 400_000;

/// Most namespace declarations in scope at one place: each name is looked up among them.
pub const NAMESPACES_MAX: usize = 100;

/// Longest namespace name, in bytes: attributes are told apart by it.
pub const NAMESPACE_BYTES_MAX: usize = 512;

/// Whether the bytes are a well-formed, namespace-aware XML document without a DOCTYPE, within the
/// bounds of this module. The reader's own strictness without any SOAP, for conformance tests.
pub fn well_formed(bytes: &[u8]) -> Result<(), Fault> {
    let (text, encoding) = decode(bytes, None)?;
    let mut reader = Reader::new(&text, Some(encoding))?;
    while reader.next()? != Event::Done {}
    Ok(())
}
