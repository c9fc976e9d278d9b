//! Watches all that the functions write while stories are told, at the finest level there is: never a
//! body, an address of a person or a credential.
//!
//! What callers send in the stories has marks: all addresses, of mails and receivers, lie in
//! `example.com`, bodies are markup, tokens and passwords hold [`MARK`]. A line with one of them fails
//! the story that ends next, which is at the latest the one that wrote it.

use std::io;
use std::sync::{Mutex, Once, PoisonError};

use tracing::level_filters::LevelFilter;

/// In every token and password of the stories, and in every body.
pub const MARK: &str = "kqz7planted";

/// What no line may hold.
const SIGNS: [&str; 9] = [
    MARK,
    "@",
    "example.com",
    "</",
    "whsec_",
    "UsernameToken",
    "open sesame",
    crate::backend::BACKEND_PASSWORD,
    crate::story::SECRET,
];

/// Lines that held one.
static LEAKS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The sign that a line holds, if it holds any.
pub fn sign_in(line: &str) -> Option<&'static str> {
    SIGNS.into_iter().find(|sign| line.contains(sign))
}

/// Takes lines; those that hold a sign are kept.
struct Watch;

impl io::Write for Watch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        if sign_in(&line).is_some() {
            let mut leaks = LEAKS.lock().unwrap_or_else(PoisonError::into_inner);
            leaks.push(line.into_owned());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A story that is watched: its end fails if anything was written that must not be.
#[derive(Debug)]
pub struct Watched(());

impl Watched {
    /// The first story of a program begins the watch, with the subscriber that is deployed.
    pub fn begin() -> Self {
        static BEGUN: Once = Once::new();
        BEGUN.call_once(|| {
            let lines = cloud::logs::json_lines(LevelFilter::TRACE, || Watch);
            tracing::subscriber::set_global_default(lines).expect("nobody else writes");
        });
        Self(())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let leaks = LEAKS.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(leaks.is_empty(), "the log holds: {leaks:#?}");
    }
}
