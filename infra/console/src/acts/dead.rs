//! Dead letters: sent to their queue again, or deleted.

use axum::extract::State;
use axum::response::Response;
use cloud::act::Run;
use cloud::aws::dead_letters::{DeadLetter, QUEUES, StackQueues, queue_name};

use crate::acts::{ActReport, ConsoleAct, recorded};
use crate::console::Console;
use crate::failure::PageFailure;
use crate::pages::dead::LOOKED_AT;
use crate::posted_form::PostedForm;
use crate::shell::Tab;

pub(crate) async fn redrive(
    State(console): State<Console>,
    form: PostedForm,
) -> Result<Response, PageFailure> {
    let doing = async {
        let (queues, letter) = found(&console, &form).await?;
        Ok(queues.redrive(&letter).await?)
    };
    recorded(&console, act("dead redrive", &form)?, doing).await?;
    finished(&console, "It is in its queue again.")
}

pub(crate) async fn drop_letter(
    State(console): State<Console>,
    form: PostedForm,
) -> Result<Response, PageFailure> {
    let doing = async {
        let (queues, letter) = found(&console, &form).await?;
        Ok(queues.drop_letter(&letter).await?)
    };
    recorded(&console, act("dead drop", &form)?, doing).await?;
    finished(&console, "It is deleted.")
}

fn act<'a>(name: &'static str, form: &'a PostedForm) -> Result<ConsoleAct<'a>, PageFailure> {
    Ok(ConsoleAct {
        name,
        target: format!("{} {}", form.needed("queue")?, form.needed("letter")?),
        form,
    })
}

/// In this hand; the others are put back.
async fn found<'a>(
    console: &'a Console,
    form: &PostedForm,
) -> Result<(&'a StackQueues, DeadLetter), PageFailure> {
    let unknown = || PageFailure::NotAllowed("The queues are not known here.".to_owned());
    let queues = console.options.queues.as_ref().ok_or_else(unknown)?;
    let queue = QUEUES
        .into_iter()
        .find(|it| queue_name(*it) == form.text("queue"));
    let queue = queue.ok_or_else(|| PageFailure::Wrong("There is no such queue.".to_owned()))?;
    let mut letters = queues.dead_letters(queue, LOOKED_AT).await?;
    let wanted = letters
        .iter()
        .position(|it| it.message_id == form.text("letter"));
    let letter = wanted.map(|at| letters.swap_remove(at));
    queues.put_back(&letters).await?;
    let letter = letter.ok_or_else(|| {
        PageFailure::NotFound(
            "It is not among those that can be looked at now: it is gone, or somebody else looks at it."
                .to_owned(),
        )
    })?;
    Ok((queues, letter))
}

fn finished(console: &Console, text: &str) -> Result<Response, PageFailure> {
    let report = ActReport::said(text).then(format!("{}/dead", console.base()), "Dead letters");
    report.page(console, Tab::Dead, Run::Real)
}
