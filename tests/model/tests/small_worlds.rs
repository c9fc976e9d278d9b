//! Small worlds, each run to its end in every order of events.
#![expect(
    clippy::print_stdout,
    reason = "how many states there were is part of the result"
)]

use model::plan::{Plan, sent};
use stateright::{Checker, Model};

#[test]
fn parts_come_in_any_order_and_again() {
    check(Plan {
        sends: [
            "0:1/3 replies",
            "0:2/3 high",
            "0:3/3",
            "0:2/3 high",
            "0:1/3 replies",
        ]
        .map(sent)
        .to_vec(),
        instants_s: vec![0, 1_000_000],
        ingests: 2,
        processors: 1,
        ..Plan::default()
    });
}

#[test]
fn parts_come_with_other_content_or_in_other_number() {
    check(Plan {
        sends: [
            "0:1/2 replies",
            "0:2/2 replies",
            "0:1/2 other",
            "0:1/3 other",
        ]
        .map(sent)
        .to_vec(),
        instants_s: vec![0, 1_000_000],
        ingests: 2,
        processors: 1,
        ..Plan::default()
    });
}

#[test]
fn the_door_dies_and_the_call_comes_again() {
    check(Plan {
        sends: ["0:1/2 replies", "0:2/2", "0:1/2 replies", "0:2/2 other"]
            .map(sent)
            .to_vec(),
        instants_s: vec![0, 1_000_000],
        ingests: 2,
        processors: 1,
        crashes: 1,
        ..Plan::default()
    });
}

#[test]
fn silence_ends_a_conversation_and_nothing_else_does() {
    check(Plan {
        sends: ["0:1/2 replies", "0:2/2", "0:1/2 replies"]
            .map(sent)
            .to_vec(),
        instants_s: vec![0, 300, 601, 1_000_000],
        ingests: 2,
        processors: 1,
        ..Plan::default()
    });
}

#[test]
fn silence_among_three() {
    check(Plan {
        sends: ["0:1/3 replies", "0:2/3", "0:3/3"].map(sent).to_vec(),
        instants_s: vec![0, 300, 601, 1_000_000],
        ingests: 1,
        processors: 1,
        ..Plan::default()
    });
}

#[test]
fn wake_ups_are_lost_and_come_twice() {
    check(Plan {
        sends: ["0:1/2 replies", "0:2/2 replies two"].map(sent).to_vec(),
        instants_s: vec![0, 60, 1_000_000],
        ingests: 1,
        processors: 2,
        redeliveries: 1,
        losses: 1,
        ..Plan::default()
    });
}

#[test]
fn processors_die_anywhere() {
    check(Plan {
        sends: ["0:1/2 replies", "0:2/2 replies two"].map(sent).to_vec(),
        instants_s: vec![0, 60, 1_000_000],
        ingests: 1,
        processors: 2,
        crashes: 1,
        losses: 1,
        ..Plan::default()
    });
}

#[test]
fn two_conversations_side_by_side() {
    check(Plan {
        sends: ["0:1/2 replies", "0:2/2 replies two", "1:1/1 replies"]
            .map(sent)
            .to_vec(),
        instants_s: vec![0, 1_000_000],
        ingests: 2,
        processors: 2,
        redeliveries: 1,
        crashes: 1,
        losses: 1,
        ..Plan::default()
    });
}

#[test]
fn the_first_error_ends_it_whoever_dies() {
    check(Plan {
        sends: ["0:1/3", "0:2/3 fails replies", "0:3/3 replies"]
            .map(sent)
            .to_vec(),
        instants_s: vec![0, 60, 1_000_000],
        ingests: 2,
        processors: 2,
        crashes: 1,
        redeliveries: 1,
        losses: 1,
        ..Plan::default()
    });
}

#[test]
fn what_has_not_begun_is_cancelled() {
    check(Plan {
        sends: ["0:1/2 replies", "0:2/2 replies two", "0:1/2 replies"]
            .map(sent)
            .to_vec(),
        instants_s: vec![0, 1_000_000],
        ingests: 1,
        processors: 2,
        redeliveries: 1,
        cancels: vec![0],
        crashes: 1,
        losses: 1,
        ..Plan::default()
    });
}

#[test]
fn calls_wait_for_their_time() {
    check(Plan {
        sends: ["0:1/2", "0:2/2 @400 replies"].map(sent).to_vec(),
        instants_s: vec![0, 60, 400, 1_000_000],
        ingests: 1,
        processors: 2,
        losses: 1,
        redeliveries: 1,
        ..Plan::default()
    });
}

#[test]
fn calls_wait_and_expire() {
    check(Plan {
        sends: ["0:1/1 @60 <400 replies"].map(sent).to_vec(),
        instants_s: vec![0, 60, 400, 1_000_000],
        ingests: 1,
        processors: 2,
        losses: 1,
        crashes: 1,
        redeliveries: 1,
        ..Plan::default()
    });
}

#[test]
fn maintenance_holds_everything_back_and_loses_nothing() {
    check(Plan {
        sends: ["0:1/2 replies", "0:2/2 replies"].map(sent).to_vec(),
        instants_s: vec![0, 60, 1_000_000],
        ingests: 1,
        processors: 2,
        maintenance: true,
        losses: 1,
        redeliveries: 1,
        ..Plan::default()
    });
}

#[test]
fn what_is_sent_to_a_backend_is_sent_once_whoever_dies() {
    check(Plan {
        sends: ["0:1/2 sent replies", "0:2/2 sent lost"].map(sent).to_vec(),
        instants_s: vec![0, 60, 1_000_000],
        ingests: 1,
        processors: 2,
        crashes: 1,
        ..Plan::default()
    });
}

#[test]
fn a_backend_that_is_out_of_service_loses_nothing() {
    check(Plan {
        sends: ["0:1/1 sent replies"].map(sent).to_vec(),
        instants_s: vec![0, 60, 1_000_000],
        ingests: 1,
        processors: 2,
        outage: true,
        crashes: 1,
        redeliveries: 1,
        ..Plan::default()
    });
}

#[test]
fn what_is_safe_to_repeat_is_done_in_the_end() {
    check(Plan {
        sends: ["0:1/1 safe lost replies"].map(sent).to_vec(),
        instants_s: vec![0, 60, 1_000_000],
        ingests: 1,
        processors: 2,
        cancels: vec![0],
        crashes: 1,
        ..Plan::default()
    });
}

#[test]
fn replies_that_the_header_answers_for_are_sent_whoever_dies() {
    check(Plan {
        sends: ["0:1/3 told", "0:2/3 told", "0:3/3 told"]
            .map(sent)
            .to_vec(),
        instants_s: vec![0, 60, 1_000_000],
        ingests: 1,
        processors: 2,
        crashes: 1,
        losses: 1,
        redeliveries: 1,
        ..Plan::default()
    });
}

#[test]
fn replies_that_the_header_answers_for_are_sent_once_by_two_at_work() {
    check(Plan {
        sends: ["0:1/3 told", "0:2/3 told", "0:3/3 fails told"]
            .map(sent)
            .to_vec(),
        instants_s: vec![0, 60, 1_000_000],
        ingests: 1,
        processors: 2,
        redeliveries: 2,
        cancels: vec![0],
        ..Plan::default()
    });
}

#[test]
fn replies_that_the_header_answers_for_do_not_wait() {
    check(Plan {
        sends: ["0:1/2 sent told", "0:2/2 sent told"].map(sent).to_vec(),
        instants_s: vec![0, 60, 1_000_000],
        ingests: 1,
        processors: 2,
        maintenance: true,
        outage: true,
        crashes: 1,
        ..Plan::default()
    });
}

#[track_caller]
fn check(plan: Plan) {
    let checked = plan.checker().threads(2).spawn_bfs().join();
    println!(
        "{} states, {} of them different",
        checked.state_count(),
        checked.unique_state_count()
    );
    checked.assert_properties();
}
