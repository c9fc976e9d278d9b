//! Changes to payload trees: a field set in its place, an object laid over another.

use soap::Element;

/// The fields that every object has, in the order of the protocol. They come before its own.
const BASE: [&str; 11] = [
    "Client",
    "PartnerKey",
    "PartnerProperties",
    "CreatedDate",
    "ModifiedDate",
    "ID",
    "ObjectID",
    "CustomerKey",
    "Owner",
    "CorrelationID",
    "ObjectState",
];

/// Fields that belong to one call, or that only we may set: not taken over into what is stored.
const NOT_STORED: [&str; 7] = [
    "Client",
    "CreatedDate",
    "ModifiedDate",
    "ID",
    "ObjectID",
    "CorrelationID",
    "ObjectState",
];

fn rank(name: &str) -> usize {
    BASE.iter()
        .position(|base| *base == name)
        .unwrap_or(BASE.len())
}

/// Whether a field of an incoming object is stored with it.
pub(crate) fn is_stored_name(name: &str) -> bool {
    !NOT_STORED.contains(&name)
}

/// The text of a field, if there is any.
pub(crate) fn filled<'a>(element: &'a Element, name: &str) -> Option<&'a str> {
    element.text_of(name).filter(|text| !text.is_empty())
}

/// `true` and `1`, as XML Schema writes it.
pub(crate) fn is_true(element: &Element, name: &str) -> Option<bool> {
    match filled(element, name)?.trim() {
        "true" | "True" | "1" => Some(true),
        "false" | "False" | "0" => Some(false),
        _ => None,
    }
}

/// Sets a field: where it stands already, else where the protocol's order wants it.
pub(crate) fn set(element: &mut Element, name: &str, text: impl Into<String>) {
    let text = text.into();
    if let Some(child) = element.children.iter_mut().find(|child| child.name == name) {
        *child = Element::of(name, text);
        return;
    }
    let own = rank(name);
    let after = |child: &Element| rank(&child.name) > own;
    let place = element
        .children
        .iter()
        .position(after)
        .unwrap_or(element.children.len());
    element.children.insert(place, Element::of(name, text));
}

/// Takes all fields of that name away.
pub(crate) fn remove(element: &mut Element, name: &str) {
    element.children.retain(|child| child.name != name);
}

/// Puts `fields` in the place of all fields of that name.
pub(crate) fn replace(element: &mut Element, name: &str, fields: Vec<Element>) {
    let own = rank(name);
    let place = element
        .children
        .iter()
        .position(|child| child.name == name || (own < BASE.len() && rank(&child.name) > own))
        .unwrap_or(element.children.len());
    remove(element, name);
    let place = place.min(element.children.len());
    element.children.splice(place..place, fields);
}

/// The fields of an incoming object that are kept, in their order, without those that are nil.
pub(crate) fn stored_fields(object: &Element) -> Element {
    let is_stored = |child: &&Element| is_stored_name(&child.name) && !child.nil;
    Element {
        name: object.name.clone(),
        type_name: object.type_name.clone(),
        nil: false,
        text: String::new(),
        children: object.children.iter().filter(is_stored).cloned().collect(),
    }
}

/// Bytes that an object takes at most, written as it is stored.
pub(crate) fn bytes(element: &Element) -> usize {
    // Braces, the letters of the fields, quotes and commas.
    let own = element.name.len() + written_bytes(&element.text) + 40;
    let type_name = element.type_name.as_ref().map_or(0, String::len);
    own + type_name + element.children.iter().map(bytes).sum::<usize>()
}

/// Bytes of a text as JSON writes it.
fn written_bytes(text: &str) -> usize {
    let byte = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    text.bytes().map(byte).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_set_where_the_order_wants_them() {
        check(
            "ObjectState,EmailAddress",
            "ID",
            "ID,ObjectState,EmailAddress",
        );
        check(
            "PartnerKey,EmailAddress",
            "CustomerKey",
            "PartnerKey,CustomerKey,EmailAddress",
        );
        check("EmailAddress,Status", "Status", "EmailAddress,Status");
        check("EmailAddress", "Status", "EmailAddress,Status");
        check("", "ID", "ID");
    }

    #[track_caller]
    fn check(before: &str, set_name: &str, expected: &str) {
        let mut element = Element::new("Objects");
        for name in before.split(',').filter(|name| !name.is_empty()) {
            element.children.push(Element::of(name, "old"));
        }
        set(&mut element, set_name, "new");
        let names: Vec<&str> = element
            .children
            .iter()
            .map(|child| child.name.as_str())
            .collect();
        assert_eq!(names.join(","), expected);
        assert_eq!(element.text_of(set_name), Some("new"));
    }

    #[test]
    fn repeated_fields_are_replaced_together() {
        let mut element = Element::new("Objects")
            .with(Element::of("A", "1"))
            .with(Element::of("B", "1"))
            .with(Element::of("A", "2"))
            .with(Element::of("C", "1"));
        replace(
            &mut element,
            "A",
            vec![Element::of("A", "3"), Element::of("A", "4")],
        );
        let found: Vec<String> = element
            .children
            .iter()
            .map(|child| format!("{}{}", child.name, child.text))
            .collect();
        assert_eq!(found.join(" "), "A3 A4 B1 C1");
    }
}
