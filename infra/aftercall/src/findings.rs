//! What the doctor finds: one line for each thing that it looks at.

use crate::output::Record;

/// What is found of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    Good,
    Warning,
    Bad,
    /// It could not be looked at from here.
    Unknown,
}

impl Finding {
    const fn word(self) -> &'static str {
        match self {
            Self::Good => "OK",
            Self::Warning => "warning",
            Self::Bad => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// In the order in which they were looked at.
#[derive(Default)]
pub(crate) struct Findings(pub(crate) Vec<(Finding, Record)>);

impl Findings {
    pub(crate) fn add(&mut self, what: &str, finding: Finding, why: impl Into<String>) {
        let record = Record::of("what", what)
            .and("state", finding.word())
            .and("why", why.into());
        self.0.push((finding, record));
    }
}
