//! Which partitions the rows of a data extension lie in, as its definition says. The names are ours, so
//! the protocol has none for them.

use soap::Element;

use crate::tree;

/// The type of definitions.
pub(crate) const DATA_EXTENSION: &str = "DataExtension";

/// Where a definition says which partition its rows lie in.
pub(crate) const ROWS: &str = "_Rows";

/// Where it says which partitions its rows lay in before, as long as they are not deleted.
pub(crate) const REPLACED: &str = "_Replaced";

/// The definition with other rows; those that it has are replaced. `None`: it has these already.
pub(crate) fn with_fresh_rows(stored: &Element, rows: String) -> Option<Element> {
    let before = stored.text_of(ROWS).unwrap_or_default();
    if before == rows {
        return None;
    }
    let mut becomes = stored.clone();
    becomes.children.push(Element::of(REPLACED, before));
    tree::set(&mut becomes, ROWS, rows);
    Some(becomes)
}

/// The names of all partitions that a definition has or had.
pub(crate) fn names_in(definition: &Element) -> impl Iterator<Item = &str> {
    let of = |name: &'static str| definition.all(name).map(|child| child.text.as_str());
    of(ROWS).chain(of(REPLACED)).filter(|name| !name.is_empty())
}
