//! Compresses bodies, results and other values of records with deflate, so that a usual call of 2 KB
//! and its outcome take one write unit each.
//!
//! These values are small and consist mostly of the same names. Therefore the compressor is primed with
//! a dictionary of these names (RFC 1951 allows it if both sides have the dictionary). The first byte of
//! a value names the format, so that another dictionary can be added later and old values can still be
//! read.

use std::cell::RefCell;
use std::ops::Deref;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Most bytes of a decompressed value: ten times the largest envelope. All values were compressed by
/// this code, so none is a decompression bomb, but a damaged one must not exhaust the memory.
const UNPACKED_BYTES_MAX: usize = 64_000_000;

/// Values of up to so many bytes are stored uncompressed: the two bit sets in the header of a short
/// conversation would hardly become shorter, and reading them would need a decompressor.
const STORED_BYTES_MAX: usize = 8;

/// First byte: the value follows uncompressed.
const STORED: u8 = 0;

/// First byte: the value follows, compressed with [`DICTIONARY`].
const DEFLATED: u8 = 1;

/// First byte: four bytes with the decompressed length follow, then the value, compressed with
/// [`DICTIONARY`]. For values that may be long, so that a reader can first check whether it has enough
/// memory.
const MEASURED: u8 = 2;

/// Text that records have in common, the most frequent parts last, because references to near text are
/// shorter. It must never change, since values that were compressed with it could not be read any more; a
/// test checks this.
const DICTIONARY: &[u8] = include_bytes!("dictionary.txt");

thread_local! {
    /// Reused, since a compressor has some 300 KB of tables.
    static DEFLATER: RefCell<Compress> = RefCell::new(Compress::new(Compression::new(6), false));
    static INFLATER: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

/// A value that never changes, with its compressed bytes: compressing a call takes 15 us, and a call in a
/// header is written again with every change of the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compressed<T> {
    value: T,
    bytes: Vec<u8>,
}

impl<T: Serialize> Compressed<T> {
    pub(crate) fn of(value: T) -> Self {
        let bytes = compress(&serde_json::to_string(&value).unwrap_or_default());
        Self { value, bytes }
    }
}

impl<T: DeserializeOwned> Compressed<T> {
    /// `None`: these bytes are not such a value.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let value = serde_json::from_str(&decompress(bytes)?).ok()?;
        let bytes = bytes.to_vec();
        Some(Self { value, bytes })
    }
}

impl<T> Compressed<T> {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn into_value(self) -> T {
        self.value
    }
}

impl<T> Deref for Compressed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

pub(crate) fn compress(text: &str) -> Vec<u8> {
    compress_bytes(text.as_bytes())
}

/// The text of a compressed attribute; `None`: these bytes are not compressed text.
pub fn decompress(bytes: &[u8]) -> Option<String> {
    String::from_utf8(decompress_bytes(bytes)?).ok()
}

/// The same with the length, which [`unpacked_bytes`] then returns.
pub(crate) fn pack_measured(text: &str) -> Vec<u8> {
    let compressed = compress(text);
    match (compressed.split_first(), u32::try_from(text.len())) {
        (Some((&DEFLATED, deflated)), Ok(bytes)) => {
            let mut measured = Vec::with_capacity(compressed.len() + 4);
            measured.push(MEASURED);
            measured.extend(bytes.to_le_bytes());
            measured.extend(deflated);
            measured
        }
        (_, _) => compressed,
    }
}

/// The decompressed length of a value that was compressed with its length.
pub(crate) fn unpacked_bytes(compressed: &[u8]) -> usize {
    match compressed.split_first() {
        Some((&MEASURED, rest)) => length_of(rest).map_or(0, |(bytes, _)| bytes),
        Some((&DEFLATED, rest)) => 4 * rest.len(),
        Some((_, rest)) => rest.len(),
        None => 0,
    }
}

fn length_of(rest: &[u8]) -> Option<(usize, &[u8])> {
    let (length, deflated) = rest.split_first_chunk()?;
    let bytes = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    Some((bytes, deflated))
}

pub(crate) fn compress_bytes(bytes: &[u8]) -> Vec<u8> {
    if bytes.len() <= STORED_BYTES_MAX {
        return stored(bytes);
    }
    DEFLATER
        .with_borrow_mut(|deflater| deflated(deflater, bytes))
        // Compressing into memory does not fail.
        .unwrap_or_else(|| stored(bytes))
}

fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut compressed = vec![STORED];
    compressed.extend(bytes);
    compressed
}

fn deflated(deflater: &mut Compress, bytes: &[u8]) -> Option<Vec<u8>> {
    deflater.reset();
    deflater.set_dictionary(DICTIONARY).ok()?;
    let mut compressed = Vec::with_capacity(bytes.len() / 2 + 64);
    compressed.push(DEFLATED);
    loop {
        let read = usize::try_from(deflater.total_in()).ok()?;
        let finish = FlushCompress::Finish;
        match deflater.compress_vec(bytes.get(read..)?, &mut compressed, finish) {
            Ok(Status::StreamEnd) => return Some(compressed),
            Ok(Status::Ok | Status::BufError) => compressed.reserve(compressed.capacity()),
            Err(_) => return None,
        }
    }
}

/// `None`: these bytes are not what [`compress_bytes`] makes.
pub(crate) fn decompress_bytes(compressed: &[u8]) -> Option<Vec<u8>> {
    match compressed.split_first()? {
        (&STORED, bytes) => Some(bytes.to_vec()),
        (&DEFLATED, bytes) => {
            let room = 4 * bytes.len() + 64;
            INFLATER.with_borrow_mut(|inflater| inflated(inflater, bytes, room))
        }
        (&MEASURED, rest) => {
            let (length, bytes) = length_of(rest)?;
            // One byte more, so that the decompressor sees the end of the stream.
            let room = length.min(UNPACKED_BYTES_MAX) + 1;
            INFLATER.with_borrow_mut(|inflater| inflated(inflater, bytes, room))
        }
        (_, _) => None,
    }
}

fn inflated(inflater: &mut Decompress, compressed: &[u8], room: usize) -> Option<Vec<u8>> {
    inflater.reset(false);
    inflater.set_dictionary(DICTIONARY).ok()?;
    let mut bytes = Vec::with_capacity(room);
    loop {
        let read = usize::try_from(inflater.total_in()).ok()?;
        let (rest, before) = (compressed.get(read..)?, bytes.len());
        match inflater.decompress_vec(rest, &mut bytes, FlushDecompress::Finish) {
            Ok(Status::StreamEnd) => return Some(bytes),
            Ok(Status::Ok | Status::BufError) if bytes.len() < UNPACKED_BYTES_MAX => {
                let room = bytes.len() < bytes.capacity();
                if room && bytes.len() == before {
                    // There was room, but no output: the value is truncated.
                    return None;
                }
                bytes.reserve(bytes.capacity());
            }
            Ok(Status::Ok | Status::BufError) | Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    #[test]
    fn what_is_packed_comes_out_again() {
        let random: String = (0..5_000)
            .map(|number: u32| format!("{:x}", Sha256::digest(number.to_be_bytes())[0]))
            .collect();
        for text in [
            "",
            "a",
            "123456789",
            &random,
            &"<Objects>\u{e9}</Objects>".repeat(10_000),
            &format!("{random}{}", "a".repeat(3_000_000)),
        ] {
            assert_eq!(decompress(&compress(text)).as_deref(), Some(text));
            let measured = pack_measured(text);
            assert_eq!(unpacked_bytes(&measured), text.len());
            assert_eq!(decompress(&measured).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_was_not_packed_here_does_not_come_out() {
        let compressed = compress(&"<Objects>123</Objects>".repeat(10));
        for length in 0..compressed.len() {
            assert_eq!(
                decompress(&compressed[..length]),
                None,
                "cut off at {length}"
            );
        }
        for bytes in [&[][..], &[2, 0], &[DEFLATED, 7, 7, 7]] {
            assert_eq!(decompress(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_value_goes_back_as_the_bytes_that_it_came_as() {
        let numbers: Vec<u32> = (0..100).collect();
        let json = serde_json::to_vec(&numbers).expect("JSON");
        for bytes in [compress_bytes(&json), stored(&json)] {
            let compressed = Compressed::<Vec<u32>>::read(&bytes).expect("readable");
            assert_eq!(*compressed, numbers);
            assert_eq!(compressed.bytes(), bytes);
        }
        assert_eq!(
            Compressed::of(numbers.clone()).bytes(),
            compress_bytes(&json)
        );
        assert_eq!(Compressed::<String>::read(&compress_bytes(&json)), None);
        assert_eq!(Compressed::<Vec<u32>>::read(&[7]), None);
    }

    #[test]
    fn a_few_bytes_are_stored_as_they_are() {
        for bytes in [&[][..], &[7], &[1, 2, 3, 4, 5, 6, 7, 8]] {
            let compressed = compress_bytes(bytes);
            assert_eq!(compressed.len(), bytes.len() + 1);
            assert_eq!(decompress_bytes(&compressed).as_deref(), Some(bytes));
        }
    }

    #[test]
    fn a_record_opens_to_so_much_and_no_more() {
        let bomb = compress_bytes(&vec![0; UNPACKED_BYTES_MAX + 1_000_000]);
        assert!(bomb.len() < 1_000_000);
        let opened = decompress_bytes(&bomb).map_or(0, |bytes| bytes.len());
        assert!(opened <= 2 * UNPACKED_BYTES_MAX, "{opened}");
    }

    #[test]
    fn the_dictionary_stays_as_it_is() {
        let digest = Sha256::digest(DICTIONARY);
        assert_eq!(
            calls::hex(&digest),
            "2ea681aa316adef96557b2efa00480e8a53b4179aa853328255c7adcf464ebb2",
            "records packed with another dictionary cannot be read: add a new one beside this"
        );
    }

    #[test]
    fn a_name_that_all_records_have_takes_hardly_any_bytes() {
        let call = r#"<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Options><RequestType>Asynchronous</RequestType></Options>"#;
        let compressed = compress(call);
        assert!(
            compressed.len() <= 16,
            "{} of {}",
            compressed.len(),
            call.len()
        );
    }
}
