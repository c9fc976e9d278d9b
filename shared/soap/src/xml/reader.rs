//! A document as a stream of elements and text, names resolved to namespaces, within bounds.

use std::borrow::Cow;

use crate::fault::Fault;
use crate::namespaces::Space;
use crate::xml::encoding::{self, Encoding};
use crate::xml::scan::{QName, Scanner};
use crate::xml::scope::{Outside, Scope, Unbound};
use crate::xml::{ATTRIBUTES_MAX, DEPTH_MAX, ELEMENTS_MAX, chars};

/// What comes next in a document. Comments and instructions never come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// An element begins; [`Reader::attributes`] are its own.
    Start(Name<'a>),
    /// Text, or one piece of it: a comment or CDATA section in between splits it.
    Text(Cow<'a, str>),
    /// The innermost open element ends.
    End,
    /// The root has ended, and nothing stands behind it.
    Done,
}

/// A resolved name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name<'a> {
    pub(crate) space: Space,
    pub(crate) local: &'a str,
}

/// An attribute that is no namespace declaration.
#[derive(Clone, Debug)]
pub(crate) struct Attribute<'a> {
    qname: QName<'a>,
    pub(crate) space: Space,
    /// Where its prefix is declared, if it has one.
    binding: Option<usize>,
    pub(crate) value: Cow<'a, str>,
}

impl<'a> Attribute<'a> {
    pub(crate) fn is(&self, space: Space, local: &str) -> bool {
        self.space == space && self.qname.local == local
    }
}

/// An element that has not ended yet.
struct Open<'a> {
    name: &'a str,
    outside: Outside,
}

/// Reads one document from beginning to end.
pub(crate) struct Reader<'a> {
    scanner: Scanner<'a>,
    open: Vec<Open<'a>>,
    scope: Scope<'a>,
    attributes: Vec<Attribute<'a>>,
    elements: usize,
    /// The element that just began was written `<like-this/>`.
    ends_at_once: bool,
}

impl<'a> Reader<'a> {
    /// Checks the characters of the whole document and reads its XML declaration. `encoding` is
    /// the actual one, where the text came as bytes.
    pub(crate) fn new(text: &'a str, encoding: Option<Encoding>) -> Result<Self, Fault> {
        if let Some(offset) = chars::first_forbidden(text) {
            return Err(Fault::client(format!(
                "The request is not well-formed XML: a character that XML does not allow (byte {offset})"
            )));
        }
        let mut reader = Self {
            scanner: Scanner::new(text),
            open: Vec::with_capacity(16),
            scope: Scope::new(),
            attributes: Vec::with_capacity(8),
            elements: 0,
            ends_at_once: false,
        };
        reader.declaration(text, encoding)?;
        Ok(reader)
    }

    pub(crate) fn attributes(&self) -> &[Attribute<'a>] {
        &self.attributes
    }

    /// The fault for what is wrong with what was read last.
    pub(crate) fn fault(&self, what: &str) -> Fault {
        self.scanner.fault(what)
    }

    /// `<?xml version="1.0" encoding="utf-8" standalone="yes"?>`, every part in its place.
    fn declaration(&mut self, text: &'a str, actual: Option<Encoding>) -> Result<(), Fault> {
        let begins = text
            .strip_prefix("<?xml")
            .and_then(|rest| rest.bytes().next());
        if !begins.is_some_and(chars::is_blank) {
            return Ok(());
        }
        let scanner = &mut self.scanner;
        scanner.expect("<?xml")?;
        scanner.skip_blank();
        scanner.expect("version")?;
        scanner.equals_sign()?;
        let version = scanner.literal()?;
        let minor = version.strip_prefix("1.").unwrap_or_default();
        if minor.is_empty() || !minor.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(scanner.fault("version 1.0 expected"));
        }
        let mut blank = scanner.skip_blank();
        if blank && scanner.take("encoding") {
            scanner.equals_sign()?;
            let declared = scanner.literal()?;
            if !is_encoding_name(declared) {
                return Err(scanner.fault("the name of an encoding expected"));
            }
            if let Some(actual) = actual {
                encoding::check_declared(text, actual, declared)?;
            }
            blank = scanner.skip_blank();
        }
        if blank && scanner.take("standalone") {
            scanner.equals_sign()?;
            if !matches!(scanner.literal()?, "yes" | "no") {
                return Err(scanner.fault("standalone is 'yes' or 'no'"));
            }
            scanner.skip_blank();
        }
        scanner.expect("?>")
    }

    /// What comes next. After `Done` it stays `Done`.
    pub(crate) fn next(&mut self) -> Result<Event<'a>, Fault> {
        if self.ends_at_once {
            self.ends_at_once = false;
            return Ok(self.close());
        }
        loop {
            if self.scanner.peek() != Some(b'<') {
                if let Some(event) = self.between_tags()? {
                    return Ok(event);
                }
                continue;
            }
            match self.scanner.peek_second() {
                Some(b'/') => return self.end_tag(),
                Some(b'?') => {
                    self.scanner.expect("<?")?;
                    self.scanner.instruction()?;
                }
                Some(b'!') => {
                    self.scanner.expect("<!")?;
                    if let Some(event) = self.declared()? {
                        return Ok(event);
                    }
                }
                Some(_) | None => return self.start_tag(),
            }
        }
    }

    /// Text inside the root; blanks, or the end, outside it.
    fn between_tags(&mut self) -> Result<Option<Event<'a>>, Fault> {
        if !self.open.is_empty() {
            if self.scanner.is_at_end() {
                return Err(self.fault("it ends inside an element"));
            }
            return Ok(Some(Event::Text(self.scanner.text()?)));
        }
        self.scanner.skip_blank();
        match self.scanner.peek() {
            Some(b'<') => Ok(None),
            Some(_) => Err(self.fault("text outside the root element")),
            None if self.elements == 0 => Err(self.fault("there is no element")),
            None => Ok(Some(Event::Done)),
        }
    }

    /// A comment, a CDATA section or a DOCTYPE, whose `<!` has been taken.
    fn declared(&mut self) -> Result<Option<Event<'a>>, Fault> {
        if self.scanner.take("--") {
            self.scanner.comment()?;
            return Ok(None);
        }
        if !self.open.is_empty() && self.scanner.take("[CDATA[") {
            return Ok(Some(Event::Text(self.scanner.cdata()?)));
        }
        if self
            .scanner
            .rest()
            .get(..7)
            .is_some_and(|word| word.eq_ignore_ascii_case("DOCTYPE"))
        {
            return Err(Fault::client(
                "A DOCTYPE is not allowed in a SOAP message; remove it from the request",
            ));
        }
        Err(self.fault("'<!' that begins neither a comment nor a CDATA section"))
    }

    fn start_tag(&mut self) -> Result<Event<'a>, Fault> {
        self.scanner.expect("<")?;
        if self.open.is_empty() && self.elements > 0 {
            return Err(self.fault("a second root element"));
        }
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            return Err(self.bound(&format!("more than {ELEMENTS_MAX} elements")));
        }
        if self.open.len() == DEPTH_MAX {
            return Err(self.bound(&format!("elements nested deeper than {DEPTH_MAX}")));
        }
        let qname = self.scanner.qname()?;
        let outside = self.scope.enter();
        self.attributes.clear();
        loop {
            let blank = self.scanner.skip_blank();
            match self.scanner.peek() {
                Some(b'>') => break self.scanner.expect(">")?,
                Some(b'/') => {
                    self.ends_at_once = true;
                    break self.scanner.expect("/>")?;
                }
                Some(_) if blank => self.attribute(outside)?,
                Some(_) | None => return Err(self.fault("'>' expected")),
            }
        }
        self.resolve_attributes()?;
        let Some(space) = self.scope.space_of(qname.prefix) else {
            return Err(self.fault("a prefix that is not declared"));
        };
        self.open.push(Open {
            name: qname.whole,
            outside,
        });
        Ok(Event::Start(Name {
            space,
            local: qname.local,
        }))
    }

    /// One attribute, or one namespace declaration.
    fn attribute(&mut self, outside: Outside) -> Result<(), Fault> {
        let qname = self.scanner.qname()?;
        self.scanner.equals_sign()?;
        let value = self.scanner.attribute_value()?;
        if self.attributes.len() + self.scope.declared_since(outside) == ATTRIBUTES_MAX {
            return Err(self.bound(&format!(
                "more than {ATTRIBUTES_MAX} attributes of one element"
            )));
        }
        if qname.prefix == "xmlns" {
            return self.bind(qname.local, value, outside);
        }
        if qname.whole == "xmlns" {
            return self.bind("", value, outside);
        }
        self.attributes.push(Attribute {
            qname,
            space: Space::Unqualified,
            binding: None,
            value,
        });
        Ok(())
    }

    fn bind(&mut self, prefix: &'a str, uri: Cow<'a, str>, outside: Outside) -> Result<(), Fault> {
        self.scope
            .bind(prefix, uri, outside)
            .map_err(|unbound| match unbound {
                Unbound::NotWellFormed(what) => self.fault(what),
                Unbound::TooMuch(what) => self.bound(&what),
            })
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

    fn end_tag(&mut self) -> Result<Event<'a>, Fault> {
        self.scanner.expect("</")?;
        let Some(open) = self.open.last() else {
            return Err(self.fault("an end tag without a start tag"));
        };
        let name = open.name;
        // A longer name that begins alike fails at the '>'.
        if !self.scanner.take(name) {
            return Err(self.fault(&format!("the end tag of '{name}' expected")));
        }
        self.scanner.skip_blank();
        self.scanner.expect(">")?;
        Ok(self.close())
    }

    fn close(&mut self) -> Event<'a> {
        if let Some(open) = self.open.pop() {
            self.scope.leave(open.outside);
        }
        Event::End
    }

    /// The fault for a document that may be well-formed, but not within our bounds.
    fn bound(&self, what: &str) -> Fault {
        Fault::client(format!("The request is too complex: {what}"))
    }
}

/// Production EncName.
fn is_encoding_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
