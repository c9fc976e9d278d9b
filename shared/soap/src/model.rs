//! The types of the protocol: which elements each has, in which order, derived from what.
//!
//! Told once, in `model/*.txt`, and used twice: the WSDL is written from it, and so is every
//! object in an answer, because strict clients refuse an element out of its place.
//!
//! A line tells one thing. `?` is optional, `*` any number, `+` at least one, `~` may be nil,
//! braces hold an anonymous type, `choice(...)` alternatives:
//!
//! ```text
//! type CreateOptions : Options = Container?:ContainerID
//! abstract Request =
//! enum RequestType = Synchronous, Asynchronous
//! pattern instanceid = [0-9]+
//! message CreateRequest = Options:CreateOptions, Objects+:APIObject
//! objects Account Asset
//! ```

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
    fields: Vec<(&'static str, FieldType)>,
    positions: HashMap<&'static str, usize>,
    is_object: bool,
    /// Nothing is known of it but that it is an object, so that whatever it holds may be right.
    is_open: bool,
}

/// What an element's content is looked up in.
enum FieldType {
    Named(&'static str),
    Anonymous(Complex),
}

impl Complex {
    fn new(definition: &[Field]) -> Self {
        let mut fields = Vec::new();
        collect(definition, &mut fields);
        let names = fields.iter().map(|(name, _)| *name);
        let positions = names
            .enumerate()
            .map(|(position, name)| (name, position))
            .collect();
        Self {
            fields,
            positions,
            is_object: false,
            is_open: false,
        }
    }

    /// Where a child of that name stands among its siblings.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }

    /// The type of the child at a position, if it is more than text.
    pub(crate) fn child(&self, position: usize) -> Option<&Self> {
        match &self.fields.get(position)?.1 {
            FieldType::Named(name) => model().complex(name),
            FieldType::Anonymous(complex) => Some(complex),
        }
    }

    /// The name of the type of the child at a position; `None`: it has none.
    pub(crate) fn child_type(&self, position: usize) -> Option<&'static str> {
        match &self.fields.get(position)?.1 {
            FieldType::Named(name) => Some(name),
            FieldType::Anonymous(_) => None,
        }
    }

    /// The names of all fields and of their types, in order. An anonymous type is called `Array`.
    pub(crate) fn fields(&self) -> Vec<(&'static str, &'static str)> {
        let named = |(name, field): &(&'static str, FieldType)| match field {
            FieldType::Named(type_name) => (*name, *type_name),
            FieldType::Anonymous(_) => (*name, "Array"),
        };
        self.fields.iter().map(named).collect()
    }

    pub(crate) fn is_object(&self) -> bool {
        self.is_object
    }

    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }
}

/// The fields in order; the alternatives of a choice one after the other.
fn collect(definition: &[Field], fields: &mut Vec<(&'static str, FieldType)>) {
    for field in definition {
        match &field.content {
            Content::Named(name) => fields.push((field.name, FieldType::Named(name))),
            Content::Anonymous(inner) => {
                fields.push((field.name, FieldType::Anonymous(Complex::new(inner))));
            }
            Content::Choice(alternatives) => collect(alternatives, fields),
        }
    }
}

impl Model {
    /// A type that has elements, by name.
    pub(crate) fn complex(&self, name: &str) -> Option<&Complex> {
        self.by_name.get(name)
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
        let definitions: Vec<Definition> = texts
            .iter()
            .flat_map(|text| statements(text))
            .flat_map(definitions_of)
            .collect();
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
                complex.is_object = chain.iter().any(|(ancestor, _)| *ancestor == OBJECT);
                complex.is_open = complex.is_object && *name != OBJECT && fields.is_empty();
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

/// The statements of a text: a line and the indented ones behind it.
fn statements(text: &'static str) -> Vec<&'static str> {
    let mut statements = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let ends = rest.match_indices('\n').map(|(at, _)| at + 1);
        let end = ends
            .into_iter()
            .find(|at| !rest[*at..].starts_with(' '))
            .unwrap_or(rest.len());
        let (statement, behind) = rest.split_at(end);
        if !statement.starts_with('#') && !statement.trim().is_empty() {
            statements.push(statement.trim());
        }
        rest = behind;
    }
    statements
}

fn definitions_of(statement: &'static str) -> Vec<Definition> {
    let (kind, rest) = statement.split_once(' ').unwrap_or((statement, ""));
    if kind == "objects" {
        let object = |name| Definition::Complex {
            name,
            base: Some(OBJECT),
            is_abstract: false,
            fields: Vec::new(),
        };
        return rest.split_whitespace().map(object).collect();
    }
    let (head, content) = rest.split_once('=').unwrap_or((rest, ""));
    let (name, base) = head
        .split_once(':')
        .map_or((head, None), |(name, base)| (name, Some(base)));
    let (name, base, content) = (name.trim(), base.map(str::trim), content.trim());
    vec![match kind {
        "enum" => Definition::Enumeration {
            name,
            values: content.split(',').map(str::trim).collect(),
        },
        "pattern" => Definition::Pattern {
            name,
            pattern: content,
        },
        "message" => Definition::Message {
            name,
            fields: fields_of(content),
        },
        _ => Definition::Complex {
            name,
            base,
            is_abstract: kind == "abstract",
            fields: fields_of(content),
        },
    }]
}

fn fields_of(text: &'static str) -> Vec<Field> {
    split_outside(text).into_iter().map(field_of).collect()
}

/// Splits at the commas that stand in no braces.
fn split_outside(text: &'static str) -> Vec<&'static str> {
    let mut depth = 0_usize;
    let mut from = 0;
    let mut parts = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '{' | '(' => depth += 1,
            '}' | ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

fn field_of(text: &'static str) -> Field {
    let content = |from: usize| text[from..].trim_end_matches(['}', ')']);
    if text.starts_with("choice(") {
        let alternatives = fields_of(content("choice(".len()));
        return Field {
            name: "",
            content: Content::Choice(alternatives),
            is_optional: false,
            is_repeated: false,
            is_nillable: false,
        };
    }
    let name_end = text.find(['?', '*', '+', ':', '{']).unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    let behind = rest.trim_start_matches(['?', '*', '+']);
    Field {
        name,
        is_optional: rest.starts_with(['?', '*']),
        is_repeated: rest.starts_with(['*', '+']),
        is_nillable: behind.ends_with('~'),
        content: if behind.starts_with('{') {
            Content::Anonymous(fields_of(inside(behind)))
        } else {
            Content::Named(behind.trim_start_matches(':').trim_end_matches('~').trim())
        },
    }
}

/// What stands in the outer braces.
fn inside(text: &'static str) -> &'static str {
    let text = text.trim();
    text.strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
        .unwrap_or(text)
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
