//! SendClassification: whether what a definition sends is bulk mail, and what goes before what.

use serde::{Deserialize, Serialize};
use soap::Element;

use crate::keyed;
use crate::mail::SendPriority;
use crate::missing::Missing;
use crate::overlay::View;
use crate::tree;

/// What the SendClassification of a definition says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Classification {
    /// What is sent answers something that its reader did, rather than being bulk mail.
    pub(crate) is_operational: bool,
    pub(crate) priority: SendPriority,
}

/// What a definition says of its SendClassification itself, else what is stored under its name; the
/// original's own for mail that is no bulk mail has a name of its own.
pub(crate) fn classification_of(
    definitions: View<'_, '_>,
    definition: &Element,
) -> Result<Classification, Missing> {
    const TYPE_NAME: &str = "SendClassification";
    const DEFAULT_OPERATIONAL: &str = "Default Transactional";
    let Some(inline) = definition.child(TYPE_NAME).filter(|inline| !inline.nil) else {
        return Ok(Classification {
            is_operational: false,
            priority: SendPriority::default(),
        });
    };
    let stored = keyed::find(definitions, TYPE_NAME, "Name", inline)?;
    let stored = stored.and_then(|found| found.object);
    let said = |field: &str| {
        tree::filled(inline, field)
            .or_else(|| stored.and_then(|stored| tree::filled(stored, field)))
    };
    let is = |field: &str, value: &str| {
        said(field).is_some_and(|found| found.eq_ignore_ascii_case(value))
    };
    Ok(Classification {
        is_operational: is("SendClassificationType", "Operational")
            || is("CustomerKey", DEFAULT_OPERATIONAL),
        priority: match said("SendPriority") {
            Some("Burst") => SendPriority::Burst,
            Some("Low") => SendPriority::Low,
            Some(_) | None => SendPriority::Normal,
        },
    })
}
