//! Mails of unknown fate: events of SES settle them, and so do acts of a person.

use cloud::act::unknown_mail::{MailAct, MailActed};
use cloud::conversation::unknown::UnknownQuery;
use cloud::conversation::unknown_mails::UnknownMail;
use cloud::records::mail_record::MailTag;
use cloud::records::unknown_record::Verdict;
use journeys::{Story, hours, minutes};
use local::faults::InjectedFault;
use local::{AwsRequest, EventDelivery, Service};

use crate::mail_events::{a_shop, events, to};

pub(crate) fn is_mail(aws_request: &AwsRequest) -> bool {
    aws_request.service == Service::Ses && aws_request.operation == "SendEmail"
}

/// The answer to the next mail is lost, and SES reports no events.
pub(crate) fn makes_one_mail_unknown(caller: &Story) {
    let local = caller.local();
    local.ses().set_event_delivery(EventDelivery::Never);
    local.faults().once(is_mail, InjectedFault::LoseAnswer);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_event_settles_an_unknown_mail() {
    let mut caller = a_shop().await;
    caller
        .local()
        .faults()
        .once(is_mail, InjectedFault::LoseAnswer);
    caller.queues(to(&["ann"])).await;
    caller.settles().await;
    assert_eq!(caller.mail_states(), ["Sent"]);
    assert_eq!(events(&mut caller).await, ["SentEvent Sent ann"]);
    caller.passes(hours(1)).await;
    assert_eq!(caller.mails().len(), 1, "it is not sent again");
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_mail_without_an_event_stays_unknown() {
    let mut caller = a_shop().await;
    makes_one_mail_unknown(&caller);
    caller.queues(to(&["ann"])).await;
    caller.passes(hours(1)).await;
    assert_eq!(caller.mail_states(), ["Unknown"]);
    assert_eq!(events(&mut caller).await, ["NotSentEvent NotSent ann"]);
}

async fn unknown_mails(caller: &Story, with_settled: bool) -> Vec<UnknownMail> {
    let query = UnknownQuery {
        account: None,
        with_settled,
        limit: 50,
    };
    let found = caller.cloud().unknown_mails(&query).await;
    found.expect("a list")
}

/// A caller with one unknown mail, and the tag of that mail.
async fn with_an_unknown_mail() -> (Story, MailTag) {
    let mut caller = a_shop().await;
    makes_one_mail_unknown(&caller);
    caller.queues(to(&["ann"])).await;
    caller.passes(hours(1)).await;
    assert_eq!(caller.mail_states(), ["Unknown"]);
    let listed = unknown_mails(&caller, false).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].record.account.0, caller.account_id());
    (caller, listed[0].record.tag.clone())
}

async fn acts(caller: &Story, tag: &MailTag, verdict: Verdict) -> &'static str {
    let account = calls::AccountId(caller.account_id());
    let act = MailAct {
        account: &account,
        tag,
        by: "ann",
        why: "asked them",
    };
    let acted = cloud::act::unknown_mail::act(caller.cloud(), act, verdict).await;
    match acted.expect("an act") {
        MailActed::Done(_) => "done",
        MailActed::Otherwise(_) => "otherwise",
        MailActed::Nothing => "nothing",
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_mail_is_listed_until_a_person_settles_it() {
    let (caller, tag) = with_an_unknown_mail().await;
    assert_eq!(acts(&caller, &tag, Verdict::Done).await, "done");
    assert_eq!(acts(&caller, &tag, Verdict::Done).await, "done");
    assert_eq!(acts(&caller, &tag, Verdict::SentAgain).await, "otherwise");
    assert!(unknown_mails(&caller, false).await.is_empty());
    let settled = unknown_mails(&caller, true).await;
    let said = settled[0].record.settlement.as_ref().expect("it was said");
    assert_eq!((said.by.as_str(), said.why.as_str()), ("ann", "asked them"));
    let sent = caller.mails().len();
    caller.passes(hours(2)).await;
    assert_eq!(caller.mails().len(), sent, "nothing is sent by that");
    let other = MailTag::parse("7a_1_1").expect("a tag");
    assert_eq!(acts(&caller, &other, Verdict::Done).await, "nothing");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_mail_is_sent_once_more_by_an_act_of_a_person() {
    for fault in [
        None,
        Some(InjectedFault::LoseAnswer),
        Some(InjectedFault::LoseRequest),
    ] {
        let (mut caller, tag) = with_an_unknown_mail().await;
        let sent = caller.mails().len();
        assert_eq!(acts(&caller, &tag, Verdict::NotDone).await, "done");
        if let Some(fault) = fault {
            let acts = |it: &AwsRequest| it.operation == "TransactWriteItems";
            caller.local().faults().once(acts, fault);
        }
        for _ in 0..3 {
            assert_eq!(acts(&caller, &tag, Verdict::SentAgain).await, "done");
        }
        caller.passes(minutes(10)).await;
        assert_eq!(caller.mail_states(), ["Sent"], "{fault:?}");
        assert_eq!(caller.mails().len(), sent + 1);
        // Each time that it was handed over has an event of its own.
        let expected = ["NotSentEvent NotSent ann", "SentEvent Sent ann"];
        assert_eq!(events(&mut caller).await, expected);
        assert_eq!(acts(&caller, &tag, Verdict::SentAgain).await, "nothing");
        assert!(unknown_mails(&caller, false).await.is_empty());
        caller.passes(hours(2)).await;
        assert_eq!(caller.mails().len(), sent + 1);
        assert!(caller.due().is_empty());
    }
}
