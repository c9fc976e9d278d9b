//! What is sent: one Create of a subscriber, some 2.2 KB, the size of a usual triggered send.

use std::fmt::Write;

/// One call of a conversation: where it stands in it, and where its callback goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Counted from 0 over the whole run.
    pub conversation: usize,
    /// From 1 on.
    pub sequence: usize,
    /// Calls in the conversation.
    pub of: usize,
}

/// How long the envelope is made, whatever the names in it.
const BYTES: usize = 2_200;

/// Who calls, unless it is said otherwise.
pub const PASSWORD: &str = "<wsse:Security \
xmlns:wsse=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\">\
<wsse:UsernameToken><wsse:Username>local</wsse:Username><wsse:Password>local</wsse:Password>\
</wsse:UsernameToken></wsse:Security>";

const BEFORE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Header>";

const BEHIND: &str = "</soapenv:Header><soapenv:Body>\
<CreateRequest xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><Options><SendResponseTo>\
<ResponseType>HTTPPost</ResponseType>";

const TAIL: &str = "</Objects></CreateRequest></soapenv:Body></soapenv:Envelope>";

impl Part {
    /// The name of its conversation, in this run alone.
    pub fn conversation_id(&self, run: &str) -> String {
        format!("{run}-{}", self.conversation)
    }

    /// The path that its callback comes to: it says which part it is about.
    pub fn path(&self) -> String {
        format!("/{}/{}", self.conversation, self.sequence)
    }

    /// The other way round: conversation and sequence.
    pub fn from_path(path: &str) -> Option<(usize, usize)> {
        let (conversation, sequence) = path.strip_prefix('/')?.split_once('/')?;
        Some((conversation.parse().ok()?, sequence.parse().ok()?))
    }

    /// The envelope. A conversation of one has no options of a conversation.
    pub fn envelope(&self, run: &str, sink: &str) -> String {
        let id = self.conversation_id(run);
        let mut text = String::with_capacity(BYTES);
        for piece in [BEFORE, PASSWORD, BEHIND] {
            text.push_str(piece);
        }
        // Writing into a String cannot fail.
        write!(
            text,
            "<ResponseAddress>{sink}{}</ResponseAddress>\
             <RespondWhen>OnCallComplete</RespondWhen></SendResponseTo>",
            self.path()
        )
        .expect("a String takes it");
        if self.of > 1 {
            write!(
                text,
                "<ConversationID>{id}</ConversationID><SequenceCode>{}</SequenceCode>\
                 <CallsInConversation>{}</CallsInConversation>",
                self.sequence, self.of
            )
            .expect("a String takes it");
        }
        write!(
            text,
            "<RequestType>Asynchronous</RequestType></Options><Objects xsi:type=\"Subscriber\">\
             <EmailAddress>{id}.{0}@example.com</EmailAddress>",
            self.sequence
        )
        .expect("a String takes it");
        let key = format!("<SubscriberKey>{id}.{}</SubscriberKey>", self.sequence);
        let mut number = 0;
        while text.len() + key.len() + TAIL.len() + 70 < BYTES {
            number += 1;
            write!(
                text,
                "<Attributes><Name>Field{number}</Name><Value>value {number} of {id}</Value></Attributes>"
            )
            .expect("a String takes it");
        }
        text.push_str(&key);
        text.push_str(TAIL);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Part;

    #[test]
    fn an_envelope_has_the_size_of_a_usual_call() {
        let part = Part {
            conversation: 12_345,
            sequence: 2,
            of: 3,
        };
        let envelope = part.envelope("run", "http://127.0.0.1:50000");
        assert!(
            (2_080..=2_220).contains(&envelope.len()),
            "{} bytes",
            envelope.len()
        );
        assert_eq!(Part::from_path(&part.path()), Some((12_345, 2)));
    }
}
