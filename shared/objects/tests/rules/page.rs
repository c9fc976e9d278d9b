//! docs/objects.md: what the page says of a type and a method is so.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use calls::{AccountId, Method};
use objects::{Overlay, object_type, retrieve_from};

const PAGE: &str = include_str!("../../../../docs/objects.md");

const OTHERS: &str = "every other type";

/// The cells of each row of the table of types.
fn rows() -> Vec<Vec<&'static str>> {
    let lines = PAGE
        .lines()
        .skip_while(|line| !line.starts_with("| type |"));
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

fn is_retrieved(name: &str) -> bool {
    let found = object_type(name).expect("a type");
    // Of rows it is said which data extension they are of.
    let of_one = format!("{name}[x]");
    let overlay = Overlay::new(&AccountId("acme".to_owned()));
    let has_source = |name: &str| !matches!(retrieve_from(&overlay, name), Ok(Err(_)));
    found.call_view().is_some() || has_source(name) || has_source(&of_one)
}

/// What is wrong with a row, of one of the types that it stands for.
fn check_row(name: &str, row: &[&str]) -> Result<(), String> {
    let found = object_type(name).ok_or("there is no such type")?;
    let methods = [Method::Create, Method::Update, Method::Delete];
    for (method, cell) in methods.into_iter().zip(&row[1..4]) {
        let says = match *cell {
            "does" | "kept" => true,
            "refused" => false,
            other => return Err(format!("{other} is none of does, kept and refused")),
        };
        if found.methods.contains(&method) != says {
            return Err(format!("{method:?} is not {cell}"));
        }
    }
    let actions = match found.actions {
        [] => "refused".to_owned(),
        actions => format!("`{}`", actions.join("`, `")),
    };
    if actions != row[4] {
        return Err(format!("Perform is {actions}, not {}", row[4]));
    }
    match (row[5], is_retrieved(name)) {
        ("does" | "kept", true) | ("refused", false) => Ok(()),
        (cell, _) => Err(format!("Retrieve is not {cell}")),
    }
}

#[test]
fn the_page_tells_what_becomes_of_every_type() {
    let rows = rows();
    let (others, special): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row[0] == OTHERS);
    let [others] = others.as_slice() else {
        panic!("one row for all others")
    };
    let mut seen = BTreeSet::new();
    for row in special {
        let name = row[0].trim_matches('`');
        assert_eq!(check_row(name, row), Ok(()), "{name}");
        assert!(seen.insert(name), "{name} is there twice");
        assert!(
            !row.contains(&"kept"),
            "{name}: what is only kept is one of the others"
        );
    }
    let mut kept = 0;
    for name in objects::names().filter(|name| !seen.contains(name)) {
        assert_eq!(
            check_row(name, others),
            Ok(()),
            "{name} needs a row of its own"
        );
        kept += 1;
    }
    assert!(kept > 100, "{kept} types are only kept");
}

#[test]
fn every_cell_is_shown_by_a_test_that_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = ["shared/objects/tests/rules", "tests/journeys/tests"];
    let mut tests = String::new();
    for folder in folders {
        let files = fs::read_dir(root.join(folder)).expect("a folder");
        for file in files {
            let path = file.expect("a file").path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                tests += &fs::read_to_string(path).expect("a file of text");
            }
        }
    }
    for row in rows() {
        let named: Vec<&str> = row[6]
            .split(", ")
            .map(|name| name.trim_matches('`'))
            .collect();
        for name in named {
            assert!(tests.contains(&format!("fn {name}(")), "{}: {name}", row[0]);
        }
    }
}

/// What would act and cannot is refused by name, whatever is kept of it.
#[test]
fn what_would_act_is_refused_at_the_door_by_name() {
    for name in ["QueryDefinition", "Automation", "FileTransferActivity"] {
        let object = soap::Element::new("Definition")
            .typed(name)
            .with(soap::Element::of("CustomerKey", "a"));
        let options = calls::Options::default();
        let check = |method, action| {
            objects::check(method, action, &options, std::slice::from_ref(&object))
        };
        assert!(check(Method::Create, None).is_ok(), "{name} is kept");
        let refusal = check(Method::Perform, Some("start")).expect_err("refused");
        assert!(refusal.to_string().contains(name), "{refusal}");
    }
}
