//! Answers put aside, for a validator that is not ours (`tests/lanes/answers`): one of each shape, in
//! `answers/` of the build's folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use ingest::Response;
use sha2::{Digest, Sha256};

use crate::backend::UNHEARD;

/// Puts the answer aside, if it is of SOAP and there is none like it yet. What a backend answered with
/// an element of its own goes on as it came, so that it is not to be held against our WSDL.
pub fn keep(answer: &Response) {
    let is_soap = answer.body.contains("<soap:Envelope");
    let is_a_backends = answer.body.contains(UNHEARD);
    let Some(folder) = folder().filter(|_| is_soap && !is_a_backends) else {
        return;
    };
    let file = folder.join(format!("{}.xml", shape(&answer.body)));
    if !file.exists() {
        put(&folder, &file, &answer.body);
    }
}

/// Puts the WSDL aside that they are to be held against.
pub fn keep_wsdl(answer: &Response) {
    if let Some(folder) = folder() {
        put(&folder, &folder.join("etframework.wsdl"), &answer.body);
    }
}

/// Whole or not at all: other tests do the same at the same time.
fn put(folder: &Path, file: &Path, text: &str) {
    static PUT: AtomicU64 = AtomicU64::new(0);
    let number = PUT.fetch_add(1, Ordering::Relaxed);
    let partly = file.with_extension(format!("{}-{number}", std::process::id()));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&partly, text))
        .and_then(|()| fs::rename(&partly, file))
        .expect("an answer is put aside");
}

/// `target/answers` of `target/debug/deps/conversations-0123`.
fn folder() -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    Some(test.ancestors().nth(3)?.join("answers"))
}

/// The same for two answers that differ in their numbers, times and ids.
fn shape(body: &str) -> String {
    let alike: String = body
        .chars()
        .map(|letter| match letter {
            '0'..='9' | 'a'..='f' => '0',
            other => other,
        })
        .collect();
    let hash = Sha256::digest(alike.as_bytes());
    calls::hex(&hash[..16])
}
