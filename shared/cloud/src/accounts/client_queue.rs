//! The order and the rate of one API client's calls outside any conversation, stored in its record.

use calls::{ClientKey, QueueSettings};
use jiff::Timestamp;

use crate::accounts::remembered::remember;
use crate::accounts::{Accounts, Login, REMEMBERED, login_key};
use crate::aws::table::Key;
use crate::error::Error;
use crate::records::item::{ItemReader, ItemWriter};

impl Accounts {
    /// The settings of an API client's queue; the defaults if it was deleted. Cached for some
    /// minutes.
    pub async fn client_queue(
        &self,
        client: &ClientKey,
        now: Timestamp,
    ) -> Result<QueueSettings, Error> {
        let remembered = self.remembered().client_queues.get(client).cloned();
        if let Some((settings, _)) = remembered.filter(|(_, until)| *until > now) {
            return Ok(settings);
        }
        let key = Key::new(&client.0, Login::Client.sort());
        let settings = match self.table.get(&key).await? {
            Some(item) => queue_in(&ItemReader(item))?,
            None => QueueSettings::default(),
        };
        let queues = &mut self.remembered().client_queues;
        remember(queues, client.clone(), settings.clone(), now + REMEMBERED);
        Ok(settings)
    }

    /// Takes effect with the client's next token. `None`: there is no such client.
    pub async fn change_client_queue(
        &self,
        id: &str,
        change: impl FnOnce(&mut QueueSettings),
    ) -> Result<Option<QueueSettings>, Error> {
        let key = login_key(Login::Client, id);
        let Some(item) = self.table.get(&key).await? else {
            return Ok(None);
        };
        let there = ItemReader(item.clone());
        let version: u64 = there.maybe_number("version").unwrap_or_default();
        let mut settings = queue_in(&there)?;
        change(&mut settings);
        let item = ItemWriter::over(item)
            .number("version", version + 1)
            .json("queue", &settings);
        self.table.put_over(item.done(), Some(version)).await?;
        self.remembered().client_queues.remove(&ClientKey(key.pk));
        Ok(Some(settings))
    }
}

fn queue_in(item: &ItemReader) -> Result<QueueSettings, Error> {
    match item.has("queue") {
        true => item.json("queue"),
        false => Ok(QueueSettings::default()),
    }
}
