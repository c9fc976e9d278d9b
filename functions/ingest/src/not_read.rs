//! What a caller sent but nothing reads: named in the answer's header and in the log; calls of
//! strict accounts are refused for it.

use calls::{Invalid, Refusal, Warning};
use cloud::{Cloud, Error};
use tracing::warn;

use crate::caller::Caller;
use crate::http::Response;

/// The refusal of a call with something that is not read, if its account is strict. Only for such
/// calls is the account read.
pub async fn refusal(
    cloud: &Cloud,
    caller: &Caller,
    warnings: &[Warning],
) -> Result<Option<Refusal>, Error> {
    let Some(first) = warnings.first() else {
        return Ok(None);
    };
    let account = cloud.accounts.account(&caller.account, cloud.now()).await?;
    let is_strict = account.is_some_and(|account| account.is_strict);
    Ok(is_strict.then(|| Refusal::Invalid(Invalid::NotRead(first.0.clone()))))
}

/// Adds the header with the warnings, and logs them: one line each.
pub fn with_warnings(mut response: Response, warnings: Vec<Warning>, message_id: &str) -> Response {
    for Warning(text) in soap::bounded(warnings) {
        warn!(message_id, not_read = text, "sent and not read");
        response = response.with_header("aftercall-warning", &quoted(&text));
    }
    response
}

/// A string of a structured header (RFC 9651). Characters that are not ASCII are percent-encoded.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            ' '..='~' => quoted.push(letter),
            _ => {
                let mut bytes = [0; 4];
                let bytes = letter.encode_utf8(&mut bytes).as_bytes();
                quoted.extend(bytes.iter().map(|byte| format!("%{byte:02X}")));
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_one_string_of_a_header_whatever_it_names() {
        for (text, header) in [
            ("Element 'a' of Options", "\"Element 'a' of Options\""),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("a\r\nb\u{fc}", "\"a%0D%0Ab%C3%BC\""),
        ] {
            assert_eq!(quoted(text), header);
        }
    }
}
