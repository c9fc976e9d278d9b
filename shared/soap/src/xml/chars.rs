//! Which characters XML allows where: in a document at all, at the start of a name, inside one.

/// Blank between markup: the four of the XML grammar, not Unicode's.
pub(crate) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Only blanks of the XML grammar.
pub(crate) fn is_all_blank(text: &str) -> bool {
    let mut rest = text.as_bytes();
    // Between elements it is mostly a line end and a row of spaces, which are quicker by the eight.
    while let Some((byte, behind)) = rest.split_first() {
        if !is_blank(*byte) {
            return false;
        }
        rest = behind;
        while let Some((block, behind)) = rest.split_first_chunk::<8>()
            && *block == *b"        "
        {
            rest = behind;
        }
    }
    true
}

/// Without the blanks around it, as a schema collapses them; other spaces are part of the value.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r'])
}

/// Production Char of XML 1.0.
pub(crate) const fn is_char(c: char) -> bool {
    matches!(c,
        '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

/// Production NameStartChar of XML 1.0, fifth edition, without the colon.
pub(crate) const fn is_name_start(c: char) -> bool {
    matches!(c,
        'A'..='Z' | '_' | 'a'..='z'
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}'
        | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}'
        | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

/// Production NameChar of XML 1.0, fifth edition, without the colon.
pub(crate) const fn is_name_char(c: char) -> bool {
    is_name_start(c)
        || matches!(c,
            '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// A name without colon: what a local name, a prefix and a type name must be.
#[inline]
pub(crate) fn is_ncname(text: &str) -> bool {
    let bytes = text.as_bytes();
    let rest = bytes.iter().position(|byte| !NAME_BYTE[usize::from(*byte)]);
    match (bytes.first(), rest) {
        (None, _) => false,
        (Some(first), None) => is_name_start(char::from(*first)),
        (Some(_), Some(rest)) => bytes[rest] >= 0x80 && is_foreign_ncname(text),
    }
}

/// The same for any characters, more slowly.
fn is_foreign_ncname(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(is_name_start) && chars.all(is_name_char)
}

/// Whether a namespace name is written like a URI: its characters, its scheme and its port are
/// looked at. Nothing is ever fetched from it.
pub(crate) fn is_uri(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_part = |at: usize, byte: u8| match byte {
        b'%' => {
            let digits = bytes.get(at + 1..at + 3);
            digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        }
        _ => byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=".contains(&byte),
    };
    let start = text.split(['/', '?', '#']).next().unwrap_or_default();
    let (scheme, rest) = match start.split_once(':') {
        Some((scheme, _)) => (Some(scheme), &text[scheme.len() + 1..]),
        None => (None, text),
    };
    scheme.is_none_or(is_scheme)
        && rest.strip_prefix("//").is_none_or(has_good_port)
        && text.matches('#').count() <= 1
        && bytes
            .iter()
            .enumerate()
            .all(|(at, byte)| is_part(at, *byte))
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// `rest` begins with an authority: a host, with a user before and a port behind it if need be.
fn has_good_port(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let port = host.split_once(':').map(|(_, port)| port);
    port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Where the first character stands that no XML document may hold, as byte offset.
///
/// One pass over the whole document: nothing behind it has to look at characters again.
pub(crate) fn first_forbidden(text: &str) -> Option<usize> {
    /// Large enough for the compiler to use vector instructions.
    const BLOCK: usize = 512;
    let bytes = text.as_bytes();
    for (number, block) in bytes.chunks(BLOCK).enumerate() {
        // U+FFFE and U+FFFF begin with 0xEF; the surrogates cannot occur in a str.
        let suspicious = block.iter().fold(false, |found, &byte| {
            found
                | ((byte < b' ') & (byte != b'\t') & (byte != b'\n') & (byte != b'\r'))
                | (byte == 0xEF)
        });
        if suspicious {
            let from = number * BLOCK;
            let to = (from + BLOCK + 2).min(bytes.len());
            if let Some(offset) = forbidden_in(&bytes[from..to]) {
                return Some(from + offset);
            }
        }
    }
    None
}

fn forbidden_in(bytes: &[u8]) -> Option<usize> {
    (0..bytes.len()).find(|&at| match bytes[at] {
        b'\t' | b'\n' | b'\r' => false,
        0..b' ' => true,
        0xEF => matches!(bytes.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])),
        _ => false,
    })
}

/// How many bytes stand before the first `<`. None where they are more than a few, or where any of
/// them has to be looked at: a reference, a line end, or the end of `]]>`.
#[inline]
pub(crate) fn plain_before_markup(bytes: &[u8]) -> usize {
    /// Beyond this, searching with vector instructions is quicker.
    const SHORT: usize = 64;
    let short = &bytes[..bytes.len().min(SHORT)];
    let end = short.iter().position(|byte| !PLAIN[usize::from(*byte)]);
    end.filter(|end| short[*end] == b'<').unwrap_or_default()
}

/// Bytes that text may hold and that mean nothing but themselves.
const PLAIN: [bool; 256] = {
    let mut table = [true; 256];
    table[b'<' as usize] = false;
    table[b'&' as usize] = false;
    table[b'\r' as usize] = false;
    table[b'>' as usize] = false;
    table
};

/// ASCII bytes that may stand inside a name, the colon apart.
const NAME_BYTE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        table[byte as usize] = is_name_char(byte as char);
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_recognised_at_every_position() {
        for length in 0..40 {
            for (before, behind) in (0..=length).map(|at| (at, length - at)) {
                let (before, behind) = (" ".repeat(before), " ".repeat(behind));
                for blank in ["", "\t", "\n", "\r", "\r\n"] {
                    assert!(is_all_blank(&format!("{before}{blank}{behind}")));
                }
                for other in ["x", "\u{B}", "\u{C}", "\u{A0}", "\u{2003}"] {
                    assert!(!is_all_blank(&format!("{before}{other}{behind}")));
                }
            }
        }
    }

    #[test]
    fn forbidden_characters_are_found_wherever_they_stand() {
        for length in [0, 1, 510, 511, 512, 513, 1023, 1024, 2000] {
            let blank = " ".repeat(length);
            for bad in ["\u{0}", "\u{1F}", "\u{FFFE}", "\u{FFFF}"] {
                assert_eq!(
                    first_forbidden(&format!("{blank}{bad}x")),
                    Some(length),
                    "{bad:?}"
                );
            }
            for good in ["\t\r\n", "\u{FFFD}", "\u{FEFF}", "\u{FF01}", "\u{10FFFF}"] {
                assert_eq!(
                    first_forbidden(&format!("{blank}{good}x")),
                    None,
                    "{good:?}"
                );
            }
        }
    }
}
