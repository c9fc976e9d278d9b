//! What becomes of one person of an audience: a mail, or the reason why there is none.

use std::borrow::Cow;

use calls::{AccountId, hash_parts, hex};
use jiff::Timestamp;
use soap::Element;

use crate::addressee::{self, Addressee, Failure};
use crate::audience::{AudienceSource, Exclusion, RowLookup, SendableRows};
use crate::blocked_address;
use crate::columns::{ColumnInput, pairs, stored_value};
use crate::email_send_plan::EmailSendPlan;
use crate::key::{self, ObjectKey};
use crate::list_membership::{ListMembership, membership_of_any, membership_on};
use crate::missing::Missing;
use crate::object_types::mail_event::{is_event, not_sent_event};
use crate::object_types::subscriber;
use crate::outgoing::Send;
use crate::overlay::{MissingKeys, Overlay};
use crate::tree;
use crate::unit::UnitResult;
use crate::verdict::Decision;

/// The type of a note that a send has come to somebody. Ours: nobody retrieves it.
const MAILED: &str = "_Mailed";

/// Whether an object is not kept for good: an event, or the note that somebody was mailed.
pub fn is_temporary(object: &Element) -> bool {
    is_event(object) || object.type_name.as_deref() == Some(MAILED)
}

/// Most changes that one person makes: a mail or an event, a new subscriber, and two notes that the send
/// has come to it.
pub const PERSON_EFFECTS_MAX: usize = 4;

/// One send, as its steps know it.
pub struct EmailSend<'p> {
    plan: &'p EmailSendPlan,
    /// What is sent to the people of each source.
    sends: Vec<Send<'p>>,
    /// What the notes of who was mailed lie under.
    mailed: String,
    /// What makes the names of its events its own.
    tag: String,
    now: Timestamp,
}

/// What became of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonOutcome {
    /// It is not on the lists.
    NotMeant,
    /// Its mail is ordered.
    Targeted,
    /// It is not to be mailed.
    Excluded,
    /// It cannot be mailed.
    Errored,
    /// It has come before.
    Duplicate,
}

/// A person of a source.
struct Person<'a> {
    /// As a triggered send would name it.
    subscriber: Cow<'a, Element>,
    name: String,
    at: ObjectKey,
    stored: Option<&'a Element>,
    /// Whoever is mailed becomes a subscriber, but for who looks at tests.
    becomes_subscriber: bool,
}

/// What is known of somebody who is looked at.
enum PersonLook<'a> {
    NotMeant,
    /// It has left the list.
    Left,
    /// A row that names nobody.
    Nobody,
    Is(Box<KnownPerson<'a>>),
}

/// Somebody whom the send is for, unless one of these says otherwise.
struct KnownPerson<'a> {
    person: Person<'a>,
    blocked: Option<&'a Element>,
    excluded: Option<Failure>,
    has_come: bool,
    /// Where it is noted that the send has come to it.
    notes: Vec<ObjectKey>,
}

impl<'p> EmailSend<'p> {
    /// `number`: of the send; `request_id` and `ordinal`: of what starts it.
    pub fn new(
        plan: &'p EmailSendPlan,
        number: i32,
        request_id: &str,
        ordinal: usize,
        now: Timestamp,
    ) -> Self {
        let of = |source: &'p AudienceSource| {
            let list = match source {
                AudienceSource::Lists(_) | AudienceSource::Addresses(_) => None,
                AudienceSource::Rows(rows) => rows.list.as_ref(),
            };
            Send::of_plan(plan, number, list)
        };
        Self {
            plan,
            sends: plan.sources.iter().map(of).collect(),
            mailed: key::rows_of(request_id, ordinal),
            tag: format!("{request_id}_{ordinal}"),
            now,
        }
    }

    fn account(&self) -> &'p AccountId {
        &self.plan.account
    }

    /// What has to be loaded before these people of a source are taken.
    pub fn missing(&self, overlay: &Overlay, source: usize, people: &[Element]) -> Vec<ObjectKey> {
        let mut missing: Vec<ObjectKey> = people
            .iter()
            .filter_map(|record| self.look(overlay, source, record).err())
            .flat_map(|Missing(keys)| keys)
            .collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// Decides on one person: a subscriber of the lists, or a row.
    pub fn take(
        &self,
        overlay: &mut Overlay,
        source: usize,
        record: &Element,
    ) -> Result<PersonOutcome, Missing> {
        let Some(send) = self.sends.get(source) else {
            return Ok(PersonOutcome::NotMeant);
        };
        let mut decision = Decision::only(UnitResult::Notes(String::new()));
        let known = match self.look(overlay, source, record)? {
            PersonLook::NotMeant => return Ok(PersonOutcome::NotMeant),
            PersonLook::Left => return Ok(PersonOutcome::Excluded),
            PersonLook::Nobody => return Ok(PersonOutcome::Errored),
            PersonLook::Is(known) if known.has_come => return Ok(PersonOutcome::Duplicate),
            PersonLook::Is(known) => *known,
        };
        let against = (known.blocked, known.excluded);
        let outcome = self.judge(send, &known.person, against, known.notes, &mut decision);
        overlay.apply(decision, self.now);
        Ok(outcome)
    }

    fn judge(
        &self,
        send: &Send<'_>,
        person: &Person<'_>,
        (blocked, excluded): (Option<&Element>, Option<Failure>),
        notes: Vec<ObjectKey>,
        decision: &mut Decision,
    ) -> PersonOutcome {
        let addressee = Addressee {
            ordinal: 0,
            subscriber: &person.subscriber,
            name: &person.name,
            account: self.account().clone(),
            at: person.at.clone(),
            stored: person.stored,
            blocked,
        };
        let mail = match excluded {
            Some(failure) => Err(failure),
            None => send.to(&addressee),
        };
        // Who has left the list of one data extension is mailed for another one.
        if mail.as_ref().err() != Some(&Failure::LIST_UNSUBSCRIBED) {
            let note = || Some(Element::new("Objects").typed(MAILED));
            decision
                .changes
                .extend(notes.into_iter().map(|at| (at, note())));
        }
        match mail {
            Ok(mail) => {
                decision.mails.push(mail.into());
                if person.stored.is_none() && person.becomes_subscriber {
                    let new = self.new_subscriber(&addressee);
                    decision.changes.push((person.at.clone(), Some(new)));
                }
                PersonOutcome::Targeted
            }
            Err(failure) => {
                let name = hex(&hash_parts(&[&person.at.sort])[..12]);
                let tag = format!("{}_{name}", self.tag);
                let recipient = send.recipient(&addressee);
                let (key, event) = not_sent_event(&recipient, &tag, self.now, &failure.reason());
                decision.changes.push((key, Some(event)));
                match failure.is_exclusion() {
                    true => PersonOutcome::Excluded,
                    false => PersonOutcome::Errored,
                }
            }
        }
    }

    /// Who is mailed becomes a subscriber.
    fn new_subscriber(&self, to: &Addressee<'_>) -> Element {
        let mut new = subscriber::new(self.account(), to.name, &self.now.to_string());
        if let Some(address) = to.written_address() {
            let address = vec![Element::of("EmailAddress", address)];
            tree::replace(&mut new, "EmailAddress", address);
        }
        new
    }

    fn look<'a>(
        &self,
        overlay: &'a Overlay,
        source: usize,
        record: &'a Element,
    ) -> Result<PersonLook<'a>, Missing> {
        let person = match self.plan.sources.get(source) {
            None => return Ok(PersonLook::NotMeant),
            Some(AudienceSource::Lists(lists)) => match membership_of_any(lists, record) {
                ListMembership::NoMember => return Ok(PersonLook::NotMeant),
                ListMembership::Left => return Ok(PersonLook::Left),
                ListMembership::Member => self.member(record),
            },
            Some(AudienceSource::Rows(rows)) => match self.of_row(overlay, rows, record)? {
                Some(person) => person,
                None => return Ok(PersonLook::Nobody),
            },
            Some(AudienceSource::Addresses(_)) => self.reader_of_tests(overlay, record)?,
        };
        let address = addressee::address_in(&person.subscriber)
            .or_else(|| person.stored.and_then(addressee::address_in));
        let address = address.map(str::to_lowercase);
        let mut wanted = MissingKeys::default();
        let block = address
            .as_deref()
            .and_then(|address| blocked_address::at(self.account(), address));
        let blocked = block.and_then(|at| wanted.get(overlay, &at));
        let excluded = self.excluded(overlay, &mut wanted, &person, address.as_deref());
        let notes = self.notes(&person, address.as_deref());
        let mut has_come = false;
        for at in &notes {
            has_come |= wanted.get(overlay, at).is_some();
        }
        if !wanted.missing.is_empty() {
            return Err(Missing(wanted.missing));
        }
        Ok(PersonLook::Is(Box::new(KnownPerson {
            person,
            blocked,
            excluded,
            has_come,
            notes,
        })))
    }

    /// Who has an address: the subscriber of that name, if there is one.
    fn reader_of_tests<'a>(
        &self,
        overlay: &'a Overlay,
        record: &Element,
    ) -> Result<Person<'a>, Missing> {
        let name = addressee::address_in(record).unwrap_or_default().to_owned();
        let at = key::object(self.account(), subscriber::TYPE.name, &name);
        let stored = overlay.get(&at)?;
        Ok(Person {
            subscriber: Cow::Owned(record.clone()),
            name,
            at,
            stored,
            becomes_subscriber: false,
        })
    }

    fn member<'a>(&self, stored: &'a Element) -> Person<'a> {
        let name = addressee::name_of(stored).unwrap_or_default().to_owned();
        Person {
            subscriber: Cow::Owned(Element::new("Subscribers")),
            at: key::object(self.account(), subscriber::TYPE.name, &name),
            name,
            stored: Some(stored),
            becomes_subscriber: true,
        }
    }

    /// Whose row it is. Its columns are what is known of the reader first of all.
    fn of_row<'a>(
        &self,
        overlay: &'a Overlay,
        rows: &SendableRows,
        row: &Element,
    ) -> Result<Option<Person<'a>>, Missing> {
        if rows.retention.has_ended(row, self.now) {
            return Ok(None);
        }
        let value = |name: &str| match stored_value(row, name) {
            ColumnInput::Value(value) => Some(value.trim().to_owned()).filter(|it| !it.is_empty()),
            ColumnInput::Nothing | ColumnInput::Null => None,
        };
        let Some(name) = value(&rows.names.name) else {
            return Ok(None);
        };
        let address = rows.address_field.as_deref().and_then(value);
        let mut subscriber = Element::new("Subscribers");
        if let Some(address) = address {
            subscriber
                .children
                .push(Element::of("EmailAddress", address));
        }
        for pair in pairs(row, "Properties", "Property") {
            let fields = ["Name", "Value"].into_iter();
            let fields = fields.filter_map(|field| pair.child(field)).cloned();
            let attribute = fields.fold(Element::new("Attributes"), Element::with);
            subscriber.children.push(attribute);
        }
        let at = key::object(self.account(), subscriber::TYPE.name, &name);
        let stored = overlay.get(&at)?;
        Ok(Some(Person {
            subscriber: Cow::Owned(subscriber),
            name,
            at,
            stored,
            becomes_subscriber: true,
        }))
    }

    /// Why somebody is left out.
    fn excluded(
        &self,
        overlay: &Overlay,
        wanted: &mut MissingKeys,
        person: &Person<'_>,
        address: Option<&str>,
    ) -> Option<Failure> {
        let mut has_row = |rows: &RowLookup| {
            let value = match rows.names.is_address {
                true => address?,
                false => person.name.as_str(),
            };
            let at = rows.key(self.account(), value, self.now)?;
            let row = wanted.get(overlay, &at)?;
            Some(row).filter(|row| !rows.retention.has_ended(row, self.now))
        };
        let mut why = None;
        for exclusion in &self.plan.exclusions {
            let found = match exclusion {
                Exclusion::Rows(rows) => has_row(rows).map(|_row| Failure::EXCLUDED),
                Exclusion::Members(list) => {
                    let on = person.stored.map(|stored| membership_on(list, stored));
                    (on == Some(ListMembership::Member)).then_some(Failure::EXCLUDED)
                }
                Exclusion::OptedOut(list) => {
                    let on = person.stored.map(|stored| membership_on(list, stored));
                    matches!(on, Some(ListMembership::Member | ListMembership::Left))
                        .then_some(Failure::OPTED_OUT)
                }
            };
            why = why.or(found);
        }
        for suppression in &self.plan.suppressions {
            let found = has_row(suppression).map(|_row| Failure::SUPPRESSED);
            why = why.or(found);
        }
        why
    }

    /// Where it is noted that the send has come to somebody, as far as it can come twice.
    fn notes(&self, person: &Person<'_>, address: Option<&str>) -> Vec<ObjectKey> {
        let by_name = self
            .plan
            .notes_people()
            .then_some(("key", person.name.as_str()));
        let by_address = address.filter(|_| self.plan.deduplicates_by_address);
        let by_address = by_address.map(|address| ("address", address));
        let all = by_name.into_iter().chain(by_address);
        all.map(|(by, name)| key::mailed(self.account(), &self.mailed, by, name))
            .collect()
    }
}
