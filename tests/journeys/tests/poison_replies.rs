//! A reply or a mail that the notifier dies with: it is given up after four deaths, and everything
//! beside it goes on.

use journeys::{Story, a_caller, call, minutes, subscriber};
use local::faults::InjectedFault;
use local::names::QUEUES;
use local::{AwsRequest, Service};

const NAMES: [&str; 10] = ["a", "b", "c", "d", "poison", "f", "g", "h", "i", "j"];

/// Whoever posts to this receiver dies of it.
fn posts_to_poison(aws_request: &AwsRequest) -> bool {
    aws_request.service == Service::Callback && aws_request.resource.contains("poison")
}

fn deaths(caller: &Story) -> usize {
    let journal = caller.local().faults().journal();
    let died =
        |entry: &&local::faults::JournalEntry| entry.fault == Some(InjectedFault::AbortBefore);
    journal.iter().filter(died).count()
}

#[track_caller]
fn nothing_is_given_up_by_queues(caller: &Story) {
    for queue in QUEUES {
        let dead = caller.local().sqs().dead_letters(queue);
        assert!(dead.is_empty(), "{queue}: {dead:?}");
    }
}

/// Who was told, each once, though maybe several times.
fn replies(caller: &Story) -> Vec<String> {
    let callbacks = caller.callbacks().into_iter();
    let mut replies: Vec<String> = callbacks.map(|callback| callback.url).collect();
    replies.sort();
    replies.dedup();
    replies
}

fn address(name: &str) -> String {
    format!("https://{name}.example.com/done")
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_kills_four_times_is_given_up_and_its_nine_neighbours_are_sent() {
    let mut caller = a_caller().await;
    caller
        .local()
        .faults()
        .when(posts_to_poison, InjectedFault::AbortBefore);
    for name in NAMES {
        let call = call().creating(subscriber(name));
        caller.queues(call.calling_back(&address(name))).await;
    }
    caller.passes(minutes(5)).await;
    let others: Vec<String> = NAMES
        .iter()
        .filter(|name| **name != "poison")
        .map(|name| address(name))
        .collect();
    assert_eq!(replies(&caller), others);
    caller.passes(minutes(20)).await;
    assert_eq!(deaths(&caller), 4);
    assert_eq!(replies(&caller), others);
    nothing_is_given_up_by_queues(&caller);
    assert!(caller.due().is_empty(), "{:?}", caller.due());
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_killed_three_times_may_still_be_delivered() {
    let mut caller = a_caller().await;
    let mut left = 3;
    caller.local().faults().by(move |_, aws_request| {
        let dies = posts_to_poison(aws_request) && left > 0;
        left -= usize::from(dies);
        dies.then_some(InjectedFault::AbortBefore)
    });
    let call = call().creating(subscriber("ann"));
    caller.queues(call.calling_back(&address("poison"))).await;
    caller.passes(minutes(20)).await;
    assert_eq!(deaths(&caller), 3);
    assert_eq!(replies(&caller), [address("poison")]);
    assert!(caller.due().is_empty(), "{:?}", caller.due());
}

#[tokio::test(start_paused = true)]
async fn a_mail_that_kills_four_times_is_given_up_and_those_beside_it_are_sent() {
    let mut caller = a_caller().await;
    let definition = r#"<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>welcome</CustomerKey><TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>Welcome</Subject><TextBody>Welcome.</TextBody></Email><FromName>The Shop</FromName><FromAddress>shop@example.com</FromAddress></Objects>"#;
    caller.does(call().creating(definition)).await;
    let name = |number: usize| format!("name-{number}@example.com");
    let subscribers: String = (0..30)
        .map(|number| {
            let address = name(number);
            format!("<Subscribers><EmailAddress>{address}</EmailAddress><SubscriberKey>{address}</SubscriberKey></Subscribers>")
        })
        .collect();
    // Whoever claims this one dies of it.
    caller.local().faults().when(
        |aws_request| {
            aws_request.operation == "PutItem"
                && aws_request.key.ends_with("/MAIL#0000000001#00000015")
        },
        InjectedFault::AbortBefore,
    );
    caller
        .queues(call().creating(format!(
            r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey></TriggeredSendDefinition>{subscribers}</Objects>"#
        )))
        .await;
    caller.passes(minutes(5)).await;
    assert_eq!(deaths(&caller), 4);
    // The record says that it is given up, and that can be written once nobody dies of it.
    caller.local().faults().clear();
    caller.passes(minutes(20)).await;
    let sent: Vec<String> = caller
        .mails()
        .into_iter()
        .flat_map(|mail| mail.to)
        .collect();
    let records = caller.records();
    let mails = records.iter().filter(|record| record.kind() == "MAIL");
    let states: Vec<&str> = mails.map(|record| record.text("state")).collect();
    let mut unknown = 0;
    for (number, state) in states.iter().enumerate() {
        let times = sent.iter().filter(|to| **to == name(number)).count();
        match *state {
            // Claimed by the first invocation that died, and so not sent again.
            "\"Unknown\"" => unknown += 1,
            "\"Failed\"" => assert_eq!((number, times), (15, 0)),
            sent => assert!(
                sent.contains("Sent") && times == 1,
                "{number}: {sent}, {times}"
            ),
        }
    }
    assert_eq!(states[15], "\"Failed\"");
    assert!(states.len() == 30 && unknown < 8, "{states:?}");
    nothing_is_given_up_by_queues(&caller);
    assert!(caller.due().is_empty(), "{:?}", caller.due());
}
