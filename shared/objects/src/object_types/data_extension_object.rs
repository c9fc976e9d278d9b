//! DataExtensionObject: one row of a data extension.

use calls::Method;
use soap::{Element, FieldError, ObjectResult};

use crate::alias::PARTNER_KEY;
use crate::columns::{
    ColumnError, ColumnInput, SYSTEM_COLUMNS, VALIDATION, detail, error_of, is_moved, key_values,
    pair, pairs, required, stored_value,
};
use crate::context::DecisionContext;
use crate::data_extension_keys;
use crate::field::{self, Field};
use crate::key::{self, ObjectKey};
use crate::object_type::{ObjectType, Retrieval, Work};
use crate::object_types::data_extension;
use crate::object_types::stored_only;
use crate::retention::RowRetention;
use crate::row_partitions::ROWS;
use crate::saving::{Intent, NOTHING_DONE, Write};
use crate::tree;
use crate::unit::whole;
use crate::verdict::{Decision, Refused, Stop};

const CREATED: &str = "Created DataExtensionObject";
const UPDATED: &str = "Updated DataExtensionObject";
const DELETED: &str = "Deleted DataExtensionObject";

/// Numbers of the protocol's list of send failures, which names the same troubles.
const DUPLICATE_ROW: u32 = 21;
const UNKNOWN_FIELD: u32 = 20;

pub(crate) const NO_DATA_EXTENSION: u32 = 310_001;
const NOTHING_TO_DELETE: u32 = 310_002;

/// A SaveOption (AddOnly is the default of Create) forbids what is asked for.
pub(crate) const NOT_TO_BE_ADDED: u32 = 68_000;
pub(crate) const NOT_TO_BE_UPDATED: u32 = 68_001;

pub(crate) const TYPE: ObjectType = ObjectType {
    name: "DataExtensionObject",
    work: Work::Whole(decide),
    retrieval: Retrieval::Rows,
    check,
    ..stored_only::TYPE
};

fn check(_intent: Intent, object: &Element) -> Result<(), Refused> {
    address_in(object).map(|_address| ())
}

/// Whatever names the data extension.
fn address_in(object: &Element) -> Result<&str, Refused> {
    ["CustomerKey", "ObjectID", PARTNER_KEY, "Name"]
        .iter()
        .find_map(|field| tree::filled(object, field))
        .ok_or_else(|| {
            refused(
                NO_DATA_EXTENSION,
                "The CustomerKey, the ObjectID, the PartnerKey or the Name of the data extension is needed",
            )
        })
}

fn decide(context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    let address = address_in(context.object)?;
    let found = data_extension_keys::find_named(context.overlay, context.object)?;
    let Some((_, definition)) = found else {
        return Err(refused(
            NO_DATA_EXTENSION,
            format!("There is no data extension [{address}]"),
        )
        .into());
    };
    let fields: Vec<Field<'_>> = data_extension::fields_in(definition)
        .filter_map(|field| Field::read(field).ok())
        .collect();
    let table = RowTable {
        context,
        definition,
        fields,
        retention: RowRetention::of(definition),
    };
    let mut column_input = table.column_input()?;
    let key = table.key(&mut column_input)?;
    let stored = match &key {
        RowKey::Primary(key) => context.overlay.get(key)?,
        RowKey::Made(_) => None,
    };
    let now = context.request.now;
    let stored = stored.filter(|row| !table.retention.has_ended(row, now));
    table.carry_out(key, stored, column_input)
}

fn refused(code: u32, message: impl Into<String>) -> Refused {
    let message = message.into();
    let detail = detail(Some(message.clone()), Vec::new(), Vec::new());
    Refused {
        code,
        message,
        detail,
    }
}

fn add_column(row: &mut Element, name: &str, value: String) {
    let mut children = row.children.iter_mut();
    if let Some(values) = children.find(|child| child.name == "Properties") {
        values.children.push(pair(name, value));
    }
}

/// Where a row lies.
enum RowKey {
    /// By its primary key.
    Primary(ObjectKey),
    /// It has none; this key is made for a new row.
    Made(ObjectKey),
}

/// A data extension, and the row that is asked for.
struct RowTable<'a> {
    context: &'a DecisionContext<'a>,
    definition: &'a Element,
    fields: Vec<Field<'a>>,
    retention: RowRetention,
}

impl RowTable<'_> {
    /// What the caller says of each field, in the order of the fields: Keys and Properties together.
    fn column_input(&self) -> Result<Vec<ColumnInput>, Stop> {
        let mut column_input = vec![ColumnInput::Nothing; self.fields.len()];
        let mut wrong = ColumnError::default();
        // Keys come last: they name the row that is meant.
        for (group, property) in [("Properties", "Property"), ("Keys", "Key")] {
            for pair in pairs(self.context.object, group, property) {
                let errors = if group == "Keys" {
                    &mut wrong.keys
                } else {
                    &mut wrong.values
                };
                let name = pair.text_of("Name").unwrap_or_default();
                let Some(place) = self.fields.iter().position(|field| field.is_called(name)) else {
                    errors.push(FieldError {
                        name: name.to_owned(),
                        error_code: UNKNOWN_FIELD,
                        error_message: format!("There is no column [{name}]"),
                    });
                    continue;
                };
                match self.take(&self.fields[place], pair) {
                    Err(error) => errors.push(error),
                    Ok(value) if group == "Keys" && is_moved(&column_input[place], &value) => {
                        errors.push(self.moved(&self.fields[place]));
                    }
                    Ok(value) => column_input[place] = value,
                }
            }
        }
        wrong.or(column_input)
    }

    fn take(&self, field: &Field<'_>, pair: &Element) -> Result<ColumnInput, FieldError> {
        let Some(text) = pair.text_of("Value") else {
            return Ok(ColumnInput::Null);
        };
        match field.take(text, self.context.request.now) {
            Ok(Some(value)) => Ok(ColumnInput::Value(value)),
            Ok(None) => Ok(ColumnInput::Null),
            Err(invalid) => Err(error_of(field, invalid)),
        }
    }

    fn moved(&self, field: &Field<'_>) -> FieldError {
        FieldError {
            name: field.name.to_owned(),
            error_code: UNKNOWN_FIELD,
            error_message: format!(
                "The value for column [{}] differs between Keys and Properties",
                field.name
            ),
        }
    }

    /// The key of the row; a default fills in what is not given of it.
    fn key(&self, column_input: &mut [ColumnInput]) -> Result<RowKey, Stop> {
        let account = self.context.overlay.account();
        let rows = self.definition.text_of(ROWS).unwrap_or_default();
        if !self.fields.iter().any(|field| field.is_key) {
            if !matches!(
                self.context.intent(),
                Intent::Add | Intent::Save | Intent::Leave
            ) {
                let message = "The data extension has no primary key: its rows can be added, and not be updated or deleted one by one";
                return Err(refused(VALIDATION, message).into());
            }
            let request_id = &self.context.request.request_id.0;
            return Ok(RowKey::Made(key::unkeyed_row(
                account,
                rows,
                request_id,
                self.context.ordinal,
            )));
        }
        let mut wrong = ColumnError::default();
        let may_default = matches!(self.context.intent(), Intent::Add | Intent::Save);
        for (field, column_input) in self
            .fields
            .iter()
            .zip(column_input.iter_mut())
            .filter(|(field, _)| field.is_key)
        {
            if *column_input == ColumnInput::Nothing && may_default {
                self.fill_in(field, column_input);
            }
            if !matches!(column_input, ColumnInput::Value(value) if !value.is_empty()) {
                wrong.keys.push(error_of(field, required(field)));
            }
        }
        let primary = key::row(account, rows, key_values(&self.fields, column_input));
        wrong.or(RowKey::Primary(primary))
    }

    fn carry_out(
        &self,
        key: RowKey,
        stored: Option<&Element>,
        column_input: Vec<ColumnInput>,
    ) -> Result<Decision, Stop> {
        let (RowKey::Primary(at) | RowKey::Made(at)) = key;
        match self.context.intent().on(stored) {
            Write::Leave => Ok(Decision::only(self.done(NOTHING_DONE, true))),
            Write::Create => {
                let row = self.row(None, column_input)?;
                let row = self.numbered(row, &at);
                Ok(Decision::only(self.done(self.saved(), true)).changing(at, Some(row)))
            }
            Write::Change(stored) => {
                let mut row = self.row(Some(stored), column_input)?;
                for name in SYSTEM_COLUMNS {
                    if let ColumnInput::Value(value) = stored_value(stored, name) {
                        add_column(&mut row, name, value);
                    }
                }
                self.retention.mark(&mut row);
                Ok(Decision::only(self.done(self.saved(), true)).changing(at, Some(row)))
            }
            Write::Remove(_) => Ok(Decision::only(self.done(DELETED, false)).changing(at, None)),
            Write::Exists => Err(self.duplicate(&column_input).into()),
            Write::Lacking => Err(self.lacking(&column_input).into()),
        }
    }

    /// What the original says of an object that is there now: it goes by the method, not by whether
    /// SaveOptions made one of the other.
    fn saved(&self) -> &'static str {
        match self.context.request.method {
            Method::Create => CREATED,
            Method::Update | Method::Perform | Method::Delete => UPDATED,
        }
    }

    fn done(&self, message: &str, with_object: bool) -> crate::UnitResult {
        whole(ObjectResult {
            object: with_object.then(|| self.context.object.clone()),
            detail: detail(None, Vec::new(), Vec::new()),
            ..self.context.done(message)
        })
    }

    /// The row as it is stored: its values in the order of the fields, nulls left out.
    fn row(
        &self,
        stored: Option<&Element>,
        column_input: Vec<ColumnInput>,
    ) -> Result<Element, Stop> {
        let mut wrong = ColumnError::default();
        let mut values = Element::new("Properties");
        for (field, mut column_input) in self.fields.iter().zip(column_input) {
            if column_input == ColumnInput::Nothing {
                match stored {
                    Some(stored) => column_input = stored_value(stored, field.name),
                    None => self.fill_in(field, &mut column_input),
                }
            }
            match column_input {
                ColumnInput::Value(value) => values.children.push(pair(field.name, value)),
                ColumnInput::Nothing | ColumnInput::Null if field.is_required => {
                    wrong.values.push(error_of(field, required(field)));
                }
                ColumnInput::Nothing | ColumnInput::Null => {}
            }
        }
        wrong.or(Element::new("Objects")
            .typed("DataExtensionObject")
            .with(values))
    }

    /// A new row with what the server knows of it: its number and when it came.
    fn numbered(&self, mut row: Element, at: &ObjectKey) -> Element {
        let [number, created] = SYSTEM_COLUMNS;
        let request_id = &self.context.request.request_id.0;
        let own = key::row_number(at, request_id, self.context.ordinal);
        add_column(&mut row, number, own.to_string());
        let now = field::server_time(self.context.request.now);
        add_column(&mut row, created, now);
        self.retention.mark(&mut row);
        row
    }

    fn fill_in(&self, field: &Field<'_>, column_input: &mut ColumnInput) {
        let value = field
            .default
            .map(|default| field.take(default, self.context.request.now));
        if let Some(Ok(Some(value))) = value {
            *column_input = ColumnInput::Value(value);
        }
    }

    fn name(&self) -> &str {
        self.definition.text_of("CustomerKey").unwrap_or_default()
    }

    fn duplicate(&self, column_input: &[ColumnInput]) -> Refused {
        let name = self.name();
        let value = key_values(&self.fields, column_input)
            .collect::<Vec<_>>()
            .join(", ");
        let message = format!(
            "Violation of PRIMARY KEY constraint 'PK_{name}'. Cannot insert duplicate key in object '{name}'. The duplicate key value is ({value})."
        );
        let errors = self.key_errors(DUPLICATE_ROW, &message);
        Refused {
            code: NOT_TO_BE_ADDED,
            message: message.clone(),
            detail: detail(Some(message), errors, Vec::new()),
        }
    }

    fn lacking(&self, column_input: &[ColumnInput]) -> Refused {
        let value = key_values(&self.fields, column_input)
            .collect::<Vec<_>>()
            .join(", ");
        let message = format!("Primary key '{value}' does not exist.");
        let errors = self.key_errors(UNKNOWN_FIELD, &message);
        let is_delete = self.context.request.method == Method::Delete;
        Refused {
            code: if is_delete {
                NOTHING_TO_DELETE
            } else {
                NOT_TO_BE_UPDATED
            },
            message: message.clone(),
            detail: detail(Some(message), errors, Vec::new()),
        }
    }

    fn key_errors(&self, error_code: u32, error_message: &str) -> Vec<FieldError> {
        let keys = self.fields.iter().filter(|field| field.is_key);
        keys.map(|field| FieldError {
            name: field.name.to_owned(),
            error_code,
            error_message: error_message.to_owned(),
        })
        .collect()
    }
}

/// The key of the row that has `value` in its primary key, if that is one field called `property`.
pub(crate) fn key_by(
    account: &calls::AccountId,
    definition: &Element,
    property: &str,
    value: &str,
    now: jiff::Timestamp,
) -> Option<ObjectKey> {
    let fields: Vec<Field<'_>> = data_extension::fields_in(definition)
        .filter_map(|field| Field::read(field).ok())
        .collect();
    let mut keys = fields.iter().filter(|field| field.is_key);
    let field = keys
        .next()
        .filter(|field| field.is_called(property) && keys.next().is_none())?;
    let value = field.take(value, now).ok().flatten()?;
    let rows = definition.text_of(ROWS).unwrap_or_default();
    Some(key::row(account, rows, std::iter::once(value.as_str())))
}
