//! The number of a phone, as texts and calls are sent to it: `+` and digits, the country's code first.

/// Digits of a number with its country's code: E.164's fifteen at most, and no country has fewer than
/// seven.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// Digits of a number of North America without its country's code.
const NORTH_AMERICAN_DIGITS: usize = 10;

/// A number that can be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PhoneNumber(String);

/// Why a number cannot be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadNumber {
    /// It is no number with a country's code.
    Invalid,
    /// Ten digits without `+`: of North America, or of some country whose code they begin with. A
    /// guess would reach a stranger.
    Ambiguous,
    /// It begins with 1 and is none of the North American Numbering Plan.
    NotNorthAmerican,
}

impl BadNumber {
    pub(crate) const fn says(self) -> &'static str {
        match self {
            Self::Invalid => {
                "it must be digits with the country's code first, such as +436601234567"
            }
            Self::Ambiguous => {
                "ten digits do not say their country: write +1 before a number of North America, \
                 or + and the country's code"
            }
            Self::NotNorthAmerican => {
                "a number that begins with 1 must be one of the North American Numbering Plan: \
                 +1, then ten digits, area code and exchange beginning with 2 to 9"
            }
        }
    }
}

impl PhoneNumber {
    /// Reads a number as people write it: blanks, dots, dashes, slashes and brackets do not count.
    pub(crate) fn parse(text: &str) -> Result<Self, BadNumber> {
        let text = text.trim();
        let (has_plus, rest) = match text.strip_prefix('+').or_else(|| text.strip_prefix("00")) {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let digits: String = rest
            .chars()
            .filter(|letter| !" .-/()\u{a0}".contains(*letter))
            .collect();
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit())
            && DIGITS.contains(&digits.len())
            && !digits.starts_with('0');
        if !is_number {
            return Err(BadNumber::Invalid);
        }
        if !has_plus && digits.len() == NORTH_AMERICAN_DIGITS {
            return Err(BadNumber::Ambiguous);
        }
        match digits.strip_prefix('1') {
            Some(national) if !is_north_american(national) => Err(BadNumber::NotNorthAmerican),
            Some(_) | None => Ok(Self(format!("+{digits}"))),
        }
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

/// Area code and exchange begin with 2 to 9, and no area code ends in 11.
fn is_north_american(national: &str) -> bool {
    let begins_well = |at: usize| matches!(national.as_bytes().get(at), Some(b'2'..=b'9'));
    national.len() == NORTH_AMERICAN_DIGITS
        && begins_well(0)
        && begins_well(3)
        && national.get(1..3) != Some("11")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, BadNumber>) {
        let expected = expected.map(|number| PhoneNumber(number.to_owned()));
        assert_eq!(PhoneNumber::parse(text), expected, "{text}");
    }

    #[test]
    fn a_number_is_read_as_people_write_it() {
        check("+43 (660) 123-45.67", Ok("+436601234567"));
        check("436601234567", Ok("+436601234567"));
        check("0043 660/1234567", Ok("+436601234567"));
        check("+1 (317) 555-1212", Ok("+13175551212"));
        check("13175551212", Ok("+13175551212"));
        check("+4520123456", Ok("+4520123456"));
    }

    #[test]
    fn what_nobody_can_call_is_refused() {
        for bad in [
            "",
            "+",
            "06601234567",
            "+43660x1234567",
            "123456",
            "+1234567890123456",
        ] {
            check(bad, Err(BadNumber::Invalid));
        }
        check("3175551212", Err(BadNumber::Ambiguous));
        for bad in [
            "+1317555121",
            "+11175551212",
            "+13171551212",
            "+13115551212",
        ] {
            check(bad, Err(BadNumber::NotNorthAmerican));
        }
    }
}
