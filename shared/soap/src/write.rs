//! Writing XML: one growing string, everything escaped.

use crate::namespaces::{API, SCHEMA_INSTANCE};

/// The XML that is being written.
pub(crate) struct Writer {
    text: String,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self::with_capacity(1024)
    }

    /// With room for so many bytes, where the size of what comes can be told.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    /// The root of a payload: in the service's namespace, readable on its own.
    pub(crate) fn open_root(&mut self, name: &str, type_name: Option<&str>, nil: bool) {
        self.push(&[
            "<",
            name,
            " xmlns=\"",
            API,
            "\" xmlns:xsi=\"",
            SCHEMA_INSTANCE,
            "\"",
        ]);
        self.instance_attributes(type_name, nil);
        self.text.push('>');
    }

    pub(crate) fn open(&mut self, name: &str) {
        self.push(&["<", name, ">"]);
    }

    pub(crate) fn open_typed(&mut self, name: &str, type_name: Option<&str>) {
        self.push(&["<", name]);
        self.instance_attributes(type_name, false);
        self.text.push('>');
    }

    pub(crate) fn close(&mut self, name: &str) {
        self.push(&["</", name, ">"]);
    }

    /// `<name />`, with `xsi:type` and `xsi:nil` if they are so.
    pub(crate) fn empty(&mut self, name: &str, type_name: Option<&str>, nil: bool) {
        self.push(&["<", name]);
        self.instance_attributes(type_name, nil);
        self.text.push_str(" />");
    }

    /// `<name>text</name>`; `<name />` if the text is empty.
    pub(crate) fn leaf(&mut self, name: &str, text: &str) {
        if text.is_empty() {
            return self.empty(name, None, false);
        }
        self.open(name);
        self.text(text);
        self.close(name);
    }

    /// The leaf, if there is a text for it.
    pub(crate) fn leaf_if(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.leaf(name, text);
        }
    }

    pub(crate) fn number(&mut self, name: &str, number: impl Into<i64>) {
        let number: i64 = number.into();
        self.leaf(name, &number.to_string());
    }

    /// Markup that is well-formed as it is.
    pub(crate) fn raw(&mut self, markup: &str) {
        self.text.push_str(markup);
    }

    /// Character data. A carriage return must be a reference, or the reader would make it a line
    /// feed. What XML has no way to write becomes the replacement character.
    pub(crate) fn text(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(needs_care) {
            self.text.push_str(&rest[..at]);
            rest = self.with_care(&rest[at..]);
        }
        self.text.push_str(rest);
    }

    /// Writes the first character of `text`; returns the rest.
    fn with_care<'a>(&mut self, text: &'a str) -> &'a str {
        let mut chars = text.chars();
        match chars.next() {
            Some('&') => self.text.push_str("&amp;"),
            Some('<') => self.text.push_str("&lt;"),
            Some('>') => self.text.push_str("&gt;"),
            Some('\r') => self.text.push_str("&#13;"),
            Some('\u{0}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}') => self.text.push('\u{FFFD}'),
            Some(c) => self.text.push(c),
            None => {}
        }
        chars.as_str()
    }

    fn instance_attributes(&mut self, type_name: Option<&str>, nil: bool) {
        if let Some(type_name) = type_name {
            self.attribute("xsi:type", type_name);
        }
        if nil {
            self.text.push_str(" xsi:nil=\"true\"");
        }
    }

    pub(crate) fn attribute(&mut self, name: &str, value: &str) {
        self.push(&[" ", name, "=\""]);
        for (number, piece) in value.split('"').enumerate() {
            if number > 0 {
                self.text.push_str("&quot;");
            }
            self.text(piece);
        }
        self.text.push('"');
    }

    fn push(&mut self, pieces: &[&str]) {
        for piece in pieces {
            self.text.push_str(piece);
        }
    }
}

/// Bytes that may not simply be copied. 0xEF begins U+FFFE and U+FFFF.
const fn needs_care(byte: u8) -> bool {
    matches!(byte, b'&' | b'<' | b'>' | 0..=8 | 0x0B..=0x1F | 0xEF)
}

/// Text that may stand in HTML or XML, as content or in an attribute, whatever is in it.
pub fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '"' => written.push_str("&quot;"),
            '\'' => written.push_str("&#39;"),
            _ => written.push(letter),
        }
    }
    written
}
