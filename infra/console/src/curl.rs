//! The command that sends a call once more.

use soap::Identity;

/// Longer payloads are downloaded, and sent from their file.
const INLINE_BYTES_MAX: usize = 16_000;

/// What a command line takes for one word, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `payload`: as it is kept. `login`: the user and password that stand in it, `None`: its reader has
/// to write his own. Nothing of the payload is read by the shell.
pub(crate) fn command(endpoint: &str, action: &str, payload: &str, login: Option<&str>) -> String {
    let (username, password) = match login {
        Some(login) => (login, login),
        None => ("YOUR-USER", "YOUR-PASSWORD"),
    };
    let identity = Identity::Password { username, password };
    let body = match payload.len() <= INLINE_BYTES_MAX {
        true => quoted(&soap::write_forwarded(identity, payload)),
        false => "@call.xml".to_owned(),
    };
    format!(
        "curl -s {} -H 'Content-Type: text/xml; charset=utf-8' -H {} --data-binary {body}",
        quoted(endpoint),
        quoted(&format!("SOAPAction: \"{action}\"")),
    )
}

/// The whole envelope, for `call.xml`.
pub(crate) fn envelope(payload: &str) -> String {
    let identity = Identity::Password {
        username: "YOUR-USER",
        password: "YOUR-PASSWORD",
    };
    soap::write_forwarded(identity, payload)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_nothing_of_a_payload() {
        let hostile = "<a>'; touch /tmp/x; echo '$(id)`id`\\\n\"!#\nEOF\n</a>";
        let line = command("http://127.0.0.1:1/", "Create", hostile, None);
        let script = format!("curl() {{ printf '%s' \"${{!#}}\"; }}; {line}");
        let ran = Command::new("bash").args(["-c", &script]).output();
        let said = String::from_utf8(ran.expect("bash").stdout).expect("text");
        assert_eq!(said, envelope(hostile), "the last word is the envelope");
    }

    #[test]
    fn a_large_one_is_sent_from_its_file() {
        let large = "x".repeat(INLINE_BYTES_MAX + 1);
        let line = command("http://127.0.0.1:1/", "Create", &large, Some("local"));
        assert!(line.ends_with("--data-binary @call.xml"), "{line}");
    }
}
