//! How many parts a text is sent in: each of them is paid for.

/// Letters of one part, and of each where there are several: some room is taken for their order.
const GSM: (usize, usize) = (160, 153);
const OTHER: (usize, usize) = (70, 67);

/// The letters of the GSM alphabet, each of one place.
const ALPHABET: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// Those that take two places.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// Parts of a text, as the service counts them: the GSM alphabet if it has all of its letters, else
/// UTF-16.
pub(crate) fn text_parts(text: &str) -> u32 {
    let places = text.chars().map(places).sum::<Option<usize>>();
    let (places, (alone, of_several)) = match places {
        Some(places) => (places, GSM),
        None => (text.encode_utf16().count(), OTHER),
    };
    match places <= alone {
        true => 1,
        false => u32::try_from(places.div_ceil(of_several)).unwrap_or(u32::MAX),
    }
}

fn places(letter: char) -> Option<usize> {
    if ALPHABET.contains(letter) {
        Some(1)
    } else {
        EXTENSION.contains(letter).then_some(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_as_many_parts_as_its_letters_take() {
        for (text, parts) in [
            (String::new(), 1),
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("ä".repeat(306), 2),
            ("a".repeat(307), 3),
            ("€".repeat(80), 1),
            ("€".repeat(81), 2),
            ("ж".repeat(70), 1),
            ("ж".repeat(71), 2),
            ("😀".repeat(35), 1),
            ("😀".repeat(36), 2),
            (format!("{}ж", "a".repeat(134)), 3),
        ] {
            assert_eq!(text_parts(&text), parts, "{text}");
        }
    }
}
