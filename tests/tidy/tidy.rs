//! The rules of the house, as tests: names, lengths, what a pure crate may not do, and that
//! settings, template and documentation speak of the same variables.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Longest file, not counting its tests: what one can hold in mind.
const LINES_MAX: usize = 400;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 13] = [
    "base", "common", "core", "ext", "helper", "helpers", "manager", "misc", "models", "service",
    "types", "util", "utils",
];

/// Endings of type names that say nothing, either.
const EMPTY_ENDINGS: [&str; 4] = ["Helper", "Impl", "Manager", "Util"];

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

/// Read by the code and never given to a deployed function.
const LOCAL_ONLY: [&str; 1] = ["ALLOW_HTTP_CALLBACKS"];

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

/// What is tried against the server has numbers, and each number the name of a test: `x05_...`.
#[test]
fn every_attack_that_is_listed_is_tried() {
    let listed = [('x', 14), ('s', 10), ('h', 7), ('t', 9)];
    let names: Vec<String> = files("rs")
        .chain(files("py"))
        .flat_map(|file| {
            let lines = file.text.lines().map(str::trim_start);
            let tests = lines.filter(|line| {
                line.starts_with("fn ")
                    || line.starts_with("async fn ")
                    || line.starts_with("def test_")
            });
            tests.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    none(
        listed
            .into_iter()
            .flat_map(|(list, count)| (1..=count).map(move |number| format!("{list}{number:02}_")))
            .filter(|number| {
                !names.iter().any(|name| {
                    name.contains(&format!(" {number}")) || name.contains(&format!("_{number}"))
                })
            }),
    );
}

#[test]
fn settings_and_template_and_handbook_name_the_same_variables() {
    let mut read_by_code = capitals_in_quotes(&read("shared/cloud/src/settings.rs"));
    // The SDK's own, of which the template sets these two; the platform sets its others.
    let of_the_sdk = capitals_in_quotes(&read("shared/cloud/src/aws/clients.rs"));
    read_by_code.extend(
        of_the_sdk
            .into_iter()
            .filter(|name| name.starts_with("AWS_USE_")),
    );
    assert!(
        read_by_code.len() > 5,
        "settings are no longer found: {read_by_code:?}"
    );

    let mut given = variables_of_template(&read("template.yaml"));
    for name in LOCAL_ONLY {
        assert!(
            given.insert(name.to_owned()),
            "{name} is set by the template"
        );
    }
    assert_eq!(
        read_by_code, given,
        "settings.rs on the left, template.yaml on the right"
    );

    let explained = first_column(&read("docs/operating.md"), "## Variables");
    assert_eq!(
        read_by_code, explained,
        "settings.rs on the left, docs/operating.md on the right"
    );
}

#[test]
fn every_refusal_is_explained() {
    let explained = read("docs/errors.md");
    let refusals = read("shared/calls/src/refusal.rs");
    let codes: Vec<&str> = refusals
        .split("=> ")
        .skip(1)
        .filter_map(|rest| rest.split(',').next())
        .filter(|code| code.chars().all(|digit| digit.is_ascii_digit()))
        .collect();
    assert!(codes.len() > 10, "codes are no longer found: {codes:?}");
    none(
        codes
            .into_iter()
            .filter(|code| !explained.contains(&format!("| {code} |")))
            .map(str::to_owned),
    );
}

#[test]
fn the_codes_of_objects_that_are_given_are_those_that_are_explained() {
    let page = read("docs/errors.md");
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let first_columns = rows.filter_map(|row| row.split('|').nth(1));
    let explained: BTreeSet<u32> = first_columns.flat_map(codes_of_objects).collect();
    let given: BTreeSet<u32> = rust_files()
        .filter(|file| {
            file.name.starts_with("shared/objects/src/")
                || file.name == "functions/ingest/src/system.rs"
        })
        .flat_map(|file| codes_of_objects(&file.text))
        .collect();
    assert!(given.len() > 20, "codes are no longer found: {given:?}");
    let of = |codes: &BTreeSet<u32>, others: &BTreeSet<u32>, how: &str| {
        let alone: Vec<String> = codes
            .difference(others)
            .map(|code| format!("{code} is {how}"))
            .collect();
        alone
    };
    let unexplained = of(&given, &explained, "not explained");
    let never_given = of(&explained, &given, "never given");
    none(unexplained.into_iter().chain(never_given));
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

#[test]
fn the_two_commands_stand_in_the_readme() {
    let readme = read("README.md");
    for command in ["cargo run --release -p local", "cargo test --workspace"] {
        assert!(
            readme.contains(command),
            "README.md does not say `{command}`"
        );
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    none(files("md").flat_map(|page| {
        let folder = Path::new(&page.name)
            .parent()
            .map(Path::to_owned)
            .unwrap_or_default();
        page.text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', '#']).next())
            .filter(|link| {
                !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:")
            })
            .filter(|link| !root().join(&folder).join(link).exists())
            .map(|link| format!("{link} in {}", page.name))
            .collect::<Vec<_>>()
    }));
}

// What the rules above are made of -----------------------------------------------------------------

struct File {
    /// Path from the root.
    name: String,
    text: String,
}

impl File {
    fn without_tests(&self) -> &str {
        self.text.split("#[cfg(test)]").next().unwrap_or_default()
    }

    /// Lines that are neither tests nor comments.
    fn code(&self) -> impl Iterator<Item = &str> {
        self.without_tests()
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
    }

    fn is_test(&self) -> bool {
        Path::new(&self.name)
            .iter()
            .any(|part| part == "tests" || part == "tests.rs")
            || self.name.ends_with("_tests.rs")
    }
}

#[track_caller]
fn none(offenders: impl Iterator<Item = String>) {
    let offenders: Vec<String> = offenders.collect();
    assert!(offenders.is_empty(), "\n  {}\n", offenders.join("\n  "));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[track_caller]
fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn rust_files() -> impl Iterator<Item = File> {
    files("rs")
}

fn manifests() -> impl Iterator<Item = (String, String)> {
    files("toml")
        .filter(|file| file.name.ends_with("/Cargo.toml"))
        .map(|file| (file.name, file.text))
}

fn files(extension: &str) -> impl Iterator<Item = File> {
    let mut found = Vec::new();
    collect(&root(), extension, &mut found);
    assert!(!found.is_empty(), "no .{extension} file");
    found.sort();
    found.into_iter().map(|path| {
        let name = path
            .strip_prefix(root())
            .expect("it is below the root")
            .display()
            .to_string();
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        File { name, text }
    })
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder)
        .expect("a folder")
        .map_while(Result::ok)
    {
        let name = entry.file_name();
        // Hidden ones hold what the scripts have installed.
        let skipped =
            name.to_string_lossy().starts_with('.') || name == "target" || name == "node_modules";
        let path = entry.path();
        if path.is_dir() && !skipped {
            collect(&path, extension, found);
        } else if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
}

fn in_pure_crate(name: &str) -> bool {
    PURE.iter()
        .any(|pure| name.starts_with(&format!("{pure}/src/")))
}

/// The name that a line declares with one of the keywords: `pub struct Call {` gives `Call`.
fn declared<'a>(line: &'a str, keywords: &[&str]) -> Option<&'a str> {
    let mut words = line
        .trim_start()
        .split([' ', '<', '(', '{', ':', ';'])
        .filter(|word| !word.is_empty());
    let first = words.next()?;
    let keyword = if first.starts_with("pub") {
        words.find(|word| !word.ends_with(')'))?
    } else {
        first
    };
    keywords.contains(&keyword).then(|| words.next()).flatten()
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

/// Numbers of the protocol's list of what is wrong with an object, of the families that are used.
fn codes_of_objects(text: &str) -> Vec<u32> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter_map(|word| word.replace('_', "").parse().ok())
        .filter(|code: &u32| {
            matches!(
                code / 1_000,
                12 | 13 | 17 | 18 | 31 | 32 | 33 | 43 | 68 | 180 | 310
            )
        })
        .collect()
}

/// Names of environment variables: capitals and underscores between quotation marks.
fn capitals_in_quotes(text: &str) -> BTreeSet<String> {
    let without_tests = text.split("#[cfg(test)]").next().unwrap_or_default();
    without_tests
        .split('"')
        .filter(|word| {
            word.contains('_') && (!word.starts_with("AWS_") || word.starts_with("AWS_USE_"))
        })
        .filter(|word| {
            word.chars().all(|letter| {
                letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_'
            })
        })
        .map(str::to_owned)
        .collect()
}

/// The block below `Variables:` in the globals of the template.
fn variables_of_template(template: &str) -> BTreeSet<String> {
    let mut lines = template
        .lines()
        .skip_while(|line| line.trim() != "Variables:");
    let indent = |line: &str| line.len() - line.trim_start().len();
    let above = lines
        .next()
        .map(indent)
        .expect("the template sets variables");
    lines
        .take_while(|line| indent(line) > above)
        .filter_map(|line| line.trim().split_once(':'))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// The first column of the table below a heading, where it is code.
fn first_column(page: &str, heading: &str) -> BTreeSet<String> {
    page.lines()
        .skip_while(|line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect()
}
