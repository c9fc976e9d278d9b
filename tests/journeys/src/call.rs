//! What a caller sends: calls as text, the way a client writes them.

use std::fmt::Write;

use crate::log_watch::MARK;

/// The order of the Options in the WSDL.
const OPTIONS: [&str; 12] = [
    "Client",
    "SendResponseTo",
    "SaveOptions",
    "Priority",
    "ConversationID",
    "SequenceCode",
    "CallsInConversation",
    "ScheduledTime",
    "RequestType",
    "QueuePriority",
    "RequestExpirationTime",
    "Unknown",
];

/// One call, before it is sent.
#[derive(Clone, Debug)]
pub struct Call {
    /// `Create`, `Update`, `Delete` or `Perform`.
    method: &'static str,
    /// Name and content, which may be markup.
    options: Vec<(&'static str, String)>,
    /// Whole elements.
    objects: Vec<String>,
    /// What a Perform is to do.
    action: Option<&'static str>,
    pub(crate) idempotency_key: Option<String>,
}

/// An asynchronous call outside any conversation; until it is told otherwise, it creates nobody.
pub fn call() -> Call {
    Call {
        method: "Create",
        options: vec![("RequestType", "Asynchronous".to_owned())],
        objects: Vec::new(),
        action: None,
        idempotency_key: None,
    }
}

/// A part of a conversation. Until it is told otherwise, it creates a subscriber of its own.
pub fn part(conversation: &str, sequence: i64, calls: i64) -> Call {
    call()
        .with("ConversationID", escaped(conversation))
        .with("SequenceCode", sequence)
        .with("CallsInConversation", calls)
        .creating(subscriber(&format!("{conversation}-{sequence}")))
}

impl Call {
    /// With one more option; its value may be markup.
    #[must_use]
    pub fn with(mut self, option: &'static str, value: impl ToString) -> Self {
        self.options.push((option, value.to_string()));
        self
    }

    #[must_use]
    pub fn without(mut self, option: &str) -> Self {
        self.options.retain(|(name, _)| *name != option);
        self
    }

    /// Carried out while the caller waits.
    #[must_use]
    pub fn at_once(self) -> Self {
        self.without("RequestType")
    }

    #[must_use]
    pub fn creating(self, object: impl Into<String>) -> Self {
        self.doing("Create", vec![object.into()])
    }

    #[must_use]
    pub fn updating(self, object: impl Into<String>) -> Self {
        self.doing("Update", vec![object.into()])
    }

    #[must_use]
    pub fn deleting(self, object: impl Into<String>) -> Self {
        self.doing("Delete", vec![object.into()])
    }

    /// Another method over these objects, instead of what it was to do.
    #[must_use]
    pub fn doing(mut self, method: &'static str, objects: Vec<String>) -> Self {
        self.method = method;
        self.objects = objects;
        self
    }

    #[must_use]
    pub fn performing(mut self, action: &'static str, object: impl Into<String>) -> Self {
        self.action = Some(action);
        self.doing("Perform", vec![object.into()])
    }

    /// With one more object.
    #[must_use]
    pub fn and(mut self, object: impl Into<String>) -> Self {
        self.objects.push(object.into());
        self
    }

    #[must_use]
    pub fn replying_to(self, to: SendTo) -> Self {
        self.with("SendResponseTo", to.markup())
    }

    /// A callback to this address when the call is done.
    #[must_use]
    pub fn calling_back(self, url: &str) -> Self {
        self.replying_to(post_to(url))
    }

    #[must_use]
    pub fn at(self, time: impl ToString) -> Self {
        self.with("ScheduledTime", time)
    }

    #[must_use]
    pub fn until(self, time: impl ToString) -> Self {
        self.with("RequestExpirationTime", time)
    }

    #[must_use]
    pub fn priority(self, priority: &str) -> Self {
        self.with("QueuePriority", priority)
    }

    /// With the HTTP header `Idempotency-Key`.
    #[must_use]
    pub fn keyed(mut self, key: &str) -> Self {
        self.idempotency_key = Some(key.to_owned());
        self
    }

    /// The child of Body.
    pub(crate) fn payload(&self) -> String {
        let root = match self.method {
            "Perform" => "PerformRequestMsg".to_owned(),
            method => format!("{method}Request"),
        };
        let mut text =
            format!(r#"<{root} xmlns="http://exacttarget.com/wsdl/partnerAPI"><Options>"#);
        for option in OPTIONS {
            for (_, value) in self.options.iter().filter(|(name, _)| *name == option) {
                push(&mut text, option, value);
            }
        }
        text.push_str("</Options>");
        if let Some(action) = self.action {
            push(&mut text, "Action", action);
            text.push_str("<Definitions>");
            self.objects.iter().for_each(|object| text.push_str(object));
            text.push_str("</Definitions>");
        } else {
            self.objects.iter().for_each(|object| text.push_str(object));
        }
        // No log may hold it.
        write!(text, "<!--{MARK}-->").expect("a String takes it");
        text.push_str("</");
        text.push_str(&root);
        text.push('>');
        text
    }
}

/// One SendResponseTo.
#[derive(Clone, Debug)]
pub struct SendTo {
    response_type: &'static str,
    address: String,
    when: Option<&'static str>,
    flags: Vec<&'static str>,
}

pub fn post_to(url: &str) -> SendTo {
    SendTo::of("HTTPPost", url)
}

pub fn mail_to(address: &str) -> SendTo {
    SendTo::of("email", address)
}

impl SendTo {
    pub fn of(response_type: &'static str, address: &str) -> Self {
        Self {
            response_type,
            address: address.to_owned(),
            when: None,
            flags: Vec::new(),
        }
    }

    #[must_use]
    pub fn when(mut self, when: &'static str) -> Self {
        self.when = Some(when);
        self
    }

    #[must_use]
    pub fn with_results(self) -> Self {
        self.flagged("IncludeResults")
    }

    #[must_use]
    pub fn with_objects(self) -> Self {
        self.flagged("IncludeObjects")
    }

    #[must_use]
    pub fn only_base(self) -> Self {
        self.flagged("OnlyIncludeBase")
    }

    fn flagged(mut self, flag: &'static str) -> Self {
        self.flags.push(flag);
        self
    }

    fn markup(&self) -> String {
        let mut text = String::new();
        push(&mut text, "ResponseType", self.response_type);
        push(&mut text, "ResponseAddress", &escaped(&self.address));
        if let Some(when) = self.when {
            push(&mut text, "RespondWhen", when);
        }
        for flag in &self.flags {
            push(&mut text, flag, "true");
        }
        text
    }
}

/// A subscriber of that key, with an address of its own.
pub fn subscriber(key: &str) -> String {
    subscriber_with(key, "")
}

fn subscriber_with(key: &str, more: &str) -> String {
    let letters: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    let key = escaped(key);
    format!(
        r#"<Objects xsi:type="Subscriber"><EmailAddress>{letters}@example.com</EmailAddress>{more}<SubscriberKey>{key}</SubscriberKey></Objects>"#
    )
}

/// The same subscriber with an attribute.
pub fn attribute(key: &str, name: &str, value: &str) -> String {
    attributes(key, &[(name, value)])
}

/// The same subscriber with attributes.
pub fn attributes(key: &str, attributes: &[(&str, &str)]) -> String {
    let written = attributes.iter().map(|(name, value)| {
        format!(
            "<Attributes><Name>{}</Name><Value>{}</Value></Attributes>",
            escaped(name),
            escaped(value)
        )
    });
    subscriber_with(key, &written.collect::<String>())
}

fn push(text: &mut String, name: &str, value: &str) {
    write!(text, "<{name}>{value}</{name}>").expect("a String takes it");
}

/// Text as it stands in an element.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
