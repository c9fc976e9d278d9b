//! Writes objects into answers: every element in its place, and only elements that the WSDL has.

use std::ops::Range;

use crate::element::Element;
use crate::model::{self, Complex, OBJECT};
use crate::payload;
use crate::values;
use crate::write::Writer;

/// How much of an object an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectDetail {
    /// Nothing.
    None,
    /// Only its CorrelationID, if it has one.
    Correlation,
    /// The properties of all objects: ids, keys, CorrelationID.
    Base,
    Whole,
}

/// Elements that Marketing Cloud writes as nil if an object does not have them.
const NIL_IF_ABSENT: [&str; 2] = ["PartnerKey", "ObjectID"];

/// Whether a name is an object type of the WSDL: strict clients refuse an answer with any other
/// name in `xsi:type`.
pub(crate) fn is_object(type_name: &str) -> bool {
    model::model()
        .complex(type_name)
        .is_some_and(Complex::is_object)
}

/// Writes an object as `name`, its type in `xsi:type`.
pub(crate) fn write_object(
    writer: &mut Writer,
    object: &Element,
    name: &str,
    detail: ObjectDetail,
) {
    let type_name = object.type_name.as_deref();
    match model::model().complex(type_name.unwrap_or(OBJECT)) {
        _ if matches!(detail, ObjectDetail::None | ObjectDetail::Correlation) => {}
        Some(complex) => write_complex(writer, object, name, complex, detail),
        None => payload::write_element(writer, object, name),
    }
}

/// Writes the children that the type has, in its order; for an open type, the others after them.
/// Required elements are always written, if necessary unset: strict clients would refuse the whole
/// answer, even if the object is the one that they sent.
fn write_complex(
    writer: &mut Writer,
    object: &Element,
    name: &str,
    complex: &Complex,
    detail: ObjectDetail,
) {
    if let Some(concrete) = complex.concrete()
        && let Some(complex) = model::model().complex(concrete)
    {
        let object = object.clone().typed(concrete);
        return write_complex(writer, &object, name, complex, detail);
    }
    let mut children: Vec<(usize, Child<'_>)> = Vec::with_capacity(object.children.len() + 2);
    for child in &object.children {
        match complex.position(&child.name) {
            Some(position) if is_shown(child, complex, position, detail) => {
                let is_there = || children.iter().any(|(there, _)| *there == position);
                if complex.is_repeated(position) || !is_there() {
                    children.push((position, Child::Present(child)));
                }
            }
            None if complex.is_open() && detail == ObjectDetail::Whole => {
                children.push((usize::MAX, Child::Present(child)));
            }
            Some(_) | None => {}
        }
    }
    for choice in complex.choices() {
        choose(&mut children, choice, complex);
    }
    for (position, name) in complex.required() {
        if !children.iter().any(|(present, _)| *present == position) {
            children.push((position, Child::Unset(name)));
        }
    }
    if complex.is_object() && object.type_name.is_some() {
        for name in NIL_IF_ABSENT {
            if object.child(name).is_none()
                && let Some(position) = complex.position(name)
            {
                children.push((position, Child::Nil(name)));
            }
        }
    }
    if children.is_empty() {
        return writer.empty(name, object.type_name.as_deref(), false);
    }
    // Stable: repeated elements keep their order. They are mostly sorted already, which costs
    // nothing.
    children.sort_by_key(|(position, _)| *position);
    writer.open_typed(name, object.type_name.as_deref());
    for (position, child) in children {
        match child {
            Child::Present(child) => write_child(writer, child, complex, position),
            Child::Nil(name) => writer.empty(name, None, true),
            Child::Unset(name) => write_unset(writer, name, complex, position),
        }
    }
    writer.close(name);
}

/// Keeps the first of the alternatives that are present, or adds the first possible one.
fn choose(children: &mut Vec<(usize, Child<'_>)>, choice: &Range<usize>, complex: &Complex) {
    let chosen = children
        .iter()
        .find(|(position, _)| choice.contains(position));
    match chosen.map(|(position, _)| *position) {
        Some(chosen) => {
            children.retain(|(position, _)| *position == chosen || !choice.contains(position));
        }
        None => children.push((choice.start, Child::Unset(complex.name(choice.start)))),
    }
}

enum Child<'a> {
    Present(&'a Element),
    Nil(&'static str),
    Unset(&'static str),
}

/// Whether it is shown at this level of detail. Left out are: nil where it is not allowed, elements
/// where only text is allowed, and values that are not of the type, such as an empty number, or one
/// that was stored before values were checked.
fn is_shown(child: &Element, complex: &Complex, position: usize, detail: ObjectDetail) -> bool {
    let is_base = || {
        let base = model::model().complex(OBJECT);
        base.is_some_and(|base| base.position(&child.name).is_some())
    };
    let is_plain = || complex.child(position).is_none();
    let is_detailed = || match detail {
        ObjectDetail::Whole => true,
        ObjectDetail::Base => is_base() || (complex.is_required(position) && is_plain()),
        ObjectDetail::None | ObjectDetail::Correlation => false,
    };
    let is_value = || {
        let type_name = complex.child_type(position).unwrap_or_default();
        child.nil || values::is_written(type_name, &child.text)
    };
    let is_fit = !is_plain() || (child.children.is_empty() && is_value());
    is_fit && (!child.nil || complex.is_nillable(position)) && is_detailed()
}

fn write_child(writer: &mut Writer, child: &Element, parent: &Complex, position: usize) {
    let declared = parent.child_type(position);
    let is_in_place = |own: &&Complex| match declared {
        Some(declared) => own.is_a(declared),
        // After the elements of an open type, everything is allowed.
        None => position == usize::MAX,
    };
    let own = child.type_name.as_deref();
    let own = own
        .and_then(|name| model::model().complex(name))
        .filter(is_in_place);
    if child.type_name.is_some() && own.is_none() {
        // Strict clients would refuse the whole answer for the name of an unknown type, or of one
        // that does not belong there.
        let child = Element {
            type_name: None,
            ..child.clone()
        };
        return write_child(writer, &child, parent, position);
    }
    if child.nil {
        return writer.empty(&child.name, child.type_name.as_deref(), true);
    }
    match own.or_else(|| parent.child(position)) {
        Some(complex) => write_complex(writer, child, &child.name, complex, ObjectDetail::Whole),
        None => write_value(writer, child, declared),
    }
}

/// The value as the schema writes it.
fn write_value(writer: &mut Writer, child: &Element, type_name: Option<&str>) {
    match type_name.and_then(|name| values::canonical(name, &child.text)) {
        Some(value) if child.children.is_empty() => writer.leaf(&child.name, &value),
        Some(_) | None => payload::write_element(writer, child, &child.name),
    }
}

/// Whether a type has such an element according to the schema.
pub(crate) fn has_child(type_name: &str, name: &str) -> bool {
    let complex = model::model().complex(type_name);
    complex.is_some_and(|complex| complex.position(name).is_some())
}

/// Writes a required element unset, as the schema declares it there.
pub(crate) fn write_required(writer: &mut Writer, type_name: &str, name: &str) {
    let complex = model::model().complex(type_name);
    let position = complex.and_then(|complex| complex.position(name));
    match complex.zip(position) {
        Some((complex, position)) => write_unset(writer, name, complex, position),
        None => writer.empty(name, None, false),
    }
}

fn write_unset(writer: &mut Writer, name: &str, parent: &Complex, position: usize) {
    let unset = Element::new(name);
    match (parent.child(position), parent.child_type(position)) {
        (Some(complex), _) => write_complex(writer, &unset, name, complex, ObjectDetail::Whole),
        (None, Some(type_name)) => writer.leaf(name, model::model().unset(type_name)),
        (None, None) => writer.empty(name, None, false),
    }
}
