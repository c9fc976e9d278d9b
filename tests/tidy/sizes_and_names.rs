//! Rules for each file: what it says of itself, how long it is, and names that say something.

use std::path::Path;

use crate::sources::{File, declared, none, rust_files};

/// Longest file, not counting its tests: what one can hold in mind.
const LINES_MAX: usize = 400;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 13] = [
    "base", "common", "core", "ext", "helper", "helpers", "manager", "misc", "models", "service",
    "types", "util", "utils",
];

/// Endings of type names that say nothing, either.
const EMPTY_ENDINGS: [&str; 4] = ["Helper", "Impl", "Manager", "Util"];

#[test]
fn every_file_says_what_it_is_for() {
    none(
        rust_files()
            .filter(|file| !file.text.starts_with("//!"))
            .map(|file| file.name),
    );
}

#[test]
fn no_file_is_too_long() {
    none(
        rust_files()
            .filter(|file| !file.is_test())
            .filter_map(|file| {
                let lines = file.without_tests().lines().count();
                (lines > LINES_MAX)
                    .then(|| format!("{} has {lines} lines without its tests", file.name))
            }),
    );
}

#[test]
fn names_say_what_is_inside() {
    none(
        rust_files()
            .filter(|file| {
                let path = Path::new(&file.name);
                path.iter()
                    .filter_map(|part| Path::new(part).file_stem()?.to_str())
                    .any(|stem| EMPTY_NAMES.contains(&stem))
            })
            .map(|file| file.name),
    );
    none(rust_files().flat_map(|file| {
        file.code()
            .filter_map(|line| declared(line, &["struct", "enum", "trait", "type"]))
            .filter(|name| {
                EMPTY_ENDINGS
                    .iter()
                    .any(|end_reason| name.ends_with(end_reason))
            })
            .map(|name| format!("{name} in {}", file.name))
            .collect::<Vec<_>>()
    }));
}

/// A test is no second implementation: a trait with one is a detour.
#[test]
fn every_trait_has_two_implementations() {
    let code: Vec<File> = rust_files().filter(|file| !file.is_test()).collect();
    none(code.iter().flat_map(|file| {
        file.code()
            .filter_map(|line| declared(line, &["trait"]))
            .filter_map(|name| {
                let implemented = code
                    .iter()
                    .flat_map(File::code)
                    .filter(|line| line.trim_start().starts_with("impl"))
                    .filter(|line| {
                        line.contains(&format!("{name} for "))
                            || line.contains(&format!("{name}> for "))
                    })
                    .count();
                (implemented < 2).then(|| format!("{name} in {} has {implemented}", file.name))
            })
    }));
}

#[test]
fn no_test_is_left_out() {
    let ignore = ["#[ign", "ore"].concat();
    none(
        rust_files()
            .filter(|file| file.text.contains(&ignore))
            .map(|file| file.name),
    );
}
