//! Digests of several parts, and digests as text.

use sha2::{Digest as _, Sha256};

/// SHA-256 of several parts. Lengths first: "a" + "bc" must not meet "ab" + "c".
pub fn hash_parts(parts: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(format!("{} ", part.len()));
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Two digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 15)]);
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(*byte));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_lists_of_parts_meet() {
        let lists: [&[&str]; 6] = [
            &["a", "bc"],
            &["ab", "c"],
            &["abc"],
            &["a", "", "bc"],
            &["", "abc"],
            &["1 a", "bc"],
        ];
        for (number, list) in lists.iter().enumerate() {
            for other in &lists[number + 1..] {
                assert_ne!(hash_parts(list), hash_parts(other), "{list:?} {other:?}");
            }
        }
    }

    #[test]
    fn each_byte_has_two_digits() {
        assert_eq!(hex(&[0, 1, 0x7f, 0xa0, 0xff]), "00017fa0ff");
    }
}
