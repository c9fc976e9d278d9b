//! How a table looks on a terminal: no wider than it, heads bold, states coloured. Elsewhere it is plain
//! text, whole.

use console::{Term, style, truncate_str};

use crate::output::{Format, Output};

/// Lines of what was asked for, as they are written to the standard output.
pub(crate) fn shown(output: &Output, format: Format) -> String {
    let written = output.written(format);
    let terminal = Term::stdout();
    let is_table = matches!(output, Output::List(_) | Output::Sections(_));
    match (terminal.is_term() && is_table, format) {
        (true, Format::Table) => {
            let width = terminal.size_checked().map(|(_, columns)| columns);
            dressed(&written, width.map_or(usize::MAX, usize::from))
        }
        (true, Format::Json | Format::Jsonl) | (false, _) => written,
    }
}

/// The first line, and one behind an empty line, is a head.
fn dressed(text: &str, width: usize) -> String {
    let mut is_head = true;
    let mut lines = String::new();
    for line in text.lines() {
        let fitting = truncate_str(line, width, "\u{2026}");
        let line_dressed = match is_head {
            true => style(fitting.as_ref()).bold().to_string(),
            false => coloured(&fitting),
        };
        is_head = line.is_empty();
        lines.push_str(&line_dressed);
        lines.push('\n');
    }
    lines
}

/// Cells stand two spaces apart.
fn coloured(line: &str) -> String {
    let cells = line.split("  ");
    let cells = cells.map(|cell| match cell.trim() {
        "failed" | "timed-out" | "invalidated" | "given-up" | "unknown" | "Error" => {
            style(cell).red().to_string()
        }
        "parked" | "retrying" | "gathering" | "Has Errors" => style(cell).yellow().to_string(),
        "complete" | "delivered" | "OK" | "sent" => style(cell).green().to_string(),
        _ => cell.to_owned(),
    });
    cells.collect::<Vec<_>>().join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_to_the_terminal_and_keeps_its_cells() {
        let text = "id  state\n1   failed  a very long reason\n";
        let cut = dressed(text, 12);
        let plain = console::strip_ansi_codes(&cut).into_owned();
        let longest = plain.lines().map(|line| line.chars().count()).max();
        assert_eq!(longest, Some(12), "{plain}");
        let whole = dressed(text, usize::MAX);
        assert_eq!(console::strip_ansi_codes(&whole), text);
    }
}
