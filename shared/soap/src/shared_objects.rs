//! Objects that are written once and referred to: `id` and `href` of SOAP 1.1, `enc:id` and
//! `enc:ref` of SOAP 1.2. Some libraries write an object so that stands in two places.
//! It is read as if it stood in each of them.
//!
//! What comes of it is bounded like a request that is written out: the references of a small
//! request must not grow into a large one.

use std::collections::HashMap;

use crate::element::Element;
use crate::fault::{Fault, echo};
use crate::xml::{DEPTH_MAX, ELEMENTS_MAX, ENVELOPE_BYTES_MAX};

/// The references of a payload, noted while it is read. Elements are known by their number, in the
/// order in which they begin.
#[derive(Debug, Default)]
pub(crate) struct References {
    elements: usize,
    ids: Vec<(String, usize)>,
    references: Vec<(usize, String)>,
}

impl References {
    /// An element begins; its number.
    pub(crate) fn begin(&mut self) -> usize {
        self.elements += 1;
        self.elements - 1
    }

    /// The element that began last is left out after all.
    pub(crate) fn leave_out(&mut self, number: usize) {
        self.elements = number;
        while self.ids.last().is_some_and(|(_, of)| *of >= number) {
            self.ids.pop();
        }
        while self.references.last().is_some_and(|(of, _)| *of >= number) {
            self.references.pop();
        }
    }

    pub(crate) fn has_id(&mut self, number: usize, id: &str) {
        self.ids.push((id.to_owned(), number));
    }

    pub(crate) fn refers(&mut self, number: usize, to: &str) {
        self.references.push((number, to.to_owned()));
    }

    /// The payload with every object in every place where it is referred to.
    pub(crate) fn resolve(self, root: Element) -> Result<Element, Fault> {
        if self.references.is_empty() {
            return Ok(root);
        }
        let mut ids: HashMap<&str, Id> = HashMap::with_capacity(self.ids.len());
        for (id, number) in &self.ids {
            let is_new = !ids.contains_key(id.as_str());
            ids.insert(
                id,
                if is_new {
                    Id::Of(*number)
                } else {
                    Id::OfSeveral
                },
            );
        }
        let mut targets = HashMap::new();
        let mut written = HashMap::new();
        number(&root, &mut 0, &mut written);
        for (at, reference) in &self.references {
            targets.insert(*at, target(&ids, reference)?);
        }
        let mut copying = Copying {
            written: &written,
            targets: &targets,
            open: Vec::new(),
            elements: 0,
            bytes: 0,
        };
        copying.copy(&root, &mut 0, 1)
    }
}

/// The element of an id.
#[derive(Clone, Copy)]
enum Id {
    Of(usize),
    OfSeveral,
}

/// The element that is referred to.
fn target<'a>(ids: &HashMap<&str, Id>, reference: &'a str) -> Result<IdTarget<'a>, Fault> {
    let Some(id) = reference.strip_prefix('#') else {
        return Err(Fault::client(format!(
            "href '{}' leads out of the request; only an id of the request may follow a #",
            echo(reference)
        )));
    };
    match ids.get(id) {
        Some(Id::Of(number)) => Ok(IdTarget {
            id,
            number: *number,
        }),
        Some(Id::OfSeveral) => Err(Fault::client(format!(
            "href '#{}' is ambiguous: more than one element has that id",
            echo(id)
        ))),
        None => Err(Fault::client(format!(
            "href '#{}' leads nowhere: no element of the request has that id",
            echo(id)
        ))),
    }
}

#[derive(Clone, Copy)]
struct IdTarget<'a> {
    id: &'a str,
    number: usize,
}

/// Every element by its number.
fn number<'a>(element: &'a Element, next: &mut usize, written: &mut HashMap<usize, &'a Element>) {
    written.insert(*next, element);
    *next += 1;
    for child in &element.children {
        number(child, next, written);
    }
}

struct Copying<'a> {
    written: &'a HashMap<usize, &'a Element>,
    /// Where the elements that refer lead.
    targets: &'a HashMap<usize, IdTarget<'a>>,
    /// The objects whose copy is being made.
    open: Vec<usize>,
    elements: usize,
    bytes: usize,
}

impl Copying<'_> {
    /// A copy of the element with that number, which moves on past it.
    fn copy(
        &mut self,
        element: &Element,
        number: &mut usize,
        depth: usize,
    ) -> Result<Element, Fault> {
        let own = *number;
        *number += 1;
        if let Some(target) = self.targets.get(&own).copied() {
            return self.copy_of(element, target, depth);
        }
        self.count(element, depth)?;
        let mut copy = Element {
            children: Vec::with_capacity(element.children.len()),
            name: element.name.clone(),
            type_name: element.type_name.clone(),
            nil: element.nil,
            text: element.text.clone(),
        };
        for child in &element.children {
            copy.children.push(self.copy(child, number, depth + 1)?);
        }
        Ok(copy)
    }

    /// What `element` refers to, under its own name.
    fn copy_of(
        &mut self,
        element: &Element,
        target: IdTarget<'_>,
        depth: usize,
    ) -> Result<Element, Fault> {
        let id = echo(target.id);
        if !element.children.is_empty() || !element.text.trim().is_empty() || element.nil {
            return Err(Fault::client(format!(
                "Element '{}' has an href to '#{id}' and content of its own; it may have one of them",
                echo(&element.name)
            )));
        }
        if self.open.len() == DEPTH_MAX {
            return Err(too_large());
        }
        if self.open.contains(&target.number) {
            return Err(Fault::client(format!(
                "href '#{id}' leads in a circle: the object stands inside itself"
            )));
        }
        let Some(object) = self.written.get(&target.number) else {
            return Err(Fault::client(format!("href '#{id}' leads nowhere")));
        };
        self.open.push(target.number);
        let copy = self.copy(object, &mut { target.number }, depth)?;
        self.open.pop();
        Ok(Element {
            name: element.name.clone(),
            type_name: element.type_name.clone().or(copy.type_name),
            ..copy
        })
    }

    fn count(&mut self, element: &Element, depth: usize) -> Result<(), Fault> {
        self.elements += 1;
        // Its tags, as a request that is written out would have them.
        self.bytes += 2 * element.name.len() + element.text.len();
        if self.elements <= ELEMENTS_MAX && self.bytes <= ENVELOPE_BYTES_MAX && depth <= DEPTH_MAX {
            return Ok(());
        }
        Err(too_large())
    }
}

fn too_large() -> Fault {
    Fault::client(format!(
        "With every object in the places where it is referred to, the request is too large: at \
         most {ELEMENTS_MAX} elements, {ENVELOPE_BYTES_MAX} bytes and a depth of {DEPTH_MAX} are \
         accepted"
    ))
}
