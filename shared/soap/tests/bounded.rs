//! What reading costs in memory, counted by an allocator that counts: so many allocations for an
//! ordinary call, and for the worst envelopes never more than a function has.

#[path = "../examples/reading/envelopes.rs"]
mod envelopes;

use std::hint::black_box;

use allocation_counter::{AllocationInfo, measure};

/// Most that one request may hold at any moment. A function has 256 MB, and reads one at a time.
const BYTES_MAX: u64 = 100_000_000;

fn of_size(kind: &str, bytes: usize) -> String {
    envelopes::hostile_of_size(kind, bytes).expect("a kind")
}

fn reading(envelope: &str) -> AllocationInfo {
    measure(|| {
        black_box(soap::read_envelope(envelope.as_bytes(), None).is_ok());
    })
}

#[test]
fn x05_x06_x14_the_worst_envelopes_take_bounded_memory() {
    for kind in envelopes::HOSTILE {
        // Less what stands around it.
        let envelope = of_size(kind, soap::ENVELOPE_BYTES_MAX - 40_000);
        assert!(
            envelope.len() > 4_900_000,
            "{kind}: {} bytes",
            envelope.len()
        );
        let used = reading(&envelope);
        println!(
            "{kind}: {} allocations, {} bytes at most",
            used.count_total, used.bytes_max
        );
        assert!(
            used.bytes_max < BYTES_MAX,
            "{kind}: {} bytes",
            used.bytes_max
        );
        assert_eq!(used.bytes_current, 0, "{kind} leaves something behind");
    }
}

#[test]
fn twice_as_much_takes_at_most_twice_the_memory() {
    for kind in envelopes::HOSTILE {
        let (once, twice) = (
            reading(&of_size(kind, 100_000)),
            reading(&of_size(kind, 200_000)),
        );
        // Buffers that double are up to twice as large as they need to be.
        assert!(
            twice.bytes_total <= 5 * once.bytes_total / 2 + 50_000,
            "{kind}: {} bytes, then {}",
            once.bytes_total,
            twice.bytes_total
        );
    }
}

/// What it takes to know who sends an envelope, with its header before the body and behind it.
fn opening(envelope: &str) -> [AllocationInfo; 2] {
    let header = "<s:Header><fueloauth xmlns='http://exacttarget.com'>t</fueloauth></s:Header>";
    let before = envelope.replacen("<s:Body>", &format!("{header}<s:Body>"), 1);
    let behind = envelope.replace("</s:Envelope>", &format!("{header}</s:Envelope>"));
    [before, behind].map(|envelope| {
        measure(|| {
            let opened = soap::open_envelope(envelope.as_bytes(), None);
            black_box(opened.is_ok_and(|opened| opened.credentials.is_some()));
        })
    })
}

#[test]
fn a_stranger_costs_next_to_no_memory_wherever_the_header_stands() {
    for kind in envelopes::HOSTILE {
        let envelope = of_size(kind, soap::ENVELOPE_BYTES_MAX - 40_000);
        let [before, behind] = opening(&envelope);
        println!(
            "{kind}: {} allocations and {} bytes, {} and {} with the header behind",
            before.count_total, before.bytes_max, behind.count_total, behind.bytes_max
        );
        assert!(
            before.count_total < 50 && before.bytes_max < 20_000,
            "{kind}: {before:?}"
        );
        // One text or value is held at a time, and it may be as long as the envelope.
        assert!(behind.bytes_max < 9_000_000, "{kind}: {behind:?}");
    }
    let elements = of_size("elements", soap::ENVELOPE_BYTES_MAX - 40_000);
    let [_, behind] = opening(&elements);
    assert!(
        behind.count_total < 50 && behind.bytes_max < 20_000,
        "{behind:?}"
    );
}

#[test]
fn a_caller_is_the_same_wherever_the_header_stands() {
    let before = envelopes::triggered_send(2_500);
    let behind = envelopes::with_header_behind(&before).expect("a header");
    let known = |envelope: &str| {
        soap::open_envelope(envelope.as_bytes(), None)
            .expect("a header")
            .credentials
    };
    assert!(known(&before).is_some());
    assert_eq!(known(&before), known(&behind));
}

#[test]
fn a_header_has_so_many_elements_at_most() {
    let around = |elements: usize| {
        let entries = "<a/>".repeat(elements);
        format!(
            "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Header>{entries}\
             </s:Header><s:Body><R xmlns='{}'/></s:Body></s:Envelope>",
            soap::API
        )
    };
    assert!(soap::read_envelope(around(1_000).as_bytes(), None).is_ok());
    for elements in [1_001, 1_200_000] {
        let envelope = around(elements);
        let used = measure(|| {
            let fault = soap::open_envelope(envelope.as_bytes(), None).expect_err("a fault");
            assert!(
                fault.text.contains("more than 1000 elements in its Header"),
                "{fault:?}"
            );
        });
        assert!(used.bytes_max < 500_000, "{used:?}");
    }
}

#[test]
fn what_is_refused_early_takes_nothing() {
    let doctype = format!("<!DOCTYPE x [{}]>", "<!ENTITY a \"b\">".repeat(300_000));
    let too_large = " ".repeat(soap::ENVELOPE_BYTES_MAX + 1);
    let deep = "<A>".repeat(1_600_000);
    for envelope in [doctype, too_large, deep] {
        let used = reading(&envelope);
        assert!(used.bytes_max < 20_000, "{used:?}");
    }
}

/// Reading, keeping, checking and answering a call of 2.2 KB.
#[test]
fn an_ordinary_call_takes_so_many_allocations() {
    let envelope = envelopes::triggered_send(1);
    assert!(
        (2_100..2_400).contains(&envelope.len()),
        "{}",
        envelope.len()
    );
    let read = reading(&envelope);
    let all = measure(|| {
        let envelope = soap::read_envelope(envelope.as_bytes(), None).expect("a good one");
        let kept = soap::canonical(&envelope.body);
        black_box(calls::Digest::of(kept.as_bytes()));
        let operation = soap::take_operation(envelope.body, None, None).expect("an operation");
        let soap::Operation::Call(call) = operation else {
            panic!("a call expected");
        };
        call.check(false).expect("nothing wrong");
        black_box(call.place().expect("a place"));
        black_box(soap::write_queued(call.method, call.objects.len(), "id"));
    });
    println!("{} to read, {} in all", read.count_total, all.count_total);
    assert!(read.count_total <= 72, "{} to read", read.count_total);
    // Three of them are the address as it is posted to.
    assert!(all.count_total <= 119, "{} in all", all.count_total);
}
