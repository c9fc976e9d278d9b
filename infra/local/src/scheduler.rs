//! EventBridge Scheduler: one-time schedules that send to FIFO queues.
//!
//! AWS is exact to the minute: a schedule may fire at any moment of its minute. Here it fires as
//! early as it may, unless a test says otherwise, because that is the harder case.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws_request::AwsRequest;
use crate::clock::{LocalClock, later};
use crate::failure::WireFailure;
use crate::folder::{append_line, read_lines};
use crate::names::{ACCOUNT, REGION};
use crate::schedule::{Schedule, check_name, invalid, not_found};
use crate::sqs::{Outgoing, Sqs};
use crate::usage::Usage;
use crate::{disk, held};

/// All schedules. Clones share them.
#[derive(Clone, Debug)]
pub struct Scheduler {
    schedules: Arc<Mutex<ScheduleStore>>,
    clock: LocalClock,
    sqs: Sqs,
    usage: Usage,
}

#[derive(Debug, Default)]
struct ScheduleStore {
    by_name: BTreeMap<ScheduleName, Schedule>,
    /// Those still to fire, by the start of their minute.
    due: BTreeSet<(Timestamp, ScheduleName)>,
    groups: BTreeSet<String>,
    lateness: SignedDuration,
    undelivered: Vec<String>,
    log: Option<PathBuf>,
}

/// Group and name.
type ScheduleName = (String, String);

/// One line of the file: a change that holds from then on.
#[derive(Serialize, Deserialize)]
enum ScheduleLine {
    Is(Box<Schedule>),
    Gone(String, String),
}

impl Scheduler {
    pub(crate) fn new(clock: LocalClock, sqs: Sqs, usage: Usage) -> Self {
        let schedules = ScheduleStore {
            groups: ["default".to_owned()].into(),
            ..ScheduleStore::default()
        };
        Self {
            schedules: Arc::new(Mutex::new(schedules)),
            clock,
            sqs,
            usage,
        }
    }

    /// Keeps schedules in this file from now on, and takes in what it holds.
    ///
    /// Not synced to disk: the tables are the truth, and a call's due time stands there too.
    pub(crate) fn keep_in(&self, file: &Path) -> anyhow::Result<()> {
        let mut schedules = held(&self.schedules);
        for line in read_lines(file)? {
            match line {
                ScheduleLine::Is(schedule) => schedules.insert(*schedule),
                ScheduleLine::Gone(group, name) => schedules.remove(&(group, name)),
            }
        }
        let mut text = String::new();
        for schedule in schedules.by_name.values() {
            text.push_str(&serde_json::to_string(&ScheduleLine::Is(Box::new(
                schedule.clone(),
            )))?);
            text.push('\n');
        }
        disk::replace(file, text.as_bytes())?;
        schedules.log = Some(file.to_owned());
        Ok(())
    }

    /// Creates a schedule group; one of that name stays.
    pub fn create_group(&self, group: &str) {
        held(&self.schedules).groups.insert(group.to_owned());
    }

    /// Makes every schedule fire so long after the start of its minute.
    pub fn set_lateness(&self, lateness: SignedDuration) {
        held(&self.schedules).lateness = lateness;
    }

    /// Fires all schedules whose minute has begun; says how many.
    pub fn fire_due(&self, now: Timestamp) -> usize {
        let mut fired = 0;
        while let Some(schedule) = self.take_due(now) {
            self.deliver(&schedule);
            fired += 1;
        }
        fired
    }

    /// When the next schedule fires.
    pub fn next_due(&self) -> Option<Timestamp> {
        let schedules = held(&self.schedules);
        schedules
            .due
            .first()
            .map(|(minute, _)| later(*minute, schedules.lateness))
    }

    /// All schedules that are kept, also those that have fired.
    pub fn schedules(&self) -> Vec<Schedule> {
        held(&self.schedules).by_name.values().cloned().collect()
    }

    /// Why schedules that fired did not reach their queue.
    pub fn undelivered(&self) -> Vec<String> {
        held(&self.schedules).undelivered.clone()
    }

    fn take_due(&self, now: Timestamp) -> Option<Schedule> {
        let mut schedules = held(&self.schedules);
        let (minute, name) = schedules.due.first()?.clone();
        if later(minute, schedules.lateness) > now {
            return None;
        }
        schedules.due.remove(&(minute, name.clone()));
        let mut schedule = schedules.by_name.get(&name)?.clone();
        schedule.fired = true;
        if schedule.delete_after {
            schedules.remove(&name);
            schedules.write(&ScheduleLine::Gone(name.0, name.1));
        } else {
            schedules.insert(schedule.clone());
            schedules.write(&ScheduleLine::Is(Box::new(schedule.clone())));
        }
        Some(schedule)
    }

    fn deliver(&self, schedule: &Schedule) {
        self.usage.count_invocation_of_schedule();
        let outgoing = Outgoing {
            group: &schedule.message_group,
            deduplication_id: None,
            body: &schedule.input,
        };
        if let Err(failure) = self.sqs.send(&schedule.queue, outgoing) {
            let why = format!("{}/{}: {}", schedule.group, schedule.name, failure.message);
            held(&self.schedules).undelivered.push(why);
        }
    }

    /// Answers one request of AWS's REST protocol.
    pub(crate) fn answer(&self, aws_request: &AwsRequest) -> Result<Value, WireFailure> {
        let name = (aws_request.resource.clone(), aws_request.key.clone());
        match aws_request.operation.as_str() {
            "CreateSchedule" => self.create(name, &aws_request.json),
            "GetSchedule" => held(&self.schedules).get(&name).map(Schedule::described),
            "DeleteSchedule" => {
                let mut schedules = held(&self.schedules);
                schedules.get(&name)?;
                schedules.remove(&name);
                schedules.write(&ScheduleLine::Gone(name.0, name.1));
                Ok(json!({}))
            }
            "ListSchedules" => Ok(held(&self.schedules).list(&name.0)),
            "CreateScheduleGroup" => {
                check_name(&name.1)?;
                if !held(&self.schedules).groups.insert(name.1.clone()) {
                    let message = format!("Schedule group {} already exists.", name.1);
                    return Err(WireFailure::new(409, "ConflictException", message));
                }
                let arn = format!(
                    "arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{}",
                    name.1
                );
                Ok(json!({ "ScheduleGroupArn": arn }))
            }
            other => Err(WireFailure::not_built(format!("Scheduler {other}"))),
        }
    }

    fn create(&self, name: ScheduleName, body: &Value) -> Result<Value, WireFailure> {
        let schedule = Schedule::read(&name, body, self.clock.now())?;
        if self.sqs.deduplicates_by_content(&schedule.queue) == Some(false) {
            return Err(invalid(format!(
                "{} must have content-based deduplication to be a schedule's target.",
                schedule.queue
            )));
        }
        let mut schedules = held(&self.schedules);
        if !schedules.groups.contains(&name.0) {
            return Err(not_found(format!(
                "Schedule group {} does not exist.",
                name.0
            )));
        }
        let arn = schedule.arn();
        if let Some(present) = schedules.by_name.get(&name) {
            if present.is_again(&schedule) {
                return Ok(json!({ "ScheduleArn": arn }));
            }
            let message = format!("Schedule {} already exists.", name.1);
            return Err(WireFailure::new(409, "ConflictException", message));
        }
        schedules.insert(schedule.clone());
        schedules.write(&ScheduleLine::Is(Box::new(schedule)));
        Ok(json!({ "ScheduleArn": arn }))
    }
}

impl ScheduleStore {
    fn get(&self, name: &ScheduleName) -> Result<&Schedule, WireFailure> {
        let missing = || not_found(format!("Schedule {} does not exist.", name.1));
        self.by_name.get(name).ok_or_else(missing)
    }

    fn insert(&mut self, schedule: Schedule) {
        let name = (schedule.group.clone(), schedule.name.clone());
        self.groups.insert(schedule.group.clone());
        if !schedule.fired {
            self.due.insert((schedule.minute(), name.clone()));
        }
        self.by_name.insert(name, schedule);
    }

    fn remove(&mut self, name: &ScheduleName) {
        if let Some(schedule) = self.by_name.remove(name) {
            self.due.remove(&(schedule.minute(), name.clone()));
        }
    }

    fn list(&self, group: &str) -> Value {
        let schedules = self
            .by_name
            .values()
            .filter(|schedule| schedule.group == group);
        json!({ "Schedules": schedules.map(Schedule::described).collect::<Vec<_>>() })
    }

    fn write(&self, line: &ScheduleLine) {
        if let Some(file) = &self.log {
            append_line(file, line);
        }
    }
}
