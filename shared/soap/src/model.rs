//! The types of the protocol: which elements each has, in which order, derived from what.
//!
//! Told once, in `model/*.txt`, and used twice: the WSDL is written from it, and so is every
//! object in an answer, because strict clients refuse an element out of its place.

mod notation;

use std::collections::HashMap;
use std::sync::LazyLock;

const TEXTS: [&str; 12] = [
    include_str!("../model/base.txt"),
    include_str!("../model/options.txt"),
    include_str!("../model/results.txt"),
    include_str!("../model/bookkeeping.txt"),
    include_str!("../model/messages.txt"),
    include_str!("../model/payloads.txt"),
    include_str!("../model/filters.txt"),
    include_str!("../model/subscribers.txt"),
    include_str!("../model/data-extensions.txt"),
    include_str!("../model/sends.txt"),
    include_str!("../model/activities.txt"),
    include_str!("../model/objects.txt"),
];

/// What every object is derived from.
pub(crate) const OBJECT: &str = "APIObject";

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::parse(&TEXTS));

/// The protocol's types.
pub(crate) fn model() -> &'static Model {
    &MODEL
}

pub(crate) struct Model {
    /// In the order of the text.
    pub(crate) definitions: Vec<Definition>,
    by_name: HashMap<&'static str, Complex>,
}

/// One line of the model.
pub(crate) enum Definition {
    Complex {
        name: &'static str,
        base: Option<&'static str>,
        is_abstract: bool,
        fields: Vec<Field>,
    },
    Enumeration {
        name: &'static str,
        values: Vec<&'static str>,
    },
    Pattern {
        name: &'static str,
        pattern: &'static str,
    },
    Message {
        name: &'static str,
        fields: Vec<Field>,
    },
}

/// One element inside a type.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// Empty for a choice.
    pub(crate) name: &'static str,
    pub(crate) content: Content,
    pub(crate) is_optional: bool,
    pub(crate) is_repeated: bool,
    pub(crate) is_nillable: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Named(&'static str),
    Anonymous(Vec<Field>),
    Choice(Vec<Field>),
}

/// A type with the fields of its bases before its own, ready for looking up.
pub(crate) struct Complex {
    parts: Vec<Part>,
    positions: HashMap<&'static str, usize>,
    /// Its own name and those that it is derived from.
    kin: Vec<&'static str>,
    /// Nothing is known of it but that it is an object, so that whatever it holds may be right.
    is_open: bool,
}

/// One of a type's fields.
struct Part {
    name: &'static str,
    of: ModelFieldType,
    is_required: bool,
    is_nillable: bool,
}

/// What an element's content is looked up in.
enum ModelFieldType {
    Named(&'static str),
    Anonymous(Complex),
}

impl Complex {
    fn new(definition: &[Field]) -> Self {
        let mut parts = Vec::new();
        collect(definition, &mut parts);
        let names = parts.iter().map(|part| part.name);
        let positions = names
            .enumerate()
            .map(|(position, name)| (name, position))
            .collect();
        Self {
            parts,
            positions,
            kin: Vec::new(),
            is_open: false,
        }
    }

    /// Where a child of that name stands among its siblings.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }

    /// The type of the child at a position, if it is more than text.
    pub(crate) fn child(&self, position: usize) -> Option<&Self> {
        match &self.parts.get(position)?.of {
            ModelFieldType::Named(name) => model().complex(name),
            ModelFieldType::Anonymous(complex) => Some(complex),
        }
    }

    /// The name of the type of the child at a position; `None`: it has none.
    pub(crate) fn child_type(&self, position: usize) -> Option<&'static str> {
        match &self.parts.get(position)?.of {
            ModelFieldType::Named(name) => Some(name),
            ModelFieldType::Anonymous(_) => None,
        }
    }

    /// The names of all fields and of their types, in order. An anonymous type is called `Array`.
    pub(crate) fn fields(&self) -> Vec<(&'static str, &'static str)> {
        let named = |part: &Part| match part.of {
            ModelFieldType::Named(type_name) => (part.name, type_name),
            ModelFieldType::Anonymous(_) => (part.name, "Array"),
        };
        self.parts.iter().map(named).collect()
    }

    /// Positions and names of the fields that no such type is without.
    pub(crate) fn required(&self) -> impl Iterator<Item = (usize, &'static str)> {
        let parts = self.parts.iter().enumerate();
        parts
            .filter(|(_, part)| part.is_required)
            .map(|(position, part)| (position, part.name))
    }

    pub(crate) fn is_required(&self, position: usize) -> bool {
        let part = self.parts.get(position);
        part.is_some_and(|part| part.is_required)
    }

    pub(crate) fn is_nillable(&self, position: usize) -> bool {
        let part = self.parts.get(position);
        part.is_some_and(|part| part.is_nillable)
    }

    /// Whether it is of that type, or of one derived from it.
    pub(crate) fn is_a(&self, name: &str) -> bool {
        self.kin.contains(&name)
    }

    pub(crate) fn is_object(&self) -> bool {
        self.is_a(OBJECT)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }
}

/// The fields in order; the alternatives of a choice one after the other, none of them required.
fn collect(definition: &[Field], parts: &mut Vec<Part>) {
    for field in definition {
        let of = match &field.content {
            Content::Named(name) => ModelFieldType::Named(name),
            Content::Anonymous(inner) => ModelFieldType::Anonymous(Complex::new(inner)),
            Content::Choice(alternatives) => {
                let first = parts.len();
                collect(alternatives, parts);
                parts[first..]
                    .iter_mut()
                    .for_each(|part| part.is_required = false);
                continue;
            }
        };
        parts.push(Part {
            name: field.name,
            of,
            is_required: !field.is_optional,
            is_nillable: field.is_nillable,
        });
    }
}

impl Model {
    /// A type that has elements, by name.
    pub(crate) fn complex(&self, name: &str) -> Option<&Complex> {
        self.by_name.get(name)
    }

    /// What stands where there must be a value of a simple type and there is none: what a program
    /// has there that never set it.
    pub(crate) fn unset(&self, type_name: &str) -> &'static str {
        let first = self
            .definitions
            .iter()
            .find_map(|definition| match definition {
                Definition::Enumeration { name, values } if *name == type_name => {
                    values.first().copied()
                }
                Definition::Enumeration { .. }
                | Definition::Complex { .. }
                | Definition::Pattern { .. }
                | Definition::Message { .. } => None,
            });
        match type_name {
            "boolean" => "false",
            "byte" | "short" | "int" | "integer" | "long" | "double" => "0",
            _ => first.unwrap_or_default(),
        }
    }

    /// Whether there are types that say more than this one, and may stand in its place.
    pub(crate) fn is_extended(&self, name: &str) -> bool {
        self.definitions.iter().any(|definition| match definition {
            Definition::Complex { base, .. } => *base == Some(name),
            Definition::Enumeration { .. }
            | Definition::Pattern { .. }
            | Definition::Message { .. } => false,
        })
    }

    fn parse(texts: &[&'static str]) -> Self {
        let definitions = notation::read(texts);
        let mut by_name = HashMap::new();
        for definition in &definitions {
            if let Definition::Complex { name, fields, .. } = definition {
                let chain = ancestry(&definitions, name);
                let all: Vec<Field> = chain
                    .iter()
                    .rev()
                    .flat_map(|(_, own)| own.to_vec())
                    .collect();
                let mut complex = Complex::new(&all);
                complex.kin = chain.iter().map(|(kin, _)| *kin).collect();
                complex.is_open = complex.is_object() && *name != OBJECT && fields.is_empty();
                by_name.insert(*name, complex);
            }
        }
        Self {
            definitions,
            by_name,
        }
    }
}

/// A type and what it is derived from, itself first.
fn ancestry<'a>(definitions: &'a [Definition], name: &str) -> Vec<(&'static str, &'a [Field])> {
    let mut chain = Vec::new();
    let mut wanted = Some(name);
    while let Some(name) = wanted.take() {
        for definition in definitions {
            if let Definition::Complex {
                name: found,
                base,
                fields,
                ..
            } = definition
                && *found == name
            {
                chain.push((*found, fields.as_slice()));
                wanted = *base;
                break;
            }
        }
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_type_is_defined() {
        const SIMPLE: [&str; 10] = [
            "string", "int", "long", "short", "byte", "boolean", "dateTime", "time", "integer",
            "double",
        ];
        let model = model();
        let defined = |wanted: &str| {
            SIMPLE.contains(&wanted)
                || model.definitions.iter().any(|definition| match definition {
                    Definition::Complex { name, .. }
                    | Definition::Enumeration { name, .. }
                    | Definition::Pattern { name, .. } => *name == wanted,
                    Definition::Message { .. } => false,
                })
        };
        for definition in &model.definitions {
            match definition {
                Definition::Complex {
                    name, base, fields, ..
                } => {
                    assert!(base.is_none_or(defined), "base of {name}");
                    check_fields(name, fields, &defined);
                }
                Definition::Message { name, fields } => check_fields(name, fields, &defined),
                Definition::Enumeration { .. } | Definition::Pattern { .. } => {}
            }
        }
    }

    fn check_fields(owner: &str, fields: &[Field], defined: &dyn Fn(&str) -> bool) {
        for field in fields {
            match &field.content {
                Content::Named(name) => assert!(defined(name), "{owner}.{}: {name}", field.name),
                Content::Anonymous(inner) | Content::Choice(inner) => {
                    check_fields(owner, inner, defined);
                }
            }
        }
    }

    #[test]
    fn there_are_149_objects() {
        let model = model();
        let objects = model
            .definitions
            .iter()
            .filter(|definition| match definition {
                Definition::Complex { name, .. } => {
                    *name != OBJECT && model.complex(name).is_some_and(Complex::is_object)
                }
                Definition::Enumeration { .. }
                | Definition::Pattern { .. }
                | Definition::Message { .. } => false,
            });
        assert_eq!(objects.count(), 149);
    }

    #[test]
    fn own_fields_come_after_those_of_the_base() {
        let subscriber = model().complex("Subscriber").expect("a type");
        let at = |name: &str| subscriber.position(name).expect(name);
        assert!(at("Client") < at("PartnerKey"));
        assert!(at("ObjectState") < at("EmailAddress"));
        assert!(at("EmailAddress") < at("SubscriberKey"));
        assert_eq!(subscriber.position("Nonsense"), None);
        let row = model().complex("DataExtensionObject").expect("a type");
        let keys = row
            .position("Keys")
            .and_then(|at| row.child(at))
            .expect("an anonymous type");
        let key = keys
            .position("Key")
            .and_then(|at| keys.child(at))
            .expect("a pair");
        assert_eq!(key.position("Value"), Some(1));
    }
}
