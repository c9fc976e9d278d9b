//! Deferred calls: one-time EventBridge schedules that send the same wake-up as everything else.
//!
//! A schedule fires at some time within its minute, so it is set for the minute of the call's time.
//! If it fires early, the processor holds the call until its second; if late, by less than a
//! minute. A call whose schedule was lost is found by the due index.

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, SqsParameters, Target,
};
use calls::QueuePriority;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::aws::lazy_client::LazyClient;
use crate::aws::queues::WakeUp;
use crate::error::Error;
use crate::settings::Settings;

#[derive(Clone)]
pub struct Schedules {
    scheduler: LazyClient<Client>,
    group: String,
    role_arn: String,
    high: String,
    medium: String,
    low: String,
}

impl Schedules {
    pub(crate) fn new(config: &aws_types::SdkConfig, settings: &Settings, region: &str) -> Self {
        let config = config.clone();
        let arn = |url: &str| queue_arn(url, region);
        Self {
            scheduler: LazyClient::new(move || Client::new(&config)),
            group: settings.schedule_group.clone(),
            role_arn: settings.schedule_role_arn.clone(),
            high: arn(&settings.high_queue_url),
            medium: arn(&settings.medium_queue_url),
            low: arn(&settings.low_queue_url),
        }
    }

    /// The same wake-up scheduled twice is one schedule, because its name is the conversation and
    /// the step. `group`: the message group in which it waits.
    pub async fn wake_at(
        &self,
        at: Timestamp,
        priority: QueuePriority,
        wake: &WakeUp,
        group: String,
    ) -> Result<(), Error> {
        let out_of_reach = |source| Error::Schedule {
            operation: "CreateSchedule",
            source,
        };
        let queue = match priority {
            QueuePriority::High => &self.high,
            QueuePriority::Medium => &self.medium,
            QueuePriority::Low => &self.low,
        };
        let group = SqsParameters::builder().message_group_id(group).build();
        let target = Target::builder()
            .arn(queue)
            .role_arn(&self.role_arn)
            .sqs_parameters(group)
            .input(serde_json::to_string(wake).unwrap_or_default())
            .build()
            .map_err(|error| out_of_reach(error.into()))?;
        let window = FlexibleTimeWindow::builder()
            .mode(FlexibleTimeWindowMode::Off)
            .build()
            .map_err(|error| out_of_reach(error.into()))?;
        let created = self
            .scheduler
            .get()
            .create_schedule()
            .name(format!("{}-{}", wake.conversation, wake.step))
            .group_name(&self.group)
            .schedule_expression(at_expression(at))
            .flexible_time_window(window)
            .action_after_completion(ActionAfterCompletion::Delete)
            .target(target)
            .send()
            .await;
        match created {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conflict_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(out_of_reach(error.into())),
        }
    }
}

/// The minute of the instant, in UTC.
fn at_expression(at: Timestamp) -> String {
    let at = at.to_zoned(TimeZone::UTC);
    format!("at({})", at.strftime("%Y-%m-%dT%H:%M:00"))
}

/// From `https://sqs.eu-west-1.amazonaws.com/123456789012/name.fifo`.
fn queue_arn(url: &str, region: &str) -> String {
    let mut from_the_end = url.rsplit('/');
    let name = from_the_end.next().unwrap_or_default();
    let account = from_the_end.next().unwrap_or_default();
    let partition = if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    };
    format!("arn:{partition}:sqs:{region}:{account}:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_set_for_the_minute_of_their_time() {
        let at = "2026-12-31T23:59:59.999Z".parse().expect("a time");
        assert_eq!(at_expression(at), "at(2026-12-31T23:59:00)");
    }

    #[test]
    fn a_queue_is_known_by_its_url() {
        let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/low.fifo";
        assert_eq!(
            queue_arn(url, "eu-west-1"),
            "arn:aws:sqs:eu-west-1:123456789012:low.fifo"
        );
        assert_eq!(
            queue_arn(url, "cn-north-1"),
            "arn:aws-cn:sqs:cn-north-1:123456789012:low.fifo"
        );
    }
}
