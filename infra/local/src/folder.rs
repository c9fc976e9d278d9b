//! The folder of `--data`: held by one process, and refused if a part of it is missing or damaged.
//! Nothing is skipped silently, because everything that was answered must be there.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::disk;

/// The engine's file, its log, and what else is kept beside it.
const TABLES: &str = "tables.sqlite";
const TABLES_LOG: &str = "tables.sqlite-wal";
const BESIDE: [&str; 6] = [
    TABLES_LOG,
    "schedules.jsonl",
    "mails.jsonl",
    "texts.jsonl",
    "kms.key",
    "clock.txt",
];

/// The version of the layout of a folder's records and files. It is raised with each change after
/// which the folder of an older server would be misread. Such a folder is refused and not changed.
const LAYOUT: &str = "5";

/// The file that names the layout of a folder. Folders of layout 1 have none.
const LAYOUT_FILE: &str = "layout.txt";

/// How the engine's file begins.
const TABLES_MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// How its log begins, in either order of bytes.
const LOG_MAGIC: [&[u8; 4]; 2] = [b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83"];

/// A folder that this process holds, until it is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes the folder, and checks that the tables belong to the rest of it.
    pub(crate) fn hold(path: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(path).with_context(|| format!("creating {}", path.display()))?;
        let folder = Self {
            path: path.to_owned(),
            _lock: lock(path)?,
        };
        folder.check_tables()?;
        folder.check_layout()?;
        Ok(folder)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn tables(&self) -> PathBuf {
        self.file(TABLES)
    }

    fn begins_with<const N: usize>(&self, name: &str, magic: &[&[u8; N]]) -> bool {
        let mut beginning = [0; N];
        let read = File::open(self.file(name)).and_then(|mut file| file.read_exact(&mut beginning));
        read.is_ok() && magic.contains(&&beginning)
    }

    /// A new folder gets the layout of this server before anything else is in it.
    fn check_layout(&self) -> anyhow::Result<()> {
        let file = self.file(LAYOUT_FILE);
        if !file.exists() && !self.tables().exists() {
            return disk::replace(&file, format!("{LAYOUT}\n").as_bytes())
                .with_context(|| format!("writing {}", file.display()));
        }
        let found = match file.exists() {
            true => std::fs::read_to_string(&file)
                .with_context(|| format!("reading {}", file.display()))?,
            false => "1".to_owned(),
        };
        if found.trim() != LAYOUT {
            bail!(
                "{} was written by another version of this server: its layout is {}, and this \
                 version reads {LAYOUT}. Start the version that wrote it, or give --data an empty \
                 folder",
                self.path.display(),
                found.trim(),
            );
        }
        Ok(())
    }

    /// An engine that finds no tables makes new ones and deletes their log.
    fn check_tables(&self) -> anyhow::Result<()> {
        let bytes = |name| std::fs::metadata(self.file(name)).map_or(0, |head| head.len());
        if bytes(TABLES) == 0 {
            let beside: Vec<_> = BESIDE.into_iter().filter(|name| bytes(name) > 0).collect();
            if !beside.is_empty() {
                bail!(
                    "{} is missing or empty, but {} beside it is not: what was kept is not all \
                     there. Put the file back from a copy, or give --data an empty folder",
                    self.tables().display(),
                    beside.join(", "),
                );
            }
        }
        if bytes(TABLES) > 0 && !self.begins_with(TABLES, &[TABLES_MAGIC]) {
            bail!(
                "{} is damaged: it is no SQLite file. Put it back from a copy, or give --data an \
                 empty folder",
                self.tables().display(),
            );
        }
        if bytes(TABLES_LOG) > 0 && !self.begins_with(TABLES_LOG, &LOG_MAGIC) {
            bail!(
                "{} is damaged: what was written last is in it, and would be lost. Put it back \
                 from a copy together with {TABLES}, or give --data an empty folder",
                self.file(TABLES_LOG).display(),
            );
        }
        Ok(())
    }
}

/// The operating system releases it however this process ends.
fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join("in-use.lock");
    let mut options = File::options();
    options.create(true).truncate(false).read(true).write(true);
    let mut file = options
        .open(&path)
        .with_context(|| format!("opening {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0)?;
            writeln!(file, "{}", std::process::id())?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Naming the holder helps, but is not necessary.
            if file.read_to_string(&mut holder).is_err() {
                holder.clear();
            }
            bail!(
                "{} is in use by another server (process {}). Stop it, or give --data another \
                 folder",
                folder.display(),
                holder.trim(),
            );
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("locking {}", path.display()))
        }
    }
}

/// Appends a value to a file of one JSON value a line. A line that cannot be written is lost: such a file
/// is a convenience of the local server.
pub(crate) fn append_line(file: &Path, value: &impl Serialize) {
    let Ok(mut line) = serde_json::to_string(value) else {
        return;
    };
    line.push('\n');
    let opened = OpenOptions::new().append(true).create(true).open(file);
    drop(opened.and_then(|mut file| file.write_all(line.as_bytes())));
}

/// Reads a file of one JSON value a line. A process that was killed while writing leaves a last
/// line that is not complete: nothing about it was answered, so it is removed, with a message. Any
/// other line that cannot be read refuses the whole file.
pub(crate) fn read_lines<T: DeserializeOwned>(file: &Path) -> anyhow::Result<Vec<T>> {
    if !file.exists() {
        return Ok(Vec::new());
    }
    let name = file.display();
    let bytes = std::fs::read(file).with_context(|| format!("reading {name}"))?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n');
    let whole = whole.map_or(0, |end| end + 1);
    if whole < bytes.len() {
        tracing::warn!(file = %name, "the last line was cut short by the end of its process, and is taken out");
        disk::replace(file, &bytes[..whole]).with_context(|| format!("writing {name}"))?;
    }
    let lines = bytes[..whole].split_inclusive(|byte| *byte == b'\n');
    let read = lines.enumerate().map(|(before, line)| {
        serde_json::from_slice(line).with_context(|| {
            let number = before + 1;
            format!(
                "line {number} of {name} is damaged. Put the file back from a copy, or take the \
                 line out if what it tells of is not needed"
            )
        })
    });
    read.collect()
}
