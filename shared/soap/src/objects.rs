//! Writing objects into answers: every element in its place, nothing that the WSDL does not know.

use crate::element::Element;
use crate::model::{self, Complex, OBJECT};
use crate::payload;
use crate::write::Writer;

/// How much of an object an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectDetail {
    /// Nothing, but for its CorrelationID if it has one.
    None,
    /// What every object has: ids, keys, CorrelationID.
    Base,
    Whole,
}

/// Elements that the original writes as nil where an object has none.
const NIL_IF_ABSENT: [&str; 2] = ["PartnerKey", "ObjectID"];

/// Whether a type is one of an object that the WSDL knows: any other name in an answer's `xsi:type`
/// makes strict clients refuse the whole of it.
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
    let Some(complex) = model::model().complex(type_name.unwrap_or(OBJECT)) else {
        return payload::write_element(writer, object, name);
    };
    match detail {
        ObjectDetail::Whole => write_complex(writer, object, name, complex),
        ObjectDetail::Base => {
            let Some(base) = model::model().complex(OBJECT) else {
                return;
            };
            write_complex(writer, object, name, base);
        }
        ObjectDetail::None => {}
    }
}

/// Writes the children that the type knows, in its order; of an open type the others behind them.
fn write_complex(writer: &mut Writer, object: &Element, name: &str, complex: &Complex) {
    if object.nil {
        return writer.empty(name, object.type_name.as_deref(), true);
    }
    let mut children: Vec<(usize, Child<'_>)> = Vec::with_capacity(object.children.len() + 2);
    for child in &object.children {
        match complex.position(&child.name) {
            Some(position) => children.push((position, Child::Present(child))),
            None if complex.is_open() => children.push((usize::MAX, Child::Present(child))),
            None => {}
        }
    }
    let is_top = object.type_name.is_some();
    if complex.is_object() && is_top {
        for name in NIL_IF_ABSENT {
            if object.child(name).is_none()
                && let Some(position) = complex.position(name)
            {
                children.push((position, Child::Absent(name)));
            }
        }
    }
    if children.is_empty() && object.children.is_empty() {
        return payload::write_element(writer, object, name);
    }
    // Stable: repeated elements keep their order. Mostly sorted already, which costs nothing.
    children.sort_by_key(|(position, _)| *position);
    writer.open_typed(name, object.type_name.as_deref());
    for (position, child) in children {
        match child {
            Child::Present(child) => write_child(writer, child, complex, position),
            Child::Absent(name) => writer.empty(name, None, true),
        }
    }
    writer.close(name);
}

enum Child<'a> {
    Present(&'a Element),
    Absent(&'static str),
}

fn write_child(writer: &mut Writer, child: &Element, parent: &Complex, position: usize) {
    let own = child
        .type_name
        .as_deref()
        .and_then(|name| model::model().complex(name));
    match own.or_else(|| parent.child(position)) {
        Some(complex) => write_complex(writer, child, &child.name, complex),
        None => payload::write_element(writer, child, &child.name),
    }
}
