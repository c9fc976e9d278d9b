//! `%%Attribute%%` fields: values of a subscriber put into the words of a mail.

use std::borrow::Cow;
use std::collections::HashMap;

/// Longest name between the marks: what is longer is text that happens to lie between two marks.
const NAME_CHARS_MAX: usize = 128;

const MARK: &str = "%%";

/// Values by name; names are compared without regard to case.
#[derive(Default)]
pub(crate) struct Values<'a> {
    by_name: HashMap<String, &'a str>,
}

impl<'a> Values<'a> {
    /// Adds a value, unless there is one of that name: the first one counts.
    pub(crate) fn or(&mut self, name: &str, value: &'a str) {
        self.by_name
            .entry(name.trim().to_lowercase())
            .or_insert(value);
    }

    /// Whether there is one of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.by_name.get(&name.to_lowercase()).copied()
    }
}

/// What a value must look like where it is put.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueContext {
    /// In HTML a value is text, never markup.
    Html,
    Text,
    /// A line break in a subject would end the header and begin another one.
    Subject,
}

/// Puts the values in, from the first place that has one. A field that nobody knows becomes empty.
/// Values are not looked through for fields in their turn.
pub(crate) fn personalise(words: &str, values: &[&Values<'_>], place: ValueContext) -> String {
    let mut whole = String::with_capacity(words.len());
    let mut rest = words;
    while let Some((before, after)) = rest.split_once(MARK) {
        whole.push_str(before);
        match after.split_once(MARK).filter(|(name, _)| is_name(name)) {
            Some((name, behind)) => {
                let value = values
                    .iter()
                    .find_map(|values| values.get(name))
                    .unwrap_or_default();
                whole.push_str(&fitting(value, place));
                rest = behind;
            }
            None => {
                whole.push_str(MARK);
                rest = after;
            }
        }
    }
    whole.push_str(rest);
    match place {
        ValueContext::Subject => one_line(&whole),
        ValueContext::Html | ValueContext::Text => whole,
    }
}

/// The names of the fields that words have, as they are written there; of script there is none.
pub(crate) fn fields_in(words: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut rest = words;
    while let Some((_before, after)) = rest.split_once(MARK) {
        rest = match after.split_once(MARK).filter(|(name, _)| is_name(name)) {
            Some((name, behind)) => {
                if !is_script(name) {
                    fields.push(name);
                }
                behind
            }
            None => after,
        };
    }
    fields
}

/// Whether words hold a piece of script, which is not run here.
pub(crate) fn holds_script(words: &str) -> bool {
    let opens = |begin: &str, end: &str| {
        let mut found = words.match_indices(begin);
        found.any(|(at, _)| words[at + begin.len()..].contains(end))
    };
    let lower = words.to_ascii_lowercase();
    let mut tags = lower.match_indices("<script");
    let is_servers = |(at, _): (usize, &str)| {
        let tag = lower[at..].split('>').next().unwrap_or_default();
        tag.contains("runat") && tag.contains("server")
    };
    opens("%%[", "]%%") || opens("%%=", "=%%") || tags.any(is_servers)
}

fn is_script(name: &str) -> bool {
    (name.starts_with('=') && name.ends_with('=')) || (name.starts_with('[') && name.ends_with(']'))
}

/// A name of an attribute, or a piece of script, which is not run and must not be seen either.
fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || " _-.:".contains(c);
    is_script(name)
        || (name.chars().count() <= NAME_CHARS_MAX
            && !name.is_empty()
            && name.trim() == name
            && name.chars().all(is_plain))
}

fn fitting(value: &str, place: ValueContext) -> Cow<'_, str> {
    match place {
        ValueContext::Html if value.contains(['&', '<', '>', '"', '\'']) => {
            Cow::Owned(soap::escaped(value))
        }
        ValueContext::Html | ValueContext::Text | ValueContext::Subject => Cow::Borrowed(value),
    }
}

/// Without line breaks and other control characters.
pub(crate) fn one_line(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_put_in_without_regard_to_case() {
        check("Hi %%FirstName%%!", ValueContext::Text, "Hi Ann <b>!");
        check(
            "%%FIRSTNAME%%%%firstname%%",
            ValueContext::Text,
            "Ann <b>Ann <b>",
        );
        check("none", ValueContext::Text, "none");
        check("", ValueContext::Text, "");
    }

    #[test]
    fn the_first_values_that_have_a_field_count() {
        check(
            "%%only later%%, %%firstname%%",
            ValueContext::Text,
            "later, Ann <b>",
        );
    }

    #[test]
    fn unknown_fields_become_empty() {
        check("[%%Unknown%%]", ValueContext::Text, "[]");
        check(
            "[%%=v(@x)=%%][%%[ set @x = 1 ]%%]",
            ValueContext::Text,
            "[][]",
        );
    }

    #[test]
    fn percent_signs_that_are_no_field_stay() {
        check("100%% sure", ValueContext::Text, "100%% sure");
        check("%%%%", ValueContext::Text, "%%%%");
        check(
            "50%%, or 20%% off %%firstname%%",
            ValueContext::Text,
            "50%%, or 20%% off Ann <b>",
        );
        check("%%\n%%firstname%%", ValueContext::Text, "%%\nAnn <b>");
    }

    #[test]
    fn values_are_text_in_html_and_one_line_in_a_subject() {
        check(
            "<i>%%firstname%%</i>",
            ValueContext::Html,
            "<i>Ann &lt;b&gt;</i>",
        );
        check("%%quotes%%", ValueContext::Html, "&quot;&#39;&amp;");
        check("Re: %%lines%%", ValueContext::Subject, "Re: a  Bcc: b");
        check("%%lines%%", ValueContext::Text, "a\r\nBcc: b");
    }

    #[test]
    fn values_are_not_looked_through_for_fields() {
        check("%%nested%%", ValueContext::Text, "%%firstname%%");
    }

    #[test]
    fn fields_are_found_where_they_are_put_in() {
        assert_eq!(
            fields_in("100%% of %%First Name%%, %%a%%%%=v(@x)=%% %%b"),
            ["First Name", "a"]
        );
        assert_eq!(fields_in(""), [""; 0]);
    }

    #[test]
    fn script_is_known_by_its_marks() {
        for script in [
            "%%=v(@x)=%%",
            "a %%[ set @x = \"%%first%%\" ]%% b",
            "<SCRIPT language='javascript' runat=\"server\">x</SCRIPT>",
        ] {
            assert!(holds_script(script), "{script}");
        }
        for words in [
            "",
            "100%%",
            "%%first%% = %%last%%",
            "<script>x</script>",
            "%%[",
            "]%%",
        ] {
            assert!(!holds_script(words), "{words}");
        }
    }

    #[track_caller]
    fn check(words: &str, place: ValueContext, expected: &str) {
        let mut first = Values::default();
        first.or("FirstName", "Ann <b>");
        first.or("firstname", "not this one");
        first.or("nested", "%%firstname%%");
        first.or("lines", "a\r\nBcc: b");
        first.or("quotes", "\"'&");
        let mut second = Values::default();
        second.or("Only Later", "later");
        second.or("FirstName", "Bob");
        assert_eq!(personalise(words, &[&first, &second], place), expected);
    }
}
