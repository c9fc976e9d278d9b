//! A document as other parsers read it, in the same pieces as from our own reader.

#[cfg(feature = "expat")]
pub mod expat;
pub mod roxml;

use soap::Piece;

/// One more piece of text, joined to the text before it.
pub(crate) fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(before)) => before.push_str(text),
        Some(Piece::Start(..) | Piece::End) | None => pieces.push(Piece::Text(text.to_owned())),
    }
}
