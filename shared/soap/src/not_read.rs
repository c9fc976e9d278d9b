//! Elements that a caller sent and the server does not read. They are not an error by themselves,
//! but are always reported.
//!
//! Otherwise a misspelt option would silently change what a call means: a mail that was meant for
//! tomorrow would be sent today.

use calls::Warning;

use crate::element::Element;
use crate::fault::echo;
use crate::nearest::nearest_name;
use crate::payload::UnreadAttribute;

/// Most warnings of one request: each is a header of the answer. One more warning says how many
/// there are.
const WARNINGS_MAX: usize = 10;

/// The elements of a call that are read inside another one.
const READ: [(&str, &[&str]); 8] = [
    ("CreateRequest", &["Options", "Objects"]),
    ("UpdateRequest", &["Options", "Objects"]),
    ("DeleteRequest", &["Options", "Objects"]),
    ("PerformRequestMsg", &["Options", "Action", "Definitions"]),
    ("Options", &OPTIONS),
    (
        "SendResponseTo",
        &[
            "ResponseType",
            "ResponseAddress",
            "RespondWhen",
            "IncludeResults",
            "IncludeObjects",
            "OnlyIncludeBase",
        ],
    ),
    ("SaveOptions", &["SaveOption"]),
    ("SaveOption", &["PropertyName", "SaveAction"]),
];

/// The same for a Retrieve and for a Query, whose Options are different ones.
const READ_OF_LOOKS: [(&str, &[&str]); 7] = [
    ("RetrieveRequestMsg", &["RetrieveRequest"]),
    (
        "RetrieveRequest",
        &[
            "ClientIDs",
            "ObjectType",
            "Properties",
            "Filter",
            "ContinueRequest",
            "QueryAllAccounts",
            "Options",
        ],
    ),
    ("Options", &["BatchSize"]),
    ("QueryRequestMsg", &["QueryRequest"]),
    ("QueryRequest", &["ClientIDs", "Query", "ContinueRequest"]),
    ("Query", &["Object", "Filter"]),
    ("Object", &["ObjectType", "Properties"]),
];

type Read = [(&'static str, &'static [&'static str])];

const OPTIONS: [&str; 11] = [
    "Client",
    "SendResponseTo",
    "SaveOptions",
    "Priority",
    "ConversationID",
    "SequenceCode",
    "CallsInConversation",
    "ScheduledTime",
    "RequestExpirationTime",
    "RequestType",
    "QueuePriority",
];

/// Options that have a meaning for an asynchronous call, and none for a synchronous one.
const FOR_LATER: [&str; 2] = ["SendResponseTo", "QueuePriority"];

/// The elements of a request that nothing reads, except those inside objects, which are stored
/// completely.
pub(crate) fn in_request(request: &Element) -> Vec<Warning> {
    let mut warnings = Vec::new();
    find(request, &READ, &mut warnings);
    warnings
}

/// The elements of a Retrieve or a Query that nothing reads.
pub(crate) fn in_look(request: &Element) -> Vec<Warning> {
    let mut warnings = Vec::new();
    find(request, &READ_OF_LOOKS, &mut warnings);
    warnings
}

fn find(parent: &Element, all: &'static Read, warnings: &mut Vec<Warning>) {
    let Some(read) = read_within(&parent.name, all) else {
        return;
    };
    for child in parent.children.iter().filter(|child| says_something(child)) {
        if read.contains(&child.name.as_str()) {
            find(child, all, warnings);
        } else if !is_off(child) {
            let meant = nearest_name(&child.name, read.iter().copied());
            let (name, parent) = (echo(&child.name), echo(&parent.name));
            warnings.push(Warning(match meant {
                Some(meant) => {
                    format!("Element '{name}' of {parent} is not read. Is {meant} meant?")
                }
                None => format!("Element '{name}' of {parent} is not read"),
            }));
        }
    }
}

/// Many clients write an empty or nil element where there is no value.
fn says_something(element: &Element) -> bool {
    !element.nil && (!element.children.is_empty() || !element.text.trim().is_empty())
}

/// Many clients write every flag, and a flag that is false requests nothing.
fn is_off(element: &Element) -> bool {
    let text = element.text.trim();
    text.eq_ignore_ascii_case("false") || text == "0"
}

fn read_within(name: &str, all: &'static Read) -> Option<&'static [&'static str]> {
    let found = all.iter().find(|(parent, _)| *parent == name);
    found.map(|(_, read)| *read)
}

/// Options of a request that only have a meaning for an asynchronous call.
pub(crate) fn for_later(request: &Element) -> Vec<&'static str> {
    let Some(options) = request.child("Options") else {
        return Vec::new();
    };
    let is_sent = |name: &&str| options.all(name).any(says_something);
    FOR_LATER.into_iter().filter(|name| is_sent(name)).collect()
}

pub(crate) fn at_once(name: &str) -> Warning {
    Warning(format!(
        "{name} is not read in a synchronous call. It counts with RequestType Asynchronous"
    ))
}

/// The warning for an attribute.
pub fn of_attribute(attribute: &UnreadAttribute) -> Warning {
    let (name, element) = (echo(&attribute.name), echo(&attribute.element));
    let read = read_within(&attribute.element, &READ)
        .or_else(|| read_within(&attribute.element, &READ_OF_LOOKS))
        .unwrap_or_default();
    Warning(match nearest_name(&attribute.name, read.iter().copied()) {
        Some(meant) => format!(
            "Attribute '{name}' of {element} is not read. An element {meant} inside it is meant"
        ),
        None => format!("Attribute '{name}' of {element} is not read. Values stand in elements"),
    })
}

/// As many as fit into an answer.
pub fn bounded(mut warnings: Vec<Warning>) -> Vec<Warning> {
    let more = warnings.len().saturating_sub(WARNINGS_MAX);
    if more > 0 {
        warnings.truncate(WARNINGS_MAX);
        warnings.push(Warning(format!("{more} more are not read")));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(options: Element, expected: &[&str]) {
        let request = Element::new("CreateRequest")
            .with(options)
            .with(Element::new("Objects").with(Element::of("Anything", "is kept")));
        let found: Vec<String> = in_request(&request)
            .into_iter()
            .map(|warning| warning.0)
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_not_read_is_named_with_what_is_meant() {
        let options = || Element::new("Options");
        check(options().with(Element::of("ConversationID", "c")), &[]);
        check(
            options()
                .with(Element::of("ScheduleTime", "2026-11-20T10:00:00Z"))
                .with(Element::of("ConversationId", "c"))
                .with(Element::new("SendResponseto").with(Element::of("ResponseType", "None")))
                .with(Element::of("Container", "x"))
                .with(Element::new("Nothing")),
            &[
                "Element 'ScheduleTime' of Options is not read. Is ScheduledTime meant?",
                "Element 'ConversationId' of Options is not read. Is ConversationID meant?",
                "Element 'SendResponseto' of Options is not read. Is SendResponseTo meant?",
                "Element 'Container' of Options is not read",
            ],
        );
        check(
            options().with(
                Element::new("SendResponseTo").with(Element::of("ResponseAdress", "https://x")),
            ),
            &["Element 'ResponseAdress' of SendResponseTo is not read. Is ResponseAddress meant?"],
        );
        check(
            Element::new("options").with(Element::of("RequestType", "Asynchronous")),
            &["Element 'options' of CreateRequest is not read. Is Options meant?"],
        );
    }

    #[test]
    fn options_of_a_retrieve_are_others_than_those_of_a_call() {
        let options = Element::new("Options")
            .with(Element::of("BatchSize", "10"))
            .with(Element::of("Batchsize", "10"))
            .with(Element::of("IncludeObjects", "true"))
            .with(Element::of("OnlyIncludeBase", "false"))
            .with(Element::of("RequestType", "Asynchronous"));
        let request = Element::new("RetrieveRequest")
            .with(Element::of("ObjectType", "List"))
            .with(Element::new("Filter").with(Element::of("Anything", "is a filter's own")))
            .with(Element::of("RepeatLastResult", "False"))
            .with(Element::of("RetrieveAllSinceLastBatch", "true"))
            .with(options);
        let found = in_look(&Element::new("RetrieveRequestMsg").with(request));
        let found: Vec<String> = found.into_iter().map(|warning| warning.0).collect();
        assert_eq!(
            found,
            [
                "Element 'RetrieveAllSinceLastBatch' of RetrieveRequest is not read",
                "Element 'Batchsize' of Options is not read. Is BatchSize meant?",
                "Element 'IncludeObjects' of Options is not read",
                "Element 'RequestType' of Options is not read",
            ]
        );
    }

    #[test]
    fn an_attribute_is_named_with_the_element_that_is_meant() {
        let warn = |element: &str, name: &str| {
            of_attribute(&UnreadAttribute {
                element: element.to_owned(),
                name: name.to_owned(),
            })
            .0
        };
        assert_eq!(
            warn("Options", "RequestType"),
            "Attribute 'RequestType' of Options is not read. An element RequestType inside it is meant"
        );
        assert_eq!(
            warn("Objects", "EmailAddress"),
            "Attribute 'EmailAddress' of Objects is not read. Values stand in elements"
        );
    }

    #[test]
    fn there_are_never_more_than_an_answer_can_carry() {
        let many = |count: usize| vec![Warning("x".to_owned()); count];
        assert_eq!(bounded(many(10)).len(), 10);
        let warnings = bounded(many(30));
        assert_eq!(warnings.len(), 11);
        assert_eq!(warnings[10].0, "20 more are not read");
    }
}
