//! Whether a mail that was ordered is held back: by its definition, which need not have been active, or by
//! its send, which can be paused and cancelled.

use soap::Element;

use crate::key::{self, ObjectKey};
use crate::mail::{MailHold, MailOrder};
use crate::object_types::send;
use crate::object_types::triggered_send_definition::{self, Status};

/// Where it lies what may hold a mail back; `None`: nothing may.
pub fn holder_of(order: &MailOrder) -> Option<ObjectKey> {
    if order.is_of_send {
        return Some(send::send_key(&order.account, order.send_id));
    }
    let type_name = triggered_send_definition::TYPE.name;
    let definition = || key::object(&order.account, type_name, &order.definition);
    order.held.then(definition)
}

/// Whether a definition or a send, as it is stored, keeps its mails back. A definition that is not there
/// sends nothing.
pub fn hold_of(holder: Option<&Element>) -> MailHold {
    match holder {
        None => MailHold::Held,
        Some(holder) if holder.type_name.as_deref() == Some(send::TYPE.name) => {
            send::hold_of(holder)
        }
        Some(definition) if Status::of(definition) == Status::Active => MailHold::Free,
        Some(_) => MailHold::Held,
    }
}
