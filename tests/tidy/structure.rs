//! The structure of the house: no circle of files inside a crate, and no story that is not told. A
//! shared type lives below those who use it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// `pub use` of a `pub use`, and so on: deeper than any there is.
const REEXPORTS_MAX: usize = 8;

/// Words that say where a call, its outcome or a reply lies: types, and beginnings of sort keys.
const LOCATIONS: [&str; 10] = [
    "EmbeddedCall",
    "EmbeddedEnd",
    "EmbeddedReply",
    "OutcomeReply",
    "ReplyLocation",
    ".embedded.",
    "\"CALL#",
    "\"CALL$",
    "\"OUTCOME#",
    "\"REPLY#",
];

/// A module by its path inside its crate: `["aws", "table"]`; the root is empty.
type ModulePath = Vec<String>;

/// The files of one crate, by module.
struct Crate {
    name: String,
    files: BTreeMap<ModulePath, String>,
}

/// A name of a `use`, and what it is called there: `a::B as C`.
struct Used {
    path: ModulePath,
    name: Option<String>,
}

#[test]
fn files_do_not_use_each_other_in_a_circle() {
    let mut circles = BTreeSet::new();
    for one in crates() {
        circles.extend(circles_of(&one));
    }
    let circles: Vec<String> = circles.into_iter().collect();
    assert!(circles.is_empty(), "\n  {}\n", circles.join("\n  "));
}

/// A small call alone lies in its conversation's header, and a small reply with its outcome. Whoever
/// branches on that elsewhere has to be changed with it: read with `load_call`, `load_outcome` and
/// `load_reply`, and write what `EndRecords` and `RecordsOfCall` say.
#[test]
fn only_records_know_where_a_call_lies() {
    let mut elsewhere = Vec::new();
    let mut in_records = 0;
    for one in crates() {
        for (module, text) in &one.files {
            let is_record = module.first().is_some_and(|floor| floor == "records");
            let found = LOCATIONS.iter().filter(|word| text.contains(**word));
            if one.name == "shared/cloud" && is_record {
                in_records += found.count();
            } else if !(one.name == "shared/cloud" && module.join("/") == "aws/reply_wake_up") {
                let place = format!("{}: {}", one.name, module.join("/"));
                elsewhere.extend(found.map(|word| format!("{place} says {word}")));
            }
        }
    }
    assert!(in_records >= LOCATIONS.len(), "the words are those in use");
    assert!(elsewhere.is_empty(), "\n  {}\n", elsewhere.join("\n  "));
}

/// Cargo looks for tests by itself only where it is not told what there is.
#[test]
fn every_file_of_tests_is_part_of_a_program() {
    let mut forgotten = Vec::new();
    let mut looked_at = 0;
    for (manifest, text) in manifests().filter(|(_, text)| text.contains("autotests = false")) {
        looked_at += 1;
        let folder = manifest.parent().expect("a folder").join("tests");
        let main = fs::read_to_string(folder.join("main.rs")).expect("tests/main.rs");
        for path in rust_files_in(&folder) {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_listed = stem == "main"
                || main.lines().any(|line| line == format!("mod {stem};"))
                || text.contains(&format!("path = \"tests/{name}\""));
            if !is_listed {
                let main = folder.join("main.rs");
                forgotten.push(format!("mod {stem}; is missing in {}", main.display()));
            }
        }
    }
    assert!(looked_at > 0, "no crate names its tests");
    assert!(forgotten.is_empty(), "\n  {}\n", forgotten.join("\n  "));
}

#[test]
fn a_circle_is_found_through_the_names_that_others_hand_on() {
    let one = made_of(&[
        (&[], "pub use a::X;\npub use self::b::Y as Z;"),
        (&["a"], "use crate::Z;\npub struct X;"),
        (
            &["b"],
            "pub struct Y;\nfn f(x: crate::c::X) { super::g(); }",
        ),
        (&["c"], "pub(crate) use crate::{Root, a::X};"),
        (&["d"], "use crate::{a::{self, X}, b::Y};"),
        (&["d", "e"], "use super::one;\nuse crate::d::two;"),
    ]);
    let found: Vec<String> = circles_of(&one).into_iter().collect();
    assert_eq!(found, ["example: a and b"]);
    assert!(circles_of(&made_of(&[(&["a"], "use crate::b;"), (&["b"], "")])).is_empty());
}

/// Each said once, as `crate: a and b`, by the files that reach each other.
fn circles_of(one: &Crate) -> BTreeSet<String> {
    let uses: BTreeMap<&ModulePath, BTreeSet<ModulePath>> = one
        .files
        .iter()
        .map(|(module, text)| (module, used_modules(one, module, text)))
        .collect();
    let reached: BTreeMap<&ModulePath, BTreeSet<&ModulePath>> = one
        .files
        .keys()
        .map(|module| (module, reached_from(module, &uses)))
        .collect();
    let mut circles = BTreeSet::new();
    for (module, beyond) in &reached {
        if !beyond.contains(*module) {
            continue;
        }
        let together: Vec<String> = beyond
            .iter()
            .filter(|other| reached[**other].contains(*module))
            .map(|other| other.join("/"))
            .collect();
        circles.insert(format!("{}: {}", one.name, together.join(" and ")));
    }
    circles
}

/// The modules of all that is named by a path. A module and those that it declares are one thing in
/// several files, and the root declares all: neither counts.
fn used_modules(one: &Crate, here: &[String], text: &str) -> BTreeSet<ModulePath> {
    let mut used = BTreeSet::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in text.match_indices(start) {
            // `$crate::` is another's; `my_crate::` is another word; `super::super::` begins before.
            let before = text[..at].chars().next_back();
            let goes_on = |letter: char| letter.is_alphanumeric() || "_$:".contains(letter);
            if before.is_some_and(goes_on) {
                continue;
            }
            for found in names_at(&text[at..]) {
                let Some(module) = module_of(one, here, &found.path, REEXPORTS_MAX) else {
                    continue;
                };
                if !module.is_empty() && !here.starts_with(&module) && !module.starts_with(here) {
                    used.insert(module);
                }
            }
        }
    }
    used
}

/// The module in which a path ends, seen from another.
fn module_of(one: &Crate, from: &[String], path: &[String], depth: usize) -> Option<ModulePath> {
    let (base, rest) = match path.first().map(String::as_str) {
        Some("crate") => (Vec::new(), &path[1..]),
        Some("self") => (from.to_vec(), &path[1..]),
        Some("super") => {
            let above = from.get(..from.len().checked_sub(1)?)?;
            let rest = path.get(1..)?;
            if rest.first().is_some_and(|word| word == "super") {
                return module_of(one, above, rest, depth);
            }
            (above.to_vec(), rest)
        }
        Some(_) | None => (from.to_vec(), path),
    };
    let whole = [base, rest.to_vec()].concat();
    let length = (0..=whole.len())
        .rev()
        .find(|length| one.files.contains_key(&whole[..*length]))?;
    let (module, beyond) = whole.split_at(length);
    let Some(name) = beyond.first().filter(|_| depth > 0) else {
        return Some(module.to_vec());
    };
    let handed_on = handed_on(&one.files[module], name)
        .and_then(|path| module_of(one, module, &path, depth - 1));
    Some(handed_on.unwrap_or_else(|| module.to_vec()))
}

/// Where a file that says `pub use` has the name from.
fn handed_on(text: &str, name: &str) -> Option<ModulePath> {
    let public = text.match_indices("pub").filter_map(|(at, word)| {
        let rest = &text[at + word.len()..];
        let rest = match rest.strip_prefix('(') {
            Some(rest) => rest.split_once(')')?.1,
            None => rest,
        };
        rest.strip_prefix(" use ")
    });
    public.flat_map(names_at).find_map(|found| {
        let called = found.name.as_ref().or(found.path.last());
        (called.is_some_and(|called| called == name)).then_some(found.path)
    })
}

/// The names that begin here: one, or those of a group in braces.
fn names_at(text: &str) -> Vec<Used> {
    let mut names = Vec::new();
    collect_names(text, &[], &mut names);
    names
}

/// Gives back what is left behind the names.
fn collect_names<'a>(text: &'a str, before: &[String], names: &mut Vec<Used>) -> &'a str {
    let mut path = before.to_vec();
    let mut rest = text;
    loop {
        if let Some(group) = rest.strip_prefix('{') {
            rest = group.trim_start();
            while !rest.is_empty() && !rest.starts_with('}') {
                let behind = collect_names(rest, &path, names);
                if behind.len() == rest.len() {
                    return behind;
                }
                rest = behind.trim_start().trim_start_matches(',').trim_start();
            }
            return rest.strip_prefix('}').unwrap_or(rest);
        }
        let (word, behind) = word_of(rest);
        rest = behind;
        // `a::{self}` is `a`.
        let is_itself = word == "self" && !path.is_empty();
        path.extend((!word.is_empty() && !is_itself).then(|| word.to_owned()));
        match rest.strip_prefix("::") {
            Some(behind) if !word.is_empty() => rest = behind,
            Some(_) | None => break,
        }
    }
    let name = rest.strip_prefix(" as ").map(|behind| {
        let (word, behind) = word_of(behind);
        rest = behind;
        word.to_owned()
    });
    names.push(Used { path, name });
    rest
}

fn word_of(text: &str) -> (&str, &str) {
    let is_other = |letter: char| !letter.is_alphanumeric() && letter != '_';
    text.split_at(text.find(is_other).unwrap_or(text.len()))
}

fn reached_from<'a>(
    module: &ModulePath,
    uses: &'a BTreeMap<&ModulePath, BTreeSet<ModulePath>>,
) -> BTreeSet<&'a ModulePath> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&ModulePath> = uses.get(module).into_iter().flatten().collect();
    while let Some(module) = next.pop() {
        if reached.insert(module) {
            next.extend(uses.get(module).into_iter().flatten());
        }
    }
    reached
}

fn made_of(files: &[(&[&str], &str)]) -> Crate {
    let owned = |module: &[&str]| module.iter().map(|word| (*word).to_owned()).collect();
    Crate {
        name: "example".to_owned(),
        files: files
            .iter()
            .map(|(module, text)| (owned(module), (*text).to_owned()))
            .collect(),
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn manifests() -> impl Iterator<Item = (PathBuf, String)> {
    let folders = ["shared", "functions", "infra", "tests"].into_iter();
    let crates = folders.flat_map(|floor| fs::read_dir(root().join(floor)).expect("a folder"));
    crates.map_while(Result::ok).filter_map(|folder| {
        let manifest = folder.path().join("Cargo.toml");
        let text = fs::read_to_string(&manifest).ok()?;
        Some((manifest, text))
    })
}

fn crates() -> Vec<Crate> {
    let root = root().canonicalize().expect("a folder");
    let mut crates = Vec::new();
    for floor in ["shared", "functions", "infra"] {
        let folders = fs::read_dir(root.join(floor)).expect("a folder");
        for folder in folders.map_while(Result::ok) {
            let source = folder.path().join("src");
            if source.is_dir() {
                let mut files = BTreeMap::new();
                collect(&source, &source, &mut files);
                let name = format!("{floor}/{}", folder.file_name().to_string_lossy());
                crates.push(Crate { name, files });
            }
        }
    }
    assert!(crates.len() > 5, "crates are found");
    crates
}

fn rust_files_in(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map_while(Result::ok).map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|it| it == "rs"))
}

fn collect(source: &Path, folder: &Path, files: &mut BTreeMap<ModulePath, String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        if path.is_dir() {
            collect(source, &path, files);
        }
    }
    for path in rust_files_in(folder) {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        if stem == "tests" || stem.ends_with("_tests") {
            continue;
        }
        let inside = folder.strip_prefix(source).unwrap_or(Path::new(""));
        let mut module: ModulePath = inside
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        if !["lib", "main", "mod"].contains(&&*stem) {
            module.push(stem.into_owned());
        }
        let text = fs::read_to_string(&path).expect("readable");
        let code = without_tests_and_comments(&text);
        files.entry(module).or_default().push_str(&code);
    }
}

fn without_tests_and_comments(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| format!("{line}\n")).collect()
}
