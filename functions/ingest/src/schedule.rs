//! Schedule: an action that begins at a given time. For each object a call with that ScheduledTime
//! is accepted, which carries out the action. The answer has the ID of its Task, by which it can be
//! cancelled. The same Schedule sent again gets the same Task, and nothing more is sent.

use backends::built_in::announcement;
use calls::{Call, Method, Options};
use cloud::conversation::accept::Accepted;
use cloud::{Cloud, Error, OwnHosts};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use objects::{MethodCall, SERVER_OFFSET, ScheduledSend, TaskKind, TaskRefused, WantedSend};
use soap::{CallRequest, Element, Operation, RequestResult, ScheduleRequest};

use crate::accept::{self, CanonicalPayload};
use crate::caller::Caller;
use crate::system;

/// The protocol's codes of an object that cannot be scheduled, and of an unsupported schedule.
const UNSUPPORTED: u32 = 105;
const NOT_VALID: u32 = 140;
const NO_RANGE_TYPE: u32 = 150;
const NO_START: u32 = 151;
const NO_END: u32 = 152;
const NO_OCCURRENCES: u32 = 153;

/// Why something is not scheduled.
struct NotScheduled {
    code: u32,
    message: String,
}

/// Schedules each object; one result each.
pub async fn schedule(
    cloud: &Cloud,
    caller: &Caller,
    request: &ScheduleRequest,
    own: &OwnHosts,
) -> Result<String, Error> {
    let mut results = Vec::with_capacity(request.interactions.len());
    for interaction in &request.interactions {
        let scheduled = start(cloud, caller, (request, interaction), own).await?;
        results.push(
            scheduled.unwrap_or_else(|NotScheduled { code, message }| RequestResult {
                ok: false,
                status_message: message,
                error_code: Some(code),
                ..RequestResult::default()
            }),
        );
    }
    if results.is_empty() {
        results = system::refused(std::iter::empty(), UNSUPPORTED);
    }
    Ok(soap::write_scheduled(&results, &cloud.random.guid()))
}

async fn start(
    cloud: &Cloud,
    caller: &Caller,
    (request, interaction): (&ScheduleRequest, &Element),
    own: &OwnHosts,
) -> Result<Result<RequestResult, NotScheduled>, Error> {
    let type_name = system::type_of(interaction);
    let not = |code, message: String| Ok(Err(NotScheduled { code, message }));
    let objects = std::slice::from_ref(interaction);
    let kind = objects::task_kind(Method::Perform, request.action.as_deref(), objects);
    if kind != Some(TaskKind::EmailSend) {
        let message = format!("The Schedule method is not supported for the {type_name} object");
        return not(UNSUPPORTED, message);
    }
    let starts_at = match starts_at(request.schedule.as_ref()) {
        Ok(at) => at,
        Err(refused) => return Ok(Err(refused)),
    };
    let body = perform_of(request, interaction, starts_at);
    let payload = CanonicalPayload::of(&body);
    let scheduled = match soap::take_operation(body, None, None) {
        Ok(Operation::Call(call)) => call,
        Ok(_) => {
            return not(
                NOT_VALID,
                "The schedule cannot be written as a call".to_owned(),
            );
        }
        Err(fault) => return not(NOT_VALID, fault.text),
    };
    let call = match accept::check_own(cloud, caller, &scheduled, &payload, own) {
        Ok(call) => call,
        Err(refusal) => return not(refusal.error_code(), refusal.to_string()),
    };
    let number = once(cloud, caller, (&scheduled, call), &payload, starts_at).await?;
    Ok(number.map(|number| RequestResult {
        ok: true,
        status_message: format!("{type_name} scheduled"),
        task_id: Some(number.to_string()),
        object: request.schedule.as_ref().map(|it| answered(it, starts_at)),
        ..RequestResult::default()
    }))
}

/// Takes the call in that sends at that time, unless it was before; the number of the Send.
async fn once(
    cloud: &Cloud,
    caller: &Caller,
    (scheduled, mut call): (&CallRequest, Call),
    payload: &CanonicalPayload,
    starts_at: Timestamp,
) -> Result<Result<i32, NotScheduled>, Error> {
    let not = |code, message: String| Ok(Err(NotScheduled { code, message }));
    let client = match scheduled.client.account() {
        Ok(named) => named.unwrap_or_else(|| caller.account.clone()),
        Err(refusal) => return not(refusal.error_code(), refusal.to_string()),
    };
    let requested = method_call(cloud, scheduled, &client, &call.request_id);
    let wanted = WantedSend {
        request: &requested,
        at: starts_at,
        digest: &call.digest,
    };
    let send = match announcement::schedule_send(cloud, &caller.account, &wanted).await? {
        ScheduledSend::New(send) | ScheduledSend::Pending(send) => send,
        ScheduledSend::Begun(send) => return Ok(Ok(send.number)),
        ScheduledSend::Otherwise(send) => {
            let message = format!(
                "The definition is scheduled for this time already, with another content: cancel the Send {} first, or take another StartDateTime",
                send.number
            );
            return not(NOT_VALID, message);
        }
        ScheduledSend::Refused(TaskRefused { code, message }) => return not(code, message),
    };
    call.request_id = send.request_id;
    match accept::take_in_checked(cloud, caller, call, payload).await? {
        Accepted::Accepted(_) => Ok(Ok(send.number)),
        Accepted::Refused(refusal) => not(refusal.error_code(), refusal.to_string()),
        Accepted::KeyUsed => Err(Error::Conflict(1)),
    }
}

fn method_call<'a>(
    cloud: &'a Cloud,
    call: &'a CallRequest,
    client: &'a calls::AccountId,
    request_id: &'a calls::RequestId,
) -> MethodCall<'a> {
    let options: &Options = &call.options;
    MethodCall {
        method: call.method,
        action: call.action.as_deref(),
        options,
        objects: &call.objects,
        client,
        request_id,
        phone_senders: &cloud.settings.phone_senders,
        now: cloud.now(),
    }
}

/// The Perform that does the same at that time.
fn perform_of(request: &ScheduleRequest, interaction: &Element, at: Timestamp) -> Element {
    let options = Element::new("Options");
    let client = request.client_element.clone();
    let options = client.into_iter().fold(options, Element::with);
    let options = options
        .with(Element::of("RequestType", "Asynchronous"))
        .with(Element::of("ScheduledTime", soap::write_date_time(at)));
    let definition = Element {
        name: "Definition".to_owned(),
        ..interaction.clone()
    };
    Element::new("PerformRequestMsg")
        .with(options)
        .with(Element::of(
            "Action",
            request.action.as_deref().unwrap_or_default(),
        ))
        .with(Element::new("Definitions").with(definition))
}

/// When a schedule begins. It must have one occurrence: a second one needs another Schedule.
fn starts_at(schedule: Option<&Element>) -> Result<Timestamp, NotScheduled> {
    let not = |code, message: &str| {
        let message = message.to_owned();
        Err(NotScheduled { code, message })
    };
    let Some(schedule) = schedule.filter(|schedule| !schedule.nil) else {
        return not(NO_START, "The Schedule has no StartDateTime");
    };
    let text = |name: &str| {
        let text = schedule.text_of(name).map(str::trim);
        text.filter(|text| !text.is_empty())
    };
    let Some(start) = text("StartDateTime") else {
        return not(NO_START, "The Schedule has no StartDateTime");
    };
    let Some(at) = soap::read_date_time(start) else {
        return not(NOT_VALID, "The StartDateTime of the Schedule is not a time");
    };
    let repeats = schedule.child("Recurrence").is_some_and(|it| !it.nil);
    if !repeats {
        return Ok(at);
    }
    const ONCE: &str = "A Schedule is carried out once: RecurrenceRangeType EndAfter, Occurrences 1. Send one for each time";
    match (text("RecurrenceRangeType"), text("Occurrences")) {
        (None, _) => not(NO_RANGE_TYPE, "The Schedule has no RecurrenceRangeType"),
        (Some("EndAfter"), None) => not(NO_OCCURRENCES, "The Schedule has no Occurrences"),
        (Some("EndAfter"), Some("1")) => Ok(at),
        (Some("EndOn"), _) if text("EndDateTime").is_none() => {
            not(NO_END, "The Schedule has no EndDateTime")
        }
        (Some(_), _) => not(NOT_VALID, ONCE),
    }
}

/// The schedule as it is returned, with its time in server time.
fn answered(schedule: &Element, at: Timestamp) -> Element {
    let local = at.to_zoned(TimeZone::fixed(SERVER_OFFSET));
    let written = local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    let mut answered = Element {
        name: "Object".to_owned(),
        ..schedule.clone()
    };
    for child in &mut answered.children {
        if child.name == "StartDateTime" {
            child.text.clone_from(&written);
        }
    }
    answered.typed(objects::SCHEDULE_TYPE)
}
