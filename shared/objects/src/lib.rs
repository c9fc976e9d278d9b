//! The built-in backend: what becomes of an object of a call, decided over the records that are
//! loaded.
//!
//! Read in this order: `registry` (the table of all types of object, and what each can do),
//! `check` (what is said against objects at the door), `overlay` (what is known of the table, and
//! what the call changes in it), `carry_out` (one unit of a call's work, from its object to its
//! result), then one file per type under `object_types`.
//!
//! **Architecture Invariant:** nothing in here awaits, reads a clock or a random number. A decision
//! that needs a record which is not loaded says so with [`Missing`] and changes nothing; its caller
//! loads the record and asks again.

mod addressee;
mod alias;
mod attribute_defaults;
mod audience;
mod blocked_address;
mod carry_out;
mod check;
mod columns;
mod context;
mod daily_window;
mod data_extension_keys;
mod email_send;
mod email_send_plan;
mod event_keys;
mod extract_order;
mod field;
mod field_bounds;
mod held;
mod import_columns;
mod import_format;
mod import_row;
mod key;
mod keyed;
mod list_membership;
mod mail;
mod membership;
mod missing;
mod naming;
mod object_type;
mod object_types;
mod outgoing;
mod overlay;
mod person;
mod personalise;
mod phone_failure;
mod phone_number;
mod phone_order;
mod phone_recipient;
mod recipient;
mod registry;
mod replaced_rows;
mod retention;
mod retention_change;
mod retrieve;
mod row_partitions;
mod saving;
mod scheduled_send;
mod send_classification;
mod send_order;
mod send_summary;
mod task;
mod task_record;
mod task_start;
mod text_parts;
mod tree;
mod unit;
mod upkeep;
mod verdict;

pub use carry_out::{cancellation, carry_out, merge, missing, units};
pub use check::{check, check_values};
pub use context::account_of;
pub use daily_window::DailyWindow;
pub use email_send::{EmailSend, PERSON_EFFECTS_MAX, PersonOutcome, is_temporary};
pub use email_send_plan::{EmailSendPlan, People, email_send_plan, suppression_lists_of};
pub use event_keys::moment as event_moment;
pub use extract_order::{ASYNC_RESULTS, ASYNC_RESULTS_ID, ExtractOrder};
pub use field::SERVER_OFFSET;
pub use held::{hold_of, holder_of};
pub use import_columns::ImportColumn;
pub use import_format::ImportFormat;
pub use import_row::{
    ImportRow, ImportRows, ImportedRow, WrongRow, fresh_rows, import_into_fresh_rows, swap_rows,
};
pub use key::KeyRange;
pub use key::ObjectKey;
pub use mail::{MailHold, MailOrder, SendPriority};
pub use missing::Missing;
pub use object_type::{CallView, Cancellation, ObjectType, Sending};
pub use object_types::data_extract_activity::{
    EXTRACT_REFUSED, extract_activity, extract_descriptions, extract_order,
};
pub use object_types::import_definition::{IMPORT_REFUSED, ImportPlan, import_plan};
pub use object_types::import_results_summary::{ImportCounts, ImportStatus, ImportSummary};
pub use object_types::mail_event::{
    Bounce, BounceKind, MailEvent, event_partitions, is_event, sent_event, track,
};
pub use object_types::send::{
    EmailSendCounts, SendMails, SendNote, SendProgress, SendStatus, mails_of, send_object_id,
    shown_send,
};
pub use overlay::{Change, Overlay, Stored};
pub use person::{Belonging, PersonNames, partitions_of, type_of};
pub use phone_failure::PhoneFailure;
pub use phone_order::{PhoneChannel, PhoneOrder, PhoneSenders};
pub use recipient::Recipient;
pub use registry::{names, object_type};
pub use replaced_rows::{ReplacedRows, forget_replaced, replaced_rows, replaced_rows_at};
pub use retention::{RowRetention, removed_from};
pub use retention_change::{ImportSource, RetainedRows, reset_by_import, rows_of_definition};
pub use retrieve::{ObjectSource, RetrieveError, retrieve_from};
pub use scheduled_send::{ScheduledSend, SendReference, WantedSend, schedule_send};
pub use send_order::SendOrder;
pub use send_summary::{SummaryCount, send_of};
pub use task::{SCHEDULE_TYPE, TaskKind, TaskProgress, TaskRefused, task_number};
pub use task_start::{check_task, task_kind};
pub use unit::{MethodCall, Sends, Unit, UnitResult};
pub use upkeep::{SETTLED_AFTER, UPKEEP, Upkeep, due_at, due_by, look_at_definition};
