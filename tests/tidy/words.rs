//! One word for one thing: names say what is meant in the field's standard terms, a constant has one
//! home, and an error is taken apart in one place.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Words that were a dialect of this house, and what stands in their place. They are parts of names:
/// `replies_owed` is refused as well.
const PRIVATE_WORDS: [(&str, &str); 18] = [
    ("asked", "request, query, requested"),
    ("chance", "random"),
    ("debt", "action, pending"),
    ("deed", "write, change"),
    ("heir", "declared type"),
    ("owed", "pending"),
    ("owes", "pending"),
    ("owing", "pending"),
    ("seal", "encrypt"),
    ("sealed", "encrypted"),
    ("standing", "record, header"),
    ("tally", "usage"),
    ("told", "report, reply"),
    ("tray", "callback log"),
    ("trouble", "error"),
    ("unrun", "skipped"),
    ("went", "step, result"),
    ("wish", "intent"),
];

/// Names of other people's methods.
const OF_OTHERS: [&str; 1] = ["seal_in_place_append_tag"];

#[test]
fn no_name_is_a_private_word() {
    let mut found = Vec::new();
    let mut names = 0;
    for path in files(&["functions", "infra", "shared", "tests"]) {
        let text = fs::read_to_string(&path).expect("a file of ours");
        for name in identifiers(&text) {
            names += 1;
            if let Some((word, instead)) = private_word(&name) {
                found.push(format!("{}: {name} ({word}: {instead})", path.display()));
            }
        }
    }
    assert!(names > 100_000, "only {names} names were found");
    found.sort();
    found.dedup();
    assert!(found.is_empty(), "\n  {}\n", found.join("\n  "));
}

#[test]
fn private_words_are_found_as_parts_of_names_alone() {
    let code = r##"
        // told in a comment
        fn outcome_told<'owed>(x: &'owed str) -> TellTold { "asked"; 'w'; r#"owed "went" "# }
    "##;
    let words: Vec<String> = identifiers(code)
        .into_iter()
        .filter(|name| private_word(name).is_some())
        .collect();
    assert_eq!(words, ["outcome_told", "TellTold"]);
    assert!(private_word("untold_basked").is_none());
}

/// A number that two files say is two facts, or a fact with two homes: either way one of the names
/// must change.
#[test]
fn a_constant_has_one_home() {
    let mut homes: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for path in files(&["functions", "infra", "shared"]) {
        if is_of_tests(&path) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a file of ours");
        for constant in constants(without_tests(&text)) {
            let place = path.display().to_string();
            homes.entry(constant).or_default().push(place);
        }
    }
    assert!(homes.len() > 200, "only {} constants", homes.len());
    let twice: Vec<String> = homes
        .into_iter()
        .filter(|(_, homes)| homes.len() > 1)
        .map(|((name, value), homes)| format!("{name} = {value}: {}", homes.join(", ")))
        .collect();
    assert!(twice.is_empty(), "\n  {}\n", twice.join("\n  "));
}

#[test]
fn constants_are_read_with_their_values() {
    let code = "/// How many.\npub(crate) const PAGE: i32 = 100;\nconst LONG: SignedDuration =\n    \
                SignedDuration::from_mins(5);\nlet x = 1;\n";
    let expected = [("PAGE", "100"), ("LONG", "SignedDuration::from_mins(5)")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(constants(code), expected);
}

/// Whoever decides again, or does not, says so with `Committed::of` or with `?`.
#[test]
fn a_commit_error_is_taken_apart_in_one_place() {
    let elsewhere: Vec<String> = files(&["functions", "infra", "shared"])
        .into_iter()
        .filter(|path| !path.ends_with("shared/cloud/src/error.rs"))
        .filter(|path| {
            let text = fs::read_to_string(path).expect("a file of ours");
            text.contains("CommitError::Cloud")
        })
        .map(|path| path.display().to_string())
        .collect();
    assert!(elsewhere.is_empty(), "\n  {}\n", elsewhere.join("\n  "));
}

/// The word of a name that is none of the field's.
fn private_word(name: &str) -> Option<(&'static str, &'static str)> {
    if OF_OTHERS.contains(&name) {
        return None;
    }
    let words = words_of(name);
    PRIVATE_WORDS
        .into_iter()
        .find(|(private, _)| words.iter().any(|word| word == private))
}

/// `outcome_told` and `OutcomeTold` are made of two words each.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for letter in name.chars() {
        if letter == '_' || (letter.is_uppercase() && was_small) {
            words.push(String::new());
        }
        was_small = letter.is_lowercase() || letter.is_ascii_digit();
        if letter != '_'
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
    }
    words
}

/// The names in a file, without those in comments and texts.
fn identifiers(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(length) = raw_text(rest) {
            length
        } else if letter == '"' {
            quoted(rest)
        } else if letter == '\'' {
            character(rest)
        } else if letter.is_alphabetic() || letter == '_' {
            let end = rest.find(|it: char| !it.is_alphanumeric() && it != '_');
            let end = end.unwrap_or(rest.len());
            names.push(rest[..end].to_owned());
            end
        } else {
            letter.len_utf8()
        };
        rest = &rest[length.max(1)..];
    }
    names
}

/// The length of a raw text that begins here.
fn raw_text(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = inner.len() - inner.trim_start_matches('#').len();
    let content = inner[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = content
        .find(&end)
        .map_or(content.len(), |at| at + end.len());
    Some(rest.len() - content.len() + length)
}

/// The length of a text in quotation marks.
fn quoted(rest: &str) -> usize {
    let mut is_escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character, or of a lifetime with its name.
fn character(rest: &str) -> usize {
    let mut letters = rest.char_indices().skip(1);
    match (letters.next(), letters.next()) {
        (Some((_, '\\')), Some((at, _))) => {
            let from = at + 1;
            rest[from..]
                .find('\'')
                .map_or(rest.len(), |end| from + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => {
            let name = rest[1..].find(|it: char| !it.is_alphanumeric() && it != '_');
            1 + name.unwrap_or(rest.len() - 1)
        }
    }
}

/// Constants of a file that are numbers, times or texts, each with its value.
fn constants(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("const ") {
        rest = &rest[at + "const ".len()..];
        let Some((name, after)) = rest.split_once(": ") else {
            break;
        };
        let is_constant = !name.is_empty()
            && name
                .chars()
                .all(|it| it.is_ascii_uppercase() || it.is_ascii_digit() || it == '_');
        if let Some((_, value)) = after.split_once('=').filter(|_| is_constant)
            && let Some((value, _)) = value.split_once(";\n")
        {
            let value: Vec<&str> = value.split_whitespace().collect();
            found.push((name.to_owned(), value.join(" ")));
        }
    }
    found
}

fn is_of_tests(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut folders = path.strip_prefix(root()).unwrap_or(path).components();
    folders.any(|part| part.as_os_str() == "tests") || name.ends_with("tests.rs")
}

fn without_tests(text: &str) -> &str {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    &text[..end]
}

/// Our own files of Rust in these folders; what others built into them is left out.
fn files(folders: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut found);
    }
    let of_words = Path::new("tests/tidy/words.rs");
    found.retain(|path| !path.ends_with(of_words));
    assert!(found.len() > 200, "only {} files were found", found.len());
    found
}

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::canonicalize(root).expect("a folder of ours")
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).into_iter().flatten();
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            collect(&path, found);
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}
