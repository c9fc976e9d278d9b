//! Rules between crates: what a pure crate may not do, who may decide by the name of a type, and
//! dependencies that are used.

use std::collections::BTreeSet;

use crate::sources::{File, files, manifests, none, read, rust_files};

/// Crates that decide and do nothing else.
const PURE: [&str; 3] = ["shared/calls", "shared/soap", "shared/objects"];

/// What would make a decision depend on something other than its arguments.
const IMPURE: [&str; 10] = [
    ".await",
    "async fn",
    "async move",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "std::env",
    "std::fs",
    "std::net",
];

/// Crates that could await, reach AWS or roll dice.
const IMPURE_CRATES: [&str; 8] = [
    "async",
    "aws",
    "cloud",
    "futures",
    "getrandom",
    "lambda",
    "tokio",
    "uuid",
];

/// The first has lints of its own, because libFuzzer and expat are C and C++; the second stands
/// outside the workspace.
const OWN_LINTS: [&str; 2] = [
    "tests/measure/fuzz/Cargo.toml",
    "tests/lanes/clients/standardwebhooks/Cargo.toml",
];

/// Named by a manifest for its features alone.
const FEATURES_ONLY: &str = "getrandom";

#[test]
fn what_is_pure_stays_pure() {
    none(
        rust_files()
            .filter(|file| in_pure_crate(&file.name))
            .flat_map(|file| {
                file.code()
                    .filter(|line| IMPURE.iter().any(|impure| line.contains(impure)))
                    .map(|line| format!("{}: {}", file.name, line.trim()))
                    .collect::<Vec<_>>()
            }),
    );
    none(PURE.iter().flat_map(|pure| {
        dependencies(&read(&format!("{pure}/Cargo.toml")), "[dependencies]")
            .into_iter()
            .filter(|name| IMPURE_CRATES.iter().any(|impure| name.starts_with(impure)))
            .map(move |name| format!("{pure} depends on {name}"))
    }));
}

/// What a type of object can do is a row of the registry in `objects`; whoever decides by its name
/// elsewhere is missed by whoever adds a type.
#[test]
fn nobody_outside_objects_decides_by_the_name_of_a_type() {
    let names = object_types();
    assert!(names.contains("TriggeredSend"), "{names:?}");
    none(
        rust_files()
            .filter(|file| !file.is_test() && may_not_name_types(&file.name))
            .flat_map(|file| {
                let decides = |line: &&str| {
                    let mut words = line.split('"').skip(1).step_by(2);
                    words.any(|word| names.contains(word) && is_decided_by(line, word))
                };
                file.code()
                    .filter(decides)
                    .map(|line| format!("{}: {}", file.name, line.trim()))
                    .collect::<Vec<_>>()
            }),
    );
}

#[test]
fn no_function_carries_the_local_cloud() {
    none(
        manifests()
            .filter(|(name, _)| name.starts_with("functions/") || name.starts_with("shared/"))
            .filter_map(|(name, text)| {
                dependencies(&text, "[dependencies]")
                    .contains("local")
                    .then(|| format!("{name} depends on local"))
            }),
    );
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    none(
        manifests()
            .filter(|(name, text)| {
                text.contains("[package]")
                    && !text.contains("[lints]\nworkspace = true")
                    && !OWN_LINTS.contains(&name.as_str())
            })
            .map(|(name, _)| name),
    );
}

/// Every dependency is named by its crate's code: one that is not costs whoever builds and reads.
#[test]
fn every_dependency_is_used() {
    let sources: Vec<File> = rust_files().collect();
    let unused = manifests().flat_map(|(name, text)| {
        let folder = name.trim_end_matches("Cargo.toml").to_owned();
        let sections = [
            "[dependencies]",
            "[dev-dependencies]",
            "[build-dependencies]",
        ];
        let named = sections.map(|section| dependencies(&text, section));
        let is_used = |crate_name: &String| {
            let path = match crate_name.as_str() {
                "dynoxide-rs" => "dynoxide::".to_owned(),
                "md-5" => "md5::".to_owned(),
                _ => format!("{}::", crate_name.replace('-', "_")),
            };
            sources
                .iter()
                .any(|file| file.name.starts_with(&folder) && file.text.contains(&path))
        };
        let named = named.into_iter().flatten();
        let unused = named.filter(|it| it != FEATURES_ONLY && !is_used(it));
        unused.map(|it| format!("{name}: {it}")).collect::<Vec<_>>()
    });
    none(unused);
}

/// A line that compares, matches, makes or asks for an object by the name of its type. Names of
/// elements, many of which are the same, are none of these.
fn is_decided_by(line: &str, name: &str) -> bool {
    [
        format!("== Some(\"{name}\")"),
        format!("!= Some(\"{name}\")"),
        format!("Some(\"{name}\") =>"),
        format!("type_name == \"{name}\""),
        format!("object_type == \"{name}\""),
        format!("object_type(\"{name}\")"),
        format!("retrieve_from(&overlay, \"{name}\")"),
        format!("type_name: Some(\"{name}\""),
        format!("typed(\"{name}\")"),
        format!("\"{name}\" =>"),
    ]
    .iter()
    .any(|pattern| line.contains(pattern))
}

fn may_not_name_types(file: &str) -> bool {
    let is_product = file.starts_with("functions/") || file.starts_with("shared/");
    is_product && !file.starts_with("shared/objects/")
}

/// All that is derived from the protocol's APIObject, as the model tells.
fn object_types() -> BTreeSet<String> {
    let models = files("txt").filter(|file| file.name.starts_with("shared/soap/model/"));
    let texts: Vec<String> = models.map(|file| file.text).collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    let derived: Vec<(&str, &str)> = lines
        .filter_map(|line| {
            let rest = line
                .strip_prefix("type ")
                .or_else(|| line.strip_prefix("abstract "))?;
            let (name, base) = rest.split('=').next()?.split_once(':')?;
            Some((name.trim(), base.trim()))
        })
        .collect();
    let mut found = BTreeSet::from(["APIObject".to_owned()]);
    loop {
        let more = derived.iter().filter(|(_, base)| found.contains(*base));
        let more: Vec<String> = more.map(|(name, _)| (*name).to_owned()).collect();
        let before = found.len();
        found.extend(more);
        if found.len() == before {
            return found;
        }
    }
}

fn in_pure_crate(name: &str) -> bool {
    PURE.iter()
        .any(|pure| name.starts_with(&format!("{pure}/src/")))
}

/// Names in one section of a manifest.
fn dependencies(manifest: &str, section: &str) -> BTreeSet<String> {
    manifest
        .lines()
        .skip_while(|line| *line != section)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect()
}
