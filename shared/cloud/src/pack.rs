//! Bodies and results are kept deflated: a call of 2 KB then fits one write unit.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

/// Most bytes a packed record may open to: ten times the largest envelope. A bomb cannot come from
/// outside (we packed it), but a damaged record must not take the function down.
const UNPACKED_BYTES_MAX: u64 = 64_000_000;

pub(crate) fn pack(text: &str) -> Vec<u8> {
    pack_bytes(text.as_bytes())
}

/// `None`: these bytes are not what [`pack`] makes.
pub(crate) fn unpack(bytes: &[u8]) -> Option<String> {
    String::from_utf8(unpack_bytes(bytes)?).ok()
}

pub(crate) fn pack_bytes(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    // Writing to memory does not fail.
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .unwrap_or_default()
}

/// `None`: these bytes are not what [`pack_bytes`] makes.
pub(crate) fn unpack_bytes(packed: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    DeflateDecoder::new(packed)
        .take(UNPACKED_BYTES_MAX)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        for text in ["", "a", &"<Objects>\u{e9}</Objects>".repeat(10_000)] {
            assert_eq!(unpack(&pack(text)).as_deref(), Some(text));
        }
        assert_eq!(unpack(&[7, 7, 7]), None);
    }
}
