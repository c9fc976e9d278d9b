//! The world stops at any single request to AWS, and nothing is lost and nothing done twice.
//!
//! Each plot is played once undisturbed, which counts its requests. Then it is played again for
//! each of them: the caller's function dies before it, or after it without hearing of it, or the
//! answer alone is lost, or the service says that there is too much. The functions are started
//! anew, the client sends again what was not answered, time passes, and the promises must hold.

use journeys::cut::{CallOrder, Plot, cut_anywhere};
use journeys::story::ADDRESS;
use journeys::{attribute, call, hours, mail_to, minutes, part, post_to, subscriber};
use local::CallbackAnswer;

fn of_three() -> Plot {
    let part = |number| part("order-1", number, 3).calling_back(ADDRESS);
    Plot {
        prepare: |_caller| {},
        before: Vec::new(),
        calls: vec![
            // Each needs what the one before it did, and fails when it is done twice.
            part(3).creating(attribute("ann", "Step", "3")),
            part(1).creating(attribute("ann", "Step", "1")),
            part(2).deleting(subscriber("ann")),
        ],
        is_found: false,
        order: CallOrder::Unordered,
        after: minutes(20),
        promises: |ended| {
            ended.is("outcomes", &ended.outcomes, &["1 OK", "2 OK", "3 OK"])?;
            ended.is("effects", &ended.stored, &["ann"])?;
            ended.is(
                "told, in their order",
                &ended.replies_in_order(),
                &["done 1 OK", "done 2 OK", "done 3 OK"],
            )
        },
    }
}

/// The second call fails: the third gets an outcome without being carried out.
fn of_three_that_fails() -> Plot {
    let part = |number| part("order-1", number, 3).calling_back(ADDRESS);
    let failed = post_to("https://client.example.com/failed").when("OnConversationError");
    Plot {
        prepare: |_caller| {},
        before: vec![call().creating(subscriber("taken"))],
        calls: vec![
            part(1).replying_to(failed),
            part(2).creating(subscriber("taken")),
            part(3),
        ],
        is_found: false,
        order: CallOrder::Unordered,
        after: minutes(20),
        promises: |ended| {
            let outcomes: Vec<String> = ended
                .outcomes
                .iter()
                .map(|line| {
                    line.split_whitespace()
                        .take(3)
                        .collect::<Vec<_>>()
                        .join(" ")
                })
                .collect();
            ended.is(
                "outcomes",
                &outcomes,
                &["1 OK", "2 Error 12014", "3 Error 213"],
            )?;
            ended.is("effects", &ended.stored, &["order-1-1", "taken"])?;
            let replies = [
                "done 1 OK",
                "done 2 Error 12014",
                "done 3 Error 213",
                "failed 1 Error 12014",
            ];
            ended.is("told", &ended.distinct_replies(), &replies)
        },
    }
}

/// So many objects that they take several transactions.
fn of_many_objects() -> Plot {
    let objects = (10..80)
        .map(|number| subscriber(&number.to_string()))
        .collect();
    Plot {
        prepare: |_caller| {},
        before: Vec::new(),
        calls: vec![
            part("order-1", 1, 1)
                .doing("Create", objects)
                .calling_back(ADDRESS),
        ],
        is_found: false,
        order: CallOrder::Unordered,
        after: minutes(20),
        promises: |ended| {
            let expected: Vec<String> = (10..80).map(|number| number.to_string()).collect();
            ended.is("outcomes", &ended.outcomes, &["1 OK"])?;
            ended.is("effects", &ended.stored, &expected)?;
            ended.is("told", &ended.distinct_replies(), &["done 1 OK"])
        },
    }
}

/// Outside any conversation, a call is known again by its key.
fn alone() -> Plot {
    Plot {
        prepare: |_caller| {},
        before: Vec::new(),
        calls: vec![
            call()
                .creating(subscriber("ann"))
                .calling_back(ADDRESS)
                .keyed("key-1"),
        ],
        is_found: false,
        order: CallOrder::Unordered,
        after: minutes(20),
        promises: |ended| {
            ended.is("outcomes", &ended.outcomes, &["1 OK"])?;
            ended.is("effects", &ended.stored, &["ann"])?;
            ended.is("told", &ended.distinct_replies(), &["done OK"])
        },
    }
}

fn triggered_send() -> Plot {
    let definition = r#"<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>welcome</CustomerKey><TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>Welcome</Subject><TextBody>Dear %%SubscriberKey%%</TextBody></Email><FromAddress>shop@example.com</FromAddress></Objects>"#;
    let to = |key: &str| {
        format!(
            "<Subscribers><EmailAddress>{key}@example.com</EmailAddress><SubscriberKey>{key}</SubscriberKey></Subscribers>"
        )
    };
    let send = format!(
        r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey></TriggeredSendDefinition>{}{}</Objects>"#,
        to("ann"),
        to("bob")
    );
    let reply = mail_to("caller@example.net").with_results();
    Plot {
        prepare: |_caller| {},
        before: vec![call().creating(definition)],
        calls: vec![part("welcome-1", 1, 1).creating(send).replying_to(reply)],
        is_found: false,
        order: CallOrder::Unordered,
        after: hours(2),
        promises: |ended| {
            ended.is("outcomes", &ended.outcomes, &["1 OK"])?;
            ended.replied_by_mail("caller@example.net")?;
            ended.sent_at_most_once(&["ann@example.com", "bob@example.com"])?;
            ended.mails_have_events(&["ann@example.com", "bob@example.com"], 0)
        },
    }
}

/// Whose mails bounce and are complained about: each is told of and marked once.
fn mails_that_come_back() -> Plot {
    let to = |name: &str| {
        format!(
            "<Subscribers><EmailAddress>{name}@simulator.amazonses.com</EmailAddress><SubscriberKey>{name}</SubscriberKey></Subscribers>"
        )
    };
    let send = format!(
        r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey></TriggeredSendDefinition>{}{}</Objects>"#,
        to("bounce"),
        to("complaint")
    );
    Plot {
        calls: vec![part("welcome-1", 1, 1).creating(send)],
        promises: |ended| {
            let addresses = [
                "bounce@simulator.amazonses.com",
                "complaint@simulator.amazonses.com",
            ];
            ended.is("outcomes", &ended.outcomes, &["1 OK"])?;
            ended.sent_at_most_once(&addresses)?;
            ended.mails_have_events(&addresses, 1)
        },
        ..triggered_send()
    }
}

/// A text and a call by voice in one call, each told of once.
fn texts() -> Plot {
    let definition = r#"<Objects xsi:type="SMSTriggeredSendDefinition"><CustomerKey>code</CustomerKey><Content><Content>Hi</Content></Content></Objects>"#;
    let voice = r#"<Objects xsi:type="VoiceTriggeredSendDefinition"><CustomerKey>code</CustomerKey></Objects>"#;
    let send = |kind: &str, number: &str| {
        format!(
            r#"<Objects xsi:type="{kind}TriggeredSend"><{kind}TriggeredSendDefinition><CustomerKey>code</CustomerKey></{kind}TriggeredSendDefinition><Subscriber><SubscriberKey>ann</SubscriberKey></Subscriber><Message>Hi</Message><Number>{number}</Number></Objects>"#
        )
    };
    let sends = vec![send("SMS", "436601111111"), send("Voice", "436602222222")];
    Plot {
        before: vec![call().creating(definition), call().creating(voice)],
        calls: vec![part("code-1", 1, 1).doing("Create", sends)],
        promises: |ended| {
            ended.is("outcomes", &ended.outcomes, &["1 OK"])?;
            ended.texted_at_most_once(&["+436601111111", "+436602222222"])
        },
        ..triggered_send()
    }
}

#[tokio::test(start_paused = true)]
async fn texts_and_calls_by_voice_survive_every_cut() {
    println!("{} worlds", cut_anywhere(texts()).await);
}

/// The receiver fails once: that reply gets a record of its own, between others that have none.
fn of_three_whose_receiver_fails() -> Plot {
    Plot {
        prepare: |caller| {
            let busy = CallbackAnswer::status(503);
            caller.local().callbacks().answer_next(ADDRESS, busy);
        },
        promises: |ended| {
            ended.is("outcomes", &ended.outcomes, &["1 OK", "2 OK", "3 OK"])?;
            let replies = ["done 1 OK", "done 2 OK", "done 3 OK"];
            ended.is("told", &ended.distinct_replies(), &replies)
        },
        ..of_three()
    }
}

#[tokio::test(start_paused = true)]
async fn a_conversation_whose_receiver_fails_survives_every_cut() {
    println!(
        "{} worlds",
        cut_anywhere(of_three_whose_receiver_fails()).await
    );
}

#[tokio::test(start_paused = true)]
async fn a_conversation_of_three_survives_every_cut() {
    println!("{} worlds", cut_anywhere(of_three()).await);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_fails_survives_every_cut() {
    println!("{} worlds", cut_anywhere(of_three_that_fails()).await);
}

#[tokio::test(start_paused = true)]
async fn a_call_of_many_objects_survives_every_cut() {
    println!("{} worlds", cut_anywhere(of_many_objects()).await);
}

#[tokio::test(start_paused = true)]
async fn a_call_alone_survives_every_cut() {
    println!("{} worlds", cut_anywhere(alone()).await);
}

#[tokio::test(start_paused = true)]
async fn a_triggered_send_survives_every_cut() {
    println!("{} worlds", cut_anywhere(triggered_send()).await);
}

#[tokio::test(start_paused = true)]
async fn mails_that_come_back_survive_every_cut() {
    println!("{} worlds", cut_anywhere(mails_that_come_back()).await);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_the_timekeeper_finds_survives_every_cut() {
    let found = Plot {
        is_found: true,
        ..of_three()
    };
    println!("{} worlds", cut_anywhere(found).await);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_fails_and_is_found_survives_every_cut() {
    let found = Plot {
        is_found: true,
        ..of_three_that_fails()
    };
    println!("{} worlds", cut_anywhere(found).await);
}

/// Each needs what the one before it did, and fails when it is done twice.
fn alone_in_order() -> Plot {
    let alone = |number: u32| {
        call()
            .calling_back(&format!("https://client.example.com/n{number}"))
            .keyed(&format!("key-{number}"))
    };
    Plot {
        prepare: |_caller| {},
        before: Vec::new(),
        calls: vec![
            alone(1).creating(attribute("ann", "Step", "1")),
            alone(2).deleting(subscriber("ann")),
            alone(3).creating(attribute("ann", "Step", "3")),
        ],
        is_found: false,
        order: CallOrder::OfAccount,
        after: minutes(20),
        promises: |ended| {
            ended.is("effects", &ended.stored, &["ann"])?;
            ended.is(
                "told",
                &ended.distinct_replies(),
                &["n1 OK", "n2 OK", "n3 OK"],
            )
        },
    }
}

#[tokio::test(start_paused = true)]
async fn calls_alone_in_order_survive_every_cut() {
    println!("{} worlds", cut_anywhere(alone_in_order()).await);
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_client_in_order_survive_every_cut() {
    let of_client = Plot {
        order: CallOrder::OfClient,
        ..alone_in_order()
    };
    println!("{} worlds", cut_anywhere(of_client).await);
}

#[tokio::test(start_paused = true)]
async fn calls_alone_in_order_that_the_timekeeper_finds_survive_every_cut() {
    let found = Plot {
        is_found: true,
        ..alone_in_order()
    };
    println!("{} worlds", cut_anywhere(found).await);
}
