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
use crate::write::Writer;
use crate::xml::{Event, Name, Reader, is_all_blank, is_ncname, trimmed};

/// Reads the element that has just begun, to its end. `None`: it is left out.
pub(crate) fn read_element(
    reader: &mut Reader<'_>,
    name: Name<'_>,
) -> Result<Option<Element>, Fault> {
    let mut element = Element::default();
    Ok(fill(reader, name, &mut element)?.then_some(element))
}

/// Reads the element that has just begun into `element`, where it will stay: moving a thousand
/// elements costs more than reading them. Whether it is kept.
fn fill(reader: &mut Reader<'_>, name: Name<'_>, element: &mut Element) -> Result<bool, Fault> {
    if name.space == Space::SchemaInstance {
        skip(reader)?;
        return Ok(false);
    }
    if name.space != Space::Api {
        return Err(Fault::client(format!(
            "Element '{}' is not in the namespace {API}",
            echo(name.local)
        )));
    }
    element.name = name.local.to_owned();
    read_instance_attributes(reader, element)?;
    let mut text: Cow<'_, str> = Cow::Borrowed("");
    let mut left_out = false;
    loop {
        match reader.next()? {
            Event::Start(name) => {
                if !is_all_blank(&text) {
                    return Err(mixed(element));
                }
                text = Cow::Borrowed("");
                element.children.push(Element::default());
                let kept = match element.children.last_mut() {
                    Some(child) => fill(reader, name, child)?,
                    None => false,
                };
                if !kept {
                    element.children.pop();
                    left_out = true;
                }
            }
            Event::Text(piece) if text.is_empty() => text = piece,
            Event::Text(piece) => text.to_mut().push_str(&piece),
            Event::End | Event::Done => break,
        }
    }
    // Room for four is made for the first; hundreds of thousands of only children would fill a
    // function's memory with it.
    if element.children.len() == 1 {
        element.children.shrink_to_fit();
    }
    let has_text = !is_all_blank(&text);
    let has_children = !element.children.is_empty();
    if has_text && (has_children || left_out) {
        return Err(mixed(element));
    }
    if element.nil && (has_text || has_children) {
        return Err(Fault::client(format!(
            "Element '{}' is xsi:nil and yet has content",
            echo(&element.name)
        )));
    }
    if !has_children && !left_out && !element.nil {
        element.text = text.into_owned();
    }
    let is_stray = left_out && !has_children && element.type_name.is_none();
    Ok(!is_stray)
}

fn mixed(element: &Element) -> Fault {
    Fault::client(format!(
        "Element '{}' holds both text and elements. Markup in a value must be escaped or stand in a CDATA section",
        echo(&element.name)
    ))
}

/// Goes past an element that has just begun.
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

/// `xsi:type` and `xsi:nil`.
fn read_instance_attributes(reader: &Reader<'_>, element: &mut Element) -> Result<(), Fault> {
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
        }
    }
    Ok(())
}

/// The local name of a type of the service. `None` for the schema's own (`xsd:string`), which
/// some clients put on every value.
fn read_type(reader: &Reader<'_>, value: &str) -> Result<Option<String>, Fault> {
    let (prefix, local) = value.split_once(':').unwrap_or(("", value));
    let is_name = is_ncname(local) && (is_ncname(prefix) || !value.contains(':'));
    match reader.space_of(prefix).filter(|_| is_name) {
        // Without prefix and default namespace there is only one thing that can be meant.
        Some(Space::Api | Space::Unqualified) => Ok(Some(local.to_owned())),
        Some(Space::Schema) => Ok(None),
        Some(
            Space::OAuth
            | Space::Soap11
            | Space::Soap12
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
    let element = read_element(&mut reader, name)?;
    let Event::Done = reader.next()? else {
        return Err(reader.fault("one element expected"));
    };
    element
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
