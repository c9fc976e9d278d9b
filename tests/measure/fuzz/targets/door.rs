//! The whole server on the local cloud: any bytes in, an answer out. Every input is answered in one
//! of the promised forms, and nothing is stored unless the answer says so.
//!
//! An input is the body of a POST to the SOAP address, or a whole request if it begins with a
//! method.

#![no_main]

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_smithy_types::retry::RetryConfig;
use calls::AccountId;
use cloud::Random;
use cloud::accounts::Caller;
use ingest::{Request, Response};
use libfuzzer_sys::fuzz_target;
use local::{Counts, LocalClock, LocalCloud, Service, Stack};

/// Those of the seeds.
const TOKENS: [&str; 2] = ["TOKEN", "LEGACY"];

const NOW: &str = "2026-11-21T09:34:00Z";

/// Refusals that end a gathering conversation, which is stored.
const INVALIDATING: [&str; 3] = ["200", "203", "214"];

struct World {
    runtime: tokio::runtime::Runtime,
    stack: Stack,
}

thread_local! {
    /// As long as nothing is stored in it, one local cloud serves all inputs.
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

fuzz_target!(|bytes: &[u8]| {
    WORLD.with_borrow_mut(|world| {
        let used = world.get_or_insert_with(World::new);
        if used.takes(bytes) {
            *world = None;
        }
    });
});

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let clock = LocalClock::frozen_at(NOW.parse().expect("a time"));
        let local = LocalCloud::with_tables_at(clock).expect("a local cloud");
        let callbacks = local.http_connector();
        let stack = Stack::new(local, callbacks, counted(), RetryConfig::disabled());
        let caller = Caller::of(AccountId("1001".to_owned()));
        runtime.block_on(async {
            for token in TOKENS {
                let kept = stack
                    .cloud
                    .accounts
                    .keep_token(token, &caller, stack.cloud.now());
                kept.await.expect("a token");
            }
        });
        Self { runtime, stack }
    }

    /// Whether something was stored.
    fn takes(&self, bytes: &[u8]) -> bool {
        let request = request_of(bytes);
        let usage = self.stack.local.usage();
        let mark = usage.counts();
        let answer = self.answer(&request);
        let stored = has_written(&usage.since(&mark));
        let said = judge(&request, &answer);
        assert!(
            !stored || said.allows_writing,
            "something was stored, and the answer does not say so: {answer:?}"
        );
        assert_eq!(self.stack.local.refused(), Vec::<String>::new());
        if stored {
            // Sent again, it is answered again; accepted calls are carried out.
            judge(&request, &self.answer(&request));
            self.runtime.block_on(self.stack.settle());
        }
        stored
    }

    fn answer(&self, request: &Request) -> Response {
        self.runtime
            .block_on(ingest::answer(&self.stack.cloud, request))
    }
}

/// Ids are counted, not random: the same input has the same result.
fn counted() -> Random {
    const SPREAD: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;
    let drawn = Arc::new(AtomicU64::new(1));
    Random::from_fn(move || SPREAD.wrapping_mul(drawn.fetch_add(1, Ordering::Relaxed).into()))
}

fn request_of(bytes: &[u8]) -> Request {
    let mut request = Request {
        method: "POST".to_owned(),
        path: "/Service.asmx".to_owned(),
        origin: "https://aftercall.example.net".to_owned(),
        ..Request::default()
    };
    let is_whole = bytes.starts_with(b"POST /") || bytes.starts_with(b"GET /");
    let end = bytes.windows(2).position(|pair| pair == b"\n\n");
    let Some(end) = end.filter(|_| is_whole) else {
        request.body = bytes.to_vec();
        return request;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let (method, address) = lines
        .next()
        .and_then(|line| line.split_once(' '))
        .unwrap_or_default();
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let headers = lines.filter_map(|line| line.split_once(':'));
    request.method = method.to_owned();
    request.path = path.to_owned();
    request.query = query.to_owned();
    request.headers = headers
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    request.body = bytes[end + 2..].to_vec();
    request
}

/// Operations that store something.
fn has_written(used: &Counts) -> bool {
    const WRITES: [(Service, &[&str]); 4] = [
        (
            Service::DynamoDb,
            &[
                "PutItem",
                "UpdateItem",
                "DeleteItem",
                "TransactWriteItems",
                "BatchWriteItem",
            ],
        ),
        (Service::Sqs, &["SendMessage", "SendMessageBatch"]),
        (Service::Scheduler, &["CreateSchedule"]),
        (Service::S3, &["PutObject"]),
    ];
    WRITES.iter().any(|(service, operations)| {
        let mut operations = operations.iter();
        operations.any(|operation| used.used(*service, operation).requests > 0.0)
    })
}

struct Said {
    allows_writing: bool,
}

/// Checks that an answer has one of the promised forms.
fn judge(request: &Request, answer: &Response) -> Said {
    let allowed = [200, 202, 400, 401, 403, 404, 405, 409, 413, 415, 429, 500];
    assert!(allowed.contains(&answer.status), "{answer:?}");
    let kind = answer
        .headers
        .iter()
        .find(|(name, _)| *name == "content-type");
    let kind = kind.map_or("", |(_, value)| value.as_str());
    if kind.contains("json") {
        let read = serde_json::from_str::<serde_json::Value>(&answer.body);
        assert!(read.is_ok(), "{answer:?}");
    }
    if !kind.contains("xml") {
        let is_token = answer.status == 200 && request.method == "POST";
        return Said {
            allows_writing: is_token,
        };
    }
    let document = roxmltree::Document::parse(&answer.body).expect("the answer is XML");
    let text = |name: &str| {
        let mut nodes = document.descendants();
        let found = nodes.find(|node| node.tag_name().name() == name);
        found.and_then(|node| node.text()).unwrap_or_default()
    };
    assert!(
        !answer.body.contains("ErrorID: "),
        "a healthy cloud, and yet: {answer:?}"
    );
    let is_fault = document
        .descendants()
        .any(|node| node.tag_name().name() == "Fault");
    assert_eq!(
        answer.status,
        if is_fault { 500 } else { 200 },
        "{answer:?}"
    );
    let status = text("OverallStatus");
    Said {
        allows_writing: status == "OK"
            || status == "Has Errors"
            || INVALIDATING.contains(&text("ErrorCode")),
    }
}
