//! The notation of the model's texts.
//!
//! A line tells one thing. `?` is optional, `*` any number, `+` at least one, `~` may be nil,
//! braces hold an anonymous type, `choice(...)` alternatives, `any*` is whatever there may be:
//!
//! ```text
//! type CreateOptions : Options = Container?:ContainerID
//! abstract Request =
//! enum RequestType = Synchronous, Asynchronous
//! pattern instanceid = [0-9]+
//! message CreateRequest = Options:CreateOptions, Objects+:APIObject
//! elements Subscriber List
//! ```

use super::{Content, Definition, FieldDefinition};

/// What the texts define, in their order.
pub(super) fn read(texts: &[&'static str]) -> Vec<Definition> {
    texts
        .iter()
        .flat_map(|text| statements(text))
        .flat_map(definitions_of)
        .collect()
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
    if kind == "elements" {
        let element = |name| Definition::Element { name };
        return rest.split_whitespace().map(element).collect();
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

fn fields_of(text: &'static str) -> Vec<FieldDefinition> {
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

fn field_of(text: &'static str) -> FieldDefinition {
    let nameless = |content: Content, is_optional: bool, is_repeated: bool| FieldDefinition {
        name: "",
        content,
        is_optional,
        is_repeated,
        is_nillable: false,
    };
    if text == "any*" {
        return nameless(Content::Any, true, true);
    }
    let choice = ["choice(", "choice?("].map(|open| text.strip_prefix(open));
    if let Some(alternatives) = choice[0].or(choice[1]) {
        let alternatives = alternatives.strip_suffix(')').unwrap_or(alternatives);
        let content = Content::Choice(fields_of(alternatives));
        return nameless(content, choice[1].is_some(), false);
    }
    let name_end = text.find(['?', '*', '+', ':', '{']).unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    let behind = rest.trim_start_matches(['?', '*', '+']);
    FieldDefinition {
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
