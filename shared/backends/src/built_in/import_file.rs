//! The file of an import, read from the bucket in ranges, record by record.
//!
//! Whether a byte is between quotes depends on everything before it, so reading is always continued
//! at the end of a whole record. Fields are separated by their bytes and decoded one by one.
//! UTF-16, where this is impossible, is decoded range by range.

use std::borrow::Cow;
use std::io::Read;

use cloud::Error;
use cloud::aws::files::{Files, RangeError};
use csv::{ByteRecord, ReaderBuilder};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use objects::ImportFormat;
use serde::{Deserialize, Serialize};

/// Bytes that are read in one request and held in memory.
const RANGE_BYTES: u64 = 4 * 1024 * 1024;

/// Longest record: an unclosed quote makes one record of everything after it.
const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// The place up to which a file is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FilePlace {
    etag: String,
    size: u64,
    /// Where the next record begins.
    offset: u64,
    /// Records before it, including headings.
    pub(super) records: u64,
    encoding: String,
}

/// One record of the file.
pub(super) struct FileRecord {
    pub(super) fields: Vec<String>,
    /// Its bytes are valid in the file's encoding.
    pub(super) is_readable: bool,
    /// Including what is between it and the record before it.
    bytes: usize,
}

/// Why a file cannot be read any further.
#[derive(Debug)]
pub(super) enum FileError {
    /// As text for the caller.
    Unusable(String),
    Cloud(Error),
}

impl From<Error> for FileError {
    fn from(error: Error) -> Self {
        Self::Cloud(error)
    }
}

impl From<RangeError> for FileError {
    fn from(error: RangeError) -> Self {
        match error {
            RangeError::Cloud(error) => Self::Cloud(error),
            RangeError::Missing | RangeError::Replaced => Self::Unusable(error.to_string()),
        }
    }
}

/// A file, as one invocation reads it.
pub(super) struct ImportFile<'a> {
    files: &'a Files,
    key: String,
    delimiter: u8,
    quotes: bool,
    encoding: &'static Encoding,
    pub(super) place: FilePlace,
    /// Bytes from the place on; UTF-16 is converted to UTF-8.
    text: Vec<u8>,
    /// Where in the buffer the text begins that has not been taken.
    at: usize,
    /// Where in the file the buffer ends.
    read_to: u64,
}

impl<'a> ImportFile<'a> {
    /// Begins to read a file.
    pub(super) async fn open(
        files: &'a Files,
        key: String,
        format: &ImportFormat,
    ) -> Result<Self, FileError> {
        let range = files.get_range(&key, 0, RANGE_BYTES, None).await?;
        let (encoding, mark) = encoding_of(format, &range.bytes).map_err(FileError::Unusable)?;
        let place = FilePlace {
            etag: range.etag,
            size: range.size,
            offset: mark,
            records: 0,
            encoding: encoding.name().to_owned(),
        };
        Ok(Self::at(files, key, format, place))
    }

    /// Continues where reading was stopped.
    pub(super) fn at(
        files: &'a Files,
        key: String,
        format: &ImportFormat,
        place: FilePlace,
    ) -> Self {
        Self {
            files,
            key,
            delimiter: format.delimiter,
            quotes: format.quotes,
            encoding: Encoding::for_label(place.encoding.as_bytes()).unwrap_or(UTF_8),
            read_to: place.offset,
            place,
            text: Vec::new(),
            at: 0,
        }
    }

    fn is_utf16(&self) -> bool {
        self.encoding == UTF_16LE || self.encoding == UTF_16BE
    }

    fn is_read_whole(&self) -> bool {
        self.read_to >= self.place.size
    }

    /// The next records, at most so many; none: the end of the file.
    pub(super) async fn records(&mut self, max: usize) -> Result<Vec<FileRecord>, FileError> {
        loop {
            let is_last = self.is_read_whole();
            let unparsed = &self.text[self.at..];
            let records = self.parse(unparsed, max, is_last);
            if !records.is_empty() {
                return Ok(records);
            }
            if is_last {
                self.at = self.text.len();
                self.place.offset = self.place.size;
                return Ok(records);
            }
            if unparsed.len() > RECORD_BYTES_MAX {
                return Err(FileError::Unusable(format!(
                    "The record behind record {} is longer than 1 MB: a quote in it is not closed",
                    self.place.records
                )));
            }
            self.fill().await?;
        }
    }

    /// The first of the records that were returned is done; to be called for each in turn.
    pub(super) fn take(&mut self, record: &FileRecord) {
        let ends_at = self.at + record.bytes;
        let bytes = &self.text[self.at..ends_at];
        let of_file = match self.is_utf16() {
            true => 2 * String::from_utf8_lossy(bytes).encode_utf16().count(),
            false => bytes.len(),
        };
        self.place.offset += u64::try_from(of_file).unwrap_or(u64::MAX);
        self.place.records += 1;
        self.at = ends_at;
    }

    /// Reads the bytes from the place on.
    async fn fill(&mut self) -> Result<(), FileError> {
        let FilePlace { etag, offset, .. } = &self.place;
        let range = self
            .files
            .get_range(&self.key, *offset, RANGE_BYTES, Some(etag));
        let mut bytes = range.await?.bytes;
        let is_whole = |length: usize| {
            let length = u64::try_from(length).unwrap_or(u64::MAX);
            offset.saturating_add(length) >= self.place.size
        };
        if bytes.is_empty() {
            self.read_to = self.place.size;
            return Ok(());
        }
        if self.is_utf16() && !is_whole(bytes.len()) {
            bytes.truncate(whole_units(&bytes, self.encoding));
        }
        self.read_to = offset.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.text = match self.is_utf16() {
            true => {
                let (text, _) = self.encoding.decode_without_bom_handling(&bytes);
                text.into_owned().into_bytes()
            }
            false => bytes,
        };
        self.at = 0;
        Ok(())
    }

    /// Whole records at the beginning of some text.
    fn parse(&self, text: &[u8], max: usize, is_last: bool) -> Vec<FileRecord> {
        // The parser would remove a byte order mark at its beginning, which is in the middle of the
        // file.
        let begun = (&b"\n"[..]).chain(text);
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.delimiter)
            .quoting(self.quotes)
            .from_reader(begun);
        let mut records = Vec::new();
        let mut record = ByteRecord::new();
        let mut ended_at = 0;
        while records.len() < max && matches!(reader.read_byte_record(&mut record), Ok(true)) {
            let ends_at = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
            let ends_at = ends_at.saturating_sub(1).min(text.len());
            // The record may continue after the buffer.
            if ends_at == text.len() && !is_last {
                break;
            }
            let decoded: Vec<_> = record.iter().map(|field| self.decoded(field)).collect();
            records.push(FileRecord {
                is_readable: decoded.iter().all(|field| field.is_valid),
                fields: decoded.into_iter().map(|field| field.text).collect(),
                bytes: ends_at - ended_at,
            });
            ended_at = ends_at;
        }
        records
    }

    fn decoded(&self, field: &[u8]) -> DecodedField {
        let encoding = match self.is_utf16() {
            true => UTF_8,
            false => self.encoding,
        };
        match encoding.decode_without_bom_handling_and_without_replacement(field) {
            Some(text) => DecodedField {
                text: text.into_owned(),
                is_valid: true,
            },
            None => DecodedField {
                text: lossy(encoding, field).into_owned(),
                is_valid: false,
            },
        }
    }
}

/// A field as text; what is not valid in the encoding of the file is replaced.
struct DecodedField {
    text: String,
    is_valid: bool,
}

fn lossy<'f>(encoding: &'static Encoding, field: &'f [u8]) -> Cow<'f, str> {
    encoding.decode_without_bom_handling(field).0
}

/// How many bytes are whole characters of UTF-16.
fn whole_units(bytes: &[u8], encoding: &'static Encoding) -> usize {
    let length = bytes.len() - bytes.len() % 2;
    let Some(last) = length.checked_sub(2) else {
        return length;
    };
    let high = match encoding == UTF_16LE {
        true => bytes[last + 1],
        false => bytes[last],
    };
    // The first half of a surrogate pair waits for the second one.
    match (0xd8..=0xdb).contains(&high) {
        true => last,
        false => length,
    }
}

/// The encoding of a file, and how many bytes of it are its byte order mark.
fn encoding_of(format: &ImportFormat, bytes: &[u8]) -> Result<(&'static Encoding, u64), String> {
    let marked = Encoding::for_bom(bytes);
    if let Some((encoding, length)) = marked {
        return Ok((encoding, u64::try_from(length).unwrap_or(0)));
    }
    let Some(page) = format.code_page else {
        return Ok((UTF_8, 0));
    };
    let encoding = of_code_page(page).ok_or_else(|| {
        format!("EncodingCodePage {page} is not supported: 65001 (UTF-8), 1200, 1201, 932, 936, 949, 950, 54936, 874, 1250 to 1258, 20127 and 28591 to 28606 are")
    })?;
    let is_multibyte = !encoding.is_single_byte() && encoding != UTF_8;
    // These bytes also occur inside other characters.
    if is_multibyte && b"|\\^~`{}@[]_".contains(&format.delimiter) {
        let delimiter = char::from(format.delimiter);
        return Err(format!(
            "The Delimiter {delimiter} cannot be told from a part of a character of EncodingCodePage {page}"
        ));
    }
    Ok((encoding, 0))
}

fn of_code_page(page: u32) -> Option<&'static Encoding> {
    let label = match page {
        65_001 => "utf-8".to_owned(),
        1200 => "utf-16le".to_owned(),
        1201 => "utf-16be".to_owned(),
        932 => "shift_jis".to_owned(),
        936 => "gbk".to_owned(),
        949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        51_932 => "euc-jp".to_owned(),
        54_936 => "gb18030".to_owned(),
        20_127 => "us-ascii".to_owned(),
        20_866 => "koi8-r".to_owned(),
        874 | 1250..=1258 => format!("windows-{page}"),
        28_591..=28_606 => format!("iso-8859-{}", page - 28_590),
        _ => return None,
    };
    Encoding::for_label(label.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(code_page: Option<u32>, delimiter: u8) -> ImportFormat {
        ImportFormat {
            file_name: "a.csv".to_owned(),
            delimiter,
            quotes: true,
            header_lines: 1,
            code_page,
            null: None,
        }
    }

    #[test]
    fn an_encoding_is_known_by_its_code_page_or_its_mark() {
        for (page, bytes, expected) in [
            (None, &b"a"[..], Some(("UTF-8", 0))),
            (None, b"\xef\xbb\xbfa", Some(("UTF-8", 3))),
            (None, b"\xff\xfea\0", Some(("UTF-16LE", 2))),
            (Some(1252), b"\xfe\xff\0a", Some(("UTF-16BE", 2))),
            (Some(1252), b"a", Some(("windows-1252", 0))),
            (Some(28_605), b"a", Some(("ISO-8859-15", 0))),
            (Some(932), b"a", Some(("Shift_JIS", 0))),
            (Some(437), b"a", None),
        ] {
            let found = encoding_of(&format(page, b','), bytes).ok();
            let found = found.map(|(encoding, mark)| (encoding.name(), mark));
            assert_eq!(found, expected, "{page:?}");
        }
        assert!(encoding_of(&format(Some(932), b'|'), b"a").is_err());
        assert!(encoding_of(&format(Some(932), b'\t'), b"a").is_ok());
    }

    #[test]
    fn a_pair_of_units_is_not_cut() {
        assert_eq!(whole_units(b"a\0b", UTF_16LE), 2);
        assert_eq!(whole_units(b"a\0\x3d\xd8", UTF_16LE), 2);
        assert_eq!(whole_units(b"\0a\xd8\x3d", UTF_16BE), 2);
        assert_eq!(whole_units(b"a\0\x3d\xd8\0\xde", UTF_16LE), 6);
        assert_eq!(whole_units(b"", UTF_16LE), 0);
    }
}
