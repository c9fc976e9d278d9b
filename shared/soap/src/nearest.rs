//! The known name that a caller probably meant.

/// Most letters that may differ: with more, the guess is usually wrong.
const DIFFERENCES_MAX: usize = 2;

/// The known name that is nearest to `name`, if it is near enough. Case is ignored.
pub fn nearest_name<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// No known name is longer by so much; comparing costs the product of both lengths.
    const NAME_BYTES_MAX: usize = 80;
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let folded = name.to_lowercase();
    // In a short name any difference is large: with two of three letters changed it is another
    // word.
    let most = DIFFERENCES_MAX.min(folded.chars().count() / 3);
    let near = known.into_iter().map(|known| {
        let differences = strsim::osa_distance(&folded, &known.to_lowercase());
        (differences, known)
    });
    near.filter(|(differences, _)| *differences <= most)
        .min_by_key(|(differences, _)| *differences)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised_and_another_word_is_not() {
        let known = [
            "ScheduledTime",
            "ConversationID",
            "SendResponseTo",
            "Client",
        ];
        for (name, meant) in [
            ("ScheduleTime", Some("ScheduledTime")),
            ("ConversationId", Some("ConversationID")),
            ("SendResponseto", Some("SendResponseTo")),
            ("Cilent", Some("Client")),
            ("Sender", None),
            ("ID", None),
            ("", None),
        ] {
            assert_eq!(nearest_name(name, known), meant, "{name}");
        }
        assert_eq!(nearest_name(&"x".repeat(100_000), known), None);
    }
}
