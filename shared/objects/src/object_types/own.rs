//! The server's own records: what became of calls, and what was sent before and has not started.
//! They are read, and the last two also deleted; only the server makes them. An AsyncRequestResult is also
//! what the tasks of a call are ended by.

use calls::Method;
use soap::Element;

use crate::object_type::{CallView, Cancellation, ObjectType, Retrieval, Work};
use crate::object_types::stored_only;
use crate::saving::Intent;
use crate::tree;
use crate::verdict::Refused;

const READ_ONLY: ObjectType = ObjectType {
    methods: &[],
    work: Work::Nothing,
    check,
    ..stored_only::TYPE
};

/// What is asked for by name, in the order of the registry.
pub(crate) const TYPES: [ObjectType; 5] = [
    ObjectType {
        name: CallView::Message.type_name(),
        retrieval: Retrieval::Calls(CallView::Message),
        ..READ_ONLY
    },
    ObjectType {
        name: CallView::Item.type_name(),
        retrieval: Retrieval::Calls(CallView::Item),
        ..READ_ONLY
    },
    ObjectType {
        name: CallView::Request.type_name(),
        actions: &["cancel"],
        retrieval: Retrieval::Calls(CallView::Request),
        work: Work::Cancel(of_tasks),
        ..READ_ONLY
    },
    ObjectType {
        name: "ScheduledRequest",
        methods: &[Method::Delete],
        retrieval: Retrieval::Nothing,
        work: Work::Cancel(of_request),
        ..READ_ONLY
    },
    ObjectType {
        name: "ScheduledConversation",
        methods: &[Method::Delete],
        retrieval: Retrieval::Nothing,
        work: Work::Cancel(of_conversation),
        ..READ_ONLY
    },
];

/// What is to be cancelled must be named; whether it is there is for the server to find out.
fn check(_intent: Intent, object: &Element) -> Result<(), Refused> {
    let field = match object.type_name.as_deref() {
        Some("ScheduledConversation") => "ConversationID",
        _ => "RequestID",
    };
    let is_named = |name: &str| tree::filled(object, name).is_some();
    let by_object_id = object.type_name.as_deref() == Some(CallView::Request.type_name());
    match is_named(field) || (by_object_id && is_named("ObjectID")) {
        true => Ok(()),
        false => Err(Refused::new(
            220,
            format!("AsyncAPI_Item_Not_Found. The object must have a {field}"),
        )),
    }
}

fn of_request(object: &Element) -> Cancellation {
    match object.text_of("RequestID") {
        Some(request_id) => Cancellation::Request(request_id.trim().to_lowercase()),
        None => Cancellation::Unnamed,
    }
}

/// Its ObjectID is the RequestID, too, which its type has no field for.
fn of_tasks(object: &Element) -> Cancellation {
    let named = ["RequestID", "ObjectID"];
    let named = named.iter().find_map(|name| tree::filled(object, name));
    match named {
        Some(request_id) => Cancellation::Tasks(request_id.trim().to_lowercase()),
        None => Cancellation::Unnamed,
    }
}

fn of_conversation(object: &Element) -> Cancellation {
    match object.text_of("ConversationID") {
        Some(conversation_id) => Cancellation::Conversation(conversation_id.to_owned()),
        None => Cancellation::Unnamed,
    }
}
