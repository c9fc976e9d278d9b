//! ImportResultsSummary: how far an import is, and what became of it. The server makes one for each
//! import; it is retrieved by its TaskResultID, and cancelled.

use calls::AccountId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use soap::Element;

use crate::context::DecisionContext;
use crate::key::{self, ObjectKey};
use crate::missing::Missing;
use crate::object_type::{ObjectType, Work};
use crate::object_types::stored_only;
use crate::overlay::Overlay;
use crate::saving::Intent;
use crate::task_record;
use crate::tree;
use crate::verdict::{Decision, Refused, Stop};

pub(crate) const NUMBER: &str = "TaskResultID";

pub(crate) const TYPE: ObjectType = ObjectType {
    name: "ImportResultsSummary",
    methods: &[],
    actions: &["cancel"],
    key_field: NUMBER,
    work: Work::Whole(decide),
    check,
    ..stored_only::TYPE
};

fn check(_intent: Intent, object: &Element) -> Result<(), Refused> {
    task_record::check_number(NUMBER, object)
}

fn decide(context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    task_record::cancel(context, NUMBER, |summary| {
        matches!(summary.text_of("ImportStatus"), Some("Completed" | "Error"))
    })
}

/// What became of the rows of an import so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportCounts {
    pub successful: u64,
    /// They are there already, and are not to be updated.
    pub duplicated: u64,
    /// They are not there, and are not to be added.
    pub restricted: u64,
    pub errors: u64,
}

impl ImportCounts {
    pub const fn total(&self) -> u64 {
        self.successful + self.duplicated + self.restricted + self.errors
    }
}

/// How an import stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportStatus<'a> {
    New,
    Processing,
    Completed,
    /// With the reason.
    Error(&'a str),
}

/// What an import tells of itself.
#[derive(Clone, Debug)]
pub struct ImportSummary<'a> {
    pub account: &'a AccountId,
    pub task: i32,
    pub request_id: &'a str,
    pub definition_key: &'a str,
    pub destination_id: &'a str,
    pub import_type: &'a str,
    pub counts: ImportCounts,
    pub status: ImportStatus<'a>,
    /// Where the rows that were refused are listed.
    pub error_file: Option<&'a str>,
    pub now: Timestamp,
}

/// Where the summary of an import lies.
pub(crate) fn summary_key(account: &AccountId, task: i32) -> ObjectKey {
    key::object(account, TYPE.name, &task.to_string())
}

impl ImportSummary<'_> {
    fn at(&self) -> ObjectKey {
        summary_key(self.account, self.task)
    }

    /// Whether somebody has cancelled the import.
    pub fn is_cancelled(&self, overlay: &Overlay) -> Result<bool, Missing> {
        let stored = task_record::of_call(overlay.get(&self.at())?, self.request_id);
        Ok(stored.is_some_and(|stored| stored.child(task_record::CANCELLED).is_some()))
    }

    /// Whether it is where it is retrieved already.
    pub fn is_noted(&self, overlay: &Overlay) -> Result<bool, Missing> {
        let stored = overlay.get(&self.at())?;
        Ok(task_record::of_call(stored, self.request_id).is_some())
    }

    /// Puts it where it is retrieved.
    pub fn note(&self, overlay: &mut Overlay) -> Result<(), Missing> {
        let at = self.at();
        let stored = overlay.get(&at)?;
        let now = soap::write_date_time(self.now);
        let mut becomes = match task_record::of_call(stored, self.request_id) {
            Some(stored) => stored.clone(),
            None => task_record::begin(TYPE.name, self.request_id, &self.now.to_string())
                .with(Element::of(
                    "ImportDefinitionCustomerKey",
                    self.definition_key,
                ))
                .with(Element::of("StartDate", now.as_str()))
                .with(Element::of("DestinationID", self.destination_id))
                .with(Element::of("ImportType", self.import_type)),
        };
        let (status, why) = match self.status {
            ImportStatus::New => ("New", None),
            ImportStatus::Processing => ("Processing", None),
            ImportStatus::Completed => ("Completed", None),
            ImportStatus::Error(why) => ("Error", Some(why)),
        };
        let has_ended = matches!(
            self.status,
            ImportStatus::Completed | ImportStatus::Error(_)
        );
        let counts = self.counts;
        for (name, text) in [
            ("ModifiedDate", self.now.to_string()),
            ("TaskResultID", self.task.to_string()),
            ("ID", self.task.to_string()),
            ("CustomerKey", self.task.to_string()),
            ("ImportStatus", status.to_owned()),
            ("NumberSuccessful", counts.successful.to_string()),
            ("NumberDuplicated", counts.duplicated.to_string()),
            ("NumberRestricted", counts.restricted.to_string()),
            ("NumberErrors", counts.errors.to_string()),
            ("TotalRows", counts.total().to_string()),
        ] {
            tree::set(&mut becomes, name, text);
        }
        if has_ended {
            tree::set(&mut becomes, "EndDate", now);
        }
        let said = [("ErrorFile", self.error_file), ("Message", why)];
        let said = said.into_iter().filter_map(|(name, value)| {
            let property = Element::new("PartnerProperties").with(Element::of("Name", name));
            Some(property.with(Element::of("Value", value?)))
        });
        tree::replace(&mut becomes, "PartnerProperties", said.collect());
        overlay.change(at, Some(becomes), self.now);
        Ok(())
    }
}
