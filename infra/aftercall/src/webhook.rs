//! `aftercall replies verify`: whether a callback's signature is right, as Standard Webhooks says it.

use std::io::Read;

use cloud::Clock;
use cloud::outbound::callback::{SignatureCheck, check_signature};

use crate::failure::CommandFailure;
use crate::output::{Output, Record};
use crate::reply_arguments::VerifyArguments;

/// Most bytes of a body that are read: more than any callback has.
const BODY_BYTES_MAX: u64 = 64 << 20;

pub(crate) fn verify(wanted: &VerifyArguments) -> Result<Output, CommandFailure> {
    let body = match &wanted.body {
        Some(file) => std::fs::read(file)
            .map_err(|error| CommandFailure::Usage(format!("{}: {error}", file.display())))?,
        None => {
            let mut body = Vec::new();
            let read = std::io::stdin().lock().take(BODY_BYTES_MAX);
            { read }
                .read_to_end(&mut body)
                .map_err(|error| CommandFailure::Usage(format!("no body: {error}")))?;
            body
        }
    };
    let check = check_signature(
        &wanted.secret,
        (&wanted.id, &wanted.timestamp),
        &body,
        &wanted.signature,
        Clock::system().now(),
    );
    match check {
        SignatureCheck::Good => Ok(Output::One(Record::of("signature", "right"))),
        SignatureCheck::Stale(age_s) => Err(CommandFailure::NotAllowed(format!(
            "the signature is right, and its timestamp is {age_s} s from this machine's clock: receivers \
             refuse what is more than five minutes away"
        ))),
        SignatureCheck::Wrong => Err(CommandFailure::NotAllowed(
            "the signature is not of this body, id, timestamp and secret; the body must be as it came, byte \
             for byte"
                .to_owned(),
        )),
        SignatureCheck::Unreadable(what) => Err(CommandFailure::Usage(format!(
            "the {what} cannot be read"
        ))),
    }
}
