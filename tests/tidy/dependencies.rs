//! T8: what comes from others is what was chosen. Sources, licences and bans are those of
//! `deny.toml`, held against `Cargo.lock` and what cargo knows of each crate.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[track_caller]
fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The text behind `key = "` in a block, up to the quotation mark.
fn value<'a>(block: &'a str, key: &str) -> Option<&'a str> {
    let start = format!("{key} = \"");
    let line = block.lines().find_map(|line| line.strip_prefix(&start))?;
    line.strip_suffix('"')
}

/// The lines of a section of a manifest, down to the next one.
fn section(text: &str, name: &str) -> String {
    let lines = text.lines().skip_while(|line| *line != name).skip(1);
    let lines: Vec<&str> = lines.take_while(|line| !line.starts_with('[')).collect();
    lines.join("\n")
}

/// All that stands between quotation marks behind `key = "` or, with an empty key, anywhere.
fn quoted(text: &str, key: &str) -> Vec<String> {
    let mark = format!("{key}\"");
    let found = text.split(&mark).skip(1);
    let found = found.filter_map(|rest| rest.split('"').next());
    found.map(str::to_owned).collect()
}

#[test]
fn t08_everything_comes_from_the_registry_and_is_what_it_was() {
    let lock = read("Cargo.lock");
    let packages: Vec<&str> = lock.split("[[package]]").skip(1).collect();
    assert!(packages.len() > 100, "it is read wrongly");
    let mut sources: Vec<&str> = Vec::new();
    for package in packages {
        // Our own have neither.
        let (source, checksum) = (value(package, "source"), value(package, "checksum"));
        assert_eq!(source.is_some(), checksum.is_some(), "{package}");
        sources.extend(source);
    }
    sources.sort_unstable();
    sources.dedup();
    assert_eq!(sources.len(), 1, "{sources:?}");
    assert!(sources[0].starts_with("registry+https://"), "{sources:?}");
}

#[test]
fn t08_what_is_banned_is_not_there() {
    let bans = section(&read("deny.toml"), "[bans]");
    let bans = quoted(&bans, "crate = ");
    assert!(bans.len() > 2, "{bans:?}");
    let lock = read("Cargo.lock");
    for ban in bans {
        let (name, version) = ban.split_once(':').unwrap_or((&ban, ""));
        let found = lock.split("[[package]]").find(|package| {
            value(package, "name") == Some(name)
                && value(package, "version").is_some_and(|it| it.starts_with(version))
        });
        assert_eq!(found, None, "{ban} is banned by deny.toml");
    }
}

#[test]
fn t08_every_licence_is_one_that_is_allowed() {
    let policy = read("deny.toml");
    let allowed = section(&policy, "[licenses]");
    let allowed = allowed.split("allow = ").nth(1).unwrap_or_default();
    // Every other piece stands between two.
    let allowed: Vec<String> = quoted(allowed, "").into_iter().step_by(2).collect();
    assert!(allowed.len() > 4, "{allowed:?}");
    // Not offline: on a new machine this comes before the crates do, and fetches them.
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--locked"])
        .args(["--edges", "normal,build,dev", "--prefix", "none"])
        .args(["--format", "{p}|{l}"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&tree.stderr);
    assert!(tree.status.success(), "{said}");
    let tree = String::from_utf8_lossy(&tree.stdout);
    let crates: Vec<(&str, &str)> = tree
        .lines()
        .filter_map(|line| line.trim_end_matches(" (*)").split_once('|'))
        .collect();
    assert!(crates.len() > 200, "{tree}");
    for (name, licence) in crates {
        assert!(
            is_allowed(licence, &allowed),
            "{name} is under {licence:?}, which deny.toml does not allow"
        );
    }
}

/// Whether one may take the thing under licences that are all allowed: OR gives the choice, AND
/// takes it, brackets hold together.
fn is_allowed(licence: &str, allowed: &[String]) -> bool {
    let licence = licence.replace('/', " OR ");
    if let Some((before, rest)) = licence.split_once('(')
        && let Some((inner, after)) = rest.split_once(')')
    {
        // What is in brackets is as good as the first allowed one, or as none.
        let one = if is_allowed(inner, allowed) {
            &allowed[0]
        } else {
            "nothing"
        };
        return is_allowed(&format!("{before}{one}{after}"), allowed);
    }
    let known = |name: &str| allowed.iter().any(|it| it == name.trim());
    licence
        .split(" OR ")
        .any(|all| all.split(" AND ").all(known))
}

#[test]
fn licences_are_read_as_they_are_meant() {
    let allowed = ["MIT".to_owned(), "ISC".to_owned()];
    for (licence, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("MIT AND ISC", true),
        ("(GPL-3.0 OR MIT) AND ISC", true),
        ("(GPL-3.0 OR MIT) AND GPL-2.0", false),
        ("ISC AND (GPL-3.0 AND MIT)", false),
        ("MIT WITH Something", false),
    ] {
        assert_eq!(is_allowed(licence, &allowed), expected, "{licence}");
    }
}
