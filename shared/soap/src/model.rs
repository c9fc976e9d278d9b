//! The types of the protocol: which elements each has, in which order, and its base type.
//!
//! The model is written once, in `model/*.txt`, and used for the WSDL and for every object in an
//! answer, since strict clients refuse an element in the wrong place.

mod notation;
mod texts;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::LazyLock;

use texts::TEXTS;

/// The base type of all objects.
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
    simple: HashMap<&'static str, SimpleType>,
    /// The types from which others are derived.
    extended: HashSet<&'static str>,
}

/// One line of the model.
pub(crate) enum Definition {
    Complex {
        name: &'static str,
        base: Option<&'static str>,
        is_abstract: bool,
        fields: Vec<FieldDefinition>,
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
        fields: Vec<FieldDefinition>,
    },
    /// A type that may stand alone, as the element of its name.
    Element { name: &'static str },
}

/// A simple type that is not one of the schema's own.
pub(crate) enum SimpleType {
    /// One of these.
    Values(Vec<&'static str>),
    Pattern(&'static str),
}

/// One element inside a type.
#[derive(Clone, Debug)]
pub(crate) struct FieldDefinition {
    /// Empty for a choice, and for any content.
    pub(crate) name: &'static str,
    pub(crate) content: Content,
    pub(crate) is_optional: bool,
    pub(crate) is_repeated: bool,
    pub(crate) is_nillable: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Named(&'static str),
    Anonymous(Vec<FieldDefinition>),
    Choice(Vec<FieldDefinition>),
    /// Elements whose types are not known.
    Any,
}

/// A type with the fields of its bases before its own, for lookups.
pub(crate) struct Complex {
    parts: Vec<Part>,
    positions: HashMap<&'static str, usize>,
    /// Its own name and those that it is derived from.
    kin: Vec<&'static str>,
    /// Fields that must occur exactly once.
    choices: Vec<Range<usize>>,
    /// Any content is allowed.
    is_open: bool,
    /// For an abstract type, the first type that can take its place.
    concrete: Option<&'static str>,
}

/// One of a type's fields.
struct Part {
    name: &'static str,
    of: ModelFieldType,
    is_required: bool,
    is_repeated: bool,
    is_nillable: bool,
}

/// The type in which the content of an element is looked up.
enum ModelFieldType {
    Named(&'static str),
    Anonymous(Complex),
}

impl Complex {
    fn new<'f>(definition: impl IntoIterator<Item = &'f FieldDefinition>) -> Self {
        let mut parts = Vec::new();
        let mut choices = Vec::new();
        let mut is_open = false;
        for field in definition {
            match &field.content {
                Content::Any => is_open = true,
                Content::Choice(alternatives) => {
                    let first = parts.len();
                    parts.extend(alternatives.iter().map(|field| Part::new(field, false)));
                    if !field.is_optional {
                        choices.push(first..parts.len());
                    }
                }
                Content::Named(_) | Content::Anonymous(_) => {
                    parts.push(Part::new(field, !field.is_optional));
                }
            }
        }
        let names = parts.iter().map(|part| part.name);
        let positions = names
            .enumerate()
            .map(|(position, name)| (name, position))
            .collect();
        Self {
            parts,
            positions,
            kin: Vec::new(),
            choices,
            is_open,
            concrete: None,
        }
    }

    /// The position of a child of that name among its siblings.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }

    /// The type of the child at a position, if it has elements.
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

    /// The type of the element at a position, if it has elements: the one that the element itself
    /// names, if that is allowed there.
    pub(crate) fn content(&self, position: usize, own: Option<&str>) -> Option<&Self> {
        let declared = self.child_type(position);
        let is_in_place = |own: &&Self| declared.is_some_and(|declared| own.is_a(declared));
        own.and_then(|name| model().complex(name))
            .filter(is_in_place)
            .or_else(|| self.child(position))
    }

    /// The names of all fields and of their types, in order. An anonymous type is called `Array`.
    pub(crate) fn fields(&self) -> Vec<(&'static str, &'static str)> {
        let named = |part: &Part| match part.of {
            ModelFieldType::Named(type_name) => (part.name, type_name),
            ModelFieldType::Anonymous(_) => (part.name, "Array"),
        };
        self.parts.iter().map(named).collect()
    }

    /// Positions and names of the required fields.
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

    pub(crate) fn is_repeated(&self, position: usize) -> bool {
        let part = self.parts.get(position);
        part.is_some_and(|part| part.is_repeated)
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

    /// Positions of fields that must occur exactly once.
    pub(crate) fn choices(&self) -> &[Range<usize>] {
        &self.choices
    }

    /// The name of the field at a position.
    pub(crate) fn name(&self, position: usize) -> &'static str {
        self.parts.get(position).map_or("", |part| part.name)
    }

    /// The type that is written in its place, since no element may have an abstract type.
    pub(crate) fn concrete(&self) -> Option<&'static str> {
        self.concrete
    }
}

impl Part {
    fn new(field: &FieldDefinition, is_required: bool) -> Self {
        let of = match &field.content {
            Content::Named(name) => ModelFieldType::Named(name),
            Content::Anonymous(inner) => ModelFieldType::Anonymous(Complex::new(inner)),
            // No part of a choice is itself a choice or nameless: the notation has no such line.
            Content::Choice(_) | Content::Any => ModelFieldType::Named("string"),
        };
        Self {
            name: field.name,
            of,
            is_required,
            is_repeated: field.is_repeated,
            is_nillable: field.is_nillable,
        }
    }
}

impl Model {
    /// A type that has elements, by name.
    pub(crate) fn complex(&self, name: &str) -> Option<&Complex> {
        self.by_name.get(name)
    }

    /// A simple type, by name; `None`: it is one of the schema's own, or has elements.
    pub(crate) fn simple(&self, name: &str) -> Option<&SimpleType> {
        self.simple.get(name)
    }

    /// The value that is written for a required simple type without a value: what a program has in
    /// a field that was never set.
    pub(crate) fn unset(&self, type_name: &str) -> &'static str {
        let first = match self.simple(type_name) {
            Some(SimpleType::Values(values)) => values.first().copied(),
            Some(SimpleType::Pattern(_)) | None => None,
        };
        match type_name {
            "boolean" => "false",
            "byte" | "short" | "int" | "integer" | "long" | "double" => "0",
            "dateTime" => "0001-01-01T00:00:00",
            "time" => "00:00:00",
            _ => first.unwrap_or_default(),
        }
    }

    /// Whether there are derived types that can take the place of this one.
    pub(crate) fn is_extended(&self, name: &str) -> bool {
        self.extended.contains(name)
    }

    fn parse(texts: &[&'static str]) -> Self {
        let definitions = notation::read(texts);
        let declared_types = declared_types(&definitions);
        let by_name = declared_types
            .keys()
            .map(|name| (*name, whole(&declared_types, name)));
        Self {
            by_name: by_name.collect(),
            simple: definitions.iter().filter_map(simple).collect(),
            extended: declared_types
                .values()
                .filter_map(|declared_type| declared_type.base)
                .collect(),
            definitions,
        }
    }
}

fn simple(definition: &Definition) -> Option<(&'static str, SimpleType)> {
    match definition {
        Definition::Enumeration { name, values } => {
            Some((*name, SimpleType::Values(values.clone())))
        }
        Definition::Pattern { name, pattern } => Some((*name, SimpleType::Pattern(pattern))),
        Definition::Complex { .. } | Definition::Message { .. } | Definition::Element { .. } => {
            None
        }
    }
}

/// A type in the model: what it adds to its base.
#[derive(Clone, Copy)]
struct DeclaredType<'a> {
    base: Option<&'static str>,
    is_abstract: bool,
    fields: &'a [FieldDefinition],
    /// Its place in the texts.
    at: usize,
}

fn declared_types(definitions: &[Definition]) -> BTreeMap<&'static str, DeclaredType<'_>> {
    let numbered = definitions.iter().enumerate();
    let complex = numbered.filter_map(|(at, definition)| match definition {
        Definition::Complex {
            name,
            base,
            is_abstract,
            fields,
        } => {
            let declared_type = DeclaredType {
                base: *base,
                is_abstract: *is_abstract,
                fields,
                at,
            };
            Some((*name, declared_type))
        }
        Definition::Enumeration { .. }
        | Definition::Pattern { .. }
        | Definition::Message { .. }
        | Definition::Element { .. } => None,
    });
    complex.collect()
}

/// A type with everything that it inherits.
fn whole(declared_types: &BTreeMap<&'static str, DeclaredType<'_>>, name: &'static str) -> Complex {
    let mut chain: Vec<(&'static str, DeclaredType<'_>)> = Vec::new();
    let mut wanted = Some(name);
    while let Some(name) = wanted {
        let declared_type = declared_types.get(name);
        chain.extend(declared_type.map(|declared_type| (name, *declared_type)));
        wanted = declared_type.and_then(|declared_type| declared_type.base);
    }
    let fields = chain
        .iter()
        .rev()
        .flat_map(|(_, declared_type)| declared_type.fields);
    let is_abstract = chain
        .first()
        .is_some_and(|(_, declared_type)| declared_type.is_abstract);
    let is_substitute = |declared_type: &DeclaredType<'_>| {
        declared_type.base == Some(name) && !declared_type.is_abstract
    };
    let concrete = declared_types
        .iter()
        .filter(|(_, declared_type)| is_substitute(declared_type));
    let concrete = concrete.min_by_key(|(_, declared_type)| declared_type.at);
    Complex {
        kin: chain.iter().map(|(kin, _)| *kin).collect(),
        concrete: concrete.filter(|_| is_abstract).map(|(name, _)| *name),
        ..Complex::new(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_type_is_defined() {
        const SIMPLE: [&str; 11] = [
            "string",
            "int",
            "long",
            "short",
            "byte",
            "boolean",
            "dateTime",
            "time",
            "integer",
            "double",
            "base64Binary",
        ];
        let model = model();
        let defined = |wanted: &str| {
            SIMPLE.contains(&wanted)
                || model.definitions.iter().any(|definition| match definition {
                    Definition::Complex { name, .. }
                    | Definition::Enumeration { name, .. }
                    | Definition::Pattern { name, .. } => *name == wanted,
                    Definition::Message { .. } | Definition::Element { .. } => false,
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
                Definition::Element { name } => assert!(defined(name), "{name}"),
                Definition::Enumeration { .. } | Definition::Pattern { .. } => {}
            }
        }
    }

    fn check_fields(owner: &str, fields: &[FieldDefinition], defined: &dyn Fn(&str) -> bool) {
        for field in fields {
            match &field.content {
                Content::Named(name) => assert!(defined(name), "{owner}.{}: {name}", field.name),
                Content::Anonymous(inner) | Content::Choice(inner) => {
                    check_fields(owner, inner, defined);
                }
                Content::Any => {}
            }
        }
    }

    /// The figures of Marketing Cloud's WSDL, and what has been added to it since: an element of
    /// Options, and a value of RespondWhen.
    #[test]
    fn there_is_as_much_of_everything_as_the_original_has() {
        let mut counted = Counted::default();
        model().definitions.iter().for_each(|it| counted.count(it));
        let expected = Counted {
            types: 252,
            derived: 195,
            elements: 1_383 + 1,
            simple_types: 63,
            values: 272 + 1,
            messages: 26,
            elements_of_messages: 71,
            global_elements: 26 + 33,
        };
        assert_eq!(counted, expected);
        let objects = complex_types().filter(|it| it.is_object());
        assert_eq!(objects.count(), 1 + 149);
    }

    fn complex_types() -> impl Iterator<Item = &'static Complex> {
        let names = model().definitions.iter().filter_map(|it| match it {
            Definition::Complex { name, .. } => Some(*name),
            Definition::Enumeration { .. }
            | Definition::Pattern { .. }
            | Definition::Message { .. }
            | Definition::Element { .. } => None,
        });
        names.filter_map(|name| model().complex(name))
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Counted {
        types: usize,
        derived: usize,
        elements: usize,
        simple_types: usize,
        values: usize,
        messages: usize,
        elements_of_messages: usize,
        global_elements: usize,
    }

    impl Counted {
        fn count(&mut self, definition: &Definition) {
            match definition {
                Definition::Complex { base, fields, .. } => {
                    self.types += 1;
                    self.derived += usize::from(base.is_some());
                    self.elements += elements(fields);
                }
                Definition::Enumeration { values, .. } => {
                    self.simple_types += 1;
                    self.values += values.len();
                }
                Definition::Pattern { .. } => self.simple_types += 1,
                Definition::Message { fields, .. } => {
                    self.messages += 1;
                    self.global_elements += 1;
                    self.elements_of_messages += elements(fields);
                }
                Definition::Element { .. } => self.global_elements += 1,
            }
        }
    }

    fn elements(fields: &[FieldDefinition]) -> usize {
        let count = |field: &FieldDefinition| match &field.content {
            Content::Named(_) => 1,
            Content::Anonymous(inner) => 1 + elements(inner),
            Content::Choice(alternatives) => elements(alternatives),
            Content::Any => 0,
        };
        fields.iter().map(count).sum()
    }

    #[test]
    fn types_are_derived_from_what_the_original_derives_them_from() {
        for (name, chain) in [
            ("BounceEvent", "BounceEvent TrackingEvent APIObject"),
            ("BusinessUnit", "BusinessUnit Account APIObject"),
            (
                "AutomationInstance",
                "AutomationInstance Automation InteractionDefinition InteractionBaseObject APIObject",
            ),
            ("YearlyRecurrence", "YearlyRecurrence Recurrence"),
            ("UserMap", "UserMap APIProperty"),
        ] {
            let complex = model().complex(name).expect(name);
            assert_eq!(complex.kin.join(" "), chain);
        }
    }

    /// Required elements are written even if they were never set, and those inside them, too.
    #[test]
    fn no_type_needs_itself() {
        complex_types().for_each(|complex| check_needs(complex, 0));
    }

    fn check_needs(complex: &Complex, depth: usize) {
        assert!(depth < 8, "{:?}", complex.kin);
        let concrete = complex.concrete.and_then(|name| model().complex(name));
        let complex = concrete.unwrap_or(complex);
        for child in complex.required().filter_map(|(at, _)| complex.child(at)) {
            check_needs(child, depth + 1);
        }
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
