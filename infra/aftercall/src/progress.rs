//! How far an act is that does many things: a bar on a terminal, nothing elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// On the standard error output, so that what is answered stays apart.
pub(crate) struct BulkProgress(ProgressBar);

impl BulkProgress {
    /// Of something whose number nobody knows.
    pub(crate) fn counting(what: &'static str) -> Self {
        // Hidden where the output is no terminal.
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {pos} {msg} ({per_sec}, {elapsed})");
        let bar = match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        };
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    pub(crate) fn one_more(&self) {
        self.0.inc(1);
    }

    pub(crate) fn done(&self) {
        self.0.finish_and_clear();
    }
}
