//! One row of an import: the object that it stands for, decided by the rules of its type, and what that
//! means for the row.

use calls::{AccountId, Method, Options, RequestId, SaveAction, SaveOption};
use jiff::Timestamp;
use soap::Element;

use crate::carry_out::{carry_out, missing};
use crate::import_columns::ImportColumn;
use crate::key::{self, ObjectKey};
use crate::membership::NamedList;
use crate::missing::Missing;
use crate::object_types::data_extension_object::{self, NOT_TO_BE_ADDED, NOT_TO_BE_UPDATED};
use crate::object_types::import_definition::{ImportDestination, ImportPlan, ImportUpdate};
use crate::object_types::subscriber;
use crate::overlay::{Overlay, Stored};
use crate::phone_order::PhoneSenders;
use crate::retention_change::{ImportSource, delete_late_rows};
use crate::row_partitions::{ROWS, with_fresh_rows};
use crate::tree;
use crate::unit::{MethodCall, Unit, UnitResult};

/// A row as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRow {
    /// From 1 on, headings included.
    pub number: u64,
    pub fields: Vec<String>,
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportedRow {
    Imported,
    /// It is there, and is not to be updated.
    Duplicated,
    /// It is not there, and is not to be added.
    Restricted,
    Wrong(WrongRow),
}

/// Why a row is not imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongRow {
    pub code: u32,
    pub message: String,
}

/// The code of a row that cannot be read.
const UNREADABLE: u32 = 204;

/// Rows on their way into what they go into.
#[derive(Clone, Copy, Debug)]
pub struct ImportRows<'a> {
    pub plan: &'a ImportPlan,
    pub columns: &'a [ImportColumn],
    /// Of the call that imports.
    pub request_id: &'a RequestId,
    pub now: Timestamp,
}

/// What a row requests.
struct WantedObject {
    method: Method,
    save_action: SaveAction,
    object: Element,
}

/// What a row comes to before its object is looked at.
enum RowRequest {
    Object(WantedObject),
    Known(ImportedRow),
}

impl ImportRows<'_> {
    /// The records that deciding these rows needs and that are not loaded: ask until there are none.
    pub fn missing(&self, overlay: &Overlay, rows: &[ImportRow]) -> Vec<ObjectKey> {
        let mut keys = Vec::new();
        for row in rows {
            match self.requested(overlay, row) {
                Ok(RowRequest::Object(wanted)) => {
                    let needs =
                        |request: &MethodCall<'_>| missing(overlay, request, &[Unit::whole(0)]);
                    keys.extend(self.with_request(row, &wanted, needs));
                }
                Ok(RowRequest::Known(_)) => {}
                Err(Missing(more)) => keys.extend(more),
            }
        }
        keys.sort();
        keys.dedup();
        keys
    }

    /// Decides a row. Leaves `overlay` as it was when records are missing.
    pub fn take(&self, overlay: &mut Overlay, row: &ImportRow) -> Result<ImportedRow, Missing> {
        let wanted = match self.requested(overlay, row)? {
            RowRequest::Known(known) => return Ok(known),
            RowRequest::Object(wanted) => wanted,
        };
        let decide = |request: &MethodCall<'_>| carry_out(overlay, request, &Unit::whole(0));
        let UnitResult::Whole(result) = self.with_request(row, &wanted, decide)? else {
            return Ok(ImportedRow::Imported);
        };
        Ok(match (result.ok, result.error_code) {
            (true, _) => ImportedRow::Imported,
            (false, Some(NOT_TO_BE_ADDED)) => ImportedRow::Duplicated,
            (false, Some(NOT_TO_BE_UPDATED)) => ImportedRow::Restricted,
            (false, code) => ImportedRow::Wrong(WrongRow {
                code: code.unwrap_or_default(),
                message: result.status_message,
            }),
        })
    }

    /// Each row is a request of its own: rows without a primary key are told apart by its id.
    fn with_request<T>(
        &self,
        row: &ImportRow,
        wanted: &WantedObject,
        then: impl FnOnce(&MethodCall<'_>) -> T,
    ) -> T {
        let request_id = RequestId(format!("{}.{:010}", self.request_id, row.number));
        let option = SaveOption {
            property_name: "*".to_owned(),
            save_action: wanted.save_action,
        };
        let options = Options {
            save_options: vec![option],
            ..Options::default()
        };
        // Rows are no sends.
        let phone_senders = PhoneSenders::default();
        then(&MethodCall {
            phone_senders: &phone_senders,
            method: wanted.method,
            action: None,
            options: &options,
            objects: std::slice::from_ref(&wanted.object),
            client: &self.plan.account,
            request_id: &request_id,
            now: self.now,
        })
    }

    fn requested(&self, overlay: &Overlay, row: &ImportRow) -> Result<RowRequest, Missing> {
        if let Some(why) = self.unreadable(row) {
            return Ok(RowRequest::Known(ImportedRow::Wrong(why)));
        }
        match &self.plan.destination {
            ImportDestination::DataExtension { customer_key, .. } => Ok(RowRequest::Object(
                self.data_extension_row(customer_key, row),
            )),
            ImportDestination::List { named, .. } => {
                let subscriber = self.subscriber(row);
                self.member(overlay, named, subscriber)
            }
        }
    }

    /// What no object can hold.
    fn unreadable(&self, row: &ImportRow) -> Option<WrongRow> {
        let lacking = self.columns.iter().find(|it| it.at >= row.fields.len());
        if let Some(ImportColumn { field, .. }) = lacking {
            let count = row.fields.len();
            return Some(wrong(format!(
                "The row has {count} fields, and none for {field}"
            )));
        }
        let is_unfit = |column: &&ImportColumn| !row.fields[column.at].chars().all(is_text);
        let unfit = self.columns.iter().find(is_unfit)?;
        Some(wrong(format!(
            "The value for {} holds a character that no text has",
            unfit.field
        )))
    }

    fn value<'r>(&self, row: &'r ImportRow, column: &ImportColumn) -> Option<&'r str> {
        let text = row.fields[column.at].as_str();
        Some(text).filter(|text| !self.plan.format.is_null(text))
    }

    fn data_extension_row(&self, customer_key: &str, row: &ImportRow) -> WantedObject {
        let mut properties = Element::new("Properties");
        for column in self.columns {
            let mut property = Element::new("Property").with(Element::of("Name", &column.field));
            if let Some(value) = self.value(row, column) {
                property = property.with(Element::of("Value", value));
            }
            properties = properties.with(property);
        }
        let object = Element::new("Objects").typed(data_extension_object::TYPE.name);
        let object = object.with(Element::of("CustomerKey", customer_key));
        let (method, save_action) = match self.plan.update {
            ImportUpdate::AddAndUpdate => (Method::Update, SaveAction::UpdateAdd),
            ImportUpdate::UpdateButDoNotAdd => (Method::Update, SaveAction::UpdateOnly),
            ImportUpdate::AddAndDoNotUpdate => (Method::Create, SaveAction::AddOnly),
            // The last row of a key counts.
            ImportUpdate::Overwrite => (Method::Create, SaveAction::UpdateAdd),
        };
        // A table without primary key takes rows in, and no more.
        let method = match self.is_keyed() {
            true => method,
            false => Method::Create,
        };
        WantedObject {
            method,
            save_action,
            object: object.with(properties),
        }
    }

    fn is_keyed(&self) -> bool {
        match &self.plan.destination {
            ImportDestination::DataExtension { is_keyed, .. } => *is_keyed,
            ImportDestination::List { .. } => true,
        }
    }

    /// A subscriber with the address, the key and the attributes that the row says.
    fn subscriber(&self, row: &ImportRow) -> Element {
        let mut object = Element::new("Objects").typed(subscriber::TYPE.name);
        let mut attributes = Vec::new();
        for column in self.columns {
            let value = self.value(row, column);
            match own_field(&column.field) {
                Some(name) => {
                    if let Some(value) = value {
                        tree::set(&mut object, name, value.trim());
                    }
                }
                None => {
                    let attribute = Element::new("Attributes");
                    let attribute = attribute.with(Element::of("Name", &column.field));
                    let value = Element::of("Value", value.unwrap_or_default());
                    attributes.push(attribute.with(value));
                }
            }
        }
        object.children.extend(attributes);
        object
    }

    /// The subscriber as a member of the list; who is there goes by the kind of update.
    fn member(
        &self,
        overlay: &Overlay,
        list: &Element,
        object: Element,
    ) -> Result<RowRequest, Missing> {
        let account = &self.plan.account;
        let stored = match name_in(&object) {
            Some(name) => overlay.get(&subscriber_key(account, name))?,
            // Its own rules say what is wrong with it.
            None => None,
        };
        let is_member = stored.is_some_and(|stored| {
            stored
                .all("Lists")
                // Named by the keys that a list has for good.
                .any(|membership| NamedList::Unknown(list).has(membership))
        });
        let wanted = |save_action, object: Element| {
            RowRequest::Object(WantedObject {
                method: Method::Update,
                save_action,
                object: object.with(list.clone()),
            })
        };
        Ok(match self.plan.update {
            ImportUpdate::AddAndUpdate | ImportUpdate::Overwrite => {
                wanted(SaveAction::UpdateAdd, object)
            }
            ImportUpdate::UpdateButDoNotAdd if is_member => wanted(SaveAction::UpdateOnly, object),
            ImportUpdate::UpdateButDoNotAdd => RowRequest::Known(ImportedRow::Restricted),
            ImportUpdate::AddAndDoNotUpdate if is_member => {
                RowRequest::Known(ImportedRow::Duplicated)
            }
            ImportUpdate::AddAndDoNotUpdate => match stored {
                None => wanted(SaveAction::UpdateAdd, object),
                // Joins the list, and stays otherwise as it is.
                Some(stored) => {
                    let key = stored.text_of("SubscriberKey").unwrap_or_default();
                    let same = Element::new("Objects").typed(subscriber::TYPE.name);
                    let same = same.with(Element::of("SubscriberKey", key));
                    wanted(SaveAction::UpdateOnly, same)
                }
            },
        })
    }
}

/// Makes rows go into a partition that nobody sees yet: as if the data extension had those rows.
pub fn import_into_fresh_rows(
    overlay: &mut Overlay,
    data_extension: &ObjectKey,
    rows: &str,
    now: Timestamp,
) -> Result<(), Missing> {
    let Some(stored) = overlay.get(data_extension)? else {
        return Ok(());
    };
    let mut seen = stored.clone();
    tree::set(&mut seen, ROWS, rows);
    let stored = Stored {
        version: 1,
        object: seen,
    };
    overlay.knows(data_extension.clone(), Some(stored), now);
    Ok(())
}

/// The data extension gets the rows that were imported; those that it had are replaced. `false`: it is
/// not there any more.
pub fn swap_rows(
    overlay: &mut Overlay,
    account: &AccountId,
    data_extension: &ObjectKey,
    source: ImportSource<'_>,
    now: Timestamp,
) -> Result<bool, Missing> {
    let Some(stored) = overlay.get(data_extension)? else {
        return Ok(false);
    };
    let (rows, _) = fresh_rows(account, source.request_id, source.ordinal);
    if let Some(becomes) = with_fresh_rows(stored, rows) {
        let (key, late) = delete_late_rows(account, stored, now);
        overlay.change(key, late, now);
        overlay.change(data_extension.clone(), Some(becomes), now);
    }
    Ok(true)
}

/// The name of the rows that an import fills, and the partition that they lie in.
pub fn fresh_rows(account: &AccountId, request_id: &RequestId, ordinal: usize) -> (String, String) {
    let rows = key::rows_of(&request_id.0, ordinal);
    let partition = key::rows_partition(account, &rows);
    (rows, partition)
}

fn wrong(message: String) -> WrongRow {
    WrongRow {
        code: UNREADABLE,
        message,
    }
}

/// What XML can carry, since every value goes out in it.
fn is_text(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// The field of a subscriber that a column is called like; the others are attributes.
fn own_field(name: &str) -> Option<&'static str> {
    let plain = name.chars().filter(|c| c.is_alphanumeric());
    let plain: String = plain.flat_map(char::to_lowercase).collect();
    match plain.as_str() {
        "emailaddress" | "email" => Some("EmailAddress"),
        "subscriberkey" => Some("SubscriberKey"),
        "status" => Some("Status"),
        "emailtype" | "emailtypepreference" => Some("EmailTypePreference"),
        _ => None,
    }
}

fn name_in(object: &Element) -> Option<&str> {
    tree::filled(object, "SubscriberKey").or_else(|| tree::filled(object, "EmailAddress"))
}

fn subscriber_key(account: &AccountId, name: &str) -> ObjectKey {
    key::object(account, subscriber::TYPE.name, name)
}
