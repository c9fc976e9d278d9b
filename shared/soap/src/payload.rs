//! From a stream of XML to the payload's tree, and from the tree to its one canonical spelling.
//!
//! The tree has no namespaces, so whatever is kept must be of the service's own: nothing gets in
//! under another's name. Elements of the schema-instance namespace (`<xsi:type>` as a child, which
//! one client library sends) carry no data and are left out; an element that held nothing else is
//! left out with them.

use std::borrow::Cow;

use calls::Digest;

use crate::element::Element;
use crate::fault::{Fault, echo};
use crate::namespaces::{API, SCHEMA_INSTANCE, Space};
use crate::shared_objects::References;
use crate::write::Writer;
use crate::xml::{Attribute, Event, Name, Reader, is_all_blank, is_ncname, trimmed};

/// A payload as it was read.
#[derive(Debug)]
pub(crate) struct Payload {
    pub(crate) element: Element,
    pub(crate) unread: Vec<UnreadAttribute>,
}

/// An attribute that is not read, where the protocol has an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadAttribute {
    /// The element that it stands in.
    pub element: String,
    pub name: String,
}

/// What is noted beside the elements.
#[derive(Default)]
struct Notes {
    references: References,
    unread: Vec<UnreadAttribute>,
}

/// Reads the element that has just begun, to its end, with every object that is referred to in its
/// place. `None`: it is left out.
pub(crate) fn read_element(
    reader: &mut Reader<'_>,
    name: Name<'_>,
) -> Result<Option<Payload>, Fault> {
    let mut element = Element::default();
    let mut notes = Notes::default();
    if !fill(reader, name, &mut element, &mut notes)? {
        return Ok(None);
    }
    Ok(Some(Payload {
        element: notes.references.resolve(element)?,
        unread: notes.unread,
    }))
}

/// Reads the element that has just begun into `element`, where it will stay: moving a thousand
/// elements costs more than reading them. Whether it is kept.
fn fill(
    reader: &mut Reader<'_>,
    name: Name<'_>,
    element: &mut Element,
    notes: &mut Notes,
) -> Result<bool, Fault> {
    if name.space == Space::SchemaInstance {
        skip(reader)?;
        return Ok(false);
    }
    check_namespace(reader, name)?;
    element.name = name.local.to_owned();
    let number = notes.references.begin();
    read_attributes(reader, element, number, notes)?;
    let mut text: Cow<'_, str> = Cow::Borrowed("");
    let mut is_skipped = false;
    loop {
        match reader.next()? {
            Event::Start(name) => {
                if !is_all_blank(&text) {
                    return Err(mixed(element));
                }
                text = Cow::Borrowed("");
                element.children.push(Element::default());
                let is_kept = match element.children.last_mut() {
                    Some(child) => fill(reader, name, child, notes)?,
                    None => false,
                };
                if !is_kept {
                    element.children.pop();
                    is_skipped = true;
                }
            }
            Event::Text(piece) if text.is_empty() => text = piece,
            Event::Text(piece) => text.to_mut().push_str(&piece),
            Event::End | Event::Done => break,
        }
    }
    // Reserved for four children: hundreds of thousands of single children would otherwise fill a
    // function's memory.
    if element.children.len() == 1 {
        element.children.shrink_to_fit();
    }
    let has_text = !is_all_blank(&text);
    let has_children = !element.children.is_empty();
    if has_text && (has_children || is_skipped) {
        return Err(mixed(element));
    }
    if element.nil && (has_text || has_children) {
        return Err(Fault::client(format!(
            "Element '{}' is xsi:nil and yet has content",
            echo(&element.name)
        )));
    }
    if !has_children && !is_skipped && !element.nil {
        element.text = text.into_owned();
    }
    let is_stray = is_skipped && !has_children && element.type_name.is_none();
    if is_stray {
        notes.references.leave_out(number);
    }
    Ok(!is_stray)
}

fn check_namespace(reader: &Reader<'_>, name: Name<'_>) -> Result<(), Fault> {
    if name.space == Space::Api {
        return Ok(());
    }
    Err(Fault::client(format!(
        "Element '{}' is not in the namespace {API}, but {}",
        echo(name.local),
        namespace_of(reader)
    )))
}

/// For a fault: the namespace of the element that has just begun.
pub(crate) fn namespace_of(reader: &Reader<'_>) -> String {
    match reader.uri_of(reader.prefix()) {
        "" => "in no namespace".to_owned(),
        uri => format!("in the namespace '{}'", echo(uri)),
    }
}

fn mixed(element: &Element) -> Fault {
    Fault::client(format!(
        "Element '{}' holds both text and elements. Markup in a value must be escaped or stand in a CDATA section",
        echo(&element.name)
    ))
}

/// Skips an element that has just begun.
pub(crate) fn skip(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let mut depth = 1_usize;
    while depth > 0 {
        match reader.next()? {
            Event::Start(_) => depth += 1,
            Event::End => depth -= 1,
            Event::Text(_) => {}
            Event::Done => break,
        }
    }
    Ok(())
}

/// `xsi:type` and `xsi:nil`; ids and references to them; and what is none of these.
fn read_attributes(
    reader: &Reader<'_>,
    element: &mut Element,
    number: usize,
    notes: &mut Notes,
) -> Result<(), Fault> {
    for attribute in reader.attributes() {
        if attribute.is(Space::SchemaInstance, "type") {
            element.type_name = read_type(reader, trimmed(&attribute.value))?;
        } else if attribute.is(Space::SchemaInstance, "nil") {
            element.nil = match trimmed(&attribute.value) {
                "true" | "1" => true,
                "false" | "0" => false,
                other => {
                    return Err(Fault::client(format!(
                        "xsi:nil of element '{}' is '{}', not true or false",
                        echo(&element.name),
                        echo(other)
                    )));
                }
            };
        } else {
            note_attribute(attribute, element, number, notes);
        }
    }
    Ok(())
}

fn note_attribute(attribute: &Attribute<'_>, element: &Element, number: usize, notes: &mut Notes) {
    /// More are not reported: each becomes a header of the answer.
    const UNREAD_MAX: usize = 20;
    let value = trimmed(&attribute.value);
    match (attribute.space, attribute.qname.local) {
        (Space::Unqualified | Space::Soap12Encoding, "id") => {
            notes.references.has_id(number, value);
        }
        (Space::Unqualified, "href") => notes.references.refers(number, value),
        (Space::Soap12Encoding, "ref") => {
            let reference = format!("#{}", value.strip_prefix('#').unwrap_or(value));
            notes.references.refers(number, &reference);
        }
        (Space::Unqualified, name) if notes.unread.len() < UNREAD_MAX => {
            notes.unread.push(UnreadAttribute {
                element: element.name.clone(),
                name: name.to_owned(),
            });
        }
        (
            Space::Unqualified
            | Space::Api
            | Space::OAuth
            | Space::Soap11
            | Space::Soap12
            | Space::Soap12Encoding
            | Space::Addressing
            | Space::Security
            | Space::SecurityUtility
            | Space::Schema
            | Space::SchemaInstance
            | Space::Xml
            | Space::Other,
            _,
        ) => {}
    }
}

/// The local name of a type of the service. `None` for the schema's own (`xsd:string`), which
/// some clients put on every value.
fn read_type(reader: &Reader<'_>, value: &str) -> Result<Option<String>, Fault> {
    let (prefix, local) = value.split_once(':').unwrap_or(("", value));
    let is_name = is_ncname(local) && (is_ncname(prefix) || !value.contains(':'));
    match reader.space_of(prefix).filter(|_| is_name) {
        // Without prefix and default namespace there is only one possible meaning.
        Some(Space::Api | Space::Unqualified) => Ok(Some(local.to_owned())),
        Some(Space::Schema) => Ok(None),
        Some(
            Space::OAuth
            | Space::Soap11
            | Space::Soap12
            | Space::Soap12Encoding
            | Space::Addressing
            | Space::Security
            | Space::SecurityUtility
            | Space::SchemaInstance
            | Space::Xml
            | Space::Other,
        )
        | None => Err(Fault::client(format!(
            "xsi:type '{}' names no type of the namespace {API}",
            echo(value)
        ))),
    }
}

/// The one spelling of a payload: the service's namespace as default, no prefix but `xsi`, nothing
/// between the elements. This is what is stored, forwarded and compared.
pub fn canonical(body: &Element) -> String {
    let mut writer = Writer::new();
    writer.open_root(&body.name, body.type_name.as_deref(), body.nil);
    write_content(&mut writer, body);
    writer.close(&body.name);
    writer.finish()
}

fn write_content(writer: &mut Writer, element: &Element) {
    if element.children.is_empty() {
        writer.text(&element.text);
    }
    for child in &element.children {
        write_element(writer, child, &child.name);
    }
}

/// The element as it is, under another name if need be.
pub(crate) fn write_element(writer: &mut Writer, element: &Element, name: &str) {
    if element.nil || (element.children.is_empty() && element.text.is_empty()) {
        writer.empty(name, element.type_name.as_deref(), element.nil);
        return;
    }
    writer.open_typed(name, element.type_name.as_deref());
    write_content(writer, element);
    writer.close(name);
}

/// Reads what [`canonical`] wrote. The same element comes out: `read_canonical(&canonical(&x)) == x`
/// for every `x` that came from an envelope.
pub fn read_canonical(text: &str) -> Result<Element, Fault> {
    let mut reader = Reader::new(text, None)?;
    let Event::Start(name) = reader.next()? else {
        return Err(reader.fault("an element expected"));
    };
    let payload = read_element(&mut reader, name)?;
    let Event::Done = reader.next()? else {
        return Err(reader.fault("one element expected"));
    };
    payload
        .map(|payload| payload.element)
        .ok_or_else(|| Fault::client(format!("The payload is in the namespace {SCHEMA_INSTANCE}")))
}

/// Tells a resend from another call: equal for two spellings of the same payload (prefixes,
/// comments, CDATA, blanks between elements), different for everything else.
///
/// It is SHA-256 over [`canonical`]; who has that text at hand already may use
/// [`Digest::of`] on its bytes.
pub fn digest(body: &Element) -> Digest {
    Digest::of(canonical(body).as_bytes())
}
