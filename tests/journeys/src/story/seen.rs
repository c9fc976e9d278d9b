//! What can be seen from outside: callbacks, mails, outcomes and states; and the stored records.

use local::{CapturedCallback, CapturedMail};

use super::Story;
use crate::look::look_for;
use crate::record::{self, Record};

impl Story {
    pub fn callbacks(&self) -> Vec<CapturedCallback> {
        self.local().callbacks().callbacks()
    }

    /// Each callback in a line: where to, SequenceCode, OverallStatusCode, ErrorCode.
    pub fn replies(&self) -> Vec<String> {
        self.callbacks().iter().map(replies).collect()
    }

    pub fn mails(&self) -> Vec<CapturedMail> {
        self.local().ses().mails()
    }

    /// ResultMessage of a conversation: SequenceCode, status, code and message of each call.
    pub async fn outcomes(&mut self, conversation: &str) -> Vec<String> {
        let properties = "SequenceCode StatusCode ErrorCode StatusMessage";
        let look = look_for("ResultMessage")
            .of(properties)
            .by("ConversationID", conversation);
        self.retrieves(look).await.lines(properties)
    }

    /// ResultMessage of one call: status, code and message.
    pub async fn outcome(&mut self, request_id: &str) -> String {
        let properties = "StatusCode ErrorCode StatusMessage";
        let look = look_for("ResultMessage")
            .of(properties)
            .by("RequestID", request_id);
        self.retrieves(look).await.lines(properties).join("; ")
    }

    /// AsyncRequestResult of a conversation: where each call stands.
    pub async fn states(&mut self, conversation: &str) -> Vec<String> {
        let look = look_for("AsyncRequestResult")
            .of("Status")
            .by("ConversationID", conversation);
        self.retrieves(look).await.lines("Status")
    }

    /// The same of one call.
    pub async fn state(&mut self, request_id: &str) -> String {
        let look = look_for("AsyncRequestResult")
            .of("Status")
            .by("RequestID", request_id);
        self.retrieves(look).await.lines("Status").join("; ")
    }

    /// The keys of all stored objects.
    pub fn stored(&self) -> Vec<String> {
        let records = record::objects_table(self.local());
        let mut keys: Vec<String> = records
            .iter()
            .map(|record| record.text("sk").to_owned())
            .collect();
        keys.sort();
        keys
    }

    /// How each triggered mail stands.
    pub fn mail_states(&self) -> Vec<String> {
        let records = self.records();
        let mails = records.iter().filter(|record| record.kind() == "MAIL");
        mails.map(|mail| first_word(mail.text("state"))).collect()
    }

    /// The records of the calls table.
    pub fn records(&self) -> Vec<Record> {
        record::calls_table(self.local())
    }

    /// Everything that somebody must still look at.
    pub fn due(&self) -> Vec<String> {
        let records = self.records();
        let due = records
            .iter()
            .filter(|record| !record.text("due_shard").is_empty());
        due.map(|record| format!("{} {}", record.text("sk"), record.text("due_at")))
            .collect()
    }
}

/// `Sending` of `{"Sending":"2026-03-02T09:00:00Z"}`.
fn first_word(json: &str) -> String {
    let words = json.split(|reply_mail: char| !reply_mail.is_ascii_alphabetic());
    words.filter(|word| !word.is_empty()).take(1).collect()
}

fn replies(callback: &CapturedCallback) -> String {
    let place = callback.url.rsplit('/').next().unwrap_or_default();
    let field = |name| callback.field(name).unwrap_or_default();
    let fields = [
        place,
        field("SequenceCode"),
        field("OverallStatusCode"),
        field("ErrorCode"),
    ];
    let fields: Vec<&str> = fields
        .into_iter()
        .filter(|field| !field.is_empty())
        .collect();
    fields.join(" ")
}
