//! What is sent from a definition: the mail to each subscriber of a triggered send, or of an audience.

use calls::AccountId;
use soap::{Element, MailAddress, Mailbox};

use crate::addressee::{self, Addressee, Failure};
use crate::attribute_defaults::{KNOWN_OF_ALL, defaults_of, fields_of};
use crate::context::DecisionContext;
use crate::daily_window::DailyWindow;
use crate::email_send_plan::EmailSendPlan;
use crate::key::ObjectKey;
use crate::keyed::{self, Located};
use crate::mail::MailOrder;
use crate::membership::NamedList;
use crate::missing::Missing;
use crate::object_types::mail_event::not_sent_event;
use crate::object_types::subscriber;
use crate::object_types::triggered_send_definition::{
    Email, FROM, REPLY_TO, SenderFields, Status, email_of, window_of,
};
use crate::overlay::View;
use crate::personalise::{ValueContext, Values, one_line, personalise};
use crate::recipient::Recipient;
use crate::send_classification::{Classification, classification_of};
use crate::tree;
use crate::verdict::{Refused, Stop};

/// Largest mail, in bytes before it is compressed: it is a table item of at most 400 KB.
pub(crate) const MAIL_BYTES_MAX: usize = 380_000;

const NO_DEFINITION: u32 = 18000;
const NOT_CONFIGURED: u32 = 18001;
const UNABLE_TO_CREATE: u32 = 18002;

/// Whom a mail is from, or whom answers go to.
struct Sender {
    name: Option<String>,
    /// `None`: the one in the settings.
    address: Option<MailAddress>,
}

/// What is the same for all readers.
pub(crate) struct Send<'a> {
    definition: &'a Element,
    definition_key: String,
    /// Whose definition it is.
    account: AccountId,
    email: Email<'a>,
    /// The definition's, where one of those that it goes to has left a list.
    list: Option<NamedList<'a>>,
    /// Attributes of the TriggeredSend itself.
    values: Values<'a>,
    /// What attributes are that nobody has.
    defaults: Values<'a>,
    /// What events name as SendID.
    send_id: i32,
    /// The definition's, of a triggered send.
    definition_object_id: &'a str,
    /// It is sent to a whole audience, and can be paused and cancelled.
    is_of_send: bool,
    is_held: bool,
    window: Option<DailyWindow>,
    classification: Classification,
}

impl<'a> Send<'a> {
    pub(crate) fn prepare(context: &DecisionContext<'a>) -> Result<Self, Stop> {
        let named = named_definition(context.object)?;
        let account = context.account_of(named)?;
        let definitions = context.overlay.of(&account);
        let Located {
            customer_key: definition_key,
            object,
            ..
        } = find_definition(definitions, named)?;
        let Some(definition) = object else {
            return Err(Refused::new(UNABLE_TO_CREATE, "Invalid Customer Key").into());
        };
        let not_configured = || {
            let message =
                "The Triggered Send Definition is not completely configured or in a new status";
            Refused::new(NOT_CONFIGURED, message)
        };
        let is_held = match Status::of(definition) {
            Status::Active => false,
            Status::Inactive => true,
            Status::New => return Err(not_configured().into()),
            Status::Canceled | Status::Deleted | Status::Moved => {
                let message = "Triggered Send must be in an Active or Inactive status";
                return Err(Refused::new(UNABLE_TO_CREATE, message).into());
            }
        };
        let email = email_of(definitions, definition)?;
        if matches!(email, Email::None | Email::NotFound) {
            return Err(not_configured().into());
        }
        if email.holds_script() {
            let message = "The Email has AMPscript, which is not run here";
            return Err(Refused::new(UNABLE_TO_CREATE, message).into());
        }
        let mut values = Values::default();
        add_attributes(&mut values, context.object);
        let classification = classification_of(definitions, definition)?;
        Ok(Self {
            window: window_of(definition)?,
            classification,
            definition,
            definition_key,
            account,
            email,
            list: None,
            values,
            defaults: Values::default(),
            send_id: id_of(definition),
            definition_object_id: definition.text_of("ObjectID").unwrap_or_default(),
            is_of_send: false,
            is_held,
        })
    }

    /// The mails of a whole audience. `list`: who has left it gets nothing.
    pub(crate) fn of_plan(
        plan: &'a EmailSendPlan,
        send_id: i32,
        list: Option<&'a Element>,
    ) -> Self {
        let mut defaults = Values::default();
        for (name, value) in &plan.defaults {
            defaults.or(name, value);
        }
        Self {
            definition: &plan.definition,
            definition_key: plan.definition_key.clone(),
            account: plan.account.clone(),
            email: Email::Is {
                inline: &plan.email,
                stored: None,
            },
            list: list.map(NamedList::Is),
            values: Values::default(),
            defaults,
            send_id,
            definition_object_id: "",
            is_of_send: true,
            is_held: false,
            window: plan.window,
            classification: plan.classification,
        }
    }

    /// With what those fields are of which nobody says the value. Whoever sends says all of them as a
    /// rule, so that nothing is read.
    pub(crate) fn with_defaults(
        mut self,
        context: &DecisionContext<'a>,
        addressees: &[Addressee<'_>],
    ) -> Result<Self, Missing> {
        let words = ["HTMLBody", "TextBody"];
        let words = words.into_iter().filter_map(|name| self.email.field(name));
        let mut fields = fields_of(words.chain([self.subject()]));
        let own: Vec<Values<'_>> = addressees.iter().map(own_values).collect();
        fields
            .retain(|field| !self.values.has(field) && own.iter().any(|values| !values.has(field)));
        for default in defaults_of(context.overlay.of(&self.account), &fields)? {
            self.defaults.or(&default.name, default.value);
        }
        Ok(self)
    }

    /// With the list of the definition, by which those who have left it get nothing. Hardly anybody has
    /// left a list, so it is read for those only.
    pub(crate) fn with_list(
        mut self,
        context: &DecisionContext<'a>,
        addressees: &[Addressee<'_>],
    ) -> Result<Self, Missing> {
        let named = self.definition.child("List").filter(|list| !list.nil);
        if let Some(named) = named
            && addressees.iter().any(Addressee::has_left_a_list)
        {
            let lists = context.overlay.of(&self.account);
            self.list = Some(NamedList::find(lists, named)?);
        }
        Ok(self)
    }

    /// The mail to one subscriber, or why there is none.
    pub(crate) fn to(&self, to: &Addressee<'_>) -> Result<MailOrder, Failure> {
        let address = to.check(self.definition, self.list.as_ref())?;
        let own = own_values(to);
        let values = [&own, &self.values, &self.defaults];
        let subject = personalise(self.subject(), &values, ValueContext::Subject);
        if subject.is_empty() {
            return Err(Failure::EMPTY_SUBJECT);
        }
        let (html, text) = self.bodies(to, &values)?;
        let line = |text: Option<&str>| text.map(one_line).filter(|line| !line.is_empty());
        let owner = to.subscriber.child("Owner");
        let from = self.mailbox(owner, &FROM)?;
        let reply_to = self.mailbox(None, &REPLY_TO)?;
        Ok(MailOrder {
            to: address.into(),
            from_name: line(from.name.as_deref()),
            from_address: from.address.map(String::from),
            reply_to: reply_to.address.map(String::from),
            reply_to_name: line(reply_to.name.as_deref()),
            subject,
            html,
            text,
            held: self.is_held,
            is_of_send: self.is_of_send,
            definition: self.definition_key.clone(),
            account: self.account.clone(),
            subscriber_key: to.name.to_owned(),
            subscriber_account: to.account.clone(),
            send_id: self.send_id,
            definition_object_id: self.definition_object_id.to_owned(),
            is_commercial: !self.classification.is_operational,
            window: self.window,
            drops_outside_window: tree::is_true(self.definition, "SendWindowDelete") == Some(true),
            priority: self.classification.priority,
        })
    }

    pub(crate) fn recipient(&self, to: &Addressee<'_>) -> Recipient {
        Recipient {
            account: self.account.clone(),
            subscriber_account: to.account.clone(),
            subscriber_key: to.name.to_owned(),
            send_id: self.send_id,
            definition_object_id: self.definition_object_id.to_owned(),
        }
    }

    /// The event that tells of somebody who gets no mail, and where it lies. Of whom nobody can say who
    /// it is, there is none.
    pub(crate) fn not_sent(
        &self,
        context: &DecisionContext<'_>,
        to: &Addressee<'_>,
        failure: Failure,
    ) -> Option<(ObjectKey, Option<Element>)> {
        if to.name.is_empty() {
            return None;
        }
        let request = context.request;
        let tag = format!("{}_{}_{}", request.request_id, context.ordinal, to.ordinal);
        let reason = failure.reason();
        let (key, event) = not_sent_event(&self.recipient(to), &tag, request.now, &reason);
        Some((key, Some(event)))
    }

    /// HTML and text, of which there is at least one.
    fn bodies(
        &self,
        to: &Addressee<'_>,
        values: &[&Values<'_>],
    ) -> Result<(Option<String>, Option<String>), Failure> {
        let body = |name: &str, place| {
            self.email
                .field(name)
                .map(|words| personalise(words, values, place))
        };
        let text = body("TextBody", ValueContext::Text);
        let prefers_text = to.field("EmailTypePreference") == Some("Text") && text.is_some();
        let html = if prefers_text {
            None
        } else {
            body("HTMLBody", ValueContext::Html)
        };
        let bytes = |part: &Option<String>| part.as_ref().map_or(0, String::len);
        match bytes(&html) + bytes(&text) {
            0 => Err(Failure::NO_BODY),
            1..=MAIL_BYTES_MAX => Ok((html, text)),
            _ => Err(Failure::TOO_LARGE),
        }
    }

    fn subject(&self) -> &str {
        tree::filled(self.definition, "EmailSubject")
            .or_else(|| tree::filled(self.definition, "DynamicEmailSubject"))
            .or_else(|| self.email.field("Subject"))
            .unwrap_or_default()
    }

    /// Who sends: the subscriber's Owner, else the definition, else its SenderProfile.
    fn sender<'b>(&'b self, owner: Option<&'b Element>, name: &str) -> Option<&'b str> {
        let profile = self.definition.child("SenderProfile");
        owner
            .and_then(|owner| tree::filled(owner, name))
            .or_else(|| tree::filled(self.definition, name))
            .or_else(|| tree::filled(profile?, name))
    }

    /// Address and name of whom a mail is from, or of whom answers go to. A name in the address
    /// counts where there is no other.
    fn mailbox(&self, owner: Option<&Element>, fields: &SenderFields) -> Result<Sender, Failure> {
        let name = self.sender(owner, fields.name).map(str::to_owned);
        let Some(address) = self.sender(owner, fields.address) else {
            return Ok(Sender {
                name,
                address: None,
            });
        };
        let mailbox = Mailbox::parse(address).map_err(|_| Failure::BAD_SENDER)?;
        Ok(Sender {
            name: name.or(mailbox.name),
            address: Some(mailbox.address),
        })
    }

    /// What a subscriber becomes by being sent to: one who is not stored is, and one who is takes
    /// over what the call says if the definition says so.
    pub(crate) fn subscriber(
        &self,
        context: &DecisionContext<'_>,
        to: &Addressee<'_>,
    ) -> Option<Element> {
        let updates = tree::is_true(self.definition, "AutoUpdateSubscribers") == Some(true);
        let now = context.request.now.to_string();
        let mut becomes = match to.stored {
            None => subscriber::new(&to.account, to.name, &now),
            Some(stored) if updates => stored.clone(),
            Some(_) => return None,
        };
        if let Some(address) = addressee::address_in(to.subscriber) {
            tree::replace(
                &mut becomes,
                "EmailAddress",
                vec![Element::of("EmailAddress", address)],
            );
        }
        let attributes = to.subscriber.all("Attributes").cloned().collect();
        let attributes = Element {
            children: attributes,
            ..Element::default()
        };
        subscriber::lay_over(&mut becomes, &attributes);
        tree::set(&mut becomes, "ModifiedDate", now);
        Some(becomes)
    }
}

fn id_of(definition: &Element) -> i32 {
    let id = definition.text_of("ID").and_then(|id| id.parse().ok());
    id.unwrap_or_default()
}

/// What is known of one reader.
fn own_values<'a>(to: &Addressee<'a>) -> Values<'a> {
    let written = to.written_address().unwrap_or_default();
    let known = [written, written, to.name, to.name];
    let mut own = Values::default();
    for (name, value) in KNOWN_OF_ALL.iter().zip(known) {
        own.or(name, value);
    }
    add_attributes(&mut own, to.subscriber);
    if let Some(stored) = to.stored {
        add_attributes(&mut own, stored);
    }
    own
}

/// The object that names the definition.
pub(crate) fn named_definition(send: &Element) -> Result<&Element, Refused> {
    let named = send.child("TriggeredSendDefinition");
    let is_named = |named: &&Element| {
        ["CustomerKey", "ObjectID", "ID", "PartnerKey"]
            .iter()
            .any(|field| tree::filled(named, field).is_some_and(|text| !text.trim().is_empty()))
    };
    named.filter(is_named).ok_or_else(|| {
        Refused::new(
            UNABLE_TO_CREATE,
            "The Triggered Send Object must contain the Triggered Send ID or the Customer Key",
        )
    })
}

fn find_definition<'a>(definitions: View<'a, '_>, named: &Element) -> Result<Located<'a>, Stop> {
    let found = keyed::find(definitions, "TriggeredSendDefinition", "CustomerKey", named)?;
    found.ok_or_else(|| {
        Refused::new(
            NO_DEFINITION,
            "TriggeredSendObjectNotFound: there is no such TriggeredSendDefinition",
        )
        .into()
    })
}

/// Adds the Attributes of an object to the values that words are made of.
pub(crate) fn add_attributes<'a>(values: &mut Values<'a>, object: &'a Element) {
    for attribute in object.all("Attributes") {
        if let Some(name) = tree::filled(attribute, "Name") {
            values.or(name, attribute.text_of("Value").unwrap_or_default());
        }
    }
}
