//! Create, Update, Delete and Perform: the requests that can be asynchronous.

use calls::{ConversationId, Method, Options, Place, Refusal, RequestType, Warning};

use crate::client::{ClientContext, client_of};
use crate::element::Element;
use crate::fault::Fault;
use crate::fields;
use crate::not_read;
use crate::options;

/// One Create, Update, Delete or Perform, read but not yet accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct CallRequest {
    pub method: Method,
    /// The account named by its Options or, for a Perform, by itself.
    pub client: ClientContext,
    /// As sent. If the account is asynchronous by default, this is set before `check` and `place`.
    pub request_type: Option<RequestType>,
    /// Byte for byte, not trimmed.
    pub conversation_id: Option<String>,
    pub sequence_code: Option<i64>,
    pub calls_in_conversation: Option<i64>,
    pub options: Options,
    /// Perform only: `start`, `stop`, ...
    pub action: Option<String>,
    /// The top-level objects, in order: elements `Objects`, of a Perform `Definition`.
    pub objects: Vec<Element>,
    /// An error in the options, for which `check` refuses the call.
    pub(crate) refused: Option<Refusal>,
    /// Elements and attributes that were sent and are not read.
    pub(crate) not_read: Vec<Warning>,
    /// Options that only have a meaning for an asynchronous call.
    pub(crate) for_later: Vec<&'static str>,
}

/// Reads the request; its objects move out of `body`.
pub(crate) fn take(method: Method, body: Element) -> Result<CallRequest, Fault> {
    let read = options::read(&body)?;
    let client = read.client.unwrap_or_else(|| client_of(&body));
    let not_read = not_read::in_request(&body);
    let for_later = not_read::for_later(&body);
    let action = fields::trimmed(&body, "Action")?.map(str::to_owned);
    // Two lists are refused, like any repeated element; the objects of a single list are moved out.
    fields::single(&body, "Definitions")?;
    let (within, name) = match method {
        Method::Create | Method::Update | Method::Delete => (body.children, "Objects"),
        Method::Perform => {
            let list = body
                .children
                .into_iter()
                .find(|child| child.name == "Definitions");
            (
                list.map(|list| list.children).unwrap_or_default(),
                "Definition",
            )
        }
    };
    Ok(CallRequest {
        method,
        client,
        request_type: read.request_type,
        conversation_id: read.conversation_id,
        sequence_code: read.sequence_code,
        calls_in_conversation: read.calls_in_conversation,
        options: read.options,
        action: action.filter(|_| method == Method::Perform),
        objects: within
            .into_iter()
            .filter(|child| child.name == name)
            .collect(),
        refused: read.refused,
        not_read,
        for_later,
    })
}

/// The conversation that a call names, and its place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPlace {
    /// `None`: the call is outside any conversation.
    pub conversation_id: Option<ConversationId>,
    pub place: Place,
}

impl NamedPlace {
    const OUTSIDE: Self = Self {
        conversation_id: None,
        place: Place::ONLY,
    };
}

impl CallRequest {
    /// Whether it is asynchronous. If RequestType is absent, it is not.
    pub fn is_asynchronous(&self) -> bool {
        self.request_type == Some(RequestType::Asynchronous)
    }

    /// Warnings about what was sent and is not read: never an error by itself, and never silent.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = self.not_read.clone();
        if !self.is_asynchronous() {
            warnings.extend(self.for_later.iter().map(|name| not_read::at_once(name)));
        }
        warnings
    }

    /// Options whose loss would change the meaning of a call; a synchronous call cannot have them.
    fn sent_for_later(&self) -> Vec<&'static str> {
        let sent = [
            ("ConversationID", self.conversation_id.is_some()),
            ("SequenceCode", self.sequence_code.is_some()),
            ("CallsInConversation", self.calls_in_conversation.is_some()),
            ("ScheduledTime", self.options.scheduled_time.is_some()),
        ];
        let sent = sent.into_iter().filter(|(_, is_sent)| *is_sent);
        sent.map(|(name, _)| name).collect()
    }

    /// The place of the call: its conversation, if it names one, and its number in it. Codes 202,
    /// 205 to 209 and 212; for a synchronous call 209 and 231.
    pub fn place(&self) -> Result<NamedPlace, Refusal> {
        let says_nothing = self.conversation_id.is_none()
            && self.sequence_code.is_none()
            && self.calls_in_conversation.is_none();
        if !self.is_asynchronous() {
            let sent = self.sent_for_later();
            return match (sent.is_empty(), self.options.expires_at) {
                (false, _) => Err(Refusal::NotAsynchronous(sent.join(", "))),
                (true, Some(_)) => Err(Refusal::ExpirationInConversation),
                (true, None) => Ok(NamedPlace::OUTSIDE),
            };
        }
        if says_nothing {
            return Ok(NamedPlace::OUTSIDE);
        }
        let conversation_id = self.conversation_id.as_deref().unwrap_or_default();
        let conversation_id = ConversationId::parse(conversation_id)?;
        let place = match (self.sequence_code, self.calls_in_conversation) {
            (None, None) => Place::ONLY,
            (None, Some(_)) => return Err(Refusal::SequenceCodeMissing),
            (Some(_), None) => return Err(Refusal::CallsInConversationMissing),
            (Some(sequence), Some(calls)) => Place::parse(sequence, calls)?,
        };
        Ok(NamedPlace {
            conversation_id: Some(conversation_id),
            place,
        })
    }
}
