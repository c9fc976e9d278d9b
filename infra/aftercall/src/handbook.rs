//! What a shell and `man` need of the command: written out for whoever installs it.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::failure::CommandFailure;
use crate::output::Output;

/// What `aftercall` is called on the command line.
const NAME: &str = "aftercall";

pub(crate) fn completions(shell: Shell) -> Result<Output, CommandFailure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), NAME, &mut script);
    text(script)
}

/// The page of the whole command, and behind it one for each noun.
pub(crate) fn man() -> Result<Output, CommandFailure> {
    let mut page = Vec::new();
    let mut command = Arguments::command();
    command.build();
    let nouns = command.get_subcommands().filter(|noun| !noun.is_hide_set());
    let nouns = nouns.cloned().collect::<Vec<_>>();
    for command in [command].into_iter().chain(nouns) {
        let rendered = clap_mangen::Man::new(command).render(&mut page);
        rendered.map_err(|error| CommandFailure::Cloud(format!("no page was written: {error}")))?;
    }
    text(page)
}

fn text(bytes: Vec<u8>) -> Result<Output, CommandFailure> {
    let text = String::from_utf8(bytes);
    let text = text.map_err(|error| CommandFailure::Cloud(format!("no text came: {error}")))?;
    Ok(Output::Text(text.trim_end().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(output: Result<Output, CommandFailure>) -> String {
        match output {
            Ok(Output::Text(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn four_shells_complete_the_verbs() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
            let script = written(completions(shell));
            assert!(script.contains("resubmit"), "{shell}");
        }
    }

    #[test]
    fn the_page_names_every_noun_and_the_examples() {
        let page = written(man());
        for noun in Arguments::command().get_subcommands() {
            assert!(page.contains(noun.get_name()), "{}", noun.get_name());
        }
        assert!(page.contains("Exit codes"), "{page}");
    }
}
