//! The product and the reference side by side: both get the same events and are compared after
//! each.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use futures_util::future::join;
use jiff::Timestamp;

use crate::happenings::{Error, Happening, Name, Part, Touched};
use crate::possible::Possible;
use crate::reference::{Answer, is_past};
use crate::requests;
use crate::stage::{Seen, Stage};

/// A world while it runs.
pub struct World {
    pub stage: Stage,
    pub possible: BTreeMap<Name, Possible>,
    /// The RequestID that each part was answered with, or seen under.
    pub request_ids: BTreeMap<(Name, u32), String>,
    pub maintenance: bool,
    /// There was no fault so far, so that everything possible is done at once.
    pub calm: bool,
    /// What each `webhook-id` stands for.
    pub replies: BTreeMap<String, (Name, u32, u8, usize)>,
    callbacks_seen: usize,
    /// What happened and what was answered, line by line.
    pub log: Vec<String>,
    /// How often each code and each status was seen.
    pub counts: BTreeMap<String, u64>,
}

impl World {
    pub async fn new(seed: u64) -> Result<Self> {
        Ok(Self {
            stage: Stage::new(seed).await?,
            possible: BTreeMap::new(),
            request_ids: BTreeMap::new(),
            maintenance: false,
            calm: true,
            replies: BTreeMap::new(),
            callbacks_seen: 0,
            log: Vec::new(),
            counts: BTreeMap::new(),
        })
    }

    /// One event, and then a comparison of all that can be seen.
    pub async fn goes_on(&mut self, happening: &Happening) -> Result<()> {
        self.calm &= happening.out_of_reach().is_none();
        self.stage.expect(happening.out_of_reach());
        let killed = self.stage.killed_at_deadline();
        match happening {
            Happening::Sends { to, part, error } => self.sends(*to, part, *error).await?,
            Happening::SendTogether { to, parts, spread } => {
                self.send_together(*to, parts, *spread).await?;
            }
            Happening::SendsFlawed(flaw) => {
                let envelope = requests::flawed(*flaw, self.stage.now_ms());
                let (status, body) = self.stage.ask(envelope, None).await;
                let said = requests::read_answer(status, &body).map(|(answer, _)| answer);
                let code = flaw.error_code();
                let in_maintenance = self.maintenance && code == 220;
                ensure!(
                    said == Some(Answer::Refused(code)) || in_maintenance,
                    "{flaw:?} is answered {said:?}: {body}"
                );
                self.note(&format!("code {code}"));
            }
            Happening::Works { queue, .. } => {
                let (received, done) = self.stage.work(*queue).await;
                self.log.push(format!("{done} of {received} done"));
            }
            Happening::WorkTogether { queue, spread } => {
                self.stage.spread(*spread);
                self.stage.work_twice(*queue).await;
            }
            Happening::TicksAmidWork { queue, spread } => {
                self.stage.spread(*spread);
                self.stage.work_amid_tick(*queue).await;
            }
            Happening::ComesAgain { which } => self.stage.deliver_again(*which),
            Happening::Ticks { .. } => drop(self.stage.tick().await),
            Happening::Jumps { ms } => self.stage.jump(*ms),
            Happening::Settles => self.stage.settle().await?,
            Happening::Maintenance(on) => {
                self.stage.maintenance(*on).await?;
                self.maintenance = *on;
            }
            Happening::Cancels { name, .. } => self.cancels(*name).await?,
            Happening::CancelsRequest { name, sequence } => {
                self.cancels_request(*name, *sequence).await?;
            }
            Happening::ReceiverFails { times, how } => self.stage.receiver_fails(*times, *how),
        }
        self.stage.all_clear();
        if self.stage.killed_at_deadline() > killed {
            self.note("killed at its deadline");
        }
        let touched = happening.touches();
        let strict = self.calm && *happening == Happening::Settles;
        self.compare(touched, strict)
            .await
            .with_context(|| format!("after {happening:?}"))
    }

    fn of(&mut self, name: Name) -> &mut Possible {
        self.possible
            .entry(name)
            .or_insert_with(|| Possible::new(name))
    }

    pub fn note(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    async fn say(&self, to: Name, part: &Part) -> (u16, String) {
        let key = match to {
            Name::Keyed(number) => Some(format!("key {number}")),
            Name::Named(_) | Name::Alone(_) => None,
        };
        self.stage
            .ask(requests::part(to, part), key.as_deref())
            .await
    }

    async fn sends(&mut self, to: Name, part: &Part, error: Option<Error>) -> Result<()> {
        let (status, body) = self.say(to, part).await;
        let now_ms = self.stage.now_ms();
        let crashed = self.stage.all_clear();
        let heard = requests::read_answer(status, &body).filter(|_| !crashed);
        ensure!(
            heard.is_some() || error.is_some(),
            "no answer without trouble: {body}"
        );
        let answer = self.heard(to, part, heard)?;
        if answer == Some(Answer::Accepted) && is_past(part, now_ms) {
            self.note("sent again past its time");
        }
        self.of(to).sent(part, now_ms, answer);
        self.is_possible(to, &format!("is answered {answer:?}"))
    }

    async fn send_together(&mut self, to: Name, parts: &[Part; 2], spread: u64) -> Result<()> {
        self.stage.spread(spread);
        let now_ms = self.stage.now_ms();
        let said = join(self.say(to, &parts[0]), self.say(to, &parts[1])).await;
        let mut answers = [None, None];
        for (number, (status, body)) in [said.0, said.1].into_iter().enumerate() {
            let heard = requests::read_answer(status, &body);
            ensure!(heard.is_some(), "no answer without trouble: {body}");
            answers[number] = self.heard(to, &parts[number], heard)?;
        }
        self.of(to).sent_together(parts, now_ms, answers);
        self.is_possible(to, &format!("are answered {answers:?}"))
    }

    /// The same part always has the same RequestID, and two parts never share one.
    fn heard(
        &mut self,
        to: Name,
        part: &Part,
        heard: Option<(Answer, String)>,
    ) -> Result<Option<Answer>> {
        let Some((answer, request_id)) = heard else {
            self.log.push("no answer".to_owned());
            return Ok(None);
        };
        self.log.push(format!("{answer:?} {request_id}"));
        match answer {
            Answer::Accepted => self.is_known_as(to, part.sequence, &request_id)?,
            Answer::Refused(code) => self.note(&format!("code {code}")),
            Answer::KeyUsed => self.note("key used"),
        }
        Ok(Some(answer))
    }

    fn is_known_as(&mut self, to: Name, sequence: u32, request_id: &str) -> Result<()> {
        let known = self
            .request_ids
            .entry((to, sequence))
            .or_insert_with(|| request_id.to_owned());
        ensure!(
            known == request_id,
            "{to:?} {sequence} was {known}, now it is {request_id}"
        );
        let others = self
            .request_ids
            .values()
            .filter(|other| *other == request_id);
        ensure!(others.count() == 1, "{request_id} stands for two calls");
        Ok(())
    }

    fn is_possible(&mut self, name: Name, what: &str) -> Result<()> {
        ensure!(
            !self.of(name).states.is_empty(),
            "{name:?} {what}, which cannot be"
        );
        Ok(())
    }

    async fn cancels(&mut self, name: Name) -> Result<()> {
        let Some(id) = requests::conversation_id(name) else {
            return Ok(());
        };
        let envelope = requests::cancel("ScheduledConversation", "ConversationID", &id);
        let answer = self.delete(envelope).await?;
        match answer {
            Deleted::InjectedFault => {}
            Deleted::Unheard => self.of(name).cancelled(None),
            Deleted::Said(code) => self.of(name).cancelled(Some(code)),
        }
        self.is_possible(name, &format!("is cancelled: {answer:?}"))
    }

    async fn cancels_request(&mut self, name: Name, sequence: u32) -> Result<()> {
        let Some(id) = self.request_ids.get(&(name, sequence)).cloned() else {
            return Ok(());
        };
        let answer = self
            .delete(requests::cancel("ScheduledRequest", "RequestID", &id))
            .await?;
        let is_part = self.of(name).states.iter().all(|state| state.calls > 1);
        match answer {
            Deleted::InjectedFault => {}
            Deleted::Said(Some(204)) if is_part => {}
            Deleted::Said(code) if !is_part => self.of(name).cancelled(Some(code)),
            Deleted::Said(_) | Deleted::Unheard => anyhow::bail!("cancelled: {answer:?}"),
        }
        self.is_possible(name, &format!("is cancelled: {answer:?}"))
    }

    /// A synchronous Delete: refused as a whole in maintenance.
    async fn delete(&mut self, envelope: String) -> Result<Deleted> {
        let (status, body) = self.stage.ask(envelope, None).await;
        let crashed = self.stage.all_clear();
        if crashed || (status != 200 && !self.calm) {
            return Ok(if self.maintenance {
                Deleted::InjectedFault
            } else {
                Deleted::Unheard
            });
        }
        ensure!(
            (status == 200) != self.maintenance,
            "a Delete is answered {status}: {body}"
        );
        if status != 200 {
            return Ok(Deleted::InjectedFault);
        }
        let code = requests::texts(&body, "ErrorCode")
            .first()
            .and_then(|code| code.parse().ok());
        self.note(&code.map_or("cancelled".to_owned(), |code: u32| format!("code {code}")));
        self.log.push(format!("deleted {code:?}"));
        Ok(Deleted::Said(code))
    }

    /// What can be seen of every conversation, against what can be.
    pub async fn compare(&mut self, touched: Touched, strict: bool) -> Result<()> {
        let (now_ms, maintenance) = (self.stage.now_ms(), self.maintenance);
        for possible in self.possible.values_mut() {
            if touched == Touched::All {
                possible.may_go_on(now_ms, maintenance);
            }
            if strict {
                possible.has_settled(now_ms, maintenance);
            }
        }
        let names = self.possible.keys().copied();
        for name in names.filter(|name| touched.is(*name)).collect::<Vec<_>>() {
            let Some(seen) = self.look_at(name).await? else {
                continue;
            };
            let statuses: Vec<String> = seen.iter().map(|seen| seen.status.clone()).collect();
            self.log.push(format!("{name:?} {statuses:?}"));
            let before = self.of(name).states.clone();
            self.of(name).seen(&statuses, now_ms);
            if self.of(name).states.is_empty() {
                anyhow::bail!("{name:?} is seen as {statuses:?}; it can be one of {before:#?}");
            }
            self.know(name, &seen)?;
        }
        self.hear_replies()
    }

    async fn look_at(&self, name: Name) -> Result<Option<Vec<Seen>>> {
        let (field, id) = match requests::conversation_id(name) {
            Some(id) => ("ConversationID", id),
            None => match self.request_ids.get(&(name, 1)) {
                Some(id) => ("RequestID", id.clone()),
                None => return Ok(None),
            },
        };
        let properties = ["ObjectID", "Status", "CompleteDate"];
        let envelope = requests::retrieve("AsyncRequestResult", &properties, field, &id);
        Ok(Some(self.stage.look(envelope).await?))
    }

    fn know(&mut self, name: Name, seen: &[Seen]) -> Result<()> {
        let state = self.of(name).states[0].clone();
        let sequences: Vec<u32> = state.parts.keys().copied().collect();
        let is_certain =
            |other: &crate::reference::State| other.parts.keys().eq(state.parts.keys());
        if !self.of(name).states.iter().all(is_certain) {
            return Ok(());
        }
        for (sequence, seen) in sequences.into_iter().zip(seen) {
            self.is_known_as(name, sequence, &seen.request_id)?;
            self.note(&seen.status);
            let scheduled = state.parts[&sequence].scheduled_ms;
            let ran = matches!(seen.status.as_str(), "Complete" | "Error");
            let at = seen.ended.map(Timestamp::as_millisecond);
            ensure!(
                !ran || scheduled.is_none_or(|due| at >= Some(due)),
                "{seen:?} ran early"
            );
        }
        Ok(())
    }

    /// Every reply is one that may be due by now, and its id is its own.
    fn hear_replies(&mut self) -> Result<()> {
        // Where no function died and no answer was lost, no reply is sent again that was accepted.
        let twice = self.stage.taken_twice();
        ensure!(!self.calm || twice.is_empty(), "taken twice: {twice:?}");
        let callbacks = self.stage.callbacks();
        for callback in callbacks.into_iter().skip(self.callbacks_seen) {
            self.callbacks_seen += 1;
            let (name, sequence, variant, number) =
                requests::addressed(&callback.url).context("a reply to somebody else")?;
            let may = self.of(name).may_leave_actions(sequence, variant, number);
            ensure!(
                may,
                "{} was not to be told: {:#?}",
                callback.url,
                self.of(name)
            );
            let id = callback
                .header("webhook-id")
                .context("a reply without id")?
                .to_owned();
            let of = (name, sequence, variant, number);
            let known = *self.replies.entry(id.clone()).or_insert(of);
            ensure!(known == of, "{id} stands for {known:?} and for {of:?}");
            let ids = self.replies.values().filter(|known| **known == of);
            ensure!(ids.count() == 1, "{of:?} has two ids");
            let request_id = callback.field("RequestID");
            if let (Some(known), false) = (
                self.request_ids.get(&(name, sequence)),
                request_id.is_none(),
            ) {
                ensure!(
                    request_id == Some(known.as_str()),
                    "a reply of {request_id:?}"
                );
            }
            self.log.push(format!("told {of:?}"));
        }
        Ok(())
    }
}

/// The result of a Delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deleted {
    /// Refused as a whole, or not made at all.
    InjectedFault,
    Unheard,
    /// With this code, or done.
    Said(Option<u32>),
}
