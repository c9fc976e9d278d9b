//! Mails by what became of them, for the operator: read out of the whole table.

use crate::aws::table::Table;
use crate::error::Error;
use crate::records::mail_record::{MailRecord, MailState};

/// The mails of a stack.
#[derive(Clone)]
pub struct MailList {
    calls: Table,
}

impl MailList {
    /// `name`: of the table of calls.
    pub fn in_table(config: &aws_types::SdkConfig, name: &str) -> Self {
        let dynamodb = aws_sdk_dynamodb::Client::new(config);
        Self {
            calls: Table::new(dynamodb, name),
        }
    }

    /// By their keys.
    pub async fn in_state(&self, state: MailState) -> Result<Vec<MailRecord>, Error> {
        let state = serde_json::to_string(&state).unwrap_or_default();
        let items = self.calls.all_where("MAIL#", "state", &state).await?;
        let read = items.into_iter().map(MailRecord::from_item);
        let mut mails = read.collect::<Result<Vec<_>, Error>>()?;
        mails.sort_by(|one, other| one.key_order().cmp(&other.key_order()));
        Ok(mails)
    }
}
