//! The world is cut: a plot is played undisturbed, then once for each place at which the world can be cut.

use std::collections::BTreeSet;

use aws_smithy_types::retry::RetryConfig;
use jiff::SignedDuration;
use local::Service;
use local::faults::{InjectedFault, JournalEntry};
use local::names::CALLS_TABLE;

use crate::call::Call;
use crate::look::look_for;
use crate::record;
use crate::story::Story;

/// The timekeeper comes by every minute; what is found takes another for its replies.
const FOUND_WITHIN: SignedDuration = SignedDuration::from_secs(125);

/// What is sent, and what must hold in the end, wherever the world was cut.
pub struct Plot {
    /// What is there before the first call, beside what calls make.
    pub prepare: fn(&Story),
    /// Carried out at once, before anything can go wrong.
    pub before: Vec<Call>,
    pub calls: Vec<Call>,
    /// The queues lose everything as soon as the calls are taken in, so that it is the timekeeper
    /// who finds them.
    pub is_found: bool,
    pub order: CallOrder,
    /// How long it may take until all is well again.
    pub after: SignedDuration,
    pub promises: fn(&Ended) -> Result<(), String>,
}

/// Whose calls alone are carried out as they were accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOrder {
    Unordered,
    OfAccount,
    OfClient,
}

/// What goes on while the world may be cut.
#[derive(Clone, Copy, Debug)]
enum CutDuring<'a> {
    /// The calls are taken in and carried out, or found.
    Calls,
    /// These times pass, one after the other, when all calls are carried out and nothing has gone wrong
    /// for a time.
    Time {
        undisturbed: SignedDuration,
        passing: &'a [SignedDuration],
    },
}

/// One world that is not as it should be.
#[derive(Clone, Copy, Debug)]
struct World {
    fault: InjectedFault,
    /// At which request, counted from the first that the plot makes.
    at: u64,
    queues_are_lost: bool,
    /// How often the AWS clients try.
    tries: u32,
}

/// What is left of a world.
pub struct Ended {
    /// The RequestIDs that each call was answered with.
    answers: Vec<BTreeSet<String>>,
    /// RequestIDs of the calls that have ended, in the order of the conversation.
    ended: Vec<String>,
    /// SequenceCode, status, code and message.
    pub outcomes: Vec<String>,
    pub stored: Vec<String>,
    /// Of the objects that the table may remove by itself: their keys, and from which second on.
    pub removable: Vec<(String, i64)>,
    /// The files that people fetch: their keys, and what is in them.
    pub files: Vec<(String, String)>,
    /// `webhook-id` of each callback, and what it told.
    replies: Vec<(String, String)>,
    mails: Vec<local::CapturedMail>,
    texts: Vec<local::CapturedText>,
    mail_states: Vec<String>,
    due: Vec<String>,
    /// Messages that were given up, and requests that the local cloud did not know.
    strange: Vec<String>,
    /// How many requests were made before the first call.
    first: u64,
    /// Requests from the first call to rest.
    journal: Vec<JournalEntry>,
}

/// Plays the plot in every world, and panics with the first in which a promise is broken; says how
/// many worlds there were.
pub async fn cut_anywhere(plot: Plot) -> usize {
    cut_during(&plot, CutDuring::Calls).await
}

/// The same for what the timekeeper does by itself: the calls are carried out undisturbed, a time passes
/// undisturbed, and the world is cut while these times pass, each with one look of the timekeeper at least.
pub async fn cut_while_time_passes(
    plot: Plot,
    undisturbed: SignedDuration,
    passing: &[SignedDuration],
) -> usize {
    let during = CutDuring::Time {
        undisturbed,
        passing,
    };
    cut_during(&plot, during).await
}

async fn cut_during(plot: &Plot, during: CutDuring<'_>) -> usize {
    let undisturbed = play(plot, during, None).await;
    kept(plot, &undisturbed, None);
    assert!(
        undisturbed.journal.len() > 8,
        "a plot without requests proves nothing"
    );
    // It is the timekeeper who does it, and who does not try again within the minute.
    let is_found = plot.is_found || matches!(during, CutDuring::Time { .. });
    let mut worlds = 0;
    for at in undisturbed.places(is_found) {
        for world in worlds_at(at, is_found) {
            let ended = play(plot, during, Some(world)).await;
            kept(plot, &ended, Some(world));
            worlds += 1;
        }
    }
    worlds
}

fn worlds_at(at: u64, is_found: bool) -> Vec<World> {
    let world = |fault, queues_are_lost, tries| World {
        fault,
        at,
        queues_are_lost,
        tries,
    };
    let mut worlds = vec![
        world(InjectedFault::CrashBefore, false, 3),
        world(InjectedFault::CrashAfter, false, 3),
        world(InjectedFault::CrashAfter, true, 3),
        world(InjectedFault::LoseAnswer, false, 1),
    ];
    if !is_found {
        worlds.extend([
            world(InjectedFault::LoseAnswer, false, 3),
            world(InjectedFault::Throttle, false, 3),
            world(InjectedFault::Throttle, false, 1),
        ]);
    }
    worlds
}

#[track_caller]
fn kept(plot: &Plot, ended: &Ended, world: Option<World>) {
    if let Err(broken) = ended.is_over().and_then(|()| (plot.promises)(ended)) {
        let journal: Vec<String> = ended.journal.iter().map(ToString::to_string).collect();
        panic!("{broken}\nin {world:?}\n{}", journal.join("\n"));
    }
}

async fn play(plot: &Plot, during: CutDuring<'_>, world: Option<World>) -> Ended {
    let tries = world.map_or(3, |world| world.tries);
    let mut caller = Story::with_retries(RetryConfig::standard().with_max_attempts(tries)).await;
    (plot.prepare)(&caller);
    for call in &plot.before {
        caller.does(call.clone()).await;
    }
    match plot.order {
        CallOrder::Unordered => {}
        CallOrder::OfAccount => caller.has_its_calls_in_order().await,
        CallOrder::OfClient => caller.has_the_calls_of_a_client_in_order("app").await,
    }
    let faults = caller.local().faults().clone();
    let mut answers = vec![BTreeSet::new(); plot.calls.len()];
    if let CutDuring::Time { undisturbed, .. } = during {
        send_unanswered(&mut caller, plot, &mut answers).await;
        caller.passes(undisturbed).await;
    }
    let first = faults.requests_made();
    if let Some(world) = world {
        faults.at(first + world.at, world.fault);
    }
    match during {
        CutDuring::Calls => {
            send_unanswered(&mut caller, plot, &mut answers).await;
            if plot.is_found {
                caller.queues_are_lost();
                caller.passes(FOUND_WITHIN).await;
            } else {
                caller.settles().await;
            }
        }
        CutDuring::Time { passing, .. } => {
            for time in passing {
                caller.passes(*time).await;
            }
        }
    }
    let journal = faults
        .journal()
        .into_iter()
        .filter(|entry| entry.number > first)
        .collect();
    if world.is_some_and(|world| world.queues_are_lost) {
        caller.queues_are_lost();
    }
    caller.restarts();
    send_unanswered(&mut caller, plot, &mut answers).await;
    caller.passes(plot.after).await;
    if let CutDuring::Time { passing, .. } = during {
        // What the timekeeper finds may make more for it to do, the next time that it comes by.
        for time in passing {
            caller.passes(*time).await;
        }
    }
    let mut ended = look_at(&mut caller).await;
    ended.answers = answers;
    ended.first = first;
    ended.journal = journal;
    ended
}

/// The client sends what was not answered yet. A call that was answered is not sent again.
async fn send_unanswered(caller: &mut Story, plot: &Plot, answers: &mut [BTreeSet<String>]) {
    for (call, answers) in plot.calls.iter().zip(answers) {
        if answers.is_empty() {
            let answer = caller.sends(call.clone()).await;
            if answer.is_queued() {
                answers.insert(answer.request_id());
            } else if plot.order != CallOrder::Unordered {
                // Whoever needs an order sends no call before the answer to the last one.
                return;
            }
        }
    }
}

async fn look_at(caller: &mut Story) -> Ended {
    let records = caller.records();
    let outcomes: Vec<_> = records
        .iter()
        .filter(|record| !record.text("outcome").is_empty())
        .collect();
    let mut ended: Vec<(i64, String)> = outcomes
        .iter()
        .map(|outcome| (outcome.number("sequence"), outcome.request_id()))
        .collect();
    ended.sort();
    let ended: Vec<String> = ended
        .into_iter()
        .map(|(_, request_id)| request_id)
        .collect();
    let mut lines = Vec::new();
    for request_id in &ended {
        let properties = "SequenceCode StatusCode ErrorCode StatusMessage";
        let look = look_for("ResultMessage")
            .of(properties)
            .by("RequestID", request_id);
        lines.extend(caller.retrieves(look).await.lines(properties));
    }
    let id = |callback: &local::CapturedCallback| {
        callback.header("webhook-id").unwrap_or("none").to_owned()
    };
    let replies = caller
        .callbacks()
        .iter()
        .map(id)
        .zip(caller.replies())
        .collect();
    let mut strange = caller.local().refused();
    for queue in local::names::QUEUES {
        let dead = caller.local().sqs().dead_letters(queue);
        strange.extend(
            dead.into_iter()
                .map(|message| format!("given up: {}", message.body)),
        );
    }
    Ended {
        answers: Vec::new(),
        ended,
        outcomes: lines,
        stored: caller.stored(),
        removable: removable(caller),
        files: files(caller),
        replies,
        mails: caller.mails(),
        texts: caller.local().phone().texts(),
        mail_states: caller.mail_states(),
        due: caller.due(),
        strange,
        first: 0,
        journal: Vec::new(),
    }
}

fn removable(caller: &Story) -> Vec<(String, i64)> {
    let records = record::objects_table(caller.local());
    let removable = records.iter().filter(|record| record.has("expires_at"));
    let removable = removable.map(|it| (it.text("sk").to_owned(), it.number("expires_at")));
    let mut removable: Vec<_> = removable.collect();
    removable.sort();
    removable
}

fn files(caller: &Story) -> Vec<(String, String)> {
    let (s3, bucket) = (caller.local().s3(), local::names::BODIES_BUCKET);
    let keys = s3.keys(bucket).into_iter();
    let keys = keys.filter(|key| key.starts_with("extract/"));
    let file = |key: String| {
        let bytes = s3.object(bucket, &key).unwrap_or_default();
        (key, String::from_utf8_lossy(&bytes).into_owned())
    };
    keys.map(file).collect()
}

impl Ended {
    /// Where the world can be cut: at each request, counted from the first of the plot. The
    /// timekeeper's looks at calls are left out: to die at one is to die at the request that follows.
    fn places(&self, is_found: bool) -> Vec<u64> {
        let is_look = |entry: &JournalEntry| {
            let is_query = entry.operation == "Query" && entry.key.is_empty();
            is_found && is_query && entry.resource == CALLS_TABLE
        };
        let places = self.journal.iter().filter(|entry| !is_look(entry));
        places.map(|entry| entry.number - self.first).collect()
    }

    /// What holds in every world.
    fn is_over(&self) -> Result<(), String> {
        let sorted = |mut ids: Vec<String>| {
            ids.sort();
            ids
        };
        let answered: Vec<String> = self.answers.iter().flatten().cloned().collect();
        if self.answers.iter().any(BTreeSet::is_empty) {
            return Err("a call was not taken in although it was sent again".to_owned());
        }
        let (answered, ended) = (sorted(answered), sorted(self.ended.clone()));
        self.is(
            "calls that ended, beside those that were answered",
            &ended,
            &answered,
        )?;
        self.is("still due", &self.due, &[""; 0])?;
        self.is("strange", &self.strange, &[""; 0])
    }

    pub fn is<T: AsRef<str>>(
        &self,
        what: &str,
        found: &[String],
        expected: &[T],
    ) -> Result<(), String> {
        let expected: Vec<&str> = expected.iter().map(AsRef::as_ref).collect();
        if found == expected {
            return Ok(());
        }
        Err(format!("{what}: {found:?}, expected {expected:?}"))
    }

    /// The same in the order in which each came first, unless one of them had to be tried again:
    /// that one does not hold up those behind it.
    pub fn replies_in_order(&self) -> Vec<String> {
        let is_troubled =
            |entry: &JournalEntry| entry.service == Service::Callback && entry.fault.is_some();
        if self.journal.iter().any(is_troubled) {
            return self.distinct_replies();
        }
        let mut seen = BTreeSet::new();
        let first = self.replies.iter().filter(|(id, _)| seen.insert(id));
        first.map(|(_, replies)| replies.clone()).collect()
    }

    /// What was told, each of it once: a reply that came twice has one id.
    pub fn distinct_replies(&self) -> Vec<String> {
        let once: BTreeSet<&(String, String)> = self.replies.iter().collect();
        let mut replies: Vec<String> = once
            .into_iter()
            .map(|(_, replies)| replies.clone())
            .collect();
        replies.sort();
        replies
    }

    pub fn replied_by_mail(&self, address: &str) -> Result<(), String> {
        let replies = self.mails.iter().filter(|mail| mail.to == [address]);
        let ids: BTreeSet<_> = replies
            .flat_map(|mail| &mail.headers)
            .filter(|(name, _)| name.eq_ignore_ascii_case("x-aftercall-reply"))
            .map(|(_, id)| id)
            .collect();
        match ids.len() {
            1 => Ok(()),
            _ => Err(format!("replies by mail have these ids: {ids:?}")),
        }
    }

    /// Each mail is told of by one event; by so many more if it went out, since it bounced or its
    /// reader complained.
    pub fn mails_have_events(&self, addresses: &[&str], more: usize) -> Result<(), String> {
        for (number, address) in addresses.iter().enumerate() {
            let tag = format!("_1_{number}");
            let replies = self.stored.iter().filter(|key| key.ends_with(&tag)).count();
            let sent = self.mails.iter().any(|mail| mail.to == [*address]);
            let expected = if sent { 1 + more } else { 1 };
            if replies != expected {
                let stored = &self.stored;
                return Err(format!(
                    "{replies} events of {address}, not {expected}: {stored:?}"
                ));
            }
        }
        Ok(())
    }

    /// Each of these got one text or call at most, each is told of by one event, and nobody got one that
    /// is not accounted for.
    pub fn texted_at_most_once(&self, numbers: &[&str]) -> Result<(), String> {
        let states: Vec<&str> = self.mail_states.iter().map(String::as_str).collect();
        if states.len() != numbers.len() {
            return Err(format!("texts are {states:?}"));
        }
        for (at, (number, state)) in numbers.iter().zip(states).enumerate() {
            let sent = self.texts.iter().filter(|text| text.to == *number).count();
            match (state, sent) {
                ("Sent" | "Failed", 1) | ("Unknown", 0 | 1) => {}
                _ => return Err(format!("{sent} texts to {number}, which is {state}")),
            }
            let tag = format!("_1_{at}");
            let events = self.stored.iter().filter(|key| key.ends_with(&tag)).count();
            if events != 1 {
                return Err(format!("{events} events of {number}: {:?}", self.stored));
            }
        }
        Ok(())
    }

    /// Each of these got one mail at most, and nobody a mail that is not accounted for.
    pub fn sent_at_most_once(&self, addresses: &[&str]) -> Result<(), String> {
        let states: Vec<&str> = self.mail_states.iter().map(String::as_str).collect();
        if states.len() != addresses.len() {
            return Err(format!("mails are {states:?}"));
        }
        for (address, state) in addresses.iter().zip(states) {
            let sent = self
                .mails
                .iter()
                .filter(|mail| mail.to == [*address])
                .count();
            match (state, sent) {
                ("Sent", 1) | ("Unknown", 0 | 1) => {}
                _ => return Err(format!("{sent} mails to {address}, which is {state}")),
            }
        }
        Ok(())
    }
}
