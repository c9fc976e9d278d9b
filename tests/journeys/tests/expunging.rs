//! Everything of a person, or of an account, is taken away: found wherever it lies, cut off anywhere and done
//! again; and what was carried out once is not carried out again.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use calls::AccountId;
use cloud::act::Run;
use cloud::act::expunge::{ExpungeReport, ExpungedSubject, Expunging};
use journeys::record::everything;
use journeys::story::ADDRESS;
use journeys::{Call, Story, a_caller, call, hours, part};
use local::CallbackAnswer;
use local::faults::InjectedFault;
use objects::PersonNames;

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";

fn person(key: &str, address: &str) -> String {
    format!(
        r#"<Objects xsi:type="Subscriber"><SubscriberKey>{key}</SubscriberKey><EmailAddress>{address}</EmailAddress></Objects>"#
    )
}

fn definition() -> String {
    r#"<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>welcome</CustomerKey><TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>Hello</Subject><TextBody>Hello.</TextBody></Email><FromName>The Shop</FromName><FromAddress>shop@example.com</FromAddress></Objects>"#.to_owned()
}

fn send_to_both() -> Call {
    let to = |key: &str, address: &str| {
        format!(
            "<Subscribers><EmailAddress>{address}</EmailAddress><SubscriberKey>{key}</SubscriberKey></Subscribers>"
        )
    };
    call().creating(format!(
        r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey></TriggeredSendDefinition>{}{}</Objects>"#,
        to("k-ann", ANN),
        to("k-bob", BOB)
    ))
}

fn account() -> AccountId {
    AccountId("1001".to_owned())
}

async fn expunges(
    caller: &Story,
    subject: ExpungedSubject,
    run: Run,
) -> Result<ExpungeReport, cloud::Error> {
    let account = account();
    let wanted = Expunging {
        account: &account,
        subject,
        run,
        progress: &|| {},
    };
    caller.cloud().expunge(wanted).await
}

fn of_ann() -> ExpungedSubject {
    ExpungedSubject::Person(PersonNames::of_key("K-Ann"))
}

/// Ann and Bob are subscribers, are mailed together, and a receiver repeats whom a call was about.
async fn lives(caller: &mut Story) {
    caller.does(call().creating(definition())).await;
    let refusal = CallbackAnswer::status(503).with_body(&format!("no such person: {ANN}"));
    caller.local().callbacks().answer_next(ADDRESS, refusal);
    let both = part("order-1", 1, 2).creating(person("k-ann", ANN));
    caller.queues(both.and(person("k-bob", BOB))).await;
    let second = part("order-1", 2, 2).creating(person("k-cat", "cat@example.com"));
    caller.queues(second.calling_back(ADDRESS)).await;
    caller.queues(send_to_both()).await;
    caller
        .queues(call().creating(person("k-dan", "dan@example.com")))
        .await;
    caller.passes(hours(1)).await;
    assert_eq!(caller.mails().len(), 2, "both are mailed");
}

/// The records in which a text stands, whatever attribute it stands in.
fn naming(caller: &Story, text: &str) -> Vec<String> {
    let records = everything(caller.local()).into_iter();
    let naming = records.filter(|record| {
        let attributes = record.json().as_object().into_iter().flatten();
        let mut texts = attributes.map(|(_, attribute)| {
            let packed = attribute["B"].as_str().unwrap_or_default();
            let packed = BASE64_STANDARD.decode(packed).unwrap_or_default();
            let unpacked = cloud::decompress(&packed).unwrap_or_default();
            format!("{attribute} {unpacked}").to_lowercase()
        });
        texts.any(|attribute| attribute.contains(text))
    });
    naming
        .map(|record| format!("{} {}", record.text("pk"), record.text("sk")))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_person_is_left_and_everything_of_others_is() {
    let mut caller = a_caller().await;
    lives(&mut caller).await;
    let later = call()
        .creating(person("k-eve", ANN))
        .at("2026-03-02T14:00:00Z");
    let later = caller.queues(later).await;
    let before = everything(caller.local());
    let rehearsed = expunges(&caller, of_ann(), Run::Rehearsed).await;
    let rehearsed = rehearsed.expect("the tables are there");
    assert_eq!(everything(caller.local()), before, "nothing is changed");
    assert_eq!(
        (rehearsed.left_waiting, rehearsed.mails),
        (2, 1),
        "{rehearsed:?}"
    );

    // By what it is called all the rest is found, so that it stays as long as a call waits.
    let first = expunges(&caller, of_ann(), Run::Real).await;
    assert_eq!(first.expect("the tables are there"), rehearsed);
    assert!(!naming(&caller, ANN).is_empty());
    caller.passes(hours(8)).await;
    let report = expunges(&caller, of_ann(), Run::Real).await;
    let report = report.expect("the tables are there");
    assert!(report.is_whole(), "{report:?}");
    // The subscriber of the later call has the address, too.
    let subscribers = report.objects.get("Subscriber").copied();
    assert!(subscribers.is_some_and(|count| count >= 2), "{report:?}");
    for text in [ANN, "k-ann", "k-eve"] {
        assert_eq!(naming(&caller, text), Vec::<String>::new(), "{text}");
    }
    assert!(!naming(&caller, BOB).is_empty() && !naming(&caller, "dan@example.com").is_empty());
    assert_eq!(caller.states("order-1").await, ["Complete"; 2]);
    assert_eq!(caller.state(&later).await, "Complete");
    let again = expunges(&caller, of_ann(), Run::Real).await;
    let again = again.expect("the tables are there");
    assert_eq!(again, ExpungeReport::default(), "there is nothing more");
}

#[tokio::test(start_paused = true)]
async fn of_an_account_the_hashes_of_its_conversations_stay() {
    let mut caller = a_caller().await;
    lives(&mut caller).await;
    let report = expunges(&caller, ExpungedSubject::Account, Run::Real).await;
    let report = report.expect("the tables are there");
    assert!(report.is_whole() && report.conversations >= 3, "{report:?}");
    for text in [ANN, BOB, "dan@example.com", "order-1"] {
        assert_eq!(naming(&caller, text), Vec::<String>::new(), "{text}");
    }
    let answer = caller.sends(part("order-1", 1, 2)).await;
    assert_eq!(answer.error_code(), 211, "it was used");
    assert_eq!(caller.stored(), Vec::<String>::new());
    let again = expunges(&caller, ExpungedSubject::Account, Run::Real).await;
    let again = again.expect("the tables are there");
    assert_eq!(again, ExpungeReport::default(), "there is nothing more");
}

/// Plays it in a world that is cut at one of its requests; says how many there were.
async fn expunged(of: fn() -> ExpungedSubject, cut: Option<(u64, InjectedFault)>) -> u64 {
    let mut caller = a_caller().await;
    lives(&mut caller).await;
    let faults = caller.local().faults().clone();
    let first = faults.requests_made();
    if let Some((at, fault)) = cut {
        faults.at(first + at, fault);
    }
    drop(expunges(&caller, of(), Run::Real).await);
    let made = faults.requests_made() - first;
    caller.restarts();
    let again = expunges(&caller, of(), Run::Real).await;
    assert!(again.expect("a whole world").is_whole(), "{cut:?}");
    for text in [ANN, "k-ann"] {
        assert_eq!(
            naming(&caller, text),
            Vec::<String>::new(),
            "{cut:?} {text}"
        );
    }
    let answer = caller.sends(part("order-1", 1, 2)).await;
    assert_eq!(answer.error_code(), 211, "{cut:?}");
    made
}

async fn may_be_cut_off(of: fn() -> ExpungedSubject) {
    let requests = expunged(of, None).await;
    assert!(requests > 5, "{requests}");
    for at in 1..=requests {
        for fault in [
            InjectedFault::CrashBefore,
            InjectedFault::CrashAfter,
            InjectedFault::LoseAnswer,
        ] {
            expunged(of, Some((at, fault))).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn taking_a_person_away_may_be_cut_off_at_any_request_and_done_again() {
    may_be_cut_off(of_ann).await;
}

#[tokio::test(start_paused = true)]
async fn taking_an_account_away_may_be_cut_off_at_any_request_and_done_again() {
    may_be_cut_off(|| ExpungedSubject::Account).await;
}
