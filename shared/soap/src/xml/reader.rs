//! A document as a stream of elements and text, names resolved to namespaces, within bounds.
//!
//! `quick-xml` says what comes next; what it lets through is refused here, before anybody else sees
//! it.

use std::borrow::Cow;

use quick_xml::Reader as Library;
use quick_xml::errors::IllFormedError;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesText, Event as Token};

use crate::fault::Fault;
use crate::namespaces::Space;
use crate::xml::encoding::{self, Encoding};
use crate::xml::event::{Attribute, Event, Name};
use crate::xml::scope::{Outside, Scope, Unbound};
use crate::xml::tag::{self, Pair, Pairs, QName, TagError};
use crate::xml::{ATTRIBUTES_MAX, DEPTH_MAX, ELEMENTS_MAX, chars, declaration};

/// Reads one document from beginning to end.
pub(crate) struct Reader<'a> {
    text: &'a str,
    /// The actual one, where the text came as bytes.
    encoding: Option<Encoding>,
    library: Library<&'a [u8]>,
    /// Where what was read last begins.
    at: usize,
    /// What was in scope outside each open element.
    open: Vec<Outside>,
    scope: Scope<'a>,
    attributes: Vec<Attribute<'a>>,
    elements: usize,
    /// The element that just began was written `<like-this/>`.
    ends_at_once: bool,
}

impl<'a> Reader<'a> {
    /// Checks the characters of the whole document. `encoding` is the actual one, where the text
    /// came as bytes.
    pub(crate) fn new(text: &'a str, encoding: Option<Encoding>) -> Result<Self, Fault> {
        if let Some(offset) = chars::first_forbidden(text) {
            return Err(Fault::client(format!(
                "The request is not well-formed XML: a character that XML does not allow (byte {offset})"
            )));
        }
        let mut library = Library::from_str(text);
        // Names of end tags it checks unasked.
        library.config_mut().check_comments = true;
        let reader = Self {
            text,
            encoding,
            library,
            at: 0,
            open: Vec::with_capacity(16),
            scope: Scope::new(),
            attributes: Vec::with_capacity(8),
            elements: 0,
            ends_at_once: false,
        };
        // One has been taken off with the encoding; the library would take off another.
        if text.starts_with('\u{FEFF}') {
            return Err(reader.fault("text outside the root element"));
        }
        Ok(reader)
    }

    pub(crate) fn attributes(&self) -> &[Attribute<'a>] {
        &self.attributes
    }

    /// The fault for what is wrong with what was read last.
    pub(crate) fn fault(&self, what: &str) -> Fault {
        self.fault_at(what, self.at)
    }

    /// The fault for what stands there: what is wrong, and where.
    #[cold]
    fn fault_at(&self, what: &str, at: usize) -> Fault {
        let before = &self.text[..self.text.floor_char_boundary(at)];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Fault::client(format!(
            "The request is not well-formed XML: {what} (line {line}, column {column})"
        ))
    }

    /// What comes next. After `Done` it stays `Done`.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Event<'a>, Fault> {
        match self.plain_text() {
            Some(text) => Ok(Event::Text(Cow::Borrowed(text))),
            None => self.next_token(),
        }
    }

    /// What comes next by the library's reading.
    fn next_token(&mut self) -> Result<Event<'a>, Fault> {
        if self.ends_at_once {
            self.ends_at_once = false;
            return Ok(self.close());
        }
        let mut run = String::new();
        loop {
            self.at = self.text.len() - self.library.get_ref().len();
            match self.library.read_event() {
                Ok(Token::Start(tag)) => return self.open(tag.len(), tag.name().0.len()),
                Ok(Token::Empty(tag)) => {
                    self.ends_at_once = true;
                    return self.open(tag.len(), tag.name().0.len());
                }
                Ok(Token::End(_)) => return Ok(self.close()),
                Ok(Token::Text(text)) => {
                    let text = self.text(text)?;
                    if run.is_empty() && !text.is_empty() && self.is_at_markup() {
                        return Ok(Event::Text(text));
                    }
                    run.push_str(&text);
                }
                Ok(Token::GeneralRef(reference)) => run.push(self.resolve(&reference)?),
                Ok(Token::CData(_)) if self.open.is_empty() => {
                    return Err(self.fault("a CDATA section outside the root element"));
                }
                Ok(Token::CData(section)) => return Ok(Event::Text(section.xml10_content())),
                Ok(Token::Comment(_)) => {}
                Ok(Token::Decl(declaration)) => self.check_declaration(declaration.len())?,
                Ok(Token::PI(instruction)) => self.check_target(instruction.target())?,
                Ok(Token::DocType(_)) => return Err(no_doctype()),
                Ok(Token::Eof) => return self.end(),
                Err(error) => return Err(self.refused(&error)),
            }
            if !run.is_empty() && self.is_at_markup() {
                return Ok(Event::Text(Cow::Owned(run)));
            }
        }
    }

    /// The text inside the root that stands here, if it is short and goes up to markup as it is:
    /// most text. For so little the library takes long, as it also checks that it is UTF-8.
    #[inline]
    fn plain_text(&mut self) -> Option<&'a str> {
        let rest = *self.library.get_ref();
        let length = chars::plain_before_markup(rest);
        if length == 0 || self.open.is_empty() || self.ends_at_once {
            return None;
        }
        self.at = self.text.len() - rest.len();
        *self.library.get_mut() = &rest[length..];
        Some(&self.text[self.at..self.at + length])
    }

    /// Text and references have ended.
    fn is_at_markup(&self) -> bool {
        matches!(self.library.get_ref().first(), Some(b'<') | None)
    }

    /// Text inside the root, or blanks outside it; line ends made `\n`.
    fn text(&self, text: BytesText<'a>) -> Result<Cow<'a, str>, Fault> {
        if self.open.is_empty() {
            if chars::is_all_blank(&text) {
                return Ok(Cow::Borrowed(""));
            }
            return Err(self.fault("text outside the root element"));
        }
        // One quick look is enough for most.
        let is_plain = text.bytes().fold(true, |is_plain, byte| {
            is_plain & (byte != b'>') & (byte != b'\r')
        });
        if is_plain {
            return Ok(text.into_inner());
        }
        match text.find("]]>") {
            Some(offset) => Err(self.fault_at("']]>' in text", self.at + offset)),
            None => Ok(text.xml10_content()),
        }
    }

    /// `&amp;` and its four siblings, `&#10;`, `&#xA;`. Nothing else: there are no other entities.
    fn resolve(&self, reference: &BytesRef<'_>) -> Result<char, Fault> {
        if self.open.is_empty() {
            return Err(self.fault("a reference outside the root element"));
        }
        match reference.resolve_char_ref() {
            Ok(Some(c)) if chars::is_char(c) => Ok(c),
            Ok(Some(_)) | Err(_) => Err(self.fault(tag::NO_CHARACTER)),
            Ok(None) => resolve_xml_entity(reference)
                .and_then(|text| text.chars().next())
                .ok_or_else(|| self.fault(tag::NO_ENTITY)),
        }
    }

    fn check_declaration(&self, length: usize) -> Result<(), Fault> {
        if self.at > 0 {
            return Err(self.fault("an XML declaration that is not at the beginning"));
        }
        let encoding = declaration::encoding_of(self.behind("<?", length))
            .map_err(|wrong| self.wrong(&wrong, "<?"))?;
        match (encoding, self.encoding) {
            (Some(declared), Some(actual)) => {
                encoding::check_declared(self.text, actual, &declared)
            }
            (None, _) | (_, None) => Ok(()),
        }
    }

    /// An instruction means nothing here, but it has to be one.
    fn check_target(&self, target: &str) -> Result<(), Fault> {
        if target.eq_ignore_ascii_case("xml") {
            return Err(self.fault("an XML declaration that is not at the beginning"));
        }
        tag::check_ncname(target).map_err(|what| self.fault(what))
    }

    /// The fault for what the library refuses by itself.
    #[cold]
    fn refused(&self, error: &quick_xml::Error) -> Fault {
        let rest = &self.text[self.at..];
        let word = rest.get(.."<!DOCTYPE".len());
        if word.is_some_and(|word| word.eq_ignore_ascii_case("<!DOCTYPE")) {
            return no_doctype();
        }
        if rest.starts_with("<!") && !rest.starts_with("<!--") && !rest.starts_with("<![CDATA[") {
            return self.fault("'<!' that begins neither a comment nor a CDATA section");
        }
        match error {
            quick_xml::Error::Syntax(error) => self.fault(&error.to_string()),
            quick_xml::Error::IllFormed(IllFormedError::MismatchedEndTag { expected, .. }) => {
                self.fault(&format!("the end tag of '{expected}' expected"))
            }
            quick_xml::Error::IllFormed(IllFormedError::UnmatchedEndTag(_)) => {
                self.fault("an end tag without a start tag")
            }
            quick_xml::Error::IllFormed(error) => self.fault(&error.to_string()),
            quick_xml::Error::Io(_)
            | quick_xml::Error::InvalidAttr(_)
            | quick_xml::Error::Encoding(_)
            | quick_xml::Error::Escape(_)
            | quick_xml::Error::Namespace(_) => self.fault("markup that cannot be read"),
        }
    }

    /// So many bytes of what was read last, behind `mark`; the library's own events lend theirs
    /// only for as long as they live.
    fn behind(&self, mark: &str, length: usize) -> &'a str {
        let from = self.at + mark.len();
        &self.text[from..from + length]
    }

    /// The fault for what is wrong behind `mark`.
    #[cold]
    fn wrong(&self, wrong: &TagError, mark: &str) -> Fault {
        self.fault_at(wrong.what, self.at + mark.len() + wrong.at)
    }

    /// An element begins; its tag and its name are so long.
    fn open(&mut self, length: usize, name_length: usize) -> Result<Event<'a>, Fault> {
        if self.open.is_empty() && self.elements > 0 {
            return Err(self.fault("a second root element"));
        }
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            return Err(bound(&format!("more than {ELEMENTS_MAX} elements")));
        }
        if self.open.len() == DEPTH_MAX {
            return Err(bound(&format!("elements nested deeper than {DEPTH_MAX}")));
        }
        let tag = self.behind("<", length);
        let qname = QName::parse(&tag[..name_length]).map_err(|what| self.fault(what))?;
        let outside = self.scope.enter();
        self.attributes.clear();
        if name_length < length {
            for pair in Pairs::new(tag, name_length) {
                let pair = pair.map_err(|wrong| self.wrong(&wrong, "<"))?;
                self.attribute(&pair, outside)?;
            }
            self.resolve_attributes()?;
        }
        let Some(space) = self.scope.space_of(qname.prefix) else {
            return Err(self.fault("a prefix that is not declared"));
        };
        self.open.push(outside);
        Ok(Event::Start(Name {
            space,
            local: qname.local,
        }))
    }

    /// One attribute, or one namespace declaration.
    fn attribute(&mut self, pair: &Pair<'a>, outside: Outside) -> Result<(), Fault> {
        let wrong = |what| self.fault_at(what, self.at + "<".len() + pair.at);
        let qname = QName::parse(pair.name()).map_err(wrong)?;
        let value = pair.value().map_err(wrong)?;
        if self.attributes.len() + self.scope.declared_since(outside) == ATTRIBUTES_MAX {
            return Err(bound(&format!(
                "more than {ATTRIBUTES_MAX} attributes of one element"
            )));
        }
        let declared = match (qname.prefix, qname.local) {
            ("xmlns", prefix) => Some(prefix),
            ("", "xmlns") => Some(""),
            _ => None,
        };
        if let Some(prefix) = declared {
            let bound_to = self.scope.bind(prefix, value, outside);
            return bound_to.map_err(|unbound| match unbound {
                Unbound::NotWellFormed(what) => self.fault(what),
                Unbound::TooMuch(what) => bound(&what),
            });
        }
        self.attributes.push(Attribute {
            qname,
            space: Space::Unqualified,
            binding: None,
            value,
        });
        Ok(())
    }

    /// Gives the attributes their namespaces and refuses two of the same expanded name.
    fn resolve_attributes(&mut self) -> Result<(), Fault> {
        for at in 0..self.attributes.len() {
            let prefix = self.attributes[at].qname.prefix;
            let Some((space, binding)) = self.scope.attribute_space(prefix) else {
                return Err(self.fault("a prefix that is not declared"));
            };
            self.attributes[at].space = space;
            self.attributes[at].binding = binding;
            let local = self.attributes[at].qname.local;
            let is_same = |earlier: &Attribute<'_>| {
                earlier.is(space, local) && self.scope.is_same(earlier.binding, binding)
            };
            if self.attributes[..at].iter().any(is_same) {
                return Err(self.fault("an attribute stands twice in one element"));
            }
        }
        Ok(())
    }

    /// The namespace that a prefix stands for here, the default namespace for an empty one; for
    /// names in values, as in `xsi:type="ns0:Subscriber"`.
    pub(crate) fn space_of(&self, prefix: &str) -> Option<Space> {
        self.scope.space_of(prefix)
    }

    /// The name, as it stands, of the element that just began, and of the namespace that a prefix
    /// stands for: for those to whom its [`Space`] is not enough.
    pub(crate) fn prefix(&self) -> &'a str {
        let tag = &self.text[self.at + "<".len()..];
        let name = tag.split(['/', '>', ' ', '\t', '\n', '\r']);
        let prefixed = name.take(1).find_map(|name| name.split_once(':'));
        prefixed.map_or("", |(prefix, _)| prefix)
    }

    pub(crate) fn uri_of(&self, prefix: &str) -> &str {
        self.scope.uri_of(prefix)
    }

    fn close(&mut self) -> Event<'a> {
        if let Some(outside) = self.open.pop() {
            self.scope.leave(outside);
        }
        Event::End
    }

    /// The document ends.
    fn end(&self) -> Result<Event<'a>, Fault> {
        if !self.open.is_empty() {
            return Err(self.fault("it ends inside an element"));
        }
        if self.elements == 0 {
            return Err(self.fault("there is no element"));
        }
        Ok(Event::Done)
    }
}

/// The fault for a document that may be well-formed, but not within our bounds.
fn bound(what: &str) -> Fault {
    Fault::client(format!("The request is too complex: {what}"))
}

fn no_doctype() -> Fault {
    Fault::client("A DOCTYPE is not allowed in a SOAP message; remove it from the request")
}
