//! What may be said of users, API clients and tokens that are there.

use std::str::FromStr;

use clap::Subcommand;
use jiff::SignedDuration;

#[derive(Debug, Subcommand)]
pub(crate) enum LoginAct {
    /// All of them, or those of an account
    List {
        #[arg(long, value_name = "ID")]
        account: Option<String>,
    },
    /// One of them
    Show { name: String },
    /// Let it in no longer, from three minutes from now on at the latest
    Disable { name: String },
    /// Let it in again
    Enable { name: String },
    /// Take it away
    Delete { name: String },
    /// Make another secret, and print it
    Rotate {
        name: String,
        /// How long the one so far is good, too: 24h, 90m, or 0s
        #[arg(long, value_name = "TIME", default_value = "24h")]
        overlap: Overlap,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    /// Tokens of an account that are still good
    List { account: String },
    /// Take back all tokens of an account: they are no good after three minutes
    Delete { account: String },
}

/// The longest that two secrets are good at once.
const OVERLAP_MAX: SignedDuration = SignedDuration::from_hours(24 * 30);

/// How long two secrets are good at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overlap(pub(crate) SignedDuration);

impl FromStr for Overlap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let unit = text.chars().next_back()?;
            let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
            let seconds = match unit {
                's' => 1,
                'm' => 60,
                'h' => 3_600,
                'd' => 86_400,
                _ => return None,
            };
            let time = SignedDuration::from_secs(number.checked_mul(seconds)?);
            (time >= SignedDuration::ZERO && time <= OVERLAP_MAX).then_some(Self(time))
        };
        read().ok_or_else(|| format!("a time is 24h, 90m, 7d or 0s, up to 30d, not {text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlap_is_a_number_and_a_unit() {
        let hours = |text: &str| text.parse().map(|Overlap(time)| time.as_hours());
        assert_eq!(hours("24h"), Ok(24));
        assert_eq!(hours("120m"), Ok(2));
        assert_eq!(hours("7d"), Ok(168));
        for wrong in ["", "24", "h", "-1h", "31d", "1y", "9999999999999999d"] {
            assert!(hours(wrong).is_err(), "{wrong}");
        }
    }
}
