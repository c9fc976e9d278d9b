//! Asynchronous calls: checked, stored, counted in their conversation, answered.

use calls::{
    AddressRule, AsyncResponseType, Call, CallerQueues, ClientQueue, ConversationKey, Digest,
    Refusal, RequestId, is_safe_to_repeat,
};
use cloud::conversation::accept::Accepted;
use cloud::outbound::callback::check_address;
use cloud::{Cloud, Error, OwnHosts};
use soap::{CallRequest, CallbackAddress, Element, Fault, NamedPlace};
use tracing::debug;

use crate::answer::{Answer, refused};
use crate::caller::Caller;
use crate::forwards_to::ForwardsTo;

/// What is stored of a payload: its text without the passwords of callback addresses, and the
/// digest by which a call that is sent again is recognised.
pub struct CanonicalPayload {
    canonical: String,
    digest: Digest,
}

impl CanonicalPayload {
    pub fn of(body: &Element) -> Self {
        let canonical = soap::canonical(body);
        let digest = Digest::of(canonical.as_bytes());
        match soap::without_passwords(body) {
            Some(body) => Self {
                canonical: soap::canonical(&body),
                digest,
            },
            None => Self { canonical, digest },
        }
    }

    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

/// Accepts a call. It is answered only after it is durable.
pub async fn accept(
    cloud: &Cloud,
    caller: &Caller,
    request: &CallRequest,
    payload: CanonicalPayload,
    idempotency_key: Option<&str>,
    own: &OwnHosts,
    backend: Option<&ForwardsTo>,
) -> Result<Answer, Error> {
    let now = cloud.now();
    let call = match check(cloud, caller, request, &payload, own, backend) {
        Ok(call) => call,
        Err(refusal) => return Ok(Ok(refused(cloud, request, &refusal))),
    };
    let alone = call.conversation_id.is_none();
    let accepted = match idempotency_key.filter(|_| alone) {
        Some(key) if !is_key(key) => {
            return Ok(Err(Fault::client(
                "The Idempotency-Key header must have 1 to 255 characters, in UTF-8",
            )));
        }
        Some(key) => {
            let queues = queues_of(cloud, caller, &call).await?;
            cloud
                .accept_once(call, &payload.canonical, key, &queues, now)
                .await?
        }
        None => {
            let queues = queues_of(cloud, caller, &call).await?;
            cloud.accept(call, &payload.canonical, &queues, now).await?
        }
    };
    Ok(match accepted {
        Accepted::Accepted(request_id) => {
            debug!(%request_id, account = %caller.account, "call taken in");
            Ok(soap::write_queued(
                request.method,
                request.objects.len(),
                &request_id.0,
            ))
        }
        Accepted::Refused(refusal) => Ok(refused(cloud, request, &refusal)),
        Accepted::KeyUsed => Err(Fault::client(
            "The Idempotency-Key header was used for a call with other content within the last \
             24 hours. Use another key for another call",
        )),
    })
}

/// Accepts a call that the server itself makes for a request of its caller. It is carried out by
/// the built-in backend, whatever backend the account has.
pub async fn take_in(
    cloud: &Cloud,
    caller: &Caller,
    request: &CallRequest,
    payload: &CanonicalPayload,
    own: &OwnHosts,
) -> Result<Accepted, Error> {
    match check_own(cloud, caller, request, payload, own) {
        Ok(call) => take_in_checked(cloud, caller, call, payload).await,
        Err(refusal) => Ok(Accepted::Refused(refusal)),
    }
}

/// Such a call, with all that can be said against it said.
pub fn check_own(
    cloud: &Cloud,
    caller: &Caller,
    request: &CallRequest,
    payload: &CanonicalPayload,
    own: &OwnHosts,
) -> Result<Call, Refusal> {
    check(cloud, caller, request, payload, own, None)
}

/// Takes in such a call, under its RequestID: one that was taken in before is answered as before.
pub async fn take_in_checked(
    cloud: &Cloud,
    caller: &Caller,
    call: Call,
    payload: &CanonicalPayload,
) -> Result<Accepted, Error> {
    let queues = queues_of(cloud, caller, &call).await?;
    let accepted = cloud
        .accept(call, &payload.canonical, &queues, cloud.now())
        .await?;
    if let Accepted::Accepted(request_id) = &accepted {
        debug!(%request_id, account = %caller.account, "call taken in");
    }
    Ok(accepted)
}

/// The settings of queues for calls outside any conversation. Cached for some minutes.
async fn queues_of(cloud: &Cloud, caller: &Caller, call: &Call) -> Result<CallerQueues, Error> {
    if call.conversation_id.is_some() {
        return Ok(CallerQueues::default());
    }
    let now = cloud.now();
    let account = cloud.accounts.account(&call.account, now).await?;
    let client = match &caller.client {
        Some(client) => Some(ClientQueue {
            client: client.clone(),
            settings: cloud.accounts.client_queue(client, now).await?,
        }),
        None => None,
    };
    Ok(CallerQueues {
        account: account.map(|account| account.queue).unwrap_or_default(),
        client,
    })
}

/// Longest `Idempotency-Key`.
const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;

/// Bytes that are not UTF-8 are replaced, so that different keys could look the same: such keys are
/// refused.
fn is_key(text: &str) -> bool {
    let is_readable = !text.contains(char::REPLACEMENT_CHARACTER);
    is_readable && (1..=IDEMPOTENCY_KEY_CHARS_MAX).contains(&text.chars().count())
}

/// All checks of a call that do not need its conversation.
fn check(
    cloud: &Cloud,
    caller: &Caller,
    request: &CallRequest,
    payload: &CanonicalPayload,
    own: &OwnHosts,
    backend: Option<&ForwardsTo>,
) -> Result<Call, Refusal> {
    let now = cloud.now();
    let allow_http = cloud.settings.allow_http_callbacks;
    let NamedPlace {
        conversation_id,
        place,
    } = request.place()?;
    request.check(allow_http)?;
    request
        .options
        .check_times(place.calls_in_conversation().get(), now)?;
    for (number, subscription) in soap::numbered(&request.options.subscriptions) {
        if subscription.response_type == AsyncResponseType::HttpPost {
            may_be_posted_to(&subscription.address, own, allow_http)
                .map_err(|rule| number.bad_address(&subscription.address, rule))?;
        }
    }
    // The objects of a forwarded call are checked by its backend.
    if backend.is_none() {
        objects::check(
            request.method,
            request.action.as_deref(),
            &request.options,
            &request.objects,
        )?;
    }
    let request_id = match &conversation_id {
        Some(conversation_id) => {
            let conversation = ConversationKey::named(&caller.account, conversation_id);
            RequestId::of_part(&conversation, place.sequence())
        }
        None => cloud.random.request_id(),
    };
    Ok(Call {
        request_id,
        account: caller.account.clone(),
        conversation_id,
        place,
        method: request.method,
        options: request.options.clone(),
        digest: payload.digest.clone(),
        objects: u32::try_from(request.objects.len()).unwrap_or(u32::MAX),
        object_type: request
            .objects
            .first()
            .and_then(|object| object.type_name.clone())
            .unwrap_or_default(),
        arrived_at: now,
        backend: backend.map(|to| to.name.clone()),
        safe_to_repeat: backend.is_some_and(|to| {
            let types = request.objects.iter().map(|it| it.type_name.as_deref());
            is_safe_to_repeat(&to.safe_to_repeat, request.method, types)
        }),
        resubmitted_from: None,
    })
}

/// Whether replies may be posted to this address. The service itself would answer a reply with a
/// fault, which would be sent again for three days.
fn may_be_posted_to(address: &str, own: &OwnHosts, allow_http: bool) -> Result<(), AddressRule> {
    let read = CallbackAddress::parse(address).ok_or(AddressRule::Readable)?;
    check_address(&read, allow_http)?;
    if !allow_http && own.are_called_by(address) {
        return Err(AddressRule::Foreign);
    }
    Ok(())
}
