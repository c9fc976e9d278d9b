//! The protocol: reads and writes envelopes, and writes the WSDL.
//!
//! A request is processed like this: [`open_envelope`] (strict XML, up to the credentials),
//! [`Opened::read`], or everything at once with [`read_envelope`] (Header, one payload),
//! [`canonical`] and [`digest`] (what is stored of the payload), [`take_operation`] (the
//! operation), [`CallRequest::check`] and [`CallRequest::place`] (checks before acceptance), then
//! one of the `write_` functions for the payload of the answer and [`envelope`] around it, or
//! [`write_fault`].
//!
//! **Architecture Invariant:** nothing here awaits or reads a clock, an environment or a random
//! number. Time and ids come as arguments.

mod answer;
mod call;
mod callback_address;
mod client;
mod definitions;
mod describe;
pub mod element;
mod envelope;
mod extract;
mod fault;
mod fields;
mod filter;
mod forwarding;
mod header;
mod listings;
mod mail_address;
mod media_type;
mod model;
mod namespaces;
mod nearest;
mod not_read;
mod objects;
mod operation;
mod options;
mod password_digest;
mod payload;
mod query;
pub mod result;
mod results;
mod retrieve;
mod schedule;
mod security;
mod shared_objects;
mod time;
mod time_range;
mod validation;
mod values;
mod version;
mod write;
mod wsdl;
mod xml;

pub use answer::{
    Answering, PAYLOAD_BYTES_MAX, carried_bytes, carried_bytes_as_text, envelope, write_fault,
};
pub use call::{CallRequest, NamedPlace};
pub use callback_address::{CallbackAddress, shown_address, without_passwords};
pub use client::{ClientContext, client_of, clients_in, no_access};
pub use definitions::write_definitions;
pub use describe::DescribeRequest;
pub use element::Element;
pub use envelope::{Envelope, Opened, open_envelope, read_envelope};
pub use extract::{Execute, ExecuteRequest, Extract, ExtractRequest};
pub use fault::{Fault, FaultCode, echo};
pub use filter::{Filter, Operator};
pub use forwarding::{
    BackendAnswer, BackendFault, CallAnswer, Identity, objects_in, piece_of, read_backend_answer,
    read_results, without_own_options, write_forwarded,
};
pub use listings::{
    RequestResult, SystemStatus, Version, write_configured, write_executed, write_extracted,
    write_queried, write_retrieved, write_scheduled, write_selected, write_system_status,
    write_version_info,
};
pub use mail_address::{MailAddress, MailAddressError, Mailbox};
pub use namespaces::API;
pub use nearest::nearest_name;
pub use not_read::{bounded, of_attribute};
pub use objects::ObjectDetail;
pub use operation::{Operation, take_operation};
pub use password_digest::{FRESH, PasswordDigest};
pub use payload::{UnreadAttribute, canonical, digest, read_canonical};
pub use query::QueryRequest;
pub use result::{Detail, FieldError, ObjectResult, SubscriberFailure};
pub use results::{
    response_name, write_queued, write_refused, write_results, write_results_that_fit,
};
pub use retrieve::{RetrieveRequest, project, unknown_properties};
pub use schedule::{ConfigureRequest, ScheduleRequest};
pub use security::Credentials;
pub use time::{read_date_time, write_date_time};
pub use time_range::TimeRange;
pub use validation::{Number, numbered};
pub use values::{InvalidValue, invalid_value};
pub use version::SoapVersion;
pub use write::escaped;
pub use wsdl::{fault_schema, wsdl};
pub use xml::{
    ATTRIBUTES_MAX, DEPTH_MAX, ELEMENTS_MAX, ENVELOPE_BYTES_MAX, Expanded, NAME_BYTES_MAX,
    NAMESPACE_BYTES_MAX, NAMESPACES_MAX, Piece, outline, well_formed,
};
