//! What a caller sent and nothing reads: told in the answer's head and in the log, and refused for
//! accounts that are strict.

use calls::{Invalid, Refusal, Warning};
use cloud::{Cloud, Error};
use tracing::warn;

use crate::caller::Caller;
use crate::http::Response;

/// The refusal of a call of which something is not read, if its account is strict. The account is
/// read for such calls alone.
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

/// Says in the head of the answer, and in the log, what was not read: one line per thing.
pub fn with_warnings(mut response: Response, warnings: Vec<Warning>, message_id: &str) -> Response {
    for Warning(text) in soap::bounded(warnings) {
        warn!(message_id, not_read = text, "sent and not read");
        response = response.with_header("aftercall-warning", &quoted(&text));
    }
    response
}

/// A string as structured headers have it (RFC 9651). What is not ASCII is percent-encoded.
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
