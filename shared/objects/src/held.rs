//! Whether a mail that was ordered is held back: by its definition, which need not have been active.

use soap::Element;

use crate::key::{self, ObjectKey};
use crate::mail::MailOrder;
use crate::object_types::triggered_send_definition::{self, Status};

/// Where the definition of a mail lies.
pub fn definition_key(order: &MailOrder) -> ObjectKey {
    let type_name = triggered_send_definition::TYPE.name;
    key::object(&order.account, type_name, &order.definition)
}

/// Whether a definition, as it is stored, keeps its mails back. One that is not there sends nothing.
pub fn holds_mails(definition: Option<&Element>) -> bool {
    definition.is_none_or(|definition| Status::of(definition) != Status::Active)
}
