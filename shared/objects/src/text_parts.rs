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
    let gsm: Option<Vec<usize>> = text.chars().map(places).collect();
    let (letters, (alone, of_several)) = match gsm {
        Some(letters) => (letters, GSM),
        None => (text.chars().map(char::len_utf16).collect(), OTHER),
    };
    if letters.iter().sum::<usize>() <= alone {
        return 1;
    }
    // A letter of two places is never cut in two.
    let (mut parts, mut taken) = (1, 0);
    for places in letters {
        if taken + places > of_several {
            parts += 1;
            taken = 0;
        }
        taken += places;
    }
    parts
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
            (format!("{}€{}", "a".repeat(152), "a".repeat(152)), 3),
            (format!("{}€{}", "a".repeat(151), "a".repeat(153)), 2),
            (format!("{}😀{}", "ж".repeat(66), "ж".repeat(66)), 3),
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
