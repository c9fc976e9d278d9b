//! The rules of a FIFO queue, one by one.

use super::*;
use crate::delivery::Redrive;

/// A queue whose messages are written `group:body`, received as lists of bodies.
struct Bench {
    queue: Fifo,
    now: Timestamp,
    sequence: u64,
    held: Vec<ReceivedMessage>,
    dead: Vec<String>,
}

impl Bench {
    fn new(settings: FifoSettings) -> Self {
        Self {
            queue: Fifo::new("q.fifo", settings),
            now: Timestamp::UNIX_EPOCH,
            sequence: 0,
            held: Vec::new(),
            dead: Vec::new(),
        }
    }

    fn send(&mut self, messages: &str) -> Vec<SentMessage> {
        messages
            .split_whitespace()
            .map(|message| self.send_one(message))
            .collect()
    }

    fn send_one(&mut self, message: &str) -> SentMessage {
        let (group, body) = message.split_once(':').expect("group:body");
        self.sequence += 1;
        let message = QueuedMessage::new(
            format!("id-{}", self.sequence),
            body.to_owned(),
            group.to_owned(),
            body.to_owned(),
            self.now,
        );
        self.queue.send(message, self.sequence)
    }

    fn receive(&mut self, max: usize) -> String {
        let ReceivedBatch { deliveries, dead } = self.queue.receive(max, None, self.now);
        self.dead
            .extend(dead.into_iter().map(|message| message.body));
        let bodies: Vec<_> = deliveries
            .iter()
            .map(|delivery| delivery.body.clone())
            .collect();
        self.held.extend(deliveries);
        bodies.join(" ")
    }

    fn held(&self, body: &str) -> ReceivedMessage {
        let mut held = self.held.iter().rev();
        held.find(|delivery| delivery.body == body)
            .expect("was received")
            .clone()
    }

    fn delete(&mut self, body: &str) -> Result<(), Stale> {
        let handle = self.held(body).receipt_handle;
        self.queue.delete(&handle, self.now)
    }

    fn passes(&mut self, seconds: i64) {
        self.now = later(self.now, SignedDuration::from_secs(seconds));
    }
}

fn by_queue() -> Bench {
    Bench::new(FifoSettings::default())
}

#[test]
fn a_batch_takes_a_group_in_order_and_then_the_next() {
    let mut bench = by_queue();
    bench.send("a:1 b:2 a:3 b:4 a:5");
    assert_eq!(bench.receive(4), "1 3 5 2");
    assert_eq!(bench.receive(4), "");
}

#[test]
fn a_group_waits_while_any_of_its_messages_is_in_flight() {
    let mut bench = by_queue();
    bench.send("a:1 a:2 a:3 b:4");
    assert_eq!(bench.receive(2), "1 2");
    assert_eq!(bench.receive(10), "4");
    bench.delete("1").expect("held");
    assert_eq!(bench.receive(10), "");
    bench.delete("2").expect("held");
    assert_eq!(bench.receive(10), "3");
}

#[test]
fn what_is_not_deleted_comes_back_in_its_place() {
    let mut bench = by_queue();
    bench.send("a:1 a:2");
    assert_eq!(bench.receive(1), "1");
    bench.passes(29);
    assert_eq!(bench.receive(1), "");
    assert_eq!(
        bench.queue.next_visible_at().map(Timestamp::as_second),
        Some(30)
    );
    bench.passes(1);
    assert_eq!(bench.receive(10), "1 2");
    assert_eq!(bench.held("1").receive_count, 2);
}

#[test]
fn a_stale_handle_is_refused_and_a_second_delete_is_not() {
    let mut bench = by_queue();
    bench.send("a:1");
    bench.receive(1);
    let first = bench.held("1").receipt_handle;
    bench.passes(30);
    assert_eq!(bench.queue.delete(&first, bench.now), Err(Stale::Expired));
    bench.receive(1);
    assert_eq!(bench.queue.delete(&first, bench.now), Err(Stale::Expired));
    assert_eq!(bench.delete("1"), Ok(()));
    assert_eq!(bench.delete("1"), Ok(()));
    assert_eq!(
        bench.queue.delete("nonsense", bench.now),
        Err(Stale::NotAHandle)
    );
    let gone = bench
        .queue
        .change_visibility(&first, SignedDuration::ZERO, bench.now);
    assert_eq!(gone, Err(Stale::Gone));
}

#[test]
fn a_changed_visibility_gives_back_at_once_or_holds_longer() {
    let mut bench = by_queue();
    bench.send("a:1 b:2");
    assert_eq!(bench.receive(10), "1 2");
    let [one, two] = ["1", "2"].map(|body| bench.held(body).receipt_handle);
    let now = bench.now;
    bench
        .queue
        .change_visibility(&one, SignedDuration::ZERO, now)
        .expect("held");
    bench
        .queue
        .change_visibility(&two, SignedDuration::from_secs(100), now)
        .expect("held");
    assert_eq!(bench.receive(10), "1");
    bench.passes(99);
    assert_eq!(bench.receive(10), "1");
    bench.passes(1);
    assert_eq!(bench.receive(10), "2");
}

#[test]
fn a_repeat_is_swallowed_for_five_minutes_even_after_a_delete() {
    let mut bench = by_queue();
    let first = bench.send("a:1");
    bench.receive(1);
    bench.delete("1").expect("held");
    bench.passes(299);
    assert_eq!(bench.send("b:1"), first);
    assert_eq!(bench.queue.depth(), 0);
    bench.passes(1);
    bench.send("b:1");
    assert_eq!(bench.queue.depth(), 1);
}

#[test]
fn ids_count_in_their_group_alone_where_the_queue_says_so() {
    let mut bench = Bench::new(FifoSettings {
        deduplicate_by_group: true,
        ..FifoSettings::default()
    });
    bench.send("a:1 b:1 a:1");
    assert_eq!(bench.receive(10), "1 1");
}

#[test]
fn a_message_received_too_often_goes_and_its_group_goes_on() {
    let redrive = Redrive {
        dead_letters: "dead.fifo".to_owned(),
        max_receive_count: 2,
    };
    let mut bench = Bench::new(FifoSettings {
        redrive: Some(redrive),
        ..FifoSettings::default()
    });
    bench.send("a:1 a:2");
    for _ in 0..2 {
        assert_eq!(bench.receive(1), "1");
        bench.passes(30);
    }
    assert_eq!(bench.receive(1), "2");
    assert_eq!(bench.dead, ["1"]);
}

#[test]
fn a_message_can_be_delivered_again_in_flight_or_deleted() {
    let mut bench = by_queue();
    bench.send("a:1 a:2");
    bench.receive(1);
    let delivery = bench.held("1");
    bench.queue.deliver_again(&delivery);
    assert_eq!(bench.receive(1), "1");
    bench.delete("1").expect("held");
    bench.queue.deliver_again(&delivery);
    assert_eq!(bench.receive(10), "1 2");
    assert_eq!(bench.held("1").message_id, delivery.message_id);
}

#[test]
fn a_hundred_thousand_messages_stay_quick() {
    let mut bench = by_queue();
    for number in 0..100_000 {
        bench.send_one(&format!("{}:{number}", number % 1000));
    }
    let mut received = 0;
    loop {
        let deliveries = bench.queue.receive(10, None, bench.now).deliveries;
        if deliveries.is_empty() {
            break;
        }
        received += deliveries.len();
        for delivery in deliveries {
            bench
                .queue
                .delete(&delivery.receipt_handle, bench.now)
                .expect("held");
        }
    }
    assert_eq!(received, 100_000);
}
