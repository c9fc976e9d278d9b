//! Everything of a person, or of an account, is taken away: objects, bodies and results of calls, mails,
//! files. What became of calls stays, and so does the hash of a ConversationID that was used: without it
//! the same calls could be carried out once more.
//!
//! Nothing leads from a person to all that names them, so both tables are read whole, which costs less than
//! to read one conversation after another. Each record is changed by itself, over the version that was
//! seen, and what leads to others goes last: cut off anywhere and done again, it finds what is left.
//! What has not ended is left, and counted.

use std::collections::BTreeMap;

use calls::AccountId;
use objects::PersonNames;

use crate::Cloud;
use crate::act::Run;
use crate::aws::files::LOCAL_ACCOUNT;
use crate::error::Error;

/// What is taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpungedSubject {
    /// All of an account. Nobody may log in for it any more, or there would be more to take away.
    Account,
    /// Of a person all that names them by a SubscriberKey or an address, and by what the subscriber of
    /// that name is called besides.
    Person(PersonNames),
}

/// What was taken away, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpungeReport {
    /// Objects, by type.
    pub objects: BTreeMap<String, u64>,
    /// Calls of which bodies and results were taken away.
    pub calls: u64,
    /// Conversations of which nothing, or the hash alone, is left.
    pub conversations: u64,
    pub mails: u64,
    /// Of the bucket.
    pub files: u64,
    /// What is left because it has not ended: to be done again when it has.
    pub left_waiting: u64,
    /// What somebody changed at that moment: to be done again.
    pub left_changed: u64,
    /// What names the person and is somebody else's, by type: a definition with its sender, say.
    pub left_named: BTreeMap<String, u64>,
    /// Conversations whose ConversationID names the person.
    pub left_called_so: u64,
}

impl ExpungeReport {
    /// Whether nothing is left that doing it again would take away.
    pub fn is_whole(&self) -> bool {
        self.left_waiting == 0 && self.left_changed == 0
    }
}

/// Of which account, what, and whether it is done.
pub struct Expunging<'a> {
    pub account: &'a AccountId,
    pub subject: ExpungedSubject,
    pub run: Run,
    /// Told of each record that was looked at.
    pub progress: &'a (dyn Fn() + Sync),
}

impl Cloud {
    /// Needs the tables of calls and of objects, and the bucket.
    pub async fn expunge(&self, mut wanted: Expunging<'_>) -> Result<ExpungeReport, Error> {
        let mut report = ExpungeReport::default();
        if let ExpungedSubject::Person(person) = &mut wanted.subject {
            self.learn_names(wanted.account, person).await?;
        }
        self.expunge_calls(&wanted, &mut report).await?;
        if wanted.subject == ExpungedSubject::Account {
            for name in ["import", "extract"] {
                self.expunge_files(name, &wanted, &mut report).await?;
            }
        }
        // By what a subscriber is called all else was found, so it goes after it.
        self.expunge_objects(&wanted, &mut report).await?;
        Ok(report)
    }

    /// Those of the account `local` lie beside the folders of the others.
    async fn expunge_files(
        &self,
        folder: &str,
        wanted: &Expunging<'_>,
        report: &mut ExpungeReport,
    ) -> Result<(), Error> {
        let AccountId(account) = wanted.account;
        let is_local = account == LOCAL_ACCOUNT;
        let prefix = match is_local {
            true => format!("{folder}/"),
            false => format!("{folder}/{account}/"),
        };
        let mut behind: Option<String> = None;
        loop {
            let names = self.large_bodies.names_of(&prefix, behind.as_deref());
            let names = names.await?;
            behind = names.last().cloned();
            if behind.is_none() {
                return Ok(());
            }
            let is_other = |name: &String| {
                is_local
                    && name
                        .strip_prefix(&prefix)
                        .is_some_and(|rest| rest.contains('/'))
            };
            for name in names.iter().filter(|name| !is_other(name)) {
                report.files += 1;
                if wanted.run == Run::Real {
                    self.large_bodies.delete(name).await?;
                }
            }
        }
    }
}
