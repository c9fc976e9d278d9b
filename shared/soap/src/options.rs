//! The Options of a call: reads those that are stored, and records errors in them for the answer.

use calls::refusal::Invalid;
use calls::{
    AsyncResponseType, Options, QueuePriority, Refusal, RequestType, RespondWhen, SaveAction,
    SaveOption, Subscription,
};

use crate::callback_address::CallbackAddress;
use crate::client::ClientContext;
use crate::element::Element;
use crate::fault::Fault;
use crate::fields::{self, unreadable};
use crate::mail_address::MailAddress;

const REQUEST_TYPES: [(&str, RequestType); 2] = [
    ("Synchronous", RequestType::Synchronous),
    ("Asynchronous", RequestType::Asynchronous),
];

const PRIORITIES: [(&str, QueuePriority); 3] = [
    ("Low", QueuePriority::Low),
    ("Medium", QueuePriority::Medium),
    ("High", QueuePriority::High),
];

const SAVE_ACTIONS: [(&str, SaveAction); 6] = [
    ("AddOnly", SaveAction::AddOnly),
    ("Default", SaveAction::Default),
    ("Nothing", SaveAction::Nothing),
    ("UpdateAdd", SaveAction::UpdateAdd),
    ("UpdateOnly", SaveAction::UpdateOnly),
    ("Delete", SaveAction::Delete),
];

/// `None` is FTP: the schema has it, but no server implements it.
const RESPONSE_TYPES: [(&str, Option<AsyncResponseType>); 4] = [
    ("None", Some(AsyncResponseType::None)),
    ("email", Some(AsyncResponseType::Email)),
    ("FTP", None),
    ("HTTPPost", Some(AsyncResponseType::HttpPost)),
];

const RESPOND_WHEN: [(&str, RespondWhen); 7] = [
    ("Never", RespondWhen::Never),
    ("OnError", RespondWhen::OnError),
    ("Always", RespondWhen::Always),
    ("OnConversationError", RespondWhen::OnConversationError),
    (
        "OnConversationComplete",
        RespondWhen::OnConversationComplete,
    ),
    ("OnCallComplete", RespondWhen::OnCallComplete),
    ("OnExpired", RespondWhen::OnExpired),
];

/// The Options that were read.
#[derive(Debug, Default)]
pub(crate) struct ReadOptions {
    pub(crate) client: Option<ClientContext>,
    pub(crate) request_type: Option<RequestType>,
    pub(crate) conversation_id: Option<String>,
    pub(crate) sequence_code: Option<i64>,
    pub(crate) calls_in_conversation: Option<i64>,
    pub(crate) options: Options,
    /// The first option that could be read but must be refused.
    pub(crate) refused: Option<Refusal>,
}

/// Reads the Options of a request; without any, all have their defaults.
pub(crate) fn read(request: &Element) -> Result<ReadOptions, Fault> {
    let Some(element) = fields::single(request, "Options")? else {
        return Ok(ReadOptions::default());
    };
    let mut refused = None;
    let options = Options {
        subscriptions: read_subscriptions(element, &mut refused)?,
        save_options: read_save_options(element)?,
        queue_priority: fields::choice(element, "QueuePriority", &PRIORITIES)?.unwrap_or_default(),
        priority: read_priority(element)?,
        scheduled_time: fields::date_time(element, "ScheduledTime")?,
        expires_at: fields::date_time(element, "RequestExpirationTime")?,
        warnings: Vec::new(),
    };
    Ok(ReadOptions {
        client: fields::single(element, "Client")?.map(ClientContext::read),
        request_type: fields::choice(element, "RequestType", &REQUEST_TYPES)?,
        conversation_id: fields::text(element, "ConversationID")?.map(str::to_owned),
        sequence_code: fields::number(element, "SequenceCode")?,
        calls_in_conversation: fields::number(element, "CallsInConversation")?,
        options,
        refused,
    })
}

fn read_priority(options: &Element) -> Result<Option<i8>, Fault> {
    let number = fields::number(options, "Priority")?;
    let narrow = |number: i64| {
        i8::try_from(number)
            .map_err(|_| unreadable("Priority", &number.to_string(), "a number from -128 to 127"))
    };
    number.map(narrow).transpose()
}

fn read_save_options(options: &Element) -> Result<Vec<SaveOption>, Fault> {
    let Some(list) = fields::single(options, "SaveOptions")? else {
        return Ok(Vec::new());
    };
    list.all("SaveOption").map(read_save_option).collect()
}

fn read_save_option(option: &Element) -> Result<SaveOption, Fault> {
    let property_name = fields::trimmed(option, "PropertyName")?;
    let save_action = fields::choice(option, "SaveAction", &SAVE_ACTIONS)?;
    match (property_name, save_action) {
        (Some(property_name), Some(save_action)) => Ok(SaveOption {
            property_name: property_name.to_owned(),
            save_action,
        }),
        _ => Err(Fault::client(
            "A SaveOption needs a PropertyName and a SaveAction",
        )),
    }
}

fn read_subscriptions(
    options: &Element,
    refused: &mut Option<Refusal>,
) -> Result<Vec<Subscription>, Fault> {
    let mut subscriptions = Vec::new();
    // Some clients write an empty element for no value.
    let responses = options
        .all("SendResponseTo")
        .filter(|response| !response.children.is_empty());
    for response in responses {
        match read_subscription(response)? {
            Ok(subscription) => subscriptions.push(subscription),
            Err(invalid) => *refused = refused.take().or(Some(Refusal::Invalid(invalid))),
        }
    }
    Ok(subscriptions)
}

fn read_subscription(response: &Element) -> Result<Result<Subscription, Invalid>, Fault> {
    let response_type = fields::choice(response, "ResponseType", &RESPONSE_TYPES)?;
    let address = fields::trimmed(response, "ResponseAddress")?.unwrap_or_default();
    let Some(response_type) = response_type else {
        return Err(Fault::client("A SendResponseTo needs a ResponseType"));
    };
    let Some(response_type) = response_type else {
        return Ok(Err(Invalid::FtpReserved));
    };
    if address.is_empty() && response_type != AsyncResponseType::None {
        return Ok(Err(Invalid::ResponseAddressMissing));
    }
    let flag = |name: &str| fields::boolean(response, name).map(|flag| flag.unwrap_or(false));
    Ok(Ok(Subscription {
        response_type,
        address: normalised(response_type, address),
        // The schema's default is Never, which would make an address useless.
        respond_when: fields::choice(response, "RespondWhen", &RESPOND_WHEN)?
            .unwrap_or(RespondWhen::OnCallComplete),
        include_results: flag("IncludeResults")?,
        include_objects: flag("IncludeObjects")?,
        only_include_base: flag("OnlyIncludeBase")?,
    }))
}

/// The address of a reply in normal form. An address that cannot be read is returned unchanged, and
/// refused by the checks before acceptance.
fn normalised(response_type: AsyncResponseType, address: &str) -> String {
    let read = match response_type {
        AsyncResponseType::None => None,
        AsyncResponseType::HttpPost => {
            CallbackAddress::parse(address).map(|address| address.whole().to_owned())
        }
        AsyncResponseType::Email => MailAddress::parse(address).ok().map(String::from),
    };
    read.unwrap_or_else(|| address.to_owned())
}
