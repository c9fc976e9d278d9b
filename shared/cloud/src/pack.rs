//! Bodies and results are kept deflated: a call of 2 KB then fits one write unit.

use std::cell::RefCell;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

/// Most bytes a packed record may open to: ten times the largest envelope. A bomb cannot come from
/// outside (we packed it), but a damaged record must not take the function down.
const UNPACKED_BYTES_MAX: u64 = 64_000_000;

/// Bytes that are not worth deflating: the bits of a short conversation, of which each header has
/// two. They would hardly be shorter, and reading them would take an inflater.
const STORED_BYTES_MAX: usize = 8;

/// First byte of a stream whose only block is stored as it is.
const LAST_BLOCK_STORED: u8 = 1;

thread_local! {
    /// Kept from one time to the next: a deflater has some 300 KB of tables.
    static PACKER: RefCell<DeflateEncoder<Vec<u8>>> =
        RefCell::new(DeflateEncoder::new(Vec::new(), Compression::new(6)));
}

pub(crate) fn pack(text: &str) -> Vec<u8> {
    pack_bytes(text.as_bytes())
}

/// `None`: these bytes are not what [`pack`] makes.
pub(crate) fn unpack(bytes: &[u8]) -> Option<String> {
    String::from_utf8(unpack_bytes(bytes)?).ok()
}

pub(crate) fn pack_bytes(bytes: &[u8]) -> Vec<u8> {
    if bytes.len() <= STORED_BYTES_MAX {
        return stored(bytes);
    }
    PACKER.with_borrow_mut(|packer| {
        // Writing to memory does not fail.
        packer
            .write_all(bytes)
            .and_then(|()| packer.reset(Vec::new()))
            .unwrap_or_default()
    })
}

/// `None`: these bytes are not what [`pack_bytes`] makes.
pub(crate) fn unpack_bytes(packed: &[u8]) -> Option<Vec<u8>> {
    if let Some(bytes) = in_one_stored_block(packed) {
        return Some(bytes.to_vec());
    }
    let mut bytes = Vec::new();
    DeflateDecoder::new(packed)
        .take(UNPACKED_BYTES_MAX)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}

/// A deflate stream of one block that is stored as it is: RFC 1951, 3.2.4.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let mut packed = vec![LAST_BLOCK_STORED];
    packed.extend(length.to_le_bytes());
    packed.extend((!length).to_le_bytes());
    packed.extend(bytes);
    packed
}

/// What such a stream holds, if it is one.
fn in_one_stored_block(packed: &[u8]) -> Option<&[u8]> {
    let (&[first, low, high, _, _], bytes) = packed.split_first_chunk()?;
    let length = usize::from(u16::from_le_bytes([low, high]));
    (first == LAST_BLOCK_STORED && length == bytes.len()).then_some(bytes)
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

    #[test]
    fn a_few_bytes_are_stored_as_deflate_stores_them() {
        for bytes in [&[][..], &[7], &[1, 2, 3, 4, 5, 6, 7, 8]] {
            let packed = pack_bytes(bytes);
            assert_eq!(packed.len(), bytes.len() + 5);
            let mut deflated = Vec::new();
            let read = DeflateDecoder::new(packed.as_slice()).read_to_end(&mut deflated);
            assert_eq!(
                read.ok(),
                Some(bytes.len()),
                "any reader of deflate reads it"
            );
            assert_eq!(deflated, bytes);
            assert_eq!(unpack_bytes(&packed).as_deref(), Some(bytes));
        }
        // What a deflater made of one byte before this was done.
        assert_eq!(unpack_bytes(&[0x63, 0x00, 0x00]), Some(vec![0]));
        assert_eq!(unpack_bytes(&[1, 9, 0, 0xf6, 0xff, 7]), None, "cut off");
    }
}
