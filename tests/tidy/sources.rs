//! The files of the repository, as the rules read them.

use std::fs;
use std::path::{Path, PathBuf};

pub(crate) struct File {
    /// Path from the root.
    pub(crate) name: String,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn without_tests(&self) -> &str {
        self.text.split("#[cfg(test)]").next().unwrap_or_default()
    }

    /// Lines that are neither tests nor comments.
    pub(crate) fn code(&self) -> impl Iterator<Item = &str> {
        self.without_tests()
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
    }

    pub(crate) fn is_test(&self) -> bool {
        Path::new(&self.name)
            .iter()
            .any(|part| part == "tests" || part == "tests.rs")
            || self.name.ends_with("_tests.rs")
    }
}

#[track_caller]
pub(crate) fn none(offenders: impl Iterator<Item = String>) {
    let offenders: Vec<String> = offenders.collect();
    assert!(offenders.is_empty(), "\n  {}\n", offenders.join("\n  "));
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[track_caller]
pub(crate) fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub(crate) fn rust_files() -> impl Iterator<Item = File> {
    files("rs")
}

pub(crate) fn manifests() -> impl Iterator<Item = (String, String)> {
    files("toml")
        .filter(|file| file.name.ends_with("/Cargo.toml"))
        .map(|file| (file.name, file.text))
}

pub(crate) fn files(extension: &str) -> impl Iterator<Item = File> {
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

/// The name that a line declares with one of the keywords: `pub struct Call {` gives `Call`.
pub(crate) fn declared<'a>(line: &'a str, keywords: &[&str]) -> Option<&'a str> {
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
