//! A document as the reader understands it, piece by piece and without any SOAP, for comparison
//! with other parsers.

use crate::fault::Fault;
use crate::xml::encoding::decode;
use crate::xml::event::Event;
use crate::xml::reader::Reader;

/// A name together with its namespace, which is empty where there is none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expanded {
    pub namespace: String,
    pub local: String,
}

/// One piece of a document. Comments, instructions and namespace declarations are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// An element begins, with these attributes and their values in the order of their names.
    Start(Expanded, Vec<(Expanded, String)>),
    /// All text up to the next tag, if there is any.
    Text(String),
    End,
}

/// The document in pieces. It is refused where [`super::well_formed`] refuses it.
pub fn outline(bytes: &[u8]) -> Result<Vec<Piece>, Fault> {
    let mut pieces = Vec::new();
    walk(bytes, |piece| match (piece, pieces.last_mut()) {
        (Piece::Text(text), Some(Piece::Text(before))) => before.push_str(&text),
        (piece, _) => pieces.push(piece),
    })?;
    Ok(pieces)
}

/// Gives each piece to a visitor, one by one: nothing is kept of them. A text may come in several.
pub(crate) fn walk(bytes: &[u8], mut visit: impl FnMut(Piece)) -> Result<(), Fault> {
    let (text, encoding) = decode(bytes, None)?;
    let mut reader = Reader::new(&text, Some(encoding))?;
    loop {
        match reader.next()? {
            Event::Start(name) => {
                let prefix = reader.prefix();
                let name = expanded(&reader, prefix, name.local);
                visit(Piece::Start(name, attributes(&reader)));
            }
            Event::Text(text) if text.is_empty() => {}
            Event::Text(text) => visit(Piece::Text(text.into_owned())),
            Event::End => visit(Piece::End),
            Event::Done => return Ok(()),
        }
    }
}

fn expanded(reader: &Reader<'_>, prefix: &str, local: &str) -> Expanded {
    Expanded {
        namespace: reader.uri_of(prefix).to_owned(),
        local: local.to_owned(),
    }
}

fn attributes(reader: &Reader<'_>) -> Vec<(Expanded, String)> {
    let mut attributes: Vec<_> = reader
        .attributes()
        .iter()
        .map(|attribute| {
            let name = match attribute.qname.prefix {
                // The default namespace is not for attributes.
                "" => Expanded {
                    namespace: String::new(),
                    local: attribute.qname.local.to_owned(),
                },
                prefix => expanded(reader, prefix, attribute.qname.local),
            };
            (name, attribute.value.clone().into_owned())
        })
        .collect();
    attributes.sort();
    attributes
}
