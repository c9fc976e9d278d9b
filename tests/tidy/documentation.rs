//! Rules for pages: settings, codes and commands that they name are those of the code, links lead
//! somewhere, and what is tried against the server has its tests.

use std::collections::BTreeSet;
use std::path::Path;

use crate::sources::{files, none, read, root, rust_files};

/// Read by the code and never given to a deployed function.
const LOCAL_ONLY: [&str; 1] = ["ALLOW_HTTP_CALLBACKS"];

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
