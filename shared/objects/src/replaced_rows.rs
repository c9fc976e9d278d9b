//! Rows that a data extension had before it was cleared: nobody sees them any more, and they are to be
//! deleted. The definition names them until they are.

use calls::AccountId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use soap::Element;

use crate::context::account_of;
use crate::data_extension_keys;
use crate::key::{self, ObjectKey};
use crate::missing::Missing;
use crate::overlay::Overlay;
use crate::row_partitions::REPLACED;
use crate::unit::MethodCall;

/// Rows that a data extension does not have any more, and that are to be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplacedRows {
    /// Where the definition lies.
    pub definition: ObjectKey,
    pub partitions: Vec<String>,
    names: Vec<String>,
}

impl ReplacedRows {
    /// Rows that no data extension has had.
    pub fn of_partition(partition: String) -> Self {
        Self {
            partitions: vec![partition],
            ..Self::default()
        }
    }
}

/// The rows that the data extension which an object names had before it was cleared.
pub fn replaced_rows(
    overlay: &Overlay,
    request: &MethodCall<'_>,
    object: &Element,
) -> Result<ReplacedRows, Missing> {
    let Some(account) = account_of(object, request.client) else {
        return Ok(ReplacedRows::default());
    };
    let found = data_extension_keys::find_named(overlay.of(&account), object)?;
    match found {
        Some((definition, _)) => replaced_rows_at(overlay, &account, &definition),
        None => Ok(ReplacedRows::default()),
    }
}

/// The same of a data extension of that account that lies there.
pub fn replaced_rows_at(
    overlay: &Overlay,
    account: &AccountId,
    definition: &ObjectKey,
) -> Result<ReplacedRows, Missing> {
    let Some(stored) = overlay.get(definition)? else {
        return Ok(ReplacedRows::default());
    };
    let names: Vec<String> = stored.all(REPLACED).map(|it| it.text.clone()).collect();
    let partitions = names.iter().map(|rows| key::rows_partition(account, rows));
    Ok(ReplacedRows {
        definition: definition.clone(),
        partitions: partitions.collect(),
        names,
    })
}

/// Takes rows that are deleted out of the definition, if it is still there.
pub fn forget_replaced(
    overlay: &mut Overlay,
    rows: &ReplacedRows,
    now: Timestamp,
) -> Result<(), Missing> {
    if rows.names.is_empty() {
        return Ok(());
    }
    let Some(stored) = overlay.get(&rows.definition)? else {
        return Ok(());
    };
    let mut becomes = stored.clone();
    becomes
        .children
        .retain(|child| child.name != REPLACED || !rows.names.contains(&child.text));
    if becomes != *stored {
        overlay.change(rows.definition.clone(), Some(becomes), now);
    }
    Ok(())
}
