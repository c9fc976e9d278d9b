//! What reading costs. `cargo run --release -p soap --example reading` prints a line of JSON:
//! megabytes read in a second of CPU time, of an envelope of 1 MB, and the microseconds of CPU time
//! that reading, checking and answering a call of 2.2 KB takes; and beside them what others take.
//!
//! With arguments it does one thing so many times and prints nothing, for whoever counts
//! instructions: `read TIMES`, `take-in TIMES`, `hostile KIND BYTES`, and `open TIMES` and
//! `open-behind TIMES` for knowing who sends the same as `read` reads, with the header before the
//! body and behind it; `kinds` lists the kinds.

mod envelopes;

use std::hint::black_box;
use std::io::{Error, Result, Write as _};
use std::time::{Duration, Instant};

use calls::Method;
use soap::{Answering, Operation, SoapVersion};

const ROUNDS: usize = 300;

/// Quoted from a measurement of their own, on a machine of this kind with the same envelopes:
/// libxml2 makes a tree of them; of gSOAP and npm soap it is a whole server, which reads the call by
/// HTTP, checks it and answers, and keeps nothing.
const QUOTED: &str = concat!(
    "{\"libxml2 2.9.14\":{\"mb_per_s\":111},",
    "\"gSOAP 2.8.124\":{\"us_per_call\":40},",
    "\"npm soap 1.13\":{\"us_per_call\":244}}",
);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<usize>().map_err(Error::other);
    let mut out = std::io::stdout().lock();
    match arguments[..] {
        [] => measure(&mut out),
        ["kinds"] => writeln!(out, "{}", envelopes::HOSTILE.join("\n")),
        ["read", times] => repeat(number(times)?, &envelopes::triggered_send(2_500), |bytes| {
            soap::read_envelope(bytes, None).is_ok()
        }),
        ["open", times] => repeat(number(times)?, &envelopes::triggered_send(2_500), opens),
        ["open-behind", times] => {
            let envelope = envelopes::with_header_behind(&envelopes::triggered_send(2_500));
            let envelope = envelope.ok_or_else(|| Error::other("no header"))?;
            repeat(number(times)?, &envelope, opens)
        }
        ["take-in", times] => repeat(number(times)?, &envelopes::triggered_send(1), accept),
        ["hostile", kind, size] => {
            let envelope = envelopes::hostile_of_size(kind, number(size)?);
            let envelope = envelope.ok_or_else(|| Error::other("no such kind"))?;
            let read = soap::read_envelope(envelope.as_bytes(), None);
            // What is allowed may be accepted; it must not be slow.
            black_box(read.is_ok());
            Ok(())
        }
        _ => Err(Error::other("see the head of the file")),
    }
}

fn repeat(times: usize, envelope: &str, run: impl Fn(&[u8]) -> bool) -> Result<()> {
    let all_good = (0..times).all(|_| black_box(run(envelope.as_bytes())));
    all_good
        .then_some(())
        .ok_or_else(|| Error::other("a good envelope was refused"))
}

fn measure(out: &mut impl std::io::Write) -> Result<()> {
    let large = envelopes::triggered_send(2_500);
    let call = envelopes::triggered_send(1);
    let read = seconds(1, || soap::read_envelope(large.as_bytes(), None).is_ok())?;
    let accepted = seconds(100, || accept(call.as_bytes()))?;
    writeln!(
        out,
        "{{\"mb_per_s\":{:.0},\"us_per_call\":{:.1},\"envelope_bytes\":{},\"call_bytes\":{},\"quoted\":{QUOTED}}}",
        large.len() as f64 / 1e6 / read,
        accepted * 1e6,
        large.len(),
        call.len()
    )
}

/// Seconds of one run, in the fastest of many rounds: each is so short that on a busy machine, too,
/// some are not interrupted, and those take what they take of a core.
fn seconds(runs: u32, run: impl Fn() -> bool) -> Result<f64> {
    let mut fastest = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        if !(0..runs).all(|_| black_box(run())) {
            return Err(Error::other("a good envelope was refused"));
        }
        fastest = fastest.min(begun.elapsed());
    }
    Ok(fastest.as_secs_f64() / f64::from(runs))
}

/// As far as it takes to know who sends it.
fn opens(bytes: &[u8]) -> bool {
    soap::open_envelope(bytes, None).is_ok_and(|opened| opened.credentials.is_some())
}

/// The whole of what happens to an envelope in this crate when it is taken in.
fn accept(bytes: &[u8]) -> bool {
    let Ok(envelope) = soap::read_envelope(bytes, Some("text/xml; charset=utf-8")) else {
        return false;
    };
    let kept = soap::canonical(&envelope.body);
    black_box(calls::Digest::of(kept.as_bytes()));
    let action = envelope.action.as_deref();
    let operation = soap::take_operation(envelope.body, Some("\"Create\""), action);
    let Ok(Operation::Call(call)) = operation else {
        return false;
    };
    if call.check(false).is_err() || black_box(call.place()).is_err() {
        return false;
    }
    let id = "6f0c2d1e-8f3a-4b57-9d43-0d6f9a4f5c11";
    let answering = Answering {
        version: SoapVersion::Soap11,
        relates_to: envelope.message_id.as_deref(),
        message_id: id,
        now: jiff::Timestamp::UNIX_EPOCH,
        url: "https://example.com/Service.asmx",
    };
    let payload = soap::write_queued(Method::Create, call.objects.len(), id);
    soap::envelope(&answering, "CreateResponse", &payload).len() > payload.len()
}
