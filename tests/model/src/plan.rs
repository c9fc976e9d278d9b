//! What may happen in a world: which requests, how time goes on, how many faults.

use calls::{
    AccountId, AsyncResponseType, BackendName, Call, ConversationId, Digest, Method, Options,
    Place, QueuePriority, RequestId, RespondWhen, Subscription,
};
use jiff::{SignedDuration, Timestamp};

/// One request of a client. Each is sent once; a resend is another with the same content.
#[derive(Clone, Debug)]
pub struct Sent {
    pub conversation: usize,
    pub sequence: u32,
    pub calls: u32,
    pub content: u8,
    pub does: Does,
    pub at: Where,
    pub scheduled_s: Option<i64>,
    pub expires_s: Option<i64>,
    pub priority: QueuePriority,
    pub respond_when: Vec<RespondWhen>,
}

/// The result of a call that is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    Well,
    /// In two chunks, each committed by itself.
    WellInTwo,
    Badly,
    /// At a backend, whose answer is lost.
    Lost,
}

/// Where a call is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    Here,
    AtBackend,
    /// There, and its account has declared it safe to repeat.
    AtBackendSafely,
}

/// A small world.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub sends: Vec<Sent>,
    /// Instants, in seconds; the last is far beyond all that is due.
    pub instants_s: Vec<i64>,
    pub ingests: usize,
    pub processors: usize,
    /// Conversations that their caller may cancel, once each.
    pub cancels: Vec<usize>,
    /// Whether calls may be held back for a while.
    pub maintenance: bool,
    /// Whether the backend may be out of service for a while.
    pub outage: bool,
    /// Functions that may die on their way.
    pub crashes: u8,
    /// Wake-ups that may be delivered while they are in flight.
    pub redeliveries: u8,
    /// Wake-ups that may never reach their queue.
    pub losses: u8,
}

impl Plan {
    pub fn time(&self, instant: u8) -> Timestamp {
        at(self.instants_s[usize::from(instant)])
    }

    pub fn last_instant(&self) -> u8 {
        u8::try_from(self.instants_s.len() - 1).expect("few instants")
    }

    pub fn conversations(&self) -> usize {
        self.sends
            .iter()
            .map(|sent| sent.conversation + 1)
            .max()
            .unwrap_or(0)
    }
}

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

/// Reads `0:1/3` (conversation, SequenceCode, CallsInConversation), then words: `other` content,
/// `fails`, `two` chunks, `sent` to a backend, `safe` to repeat there, its answer `lost`, `high`, `@600` scheduled, `<700` expiring, `replies` to everything, `told` of its own end alone.
pub fn sent(text: &str) -> Sent {
    let mut words = text.split_whitespace();
    let place = words.next().expect("a place");
    let (conversation, place) = place.split_once(':').expect("conversation:place");
    let (sequence, calls) = place.split_once('/').expect("sequence/calls");
    let mut sent = Sent {
        conversation: conversation.parse().expect("a number"),
        sequence: sequence.parse().expect("a number"),
        calls: calls.parse().expect("a number"),
        content: 0,
        does: Does::Well,
        at: Where::Here,
        scheduled_s: None,
        expires_s: None,
        priority: QueuePriority::Medium,
        respond_when: Vec::new(),
    };
    for word in words {
        match word {
            "other" => sent.content = 1,
            "fails" => sent.does = Does::Badly,
            "two" => sent.does = Does::WellInTwo,
            "lost" => sent.does = Does::Lost,
            "sent" => sent.at = Where::AtBackend,
            "safe" => sent.at = Where::AtBackendSafely,
            "high" => sent.priority = QueuePriority::High,
            "told" => sent.respond_when = vec![RespondWhen::OnCallComplete],
            "replies" => {
                sent.respond_when = vec![
                    RespondWhen::OnError,
                    RespondWhen::OnCallComplete,
                    RespondWhen::OnExpired,
                    RespondWhen::OnConversationComplete,
                    RespondWhen::OnConversationError,
                    RespondWhen::Never,
                ];
            }
            word => match (word.strip_prefix('@'), word.strip_prefix('<')) {
                (Some(time), _) => sent.scheduled_s = Some(time.parse().expect("seconds")),
                (_, Some(time)) => sent.expires_s = Some(time.parse().expect("seconds")),
                (None, None) => panic!("unknown word {word}"),
            },
        }
    }
    sent
}

impl Sent {
    /// As ingest makes it: `number` stands for the RequestID.
    pub fn call(&self, number: usize, now: Timestamp) -> Call {
        let conversation_id = ConversationId::parse(&self.conversation.to_string()).ok();
        let place = Place::parse(i64::from(self.sequence), i64::from(self.calls)).expect("a place");
        Call {
            request_id: RequestId(number.to_string()),
            account: AccountId("1".to_owned()),
            conversation_id,
            place,
            method: Method::Create,
            options: Options {
                subscriptions: self
                    .respond_when
                    .iter()
                    .map(|when| subscription(*when))
                    .collect(),
                queue_priority: self.priority,
                scheduled_time: self.scheduled_s.map(at),
                expires_at: self.expires_s.map(at),
                ..Options::default()
            },
            // Its place is part of its Body, too.
            digest: Digest(format!("{} of {}", self.content, self.calls)),
            objects: 1,
            object_type: String::new(),
            arrived_at: now,
            backend: match self.at {
                Where::Here => None,
                Where::AtBackend | Where::AtBackendSafely => Some(backend_name()),
            },
            safe_to_repeat: self.at == Where::AtBackendSafely,
            resubmitted_from: None,
        }
    }
}

pub fn backend_name() -> BackendName {
    BackendName::parse("mc").expect("a name")
}

fn subscription(respond_when: RespondWhen) -> Subscription {
    Subscription {
        response_type: AsyncResponseType::HttpPost,
        address: String::new(),
        respond_when,
        include_results: false,
        include_objects: false,
        only_include_base: false,
    }
}
