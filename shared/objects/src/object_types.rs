//! One file per type of object that has a meaning of its own, `kept` for those that are only kept,
//! and `own` for the server's own records. What a type can do stands in its `TYPE`, a row of the
//! [`registry`](crate::registry).

pub(crate) mod data_extension;
pub(crate) mod data_extension_field;
pub(crate) mod data_extension_object;
pub(crate) mod data_extract_activity;
pub(crate) mod email_send_definition;
pub(crate) mod import_definition;
pub(crate) mod import_results_summary;
pub(crate) mod list;
pub(crate) mod mail_event;
pub(crate) mod own;
pub(crate) mod phone_send;
pub(crate) mod phone_send_definition;
pub(crate) mod property_definition;
pub(crate) mod send;
pub(crate) mod stored_only;
pub(crate) mod subscriber;
pub(crate) mod suppression_list_definition;
pub(crate) mod triggered_send;
pub(crate) mod triggered_send_definition;
