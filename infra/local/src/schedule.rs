//! One schedule: what AWS is asked for it, and how it is kept.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::later;
use crate::failure::WireFailure;
use crate::names::{ACCOUNT, REGION, queue_of_arn};

/// Longest name. AWS's figure.
const NAME_CHARS_MAX: usize = 64;

/// One schedule, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    pub group: String,
    pub name: String,
    pub at: Timestamp,
    pub queue: String,
    pub message_group: String,
    pub input: String,
    pub delete_after: bool,
    pub fired: bool,
    created_at: Timestamp,
    client_token: Option<String>,
    request: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreateSchedule {
    schedule_expression: String,
    schedule_expression_timezone: Option<String>,
    flexible_time_window: Value,
    target: ScheduleTarget,
    action_after_completion: Option<String>,
    client_token: Option<String>,
    #[serde(rename = "GroupName")]
    _group_name: Option<String>,
    #[serde(rename = "Description")]
    _description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ScheduleTarget {
    arn: String,
    #[serde(rename = "RoleArn")]
    _role_arn: String,
    input: Option<String>,
    sqs_parameters: Option<SqsParameters>,
    /// Targets here never fail for a while, so that nothing is tried again.
    #[serde(rename = "RetryPolicy")]
    _retry_policy: Option<Value>,
    #[serde(rename = "DeadLetterConfig")]
    _dead_letter_config: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SqsParameters {
    message_group_id: String,
}

impl Schedule {
    /// Reads a request for the schedule of this group and name.
    pub(crate) fn read(
        (group, name): &(String, String),
        body: &Value,
        now: Timestamp,
    ) -> Result<Self, WireFailure> {
        check_name(name)?;
        let request = CreateSchedule::deserialize(body)
            .map_err(|error| WireFailure::unreadable("CreateSchedule", &error))?;
        if request
            .schedule_expression_timezone
            .is_some_and(|zone| zone != "UTC")
        {
            return Err(WireFailure::not_built(
                "schedules in other time zones than UTC",
            ));
        }
        if request.flexible_time_window["Mode"] != "OFF" {
            return Err(WireFailure::not_built("a flexible time window"));
        }
        let at = time_in(&request.schedule_expression)?;
        let queue = queue_of_arn(&request.target.arn)
            .filter(|queue| queue.ends_with(".fifo"))
            .ok_or_else(|| WireFailure::not_built("targets other than FIFO queues"))?;
        let parameters = request.target.sqs_parameters;
        let parameters = parameters
            .ok_or_else(|| invalid("MessageGroupId is required for a FIFO queue target."))?;
        Ok(Self {
            group: group.clone(),
            name: name.clone(),
            at,
            queue: queue.to_owned(),
            message_group: parameters.message_group_id,
            input: request.target.input.unwrap_or_default(),
            delete_after: request.action_after_completion.as_deref() == Some("DELETE"),
            fired: false,
            created_at: now,
            client_token: request.client_token,
            request: body.clone(),
        })
    }

    /// The start of the minute in which it fires.
    pub fn minute(&self) -> Timestamp {
        minute_of(self.at)
    }

    /// Whether this was asked for by the same request, sent again.
    pub(crate) fn is_again(&self, other: &Self) -> bool {
        self.client_token.is_some()
            && self.client_token == other.client_token
            && self.request == other.request
    }

    pub(crate) fn arn(&self) -> String {
        format!(
            "arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{}/{}",
            self.group, self.name
        )
    }

    /// As GetSchedule tells of it.
    pub(crate) fn described(&self) -> Value {
        let mut described = self.request.clone();
        if let Some(members) = described.as_object_mut() {
            members.remove("ClientToken");
            members.insert("Arn".to_owned(), self.arn().into());
            members.insert("Name".to_owned(), self.name.clone().into());
            members.insert("GroupName".to_owned(), self.group.clone().into());
            members.insert("State".to_owned(), "ENABLED".into());
            members.insert(
                "CreationDate".to_owned(),
                self.created_at.as_second().into(),
            );
        }
        described
    }
}

fn time_in(expression: &str) -> Result<Timestamp, WireFailure> {
    if expression.starts_with("rate(") || expression.starts_with("cron(") {
        return Err(WireFailure::not_built("schedules that repeat"));
    }
    let civil = expression
        .strip_prefix("at(")
        .and_then(|rest| rest.strip_suffix(')'));
    // jiff reads fractions and spaces too, which AWS refuses.
    let civil = civil.filter(|text| text.len() == "2026-01-01T00:00:00".len());
    let civil: Option<DateTime> = civil.and_then(|text| text.parse().ok());
    civil
        .and_then(|civil| civil.to_zoned(TimeZone::UTC).ok())
        .map(|zoned| zoned.timestamp())
        .ok_or_else(|| invalid(format!("Invalid Schedule Expression {expression}.")))
}

fn minute_of(at: Timestamp) -> Timestamp {
    later(
        at,
        SignedDuration::from_secs(-at.as_second().rem_euclid(60)),
    )
}

pub(crate) fn check_name(name: &str) -> Result<(), WireFailure> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(legal) {
        return Ok(());
    }
    Err(invalid(format!(
        "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$ and have length less \
         than or equal to {NAME_CHARS_MAX}"
    )))
}

pub(crate) fn invalid(message: impl std::fmt::Display) -> WireFailure {
    WireFailure::new(400, "ValidationException", message)
}

pub(crate) fn not_found(message: impl std::fmt::Display) -> WireFailure {
    WireFailure::new(404, "ResourceNotFoundException", message)
}
