//! Which namespace a prefix stands for, at the place that is being read.

use std::borrow::Cow;

use crate::namespaces::{self, Space};
use crate::xml::{NAMESPACE_BYTES_MAX, NAMESPACES_MAX, chars};

/// One namespace declaration.
struct Binding<'a> {
    prefix: &'a str,
    uri: Cow<'a, str>,
    space: Space,
}

/// The declarations in scope, innermost last.
pub(crate) struct Scope<'a> {
    bindings: Vec<Binding<'a>>,
    /// What no prefix means here. Most names have none, and need no look at the bindings.
    default_space: Space,
}

/// What was in scope when an element began.
#[derive(Clone, Copy)]
pub(crate) struct Outside {
    bindings: usize,
    default_space: Space,
}

/// Why a declaration is refused.
pub(crate) enum Unbound {
    NotWellFormed(&'static str),
    TooMuch(String),
}

impl<'a> Scope<'a> {
    pub(crate) fn new() -> Self {
        Self {
            bindings: Vec::with_capacity(16),
            default_space: Space::Unqualified,
        }
    }

    /// An element begins.
    pub(crate) fn enter(&self) -> Outside {
        Outside {
            bindings: self.bindings.len(),
            default_space: self.default_space,
        }
    }

    /// An element ends.
    pub(crate) fn leave(&mut self, outside: Outside) {
        self.bindings.truncate(outside.bindings);
        self.default_space = outside.default_space;
    }

    /// How many declarations have been made since an element began.
    pub(crate) fn declared_since(&self, outside: Outside) -> usize {
        self.bindings.len() - outside.bindings
    }

    /// Takes one declaration of the element that began at `outside`; an empty prefix is the
    /// default namespace.
    pub(crate) fn bind(
        &mut self,
        prefix: &'a str,
        uri: Cow<'a, str>,
        outside: Outside,
    ) -> Result<(), Unbound> {
        let space = Space::of(&uri);
        let is_reserved = prefix == "xmlns"
            || uri == namespaces::XMLNS
            || (prefix == "xml") != (uri == namespaces::XML);
        if is_reserved {
            return Err(Unbound::NotWellFormed(
                "a reserved prefix or namespace is redeclared",
            ));
        }
        if uri.is_empty() && !prefix.is_empty() {
            return Err(Unbound::NotWellFormed("a prefix is bound to no namespace"));
        }
        if self.bindings[outside.bindings..]
            .iter()
            .any(|binding| binding.prefix == prefix)
        {
            return Err(Unbound::NotWellFormed(
                "a prefix is declared twice in one element",
            ));
        }
        if self.bindings.len() == NAMESPACES_MAX {
            return Err(Unbound::TooMuch(format!(
                "more than {NAMESPACES_MAX} namespaces"
            )));
        }
        if uri.len() > NAMESPACE_BYTES_MAX {
            let text = format!("a namespace longer than {NAMESPACE_BYTES_MAX} bytes");
            return Err(Unbound::TooMuch(text));
        }
        if space == Space::Other && !chars::is_uri(&uri) {
            return Err(Unbound::NotWellFormed("a namespace whose name is no URI"));
        }
        if prefix.is_empty() {
            self.default_space = space;
        }
        self.bindings.push(Binding { prefix, uri, space });
        Ok(())
    }

    /// The namespace of a name with that prefix, the default namespace for an empty one.
    pub(crate) fn space_of(&self, prefix: &str) -> Option<Space> {
        match prefix {
            "" => Some(self.default_space),
            "xml" => Some(Space::Xml),
            _ => self
                .binding_of(prefix)
                .map(|binding| self.bindings[binding].space),
        }
    }

    /// The namespace of an attribute, which has none without a prefix, and where it is declared:
    /// comparing attributes then needs no more looking up.
    pub(crate) fn attribute_space(&self, prefix: &str) -> Option<(Space, Option<usize>)> {
        match prefix {
            "" => Some((Space::Unqualified, None)),
            "xml" => Some((Space::Xml, None)),
            _ => {
                let binding = self.binding_of(prefix)?;
                Some((self.bindings[binding].space, Some(binding)))
            }
        }
    }

    fn binding_of(&self, prefix: &str) -> Option<usize> {
        self.bindings
            .iter()
            .rposition(|binding| binding.prefix == prefix)
    }

    /// The namespace's own name. Empty: none.
    pub(crate) fn uri_of(&self, prefix: &str) -> &str {
        match prefix {
            "xml" => namespaces::XML,
            _ => self
                .binding_of(prefix)
                .map_or("", |binding| &self.bindings[binding].uri),
        }
    }

    /// Whether two declarations are of the same namespace.
    pub(crate) fn is_same(&self, one: Option<usize>, other: Option<usize>) -> bool {
        let uri = |binding: Option<usize>| binding.map(|binding| &self.bindings[binding].uri);
        one == other || uri(one) == uri(other)
    }
}
