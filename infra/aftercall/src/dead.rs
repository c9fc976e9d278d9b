//! `aftercall dead`: messages that were received too often.

use cloud::Cloud;
use cloud::act::Run;
use cloud::aws::dead_letters::{DeadLetter, StackQueues, queue_name};
use cloud::read::dead::KnownLetter;

use crate::call_lines::{maybe, second};
use crate::dead_arguments::{DeadSelection, DeadVerb};
use crate::failure::CommandFailure;
use crate::output::{Output, Record};
use crate::progress::BulkProgress;

pub(crate) async fn carry_out(
    cloud: &Cloud,
    queues: &StackQueues,
    verb: &DeadVerb,
    run: Run,
) -> Result<Output, CommandFailure> {
    let (wanted, act) = match verb {
        DeadVerb::List { wanted } => (wanted, None),
        DeadVerb::Redrive { wanted } => (wanted, Some(DeadAct::Redrive)),
        DeadVerb::Drop { wanted } => (wanted, Some(DeadAct::Drop)),
    };
    let (mut lines, mut untouched) = (Vec::new(), Vec::new());
    let progress = BulkProgress::counting("dead letters");
    for queue in wanted.queues() {
        let letters = queues.dead_letters(queue, wanted.limit).await?;
        for known in cloud.known_letters(letters).await? {
            progress.one_more();
            if !is_wanted(wanted, &known) {
                untouched.push(known.letter);
                continue;
            }
            let result = match (act, run) {
                (Some(act), Run::Real) => act.done(queues, &known.letter).await?,
                (Some(act), Run::Rehearsed) => act.would_be_done(),
                (None, _) => "",
            };
            let line = shown(&known);
            lines.push(match act {
                Some(_) => line.and("result", result),
                None => line,
            });
            if act.is_none() || run == Run::Rehearsed {
                untouched.push(known.letter);
            }
        }
    }
    queues.put_back(&untouched).await?;
    progress.done();
    match (&wanted.message, lines.is_empty()) {
        (Some(message), true) => Err(CommandFailure::NotFound(format!(
            "no dead letter {message} was found; one that somebody looks at is hidden for half a minute"
        ))),
        (Some(_) | None, _) => Ok(Output::List(lines)),
    }
}

#[derive(Clone, Copy)]
enum DeadAct {
    Redrive,
    Drop,
}

impl DeadAct {
    async fn done(
        self,
        queues: &StackQueues,
        letter: &DeadLetter,
    ) -> Result<&'static str, CommandFailure> {
        match self {
            Self::Redrive => queues.redrive(letter).await?,
            Self::Drop => queues.drop_letter(letter).await?,
        }
        Ok(match self {
            Self::Redrive => "sent to its queue",
            Self::Drop => "deleted",
        })
    }

    const fn would_be_done(self) -> &'static str {
        match self {
            Self::Redrive => "would be sent to its queue",
            Self::Drop => "would be deleted",
        }
    }
}

fn is_wanted(wanted: &DeadSelection, known: &KnownLetter) -> bool {
    let account = known.account.as_ref().map(|account| account.0.as_str());
    let is_of = |wanted: &String| account == Some(wanted.as_str());
    let is_it = |wanted: &String| known.letter.message_id == *wanted;
    wanted.account.as_ref().is_none_or(is_of) && wanted.message.as_ref().is_none_or(is_it)
}

fn shown(known: &KnownLetter) -> Record {
    let letter = &known.letter;
    let name = known.conversation_id.as_ref();
    let key = known.conversation.as_ref();
    Record::of("queue", queue_name(letter.queue))
        .and("message", letter.message_id.as_str())
        .and("sent", maybe(letter.sent_at.map(second)))
        .and("received", letter.received)
        .and(
            "account",
            maybe(known.account.as_ref().map(|account| account.0.as_str())),
        )
        .and("conversation", maybe(name.map(|name| name.as_str())))
        .and("key", maybe(key.map(|key| key.0.as_str())))
        .and("sequence", maybe(known.sequence.map(|it| it.get())))
        .and(
            "state",
            known
                .state
                .map_or("not there any more", |state| state.name()),
        )
}
