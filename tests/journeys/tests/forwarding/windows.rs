//! Maintenance that is planned: calls wait within the window, and go on after it.

use std::collections::BTreeMap;

use calls::MaintenanceWindow;
use journeys::backend::{Does, backend_name};
use journeys::{Story, minutes, part, subscriber};

use super::{a_forwarding_caller, one};

fn window(caller: &Story, from_minutes: i64, to_minutes: i64) -> MaintenanceWindow {
    let now = caller.now();
    let (from, to) = (now + minutes(from_minutes), now + minutes(to_minutes));
    MaintenanceWindow::plan(from, to, "release 262", now).expect("a window")
}

async fn plan_of_backend(caller: &Story, window: &MaintenanceWindow) {
    let now = caller.now();
    let plan =
        |breaker: calls::Breaker| breaker.planned(window.clone(), now).expect("it is planned");
    let changed = caller.cloud().change_breaker(&backend_name(), plan).await;
    changed.expect("a breaker");
}

async fn status(caller: &mut Story) -> String {
    let payload = r#"<SystemStatusRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><Options/></SystemStatusRequestMsg>"#;
    let answer = caller.sends_payload(payload, BTreeMap::new()).await;
    let said = answer.payload().at("Results.Result.SystemStatus");
    said.to_owned()
}

#[tokio::test(start_paused = true)]
async fn calls_wait_within_a_window_of_their_backend_and_go_on_in_their_order() {
    let (mut caller, backend) = a_forwarding_caller().await;
    let window = window(&caller, 10, 40);
    plan_of_backend(&caller, &window).await;
    caller.queues(one("before")).await;
    caller.passes(minutes(9)).await;
    assert_eq!(backend.keys(), ["before"]);
    assert_eq!(status(&mut caller).await, "OK");
    caller.passes(minutes(2)).await;
    caller.queues(one("low").priority("Low")).await;
    for number in [2, 1] {
        let part = part("c", number, 2).priority("High");
        caller
            .queues(part.creating(subscriber(&format!("c{number}"))))
            .await;
    }
    assert_eq!(status(&mut caller).await, "InMaintenance");
    let refused = caller.sends(one("now").at_once()).await;
    assert!(refused.said().contains('9'), "{}", refused.said());
    caller.passes(minutes(28)).await;
    assert_eq!(backend.keys(), ["before"]);
    assert_eq!(backend.probes(), 0, "nobody asks meanwhile");
    caller.passes(minutes(5)).await;
    assert_eq!(backend.keys(), ["before", "c1", "c2", "low"]);
    assert!(backend.probes() > 0, "it is asked before anything goes on");
    assert_eq!(status(&mut caller).await, "OK");
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_is_not_back_after_its_window_is_waited_for() {
    let (mut caller, backend) = a_forwarding_caller().await;
    let window = window(&caller, 0, 10);
    plan_of_backend(&caller, &window).await;
    backend.does(Does::Down);
    caller.queues(one("a")).await;
    caller.passes(minutes(20)).await;
    assert!(backend.log().is_empty());
    assert_eq!(status(&mut caller).await, "UnplannedOutage");
    backend.does(Does::Well);
    caller.passes(minutes(3)).await;
    assert_eq!(backend.keys(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn what_waited_for_a_window_that_is_called_off_goes_on() {
    let (mut caller, backend) = a_forwarding_caller().await;
    let window = window(&caller, 0, 600);
    plan_of_backend(&caller, &window).await;
    caller.queues(one("a")).await;
    caller.passes(minutes(5)).await;
    assert!(backend.keys().is_empty());
    let now = caller.now();
    let unplan = |breaker: calls::Breaker| breaker.unplanned(now);
    let changed = caller.cloud().change_breaker(&backend_name(), unplan).await;
    changed.expect("a breaker");
    caller.passes(minutes(3)).await;
    assert_eq!(backend.keys(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_window_of_the_server_holds_all_calls() {
    let (mut caller, backend) = a_forwarding_caller().await;
    let (now, window) = (caller.now(), window(&caller, 10, 40));
    let accounts = &caller.cloud().accounts;
    let planned = accounts.plan_maintenance(&window, now).await;
    assert_eq!(planned.expect("it is planned"), Ok(()));
    caller.passes(minutes(11)).await;
    caller.queues(one("theirs")).await;
    caller.has_backend(None).await;
    caller.queues(one("ours")).await;
    assert_eq!(status(&mut caller).await, "InMaintenance");
    caller.passes(minutes(28)).await;
    assert!(backend.keys().is_empty() && caller.stored().is_empty());
    caller.passes(minutes(3)).await;
    assert_eq!(backend.keys(), ["theirs"]);
    assert_eq!(caller.stored(), ["ours"]);
}

#[tokio::test(start_paused = true)]
async fn the_switch_turned_off_ends_what_has_begun_and_keeps_what_is_planned() {
    let (caller, _) = a_forwarding_caller().await;
    let accounts = &caller.cloud().accounts;
    let now = caller.now();
    for window in [window(&caller, 0, 40), window(&caller, 60, 70)] {
        let planned = accounts.plan_maintenance(&window, now).await;
        assert_eq!(planned.expect("it is planned"), Ok(()));
    }
    accounts.set_maintenance(false, now).await.expect("off");
    let switch = accounts.maintenance_switch().await.expect("the switch");
    let switch = switch.expect("it was touched");
    assert!(!switch.holds_at(now) && switch.holds_at(now + minutes(65)));
}
