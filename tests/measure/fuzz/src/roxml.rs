//! The document as `roxmltree` reads it, which shares no code with our reader.

use roxmltree::{Document, Node, NodeType};
use soap::{Expanded, Piece};

/// `None`: the parser refuses it, which it does with every DOCTYPE.
pub fn outline(text: &str) -> Result<Vec<Piece>, roxmltree::Error> {
    let document = Document::parse(text)?;
    let mut pieces = Vec::new();
    // Not by recursion: how deep it is, is the input's choice.
    let mut open = vec![document.root_element()];
    pieces.push(start(document.root_element()));
    let mut next = document.root_element().first_child();
    while let Some(inner) = open.last().copied() {
        let Some(node) = next else {
            pieces.push(Piece::End);
            next = inner.next_sibling();
            open.pop();
            continue;
        };
        match node.node_type() {
            NodeType::Element => {
                pieces.push(start(node));
                open.push(node);
                next = node.first_child();
                continue;
            }
            NodeType::Text => crate::push_text(&mut pieces, node.text().unwrap_or_default()),
            NodeType::Root | NodeType::PI | NodeType::Comment => {}
        }
        next = node.next_sibling();
    }
    Ok(pieces)
}

fn start(node: Node<'_, '_>) -> Piece {
    let name = node.tag_name();
    let mut attributes: Vec<_> = node
        .attributes()
        .map(|attribute| {
            (
                expanded(attribute.namespace(), attribute.name()),
                attribute.value().to_owned(),
            )
        })
        .collect();
    attributes.sort();
    Piece::Start(expanded(name.namespace(), name.name()), attributes)
}

fn expanded(namespace: Option<&str>, local: &str) -> Expanded {
    Expanded {
        namespace: namespace.unwrap_or_default().to_owned(),
        local: local.to_owned(),
    }
}
