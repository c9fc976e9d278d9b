//! Whether a text can be an email address.

/// RFC 5321's limits: of the whole address (of a path, less its brackets), and before the `@`.
const ADDRESS_CHARS_MAX: usize = 254;
const LOCAL_PART_CHARS_MAX: usize = 64;

/// Syntax only, and only the addresses that people have: no quoted local parts, no literals, no
/// comments. Whatever a mail header could take for something else is refused.
pub(crate) fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    text.chars().count() <= ADDRESS_CHARS_MAX
        && local.chars().count() <= LOCAL_PART_CHARS_MAX
        && local.split('.').all(is_atom)
        && is_domain(domain)
}

fn is_atom(atom: &str) -> bool {
    let belongs =
        |c: char| c.is_alphanumeric() || (c.is_ascii() && "!#$%&'*+-/=?^_`{|}~".contains(c));
    !atom.is_empty() && atom.chars().all(belongs)
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    domain.contains('.') && domain.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_by_their_syntax() {
        for good in [
            "a@b.co",
            "ann.lee+x@mail.example.com",
            "o'neil@example.ie",
            "j\u{fc}@example.de",
        ] {
            check(good, true);
        }
        for bad in [
            "",
            "a",
            "@b.co",
            "a@",
            "a@b",
            "a@@b.co",
            "a b@c.de",
            "a@b..co",
            ".a@b.co",
            "a.@b.co",
            "a@b.co\n",
            "a@b.co,c@d.ee",
            "<a@b.co>",
            "a@-b.co",
            "\"a\"@b.co",
            "a@[1.2.3.4]",
        ] {
            check(bad, false);
        }
        check(&format!("{}@b.co", "x".repeat(64)), true);
        check(&format!("{}@b.co", "x".repeat(65)), false);
        check(&format!("x@{}co", "abcdefgh.".repeat(30)), false);
    }

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(is_address(text), expected, "{text}");
    }
}
