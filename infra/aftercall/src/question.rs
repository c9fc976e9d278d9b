//! What cannot be taken back is asked for first, unless `--yes` was said.

use std::io::{self, BufRead, IsTerminal};

use crate::arguments::Arguments;
use crate::failure::CommandFailure;

/// Whether it may be done. Asked on a terminal; elsewhere it must have been said.
pub(crate) fn confirmed(arguments: &Arguments, what: &str) -> Result<(), CommandFailure> {
    if arguments.yes || arguments.dry_run {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(CommandFailure::Usage(format!(
            "{what}: say --yes before the noun if that is meant, or --dry-run to see what would be done"
        )));
    }
    eprint!("{what}. Go on? [y/N] ");
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    match read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes") {
        true => Ok(()),
        false => Err(CommandFailure::NotAllowed("nothing was done".to_owned())),
    }
}
