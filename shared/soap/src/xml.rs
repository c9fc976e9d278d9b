//! Strict XML: from bytes to a stream of elements and text, with namespaces, under firm bounds.
//!
//! Underneath is `quick-xml`, a fast tokenizer that leaves much of well-formedness to whoever stands
//! on top of it. What two readers understand differently is where attacks live, so whatever an XML
//! parser has to refuse is refused here, and a DOCTYPE always.
//!
//! `quick-xml` finds where each tag, text, reference, comment, CDATA section and instruction ends,
//! takes tags apart into attributes, resolves references, normalizes line ends and attribute values,
//! and refuses markup without an end, end tags that match no start tag, `&` without `;` and `--`
//! inside a comment. Short text that means what it says never comes to it.
//!
//! This layer refuses what that lets through: forbidden characters (also referred to by number),
//! what is no name, attributes that touch, `<` in a value, `]]>` in text, undeclared entities,
//! misplaced or incomplete XML declarations, text or a second element outside the root, elements
//! that are still open at the end, and a second byte order mark. Encodings, namespaces (with
//! attributes compared by them) and the bounds below are its own.
//!
//! The names of end tags are the library's to check: it copies the names of open elements whether it
//! checks them or not. `<a/>` is told as beginning and end here, as the library would allocate for
//! it. Places in faults are ours too: those of the library may lie inside a character.
//!
//! `encoding` (bytes to text), `chars` (what may stand where), `declaration` (of XML), `tag` (names
//! and attributes), `scope` (namespaces), `event` and `reader` (elements and bounds), `outline` (all
//! of it, for comparisons).

mod chars;
mod declaration;
mod encoding;
mod event;
mod outline;
mod reader;
mod scope;
mod tag;

pub(crate) use chars::{is_all_blank, is_ncname, trimmed};
pub(crate) use encoding::{Encoding, decode};
pub(crate) use event::{Attribute, Event, Name};
pub(crate) use outline::walk;
pub use outline::{Expanded, Piece, outline};
pub(crate) use reader::Reader;

use crate::fault::Fault;

/// Largest envelope: the platform's limit for a request, less head-room for what wraps it.
pub const ENVELOPE_BYTES_MAX: usize = 5_000_000;

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
