//! The smallest pieces of XML: blanks, names, references, quoted values, comments.

use std::borrow::Cow;

use crate::fault::Fault;
use crate::xml::NAME_BYTES_MAX;
use crate::xml::chars::{self, NAME_BYTE, TEXT_STOP};

/// A name as it stands: `soap:Envelope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QName<'a> {
    /// Empty if there is none.
    pub(crate) prefix: &'a str,
    pub(crate) local: &'a str,
    pub(crate) whole: &'a str,
}

/// A place in a text that only moves forward.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(crate) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The fault for what stands here: what is wrong, and where.
    #[cold]
    pub(crate) fn fault(&self, what: &str) -> Fault {
        let before = &self.text[..self.at];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Fault::client(format!(
            "The request is not well-formed XML: {what} (line {line}, column {column})"
        ))
    }

    /// Goes past `token`, if it stands here. Inlined: the tokens are constants of a few bytes.
    #[inline(always)]
    pub(crate) fn take(&mut self, token: &str) -> bool {
        let found = self.text.as_bytes()[self.at..].starts_with(token.as_bytes());
        if found {
            self.at += token.len();
        }
        found
    }

    #[inline(always)]
    pub(crate) fn expect(&mut self, token: &str) -> Result<(), Fault> {
        if self.take(token) {
            return Ok(());
        }
        Err(self.expected(token))
    }

    #[cold]
    fn expected(&self, token: &str) -> Fault {
        self.fault(&format!("'{token}' expected"))
    }

    /// The byte behind the one that stands here.
    #[inline]
    pub(crate) fn peek_second(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at + 1).copied()
    }

    /// Goes past blanks; whether there were any.
    pub(crate) fn skip_blank(&mut self) -> bool {
        let start = self.at;
        while self.peek().is_some_and(chars::is_blank) {
            self.at += 1;
        }
        self.at > start
    }

    /// What stands before the next `end`; goes past both.
    pub(crate) fn until(&mut self, end: &str, what: &str) -> Result<&'a str, Fault> {
        let rest = self.rest();
        let Some(length) = rest.find(end) else {
            return Err(self.fault(&format!("{what} without an end")));
        };
        self.at += length + end.len();
        Ok(&rest[..length])
    }

    /// A name without colon.
    pub(crate) fn ncname(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        loop {
            while bytes
                .get(self.at)
                .is_some_and(|byte| NAME_BYTE[usize::from(*byte)])
            {
                self.at += 1;
            }
            match self.peek() {
                Some(0x80..) => {}
                Some(_) | None => break,
            }
            match self
                .rest()
                .chars()
                .next()
                .filter(|c| chars::is_name_char(*c))
            {
                Some(c) => self.at += c.len_utf8(),
                None => break,
            }
        }
        let name = &self.text[start..self.at];
        if !name.chars().next().is_some_and(chars::is_name_start) {
            self.at = start;
            return Err(self.fault("a name expected"));
        }
        if name.len() > NAME_BYTES_MAX {
            self.at = start;
            return Err(self.fault(&format!("a name longer than {NAME_BYTES_MAX} bytes")));
        }
        Ok(name)
    }

    /// A name with or without prefix.
    pub(crate) fn qname(&mut self) -> Result<QName<'a>, Fault> {
        let start = self.at;
        let first = self.ncname()?;
        if !self.take(":") {
            return Ok(QName {
                prefix: "",
                local: first,
                whole: first,
            });
        }
        let local = self.ncname()?;
        Ok(QName {
            prefix: first,
            local,
            whole: &self.text[start..self.at],
        })
    }

    /// `=` with or without blanks around it.
    pub(crate) fn equals_sign(&mut self) -> Result<(), Fault> {
        self.skip_blank();
        self.expect("=")?;
        self.skip_blank();
        Ok(())
    }

    /// A value between quotes, without references; for the XML declaration.
    pub(crate) fn literal(&mut self) -> Result<&'a str, Fault> {
        let quote = self.quote()?;
        self.until(quote, "a quoted value")
    }

    fn quote(&mut self) -> Result<&'static str, Fault> {
        for quote in ["\"", "'"] {
            if self.take(quote) {
                return Ok(quote);
            }
        }
        Err(self.fault("a quoted value expected"))
    }

    /// An attribute's value: references resolved, blanks made spaces.
    pub(crate) fn attribute_value(&mut self) -> Result<Cow<'a, str>, Fault> {
        let quote = self.quote()?.as_bytes()[0];
        let start = self.at;
        let bytes = self.text.as_bytes();
        let is_stop =
            |byte: u8| byte == quote || matches!(byte, b'<' | b'&' | b'\t' | b'\n' | b'\r');
        let mut value = Cow::Borrowed("");
        let mut from = start;
        loop {
            let Some(length) = bytes[self.at..].iter().position(|byte| is_stop(*byte)) else {
                self.at = start;
                return Err(self.fault("an attribute value without an end"));
            };
            self.at += length;
            append(&mut value, &self.text[from..self.at]);
            match bytes[self.at] {
                b'<' => return Err(self.fault("'<' in an attribute value")),
                b'&' => value.to_mut().push(self.reference()?),
                byte if byte == quote => {
                    self.at += 1;
                    return Ok(value);
                }
                _ => {
                    self.line_end_or_one();
                    value.to_mut().push(' ');
                }
            }
            from = self.at;
        }
    }

    /// Text up to the next markup: references resolved, line ends made `\n`.
    pub(crate) fn text(&mut self) -> Result<Cow<'a, str>, Fault> {
        let bytes = self.text.as_bytes();
        let mut value = Cow::Borrowed("");
        let mut from = self.at;
        loop {
            while bytes
                .get(self.at)
                .is_some_and(|byte| !TEXT_STOP[usize::from(*byte)])
            {
                self.at += 1;
            }
            match self.peek() {
                Some(b']') => {
                    if bytes[self.at..].starts_with(b"]]>") {
                        return Err(self.fault("']]>' in text"));
                    }
                    self.at += 1;
                    continue;
                }
                Some(b'&') => {
                    append(&mut value, &self.text[from..self.at]);
                    value.to_mut().push(self.reference()?);
                }
                Some(b'\r') => {
                    append(&mut value, &self.text[from..self.at]);
                    self.line_end_or_one();
                    value.to_mut().push('\n');
                }
                Some(_) | None => {
                    append(&mut value, &self.text[from..self.at]);
                    return Ok(value);
                }
            }
            from = self.at;
        }
    }

    /// Past one byte, or past the two of a CRLF.
    fn line_end_or_one(&mut self) {
        if !self.take("\r\n") {
            self.at += 1;
        }
    }

    /// `&amp;` and its four siblings, `&#10;`, `&#xA;`. Nothing else: there are no other entities.
    fn reference(&mut self) -> Result<char, Fault> {
        let start = self.at;
        let found = self.resolve_reference();
        found.map_err(|what| {
            self.at = start;
            self.fault(what)
        })
    }

    fn resolve_reference(&mut self) -> Result<char, &'static str> {
        /// The longest that means anything: leading zeros are legal, thousands of them are not.
        const REFERENCE_BYTES_MAX: usize = 32;
        self.at += 1;
        let rest = self.rest();
        let length = rest
            .bytes()
            .take(REFERENCE_BYTES_MAX)
            .position(|byte| byte == b';')
            .ok_or("'&' that begins no reference")?;
        self.at += length + 1;
        let name = &rest[..length];
        match name {
            "lt" => return Ok('<'),
            "gt" => return Ok('>'),
            "amp" => return Ok('&'),
            "apos" => return Ok('\''),
            "quot" => return Ok('"'),
            _ => {}
        }
        let digits = name
            .strip_prefix('#')
            .ok_or("an entity that is not declared")?;
        let (digits, radix) = match digits.strip_prefix('x') {
            Some(digits) => (digits, 16),
            None => (digits, 10),
        };
        // from_str_radix would also take a sign.
        Some(digits)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_alphanumeric()))
            .and_then(|digits| u32::from_str_radix(digits, radix).ok())
            .and_then(char::from_u32)
            .filter(|c| chars::is_char(*c))
            .ok_or("a reference to a character that XML does not allow")
    }

    /// The inside of a CDATA section, whose beginning has been taken.
    pub(crate) fn cdata(&mut self) -> Result<Cow<'a, str>, Fault> {
        let content = self.until("]]>", "a CDATA section")?;
        if !content.contains('\r') {
            return Ok(Cow::Borrowed(content));
        }
        Ok(Cow::Owned(
            content.replace("\r\n", "\n").replace('\r', "\n"),
        ))
    }

    /// The inside of a comment, whose `<!--` has been taken.
    pub(crate) fn comment(&mut self) -> Result<(), Fault> {
        self.until("--", "a comment")?;
        if self.take(">") {
            return Ok(());
        }
        Err(self.fault("'--' inside a comment"))
    }

    /// A processing instruction, whose `<?` has been taken. It means nothing here.
    pub(crate) fn instruction(&mut self) -> Result<(), Fault> {
        let target = self.ncname()?;
        if target.eq_ignore_ascii_case("xml") {
            return Err(self.fault("an XML declaration that is not at the beginning"));
        }
        if self.take("?>") {
            return Ok(());
        }
        if !self.skip_blank() {
            return Err(self.fault("a blank expected behind the target of an instruction"));
        }
        self.until("?>", "a processing instruction")?;
        Ok(())
    }
}

fn append<'a>(value: &mut Cow<'a, str>, piece: &'a str) {
    if value.is_empty() {
        *value = Cow::Borrowed(piece);
    } else {
        value.to_mut().push_str(piece);
    }
}
