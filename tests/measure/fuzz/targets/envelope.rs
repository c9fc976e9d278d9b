//! Our reader against other parsers: what they refuse is refused, and what is accepted means the
//! same to all. What is read of an envelope is what is kept of it.

#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use soap::Piece;

fuzz_target!(|bytes: &[u8]| {
    let ours = soap::outline(bytes);
    assert_eq!(
        ours.is_ok(),
        soap::well_formed(bytes).is_ok(),
        "the outline is of what is well-formed"
    );
    if let Ok(ours) = &ours {
        others_agree(bytes, ours);
    }
    if let Ok(envelope) = soap::read_envelope(bytes, None) {
        let ours = ours.expect("an envelope is well-formed");
        let kept = soap::canonical(&envelope.body);
        let read_again = soap::read_canonical(&kept).expect("what is kept can be read");
        assert_eq!(read_again, envelope.body, "what is kept is what was read");
        let theirs = fuzz::roxml::outline(&kept).expect("what is kept is XML");
        assert_eq!(
            values(&theirs),
            values(&payload(&ours)),
            "others read in what is kept what stands in the envelope"
        );
    }
});

fn others_agree(bytes: &[u8], ours: &[Piece]) {
    let text = text_of(bytes);
    // XML normalises line ends before anything else is read; roxmltree does not do it for one that
    // stands before a reference.
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    match fuzz::roxml::outline(&lines) {
        // roxmltree takes `xml:xmlns`, an ordinary attribute, for a declaration.
        Ok(_) if has_attribute_xmlns(ours) => {}
        Ok(theirs) => assert_eq!(ours, theirs, "roxmltree reads something else"),
        // The one prefix that needs no declaration; roxmltree knows that for attributes only.
        Err(roxmltree::Error::UnknownNamespace(prefix, _)) if prefix == "xml" => {}
        Err(error) => panic!("roxmltree refuses what we accept: {error}"),
    }
    #[cfg(feature = "expat")]
    expat_agrees(bytes, &text, ours);
}

fn has_attribute_xmlns(pieces: &[Piece]) -> bool {
    pieces.iter().any(|piece| match piece {
        Piece::Start(_, attributes) => attributes.iter().any(|(name, _)| name.local == "xmlns"),
        Piece::Text(_) | Piece::End => false,
    })
}

#[cfg(feature = "expat")]
fn expat_agrees(bytes: &[u8], text: &str, ours: &[Piece]) {
    let encoding = std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0'));
    match fuzz::expat::outline(bytes, encoding.then_some(c"UTF-8")) {
        Ok(theirs) => assert_eq!(ours, theirs, "expat reads something else"),
        // It has the names of XML's fourth edition, we those of the fifth.
        Err(_) if has_foreign_name(text) => {}
        Err(code) => panic!("expat refuses what we accept: error {code}"),
    }
}

/// Whether a tag or an instruction holds anything but ASCII.
#[cfg(feature = "expat")]
fn has_foreign_name(text: &str) -> bool {
    let tags = text.split('<').skip(1);
    tags.filter_map(|tag| tag.split('>').next())
        .any(|tag| !tag.is_ascii())
}

/// Decoded without our own code; what cannot be must not have been accepted.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let units: Vec<u16> = units.collect();
        Cow::Owned(String::from_utf16(&units).expect("UTF-16"))
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [b'<', 0, ..] => utf16(bytes, u16::from_le_bytes),
        [0, b'<', ..] => utf16(bytes, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => Cow::Borrowed(std::str::from_utf8(rest).expect("UTF-8")),
        _ => Cow::Borrowed(std::str::from_utf8(bytes).expect("UTF-8")),
    }
}

/// The one child of Body.
fn payload(pieces: &[Piece]) -> Vec<Piece> {
    let mut depth = 0_usize;
    let mut in_body = false;
    let mut found = Vec::new();
    for piece in pieces {
        if matches!(piece, Piece::End) {
            depth -= 1;
        }
        match (piece, depth) {
            (Piece::Start(name, _), 1) => in_body = name.local == "Body",
            (_, 0 | 1) => {}
            (_, _) if in_body => found.push(piece.clone()),
            (_, _) => {}
        }
        if matches!(piece, Piece::Start(..)) {
            depth += 1;
        }
    }
    found
}

/// What the payload says: elements of the service's own with their text, blanks between them and
/// schema-instance elements apart, which mean nothing.
fn values(pieces: &[Piece]) -> Vec<String> {
    const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
    let mut said = Vec::new();
    let mut strangers = 0_usize;
    for piece in pieces {
        match piece {
            Piece::Start(..) if strangers > 0 => strangers += 1,
            Piece::Start(name, _) if name.namespace == INSTANCE => strangers += 1,
            Piece::Start(name, _) => said.push(format!("<{}>", name.local)),
            Piece::End if strangers > 0 => strangers -= 1,
            Piece::End => said.push("</>".to_owned()),
            Piece::Text(text) if strangers == 0 && !is_blank(text) => said.push(text.clone()),
            Piece::Text(_) => {}
        }
    }
    without_strays(said)
}

/// An element that held nothing but a schema-instance element is left out when it is kept, so empty
/// elements are not compared.
fn without_strays(said: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for piece in said {
        if piece == "</>" && kept.last().is_some_and(|last| last.starts_with('<')) {
            kept.pop();
        } else {
            kept.push(piece);
        }
    }
    kept
}

fn is_blank(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}
