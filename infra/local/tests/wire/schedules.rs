//! EventBridge Scheduler: firing with the minute, conflicts, and taking back.

use aws_sdk_scheduler::operation::create_schedule::builders::CreateScheduleFluentBuilder;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, SqsParameters, Target,
};
use jiff::{SignedDuration, Timestamp};
use local::LocalCloud;
use local::names::{HIGH_QUEUE, SCHEDULE_GROUP, queue_arn};

use crate::{cloud, config};

pub(crate) fn schedule(
    cloud: &LocalCloud,
    name: &str,
    expression: &str,
) -> CreateScheduleFluentBuilder {
    let parameters = SqsParameters::builder().message_group_id("a").build();
    let target = Target::builder()
        .arn(queue_arn(HIGH_QUEUE))
        .role_arn("arn:aws:iam::000000000000:role/scheduler")
        .input("wake")
        .sqs_parameters(parameters)
        .build()
        .expect("a target");
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off);
    aws_sdk_scheduler::Client::new(&config(cloud))
        .create_schedule()
        .name(name)
        .group_name(SCHEDULE_GROUP)
        .schedule_expression(expression)
        .flexible_time_window(window.build().expect("a window"))
        .action_after_completion(ActionAfterCompletion::Delete)
        .target(target)
}

#[tokio::test(start_paused = true)]
async fn a_schedule_fires_with_its_minute_and_is_gone() {
    let cloud = cloud();
    schedule(&cloud, "call-1", "at(2026-03-02T09:05:30)")
        .send()
        .await
        .expect("a schedule");
    let again = schedule(&cloud, "call-1", "at(2026-03-02T09:06:00)")
        .send()
        .await;
    assert!(
        again
            .expect_err("a conflict")
            .into_service_error()
            .is_conflict_exception()
    );
    let minute: Timestamp = "2026-03-02T09:05:00Z".parse().expect("a time");
    assert_eq!(cloud.scheduler().next_due(), Some(minute));
    cloud.clock().set(minute - SignedDuration::from_secs(1));
    assert_eq!(cloud.fire_due(), 0);
    cloud.clock().set(minute);
    assert_eq!(cloud.fire_due(), 1);
    assert_eq!(cloud.scheduler().next_due(), None);
    let delivery = &cloud.sqs().receive(HIGH_QUEUE, 1)[0];
    assert_eq!(
        (delivery.body.as_str(), delivery.group.as_str()),
        ("wake", "a")
    );
    let client = aws_sdk_scheduler::Client::new(&config(&cloud));
    let gone = client
        .delete_schedule()
        .name("call-1")
        .group_name(SCHEDULE_GROUP)
        .send()
        .await;
    assert!(
        gone.expect_err("gone")
            .into_service_error()
            .is_resource_not_found_exception()
    );
    assert_eq!(cloud.scheduler().undelivered(), Vec::<String>::new());
    assert_eq!(cloud.refused(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_schedule_can_be_late_looked_at_and_taken_back() {
    let cloud = cloud();
    cloud
        .scheduler()
        .set_lateness(SignedDuration::from_secs(59));
    schedule(&cloud, "call-2", "at(2026-03-02T09:05:00)")
        .send()
        .await
        .expect("a schedule");
    let late: Timestamp = "2026-03-02T09:05:59Z".parse().expect("a time");
    assert_eq!(cloud.scheduler().next_due(), Some(late));
    let client = aws_sdk_scheduler::Client::new(&config(&cloud));
    let found = client
        .get_schedule()
        .name("call-2")
        .group_name(SCHEDULE_GROUP)
        .send()
        .await;
    assert_eq!(
        found.expect("a schedule").schedule_expression(),
        Some("at(2026-03-02T09:05:00)")
    );
    let listed = client
        .list_schedules()
        .group_name(SCHEDULE_GROUP)
        .send()
        .await
        .expect("a list");
    assert_eq!(listed.schedules().len(), 1);
    client
        .delete_schedule()
        .name("call-2")
        .group_name(SCHEDULE_GROUP)
        .send()
        .await
        .expect("delete");
    assert_eq!(cloud.scheduler().next_due(), None);
    let bad = schedule(&cloud, "call 3", "at(2026-03-02T09:05:00)")
        .send()
        .await;
    assert!(
        bad.expect_err("a blank")
            .into_service_error()
            .is_validation_exception()
    );
    let bad = schedule(&cloud, "call-3", "at(2026-03-02 09:05)")
        .send()
        .await;
    assert!(
        bad.expect_err("no time")
            .into_service_error()
            .is_validation_exception()
    );
}
