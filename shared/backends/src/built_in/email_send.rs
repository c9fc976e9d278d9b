//! Perform of an EmailSendDefinition: a mail for each person of its audience.
//!
//! The first step stores what is sent and to whom, as a note that later steps read. Each further
//! step processes some people and commits their mails, or the reasons why there are none, together
//! with its place in the audience. So each person is processed once, whatever happens. The mails
//! leave when the last of them has been created. Until then, and while they leave, the Send can be
//! paused and cancelled.

use calls::RequestId;
use cloud::Error;
use cloud::objects_table::{Chunk, ObjectPage};
use objects::{
    EmailSend, EmailSendCounts, EmailSendPlan, Overlay, PERSON_EFFECTS_MAX, People, PersonOutcome,
    SendNote, SendStatus, TaskRefused, UnitResult,
};
use serde::{Deserialize, Serialize};
use soap::{Detail, Element, ObjectResult};
use tracing::info;

use super::task::{NextStep, Task, TaskContext, TaskEnd};

/// People that are read in one request. With a mail for each and the Send they fill a transaction.
const PEOPLE_AT_ONCE: i32 = 75;

/// Most people that are processed in one step: on a list with few new people there is nothing to
/// commit for most of those who are read.
const PEOPLE_IN_STEP: i32 = 1_500;

/// Suppression lists that are read in one request.
const LISTS_AT_ONCE: i32 = 100;

/// The code of a send that was cancelled.
const CANCELLED: u32 = 42_000;

#[derive(Default, Serialize, Deserialize)]
pub(super) struct EmailSendState {
    /// The step that has stored what is to be done; 0: none has.
    plan_step: u32,
    /// The source of its people, and the last one that was processed there.
    source: usize,
    after: Option<String>,
    counts: EmailSendCounts,
}

pub(super) struct EmailSendTask<'a> {
    context: TaskContext<'a>,
    plan: Option<EmailSendPlan>,
}

/// What one step works with.
struct StepWork {
    overlay: Overlay,
    chunk: Chunk,
}

impl<'a> EmailSendTask<'a> {
    pub(super) fn new(context: TaskContext<'a>) -> Self {
        Self {
            context,
            plan: None,
        }
    }

    fn work(&self) -> StepWork {
        StepWork {
            overlay: Overlay::new(self.context.account()),
            chunk: Chunk::of_results(Vec::new()),
        }
    }

    fn request_id(&self) -> &'a RequestId {
        &self.context.call.request_id
    }

    /// What the Send shows. `None`: its account is not known.
    fn note<'n>(
        &self,
        plan: &'n EmailSendPlan,
        counts: EmailSendCounts,
        status: SendStatus<'n>,
    ) -> SendNote<'n>
    where
        'a: 'n,
    {
        SendNote {
            account: &plan.account,
            number: self.context.number(),
            request_id: &self.request_id().0,
            plan: Some(plan),
            counts,
            status,
            now: self.context.cloud.now(),
        }
    }

    async fn noted(&self, work: &mut StepWork, note: &SendNote<'_>) -> Result<(), Error> {
        let until = self.context.cloud.events_until();
        let write = |overlay: &mut Overlay| note.note(overlay);
        self.context.ask(&mut work.overlay, write).await?;
        work.chunk.take_effects(&work.overlay, until);
        Ok(())
    }

    async fn begin(&mut self, step: u32) -> Result<NextStep<EmailSendState>, Error> {
        let TaskContext {
            request, object, ..
        } = self.context;
        let mut work = self.work();
        let lists = self.suppression_lists().await?;
        let read =
            |overlay: &mut Overlay| objects::email_send_plan(overlay, request, object, &lists);
        let plan = match self.context.ask(&mut work.overlay, read).await? {
            Ok(plan) => plan,
            Err(refused) => return self.refused(work, refused).await,
        };
        let state = EmailSendState {
            plan_step: step,
            ..EmailSendState::default()
        };
        let note = self.note(&plan, state.counts, SendStatus::Targeting);
        if self.is_cancelled(&mut work, &note).await? {
            return Ok(self.cancelled(work));
        }
        self.noted(&mut work, &note).await?;
        let notes = serde_json::to_string(&plan).unwrap_or_default();
        work.chunk.results.push(UnitResult::Notes(notes));
        self.plan = Some(plan);
        Ok(NextStep::More(state, work.chunk))
    }

    async fn suppression_lists(&self) -> Result<Vec<Element>, Error> {
        let TaskContext {
            request, object, ..
        } = self.context;
        let Some(partition) = objects::suppression_lists_of(request, object) else {
            return Ok(Vec::new());
        };
        let mut lists = Vec::new();
        let mut after = None;
        loop {
            let cloud = self.context.cloud;
            let page = cloud
                .objects_after(&partition, after.as_deref(), LISTS_AT_ONCE)
                .await?;
            lists.extend(page.objects.into_iter().map(|(_, list)| list));
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(lists),
            }
        }
    }

    /// It cannot begin. Its Send, whose number the caller has, shows that it has ended.
    async fn refused(
        &self,
        mut work: StepWork,
        refused: TaskRefused,
    ) -> Result<NextStep<EmailSendState>, Error> {
        let account = objects::account_of(self.context.object, self.context.request.client);
        if let Some(account) = account {
            let note = SendNote {
                account: &account,
                number: self.context.number(),
                request_id: &self.request_id().0,
                plan: None,
                counts: EmailSendCounts::default(),
                status: SendStatus::Error(&refused.message),
                now: self.context.cloud.now(),
            };
            self.noted(&mut work, &note).await?;
        }
        let TaskRefused { code, message } = refused;
        Ok(NextStep::ended(TaskEnd {
            chunk: work.chunk,
            ..TaskEnd::of(self.context.refused(code, message))
        }))
    }

    async fn is_cancelled(&self, work: &mut StepWork, note: &SendNote<'_>) -> Result<bool, Error> {
        let look = |overlay: &mut Overlay| note.is_cancelled(overlay);
        self.context.ask(&mut work.overlay, look).await
    }

    /// Mails that it has created are not sent, either: the Send says so, and the notifier reads it
    /// before it sends.
    fn cancelled(&self, work: StepWork) -> NextStep<EmailSendState> {
        let message = "The send was cancelled".to_owned();
        NextStep::ended(TaskEnd {
            chunk: work.chunk,
            ..TaskEnd::of(self.context.refused(CANCELLED, message))
        })
    }

    /// What was stored when it began.
    async fn load_plan(&mut self, state: &EmailSendState) -> Result<EmailSendPlan, Error> {
        if let Some(plan) = self.plan.take() {
            return Ok(plan);
        }
        let (cloud, call) = (self.context.cloud, self.context.call);
        let notes = cloud
            .task_note(
                &call.conversation_key(),
                call.place.sequence(),
                state.plan_step,
            )
            .await?;
        let plan = notes.and_then(|text| serde_json::from_str(&text).ok());
        plan.ok_or_else(|| Error::Unreadable {
            sk: format!("RESULTS of {}", call.request_id),
            attribute: "results",
        })
    }

    /// Some people.
    async fn read(
        &self,
        plan: &EmailSendPlan,
        mut state: EmailSendState,
    ) -> Result<NextStep<EmailSendState>, Error> {
        let TaskContext { cloud, ordinal, .. } = self.context;
        let mut work = self.work();
        let note = self.note(plan, state.counts, SendStatus::Targeting);
        if self.is_cancelled(&mut work, &note).await? {
            return Ok(self.cancelled(work));
        }
        let number = self.context.number();
        let send = EmailSend::new(plan, number, &self.request_id().0, ordinal, cloud.now());
        let mut looked_at = 0;
        loop {
            let Some(people) = plan.people(state.source) else {
                return self.end(plan, &state, work).await;
            };
            let page = self.page_of(people, state.after.as_deref()).await?;
            let is_full = self
                .take(&send, &mut state, &mut work, page.objects)
                .await?;
            match (is_full, page.next) {
                (true, _) => break,
                (false, Some(next)) => state.after = Some(next),
                (false, None) => {
                    state.source += 1;
                    state.after = None;
                }
            }
            looked_at += PEOPLE_AT_ONCE;
            if looked_at >= PEOPLE_IN_STEP || cloud.now() >= self.context.deadline {
                break;
            }
        }
        let note = self.note(plan, state.counts, SendStatus::Targeting);
        self.noted(&mut work, &note).await?;
        Ok(NextStep::More(state, work.chunk))
    }

    /// The people of a source after the last one that was processed.
    async fn page_of(&self, people: People, after: Option<&str>) -> Result<ObjectPage, Error> {
        match people {
            People::Stored(partition) => {
                let cloud = self.context.cloud;
                cloud.objects_after(&partition, after, PEOPLE_AT_ONCE).await
            }
            People::Named(people) => {
                let numbered = people.into_iter().enumerate();
                let numbered = numbered.map(|(at, person)| (format!("{at:05}"), person));
                let behind =
                    |(sort, _): &(String, Element)| after.is_none_or(|after| sort.as_str() > after);
                Ok(ObjectPage {
                    objects: numbered.filter(behind).collect(),
                    next: None,
                })
            }
        }
    }

    /// Decides about people in their order. `true`: the step is full, and there may be more.
    async fn take(
        &self,
        send: &EmailSend<'_>,
        state: &mut EmailSendState,
        work: &mut StepWork,
        people: Vec<(String, Element)>,
    ) -> Result<bool, Error> {
        let cloud = self.context.cloud;
        let (sorts, people): (Vec<String>, Vec<Element>) = people.into_iter().unzip();
        loop {
            let missing = send.missing(&work.overlay, state.source, &people);
            if missing.is_empty() {
                break;
            }
            cloud.load_objects(&mut work.overlay, missing).await?;
        }
        for (sort, person) in sorts.into_iter().zip(&people) {
            let outcome = loop {
                match send.take(&mut work.overlay, state.source, person) {
                    Ok(outcome) => break outcome,
                    Err(missing) => cloud.load_objects(&mut work.overlay, missing.0).await?,
                }
            };
            work.chunk.mails.extend(work.overlay.mails());
            state.after = Some(sort);
            let counts = &mut state.counts;
            match outcome {
                PersonOutcome::NotMeant => {}
                PersonOutcome::Targeted => counts.targeted += 1,
                PersonOutcome::Excluded => counts.excluded += 1,
                PersonOutcome::Errored => counts.errored += 1,
                PersonOutcome::Duplicate => counts.duplicates += 1,
            }
            // One more person, and the Send.
            if work
                .chunk
                .is_full_with(&work.overlay, PERSON_EFFECTS_MAX + 1)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// After the last person: its mails may leave from now on.
    async fn end(
        &self,
        plan: &EmailSendPlan,
        state: &EmailSendState,
        mut work: StepWork,
    ) -> Result<NextStep<EmailSendState>, Error> {
        let (call, number) = (self.context.call, self.context.number());
        let conversation = call.conversation_key();
        let status = SendStatus::Ordered {
            conversation: &conversation.0,
            sequence: call.place.sequence().get(),
        };
        let note = self.note(plan, state.counts, status);
        self.noted(&mut work, &note).await?;
        let EmailSendCounts {
            targeted,
            excluded,
            errored,
            duplicates,
        } = state.counts;
        info!(
            request_id = %call.request_id,
            send = number,
            targeted,
            excluded,
            errored,
            duplicates,
            "all mails of a send are ordered"
        );
        let result = ObjectResult {
            object: Some(plan.started_object()),
            detail: Detail::Task {
                id: number.to_string(),
                interaction_object_id: Some(objects::send_object_id(&plan.account, number)),
            },
            ..self
                .context
                .performed("EmailSendDefinition performed".to_owned())
        };
        Ok(NextStep::ended(TaskEnd {
            chunk: work.chunk,
            ..TaskEnd::of(result)
        }))
    }
}

impl Task for EmailSendTask<'_> {
    type State = EmailSendState;

    async fn step(
        &mut self,
        state: EmailSendState,
        number: u32,
    ) -> Result<NextStep<EmailSendState>, Error> {
        if state.plan_step == 0 {
            return self.begin(number).await;
        }
        let plan = self.load_plan(&state).await?;
        let next = self.read(&plan, state).await;
        self.plan = Some(plan);
        next
    }
}
