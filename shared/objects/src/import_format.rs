//! How the file of an import is written: where it lies, its separators, its encoding, what it says for null.

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use soap::Element;

use crate::extract_order::{FILE_NAME_CHARS_MAX, ZONE};
use crate::tree;

/// The location that every sample and SDK names: here it is the bucket.
const LOCATION: &str = "ExactTarget Enhanced FTP";

/// How a file is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportFormat {
    /// Below the account's folder of imports.
    pub file_name: String,
    pub delimiter: u8,
    /// Whether double quotes hold a field together.
    pub quotes: bool,
    /// Lines at the beginning that are no rows.
    pub header_lines: u64,
    /// A Windows code page; `None`: UTF-8, or what the file's byte order mark says.
    pub code_page: Option<u32>,
    /// What stands for null beside an empty field.
    pub null: Option<String>,
}

impl ImportFormat {
    pub(crate) fn read(
        definition: &Element,
        needs_headings: bool,
        now: Timestamp,
    ) -> Result<Self, String> {
        let header_lines = number(definition, "HeaderLines")?.unwrap_or(0);
        let location = definition.child("RetrieveFileTransferLocation");
        let location = location.and_then(|location| {
            tree::filled(location, "CustomerKey").or_else(|| tree::filled(location, "Name"))
        });
        if let Some(other) = location.filter(|key| !key.eq_ignore_ascii_case(LOCATION)) {
            return Err(format!(
                "RetrieveFileTransferLocation {} is not there: files are read from the bucket, which is {LOCATION}",
                soap::echo(other)
            ));
        }
        for (name, why) in [
            ("Filter", "rows are not filtered"),
            ("SourceObject", "only files are read"),
        ] {
            if definition
                .child(name)
                .is_some_and(|it| !it.nil && (!it.text.is_empty() || !it.children.is_empty()))
            {
                return Err(format!("{name} is not supported: {why}"));
            }
        }
        for name in ["DeleteFile", "HasMultipleFiles"] {
            if tree::is_true(definition, name) == Some(true) {
                return Err(format!("{name} is not supported"));
            }
        }
        Ok(Self {
            file_name: file_name(definition, now)?,
            delimiter: delimiter(definition)?,
            quotes: tree::is_true(definition, "StandardQuotedStrings") != Some(false),
            header_lines: header_lines.max(u64::from(needs_headings)),
            code_page: number(definition, "EncodingCodePage")?
                .filter(|page| *page != 0)
                .map(|page| u32::try_from(page).unwrap_or(u32::MAX)),
            null: tree::filled(definition, "NullRepresentation").map(str::to_owned),
        })
    }

    /// Whether a field of the file says nothing.
    pub(crate) fn is_null(&self, text: &str) -> bool {
        text.is_empty() || self.null.as_deref() == Some(text)
    }
}

fn number(definition: &Element, name: &str) -> Result<Option<u64>, String> {
    let text = tree::filled(definition, name);
    let number = text.map(|text| text.trim().parse());
    number
        .transpose()
        .map_err(|_| format!("{name} is not a number"))
}

fn delimiter(definition: &Element) -> Result<u8, String> {
    let file_type = tree::filled(definition, "FileType").unwrap_or("CSV");
    let own = tree::filled(definition, "Delimiter");
    match (file_type, own) {
        ("CSV", None | Some(",")) => Ok(b','),
        ("TAB", None | Some("\t" | "\\t" | "tab" | "TAB" | "Tab")) => Ok(b'\t'),
        ("Other", Some("\t" | "\\t" | "tab" | "TAB" | "Tab")) => Ok(b'\t'),
        ("CSV" | "Other", Some(text)) => match text.as_bytes() {
            [one] if one.is_ascii_punctuation() && *one != b'"' => Ok(*one),
            _ => Err("The Delimiter is one character of punctuation, or tab".to_owned()),
        },
        ("Other", None) => Err("FileType Other needs a Delimiter".to_owned()),
        ("TAB", Some(_)) => Err("The Delimiter of FileType TAB is the tab".to_owned()),
        (other, _) => Err(format!("FileType {} is unknown", soap::echo(other))),
    }
}

/// The FileSpec with its day: `orders-%%Year%%%%Month%%%%Day%%.csv`.
fn file_name(definition: &Element, now: Timestamp) -> Result<String, String> {
    let spec =
        tree::filled(definition, "FileSpec").ok_or("The ImportDefinition needs a FileSpec")?;
    let today = ZONE.to_datetime(now);
    let name = with_day(spec.trim(), today);
    let is_plain = |c: char| c.is_alphanumeric() || "._- ()+@".contains(c);
    let is_name = !name.is_empty()
        && name.chars().all(is_plain)
        && !name.starts_with('.')
        && name.chars().count() <= FILE_NAME_CHARS_MAX;
    match is_name {
        true => Ok(name),
        false => Err(format!(
            "FileSpec {} is no name of a file: letters, digits, blanks and . _ - ( ) + @, at most \
             {FILE_NAME_CHARS_MAX} of them, and %%Year%%, %%Month%%, %%Day%%",
            soap::echo(spec)
        )),
    }
}

fn with_day(spec: &str, day: DateTime) -> String {
    let mut name = spec.to_owned();
    for (mark, value) in [
        ("%%year%%", format!("{:04}", day.year())),
        ("%%month%%", format!("{:02}", day.month())),
        ("%%day%%", format!("{:02}", day.day())),
    ] {
        while let Some(at) = name.to_ascii_lowercase().find(mark) {
            name.replace_range(at..at + mark.len(), &value);
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&str, &str)]) -> Result<ImportFormat, String> {
        let fields = fields.iter().map(|(name, text)| Element::of(name, *text));
        let definition = fields.fold(Element::new("Definition"), Element::with);
        let now = "2026-11-20T03:00:00Z".parse().expect("a time");
        ImportFormat::read(&definition, false, now)
    }

    #[test]
    fn a_file_is_named_by_the_day_of_the_server() {
        let format = read(&[("FileSpec", "o-%%YEAR%%%%Month%%-%%day%%.csv")]);
        assert_eq!(format.expect("a format").file_name, "o-202611-19.csv");
        for spec in ["", "../a", "a/b", ".a", "%%Hour%%.csv"] {
            assert!(read(&[("FileSpec", spec)]).is_err(), "{spec}");
        }
    }

    #[test]
    fn what_stands_between_two_fields_is_said_by_the_type_of_the_file() {
        for (file_type, delimiter, expected) in [
            ("CSV", "", Ok(b',')),
            ("CSV", ";", Ok(b';')),
            ("TAB", "", Ok(b'\t')),
            ("TAB", ",", Err(())),
            ("Other", "|", Ok(b'|')),
            ("Other", "", Err(())),
            ("Other", "\"", Err(())),
            ("Other", "ab", Err(())),
            ("XLS", "", Err(())),
        ] {
            let format = read(&[
                ("FileSpec", "a"),
                ("FileType", file_type),
                ("Delimiter", delimiter),
            ]);
            let found = format.map(|format| format.delimiter).map_err(drop);
            assert_eq!(found, expected, "{file_type} {delimiter}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (name, text) in [
            ("HeaderLines", "many"),
            ("DeleteFile", "true"),
            ("Filter", "x"),
            ("EncodingCodePage", "UTF-8"),
        ] {
            assert!(read(&[("FileSpec", "a"), (name, text)]).is_err(), "{name}");
        }
    }
}
