//! One name, one type: what an engineer looks for by its name is found once in the whole workspace.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every crate has its own, and nobody takes one for another's.
const MAY_REPEAT: [&str; 2] = ["Error", "Result"];

/// What begins the definition of a type.
const KEYWORDS: [&str; 5] = ["struct", "enum", "trait", "union", "type"];

#[test]
fn no_two_types_have_one_name() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in product_files() {
        let text = fs::read_to_string(&path).expect("a file of ours");
        for (number, line) in without_tests(&text).lines().enumerate() {
            if let Some(name) = defined_type(line) {
                let place = format!("{}:{}", path.display(), number + 1);
                places.entry(name.to_owned()).or_default().push(place);
            }
        }
    }
    assert!(places.len() > 300, "only {} types were found", places.len());
    let twice: Vec<String> = places
        .into_iter()
        .filter(|(name, places)| places.len() > 1 && !MAY_REPEAT.contains(&name.as_str()))
        .map(|(name, places)| format!("{name}: {}", places.join(", ")))
        .collect();
    assert!(twice.is_empty(), "\n  {}\n", twice.join("\n  "));
}

#[test]
fn definitions_of_types_are_recognised() {
    let cases = [
        ("pub struct Call {", Some("Call")),
        ("    enum Inner<'a> {", Some("Inner")),
        ("pub(crate) type Key = u8;", Some("Key")),
        ("pub trait Clock: Send {", Some("Clock")),
        // Of a trait that is implemented, thus not a name of ours.
        ("    type Item = u8;", None),
        ("// struct Call of old", None),
        ("let structure = 1;", None),
    ];
    for (line, expected) in cases {
        assert_eq!(defined_type(line), expected, "{line}");
    }
}

/// The name of the type that begins on this line.
fn defined_type(line: &str) -> Option<&str> {
    let is_indented = line.starts_with(' ');
    let mut words = line
        .split_whitespace()
        .skip_while(|word| word.starts_with("pub"));
    let keyword = words.next()?;
    if !KEYWORDS.contains(&keyword) || (keyword == "type" && is_indented) {
        return None;
    }
    let name = words.next()?;
    let end = name.find(|it: char| !it.is_alphanumeric() && it != '_');
    Some(&name[..end.unwrap_or(name.len())])
}

fn without_tests(text: &str) -> &str {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    &text[..end]
}

/// All of the product's own files; those of tests may call theirs what they like.
fn product_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for floor in ["functions", "infra", "shared"] {
        for one in folders_in(&root.join(floor)) {
            collect(&one.join("src"), &mut found);
        }
    }
    assert!(found.len() > 200, "only {} files were found", found.len());
    found
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of ours");
    entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).into_iter().flatten();
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_of_tests = name == "tests.rs" || name == "tests" || name.ends_with("_tests.rs");
        if path.is_dir() && !is_of_tests {
            collect(&path, found);
        } else if name.ends_with(".rs") && !is_of_tests {
            found.push(path);
        }
    }
}
