//! A table, and calls that are carried out against it: the only place here that knows the API.
//!
//! A call is written `Create(AddOnly) Type{Name=value Group{...}} Type{...}`; a value with blanks
//! or braces in it stands between `'`, and `Name=nil` is nil.

use std::collections::BTreeMap;

use calls::{AccountId, Method, Options, RequestId, SaveAction, SaveOption};
use jiff::Timestamp;
use objects::{
    MailOrder, MethodCall, Missing, ObjectKey, Overlay, PhoneOrder, PhoneSenders, SETTLED_AFTER,
    SendOrder, Stored, UPKEEP, Unit, UnitResult, Upkeep, carry_out, due_at, due_by,
    look_at_definition, merge, missing, units,
};
use soap::{Detail, Element, ObjectResult};

pub(crate) const NOW: &str = "2026-11-20T10:00:00Z";

/// How the units of a call are dealt out over transactions.
pub(crate) type Cut<'a> = &'a dyn Fn(usize) -> bool;

pub(crate) struct World {
    pub(crate) table: BTreeMap<ObjectKey, Stored>,
    pub(crate) mails: Vec<MailOrder>,
    pub(crate) phones: Vec<PhoneOrder>,
    pub(crate) senders: PhoneSenders,
    pub(crate) now: Timestamp,
    pub(crate) writes: usize,
    calls: usize,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            table: BTreeMap::new(),
            mails: Vec::new(),
            phones: Vec::new(),
            senders: senders(),
            now: now(),
            writes: 0,
            calls: 0,
        }
    }

    /// Carries a call out in one transaction.
    pub(crate) fn call(&mut self, text: &str) -> Vec<ObjectResult> {
        self.call_in_parts(text, &|_unit| false)
    }

    /// Carries a call out, with a commit, and all that is known forgotten, after the units that
    /// `cut` names.
    pub(crate) fn call_in_parts(&mut self, text: &str, cut: Cut<'_>) -> Vec<ObjectResult> {
        self.call_of(read_call(text), cut)
    }

    /// The same of a call that is not written as a text.
    pub(crate) fn call_of(&mut self, call: Call, cut: Cut<'_>) -> Vec<ObjectResult> {
        self.calls += 1;
        let request_id = RequestId(format!("call-{}", self.calls));
        let account = AccountId("acme".to_owned());
        let request = MethodCall {
            method: call.method,
            action: call.action.as_deref(),
            options: &call.options,
            objects: &call.objects,
            client: &account,
            request_id: &request_id,
            phone_senders: &self.senders.clone(),
            now: self.now,
        };
        let mut overlay = Overlay::new(&account);
        let mut results = Vec::new();
        let mut parts: Vec<String> = Vec::new();
        for (number, unit) in units(request.method, request.objects).iter().enumerate() {
            let part = self.unit(&mut overlay, &request, unit);
            // What is kept between transactions is kept as JSON.
            parts.push(serde_json::to_string(&part).expect("a result can be written"));
            if unit.last_of_object {
                let read = |part: String| serde_json::from_str::<UnitResult>(&part).expect("JSON");
                let object = request.objects.get(unit.object);
                results.push(merge(parts.drain(..).map(read).collect(), object));
            }
            if cut(number) {
                self.commit(&mut overlay);
                overlay = Overlay::new(&account);
            }
        }
        self.commit(&mut overlay);
        results
    }

    fn unit(&self, overlay: &mut Overlay, request: &MethodCall<'_>, unit: &Unit) -> UnitResult {
        // Even units load what they can at once, odd ones are told what is missing.
        if unit.object.is_multiple_of(2) {
            loop {
                let keys = missing(overlay, request, std::slice::from_ref(unit));
                if keys.is_empty() {
                    break;
                }
                self.load(overlay, keys);
            }
        }
        loop {
            match carry_out(overlay, request, unit) {
                Ok(result) => return result,
                Err(Missing(keys)) => self.load(overlay, keys),
            }
        }
    }

    pub(crate) fn load(&self, overlay: &mut Overlay, keys: Vec<ObjectKey>) {
        assert!(
            !keys.is_empty(),
            "something is missing, and nobody knows what"
        );
        for key in keys {
            let stored = self.table.get(&key).cloned();
            overlay.knows(key, stored, self.now);
        }
    }

    /// As a transaction does it: every change conditional.
    pub(crate) fn commit(&mut self, overlay: &mut Overlay) {
        let version = |key: &ObjectKey| self.table.get(key).map(|stored| stored.version);
        let mut changes = Vec::new();
        for change in overlay.changes() {
            assert_eq!(version(change.key), change.seen_version, "{:?}", change.key);
            changes.push((
                change.key.clone(),
                change.next_version,
                change.becomes.cloned(),
            ));
        }
        self.writes += changes.len();
        for (key, version, becomes) in changes {
            match becomes {
                Some(object) => self.table.insert(key, Stored { version, object }),
                None => self.table.remove(&key),
            };
        }
        for order in overlay.mails() {
            match order {
                SendOrder::Mail(order) => self.mails.push(*order),
                SendOrder::Phone(order) => self.phones.push(*order),
            }
        }
        overlay.committed();
        assert_eq!(overlay.changes().count(), 0);
    }

    /// Where something is stored, but for what is to be looked at later.
    pub(crate) fn left(&self) -> Vec<&ObjectKey> {
        let keys = self.table.keys();
        keys.filter(|key| key.partition != UPKEEP).collect()
    }

    /// The timekeeper comes by: what is due is looked at, and rows that are to be deleted are.
    pub(crate) fn keep_up(&mut self) {
        let due_by = due_by(self.now);
        let is_due = |key: &&ObjectKey| key.partition == UPKEEP && key.sort < due_by;
        let due: Vec<ObjectKey> = self.table.keys().filter(is_due).cloned().collect();
        for key in due {
            let record = &self.table[&key].object;
            match Upkeep::read(record).expect("a record of upkeep") {
                Upkeep::DeleteRows { partitions } => {
                    self.table
                        .retain(|key, _| !partitions.contains(&key.partition));
                    if self.now < due_at(&key.sort).expect("a time") + SETTLED_AFTER {
                        continue;
                    }
                }
                Upkeep::LookAtDefinition {
                    account,
                    definition,
                } => {
                    let mut overlay = Overlay::new(&account);
                    while let Err(Missing(keys)) =
                        look_at_definition(&mut overlay, &account, &definition, self.now)
                    {
                        self.load(&mut overlay, keys);
                    }
                    self.commit(&mut overlay);
                }
                Upkeep::MarkRows { .. } => {}
            }
            self.table.remove(&key);
        }
    }

    /// The objects of a type, without the numbers and dates that are made for them.
    pub(crate) fn stored(&self, type_name: &str) -> Vec<String> {
        const MADE: [&str; 8] = [
            "CreatedDate",
            "ModifiedDate",
            "ID",
            "ObjectID",
            "_Rows",
            "_Members",
            "_RetainedSince",
            "_Expires",
        ];
        self.table
            .values()
            .filter(|stored| stored.object.type_name.as_deref() == Some(type_name))
            .map(|stored| {
                let fields = stored.object.children.iter();
                let fields = fields.filter(|field| !MADE.contains(&field.name.as_str()));
                fields
                    .map(|field| written(&without_system_columns(field)))
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect()
    }
}

fn without_system_columns(field: &Element) -> Element {
    let mut field = field.clone();
    let is_own = |column: &Element| {
        let name = column.text_of("Name").unwrap_or_default();
        !name.starts_with('_')
    };
    field
        .children
        .retain(|child| child.name != "Property" || is_own(child));
    field
}

/// Carries calls out one after the other, each in one transaction, and compares what became of
/// their objects: `OK text` or `code text`, one line per object.
#[track_caller]
pub(crate) fn check(calls: &[&str], expected: &[&str]) -> World {
    let mut world = World::new();
    let results = calls
        .iter()
        .flat_map(|call| world.call(call))
        .collect::<Vec<_>>();
    let found: Vec<String> = results.iter().map(summary).collect();
    assert_eq!(found, expected);
    world
}

pub(crate) fn summary(result: &ObjectResult) -> String {
    let code = result
        .error_code
        .map_or("OK".to_owned(), |code| code.to_string());
    assert_eq!(result.ok, result.error_code.is_none());
    let more = match &result.detail {
        Detail::Plain | Detail::Task { .. } => String::new(),
        Detail::TriggeredSend { failures } => failures
            .iter()
            .map(|failure| format!(" [{}: {}]", failure.ordinal, failure.error_description))
            .collect(),
        Detail::DataExtension {
            key_errors,
            value_errors,
            ..
        } => key_errors
            .iter()
            .map(|error| ("key", error))
            .chain(value_errors.iter().map(|error| ("value", error)))
            .map(|(what, error)| format!(" [{what} {}: {}]", error.name, error.error_code))
            .collect(),
    };
    format!("{code} {}{more}", result.status_message)
}

pub(crate) fn written(element: &Element) -> String {
    if element.children.is_empty() {
        return format!("{}={}", element.name, element.text);
    }
    let children: Vec<String> = element.children.iter().map(written).collect();
    format!("{}{{{}}}", element.name, children.join(" "))
}

pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) action: Option<String>,
    pub(crate) options: Options,
    pub(crate) objects: Vec<Element>,
}

pub(crate) fn read_call(text: &str) -> Call {
    let (head, objects) = text.split_once(' ').expect("a method and objects");
    let (method, context) = head.split_once('(').unwrap_or((head, ")"));
    let context = context.trim_end_matches(')');
    let method = match method {
        "Create" => Method::Create,
        "Update" => Method::Update,
        "Delete" => Method::Delete,
        "Perform" => Method::Perform,
        other => panic!("no method {other}"),
    };
    let is_perform = method == Method::Perform;
    let action = Some(context.to_owned()).filter(|_| is_perform);
    let save_options = if is_perform {
        Vec::new()
    } else {
        save_options(context)
    };
    let mut reader = Reader { rest: objects };
    let mut objects = Vec::new();
    while let Some(mut object) = reader.element() {
        object.type_name = Some(std::mem::replace(&mut object.name, "Objects".to_owned()));
        objects.push(object);
    }
    Call {
        method,
        action,
        options: Options {
            save_options,
            ..Options::default()
        },
        objects,
    }
}

fn save_options(context: &str) -> Vec<SaveOption> {
    let save_action = match context {
        "" => return Vec::new(),
        "AddOnly" => SaveAction::AddOnly,
        "UpdateOnly" => SaveAction::UpdateOnly,
        "UpdateAdd" => SaveAction::UpdateAdd,
        "Nothing" => SaveAction::Nothing,
        "Delete" => SaveAction::Delete,
        other => panic!("no save action {other}"),
    };
    vec![SaveOption {
        property_name: "*".to_owned(),
        save_action,
    }]
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn element(&mut self) -> Option<Element> {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(['{', '=', '}']).filter(|end| *end > 0)?;
        let mut element = Element::new(&self.rest[..end]);
        let is_group = self.rest[end..].starts_with('{');
        self.rest = &self.rest[end + 1..];
        if is_group {
            while let Some(child) = self.element() {
                element.children.push(child);
            }
            self.rest = self
                .rest
                .trim_start()
                .strip_prefix('}')
                .expect("a closing brace");
        } else if let Some(quoted) = self.rest.strip_prefix('\'') {
            let (text, rest) = quoted.split_once('\'').expect("a closing quote");
            element.text = text.to_owned();
            self.rest = rest;
        } else {
            let end = self.rest.find([' ', '}', '\n']).unwrap_or(self.rest.len());
            element.nil = &self.rest[..end] == "nil";
            if !element.nil {
                element.text = self.rest[..end].to_owned();
            }
            self.rest = &self.rest[end..];
        }
        Some(element)
    }
}

/// A number each for texts and for calls by voice.
pub(crate) fn senders() -> PhoneSenders {
    PhoneSenders {
        text: vec![
            "+12065550100".to_owned(),
            "arn:x:sender-id/SHOP/DE".to_owned(),
        ],
        voice: vec!["+12065550101".to_owned()],
    }
}

pub(crate) fn now() -> Timestamp {
    NOW.parse().expect("a time")
}
