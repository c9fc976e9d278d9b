//! Dead letters: wake-ups that functions died with, and what the table knows of each.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use cloud::aws::dead_letters::{QUEUES, queue_name};
use cloud::read::dead::KnownLetter;

use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::markup::ShownTime;
use crate::pages::state_class;
use crate::shell::{Shell, Tab, page};

/// Letters of each queue that are looked at.
pub(crate) const LOOKED_AT: usize = 50;

/// One dead letter.
pub(crate) struct LetterRow {
    pub queue: &'static str,
    pub id: String,
    pub sent: Option<ShownTime>,
    pub received: u32,
    pub account: String,
    pub name: String,
    pub href: String,
    pub state: &'static str,
    pub class: &'static str,
    pub body: String,
}

#[derive(Template)]
#[template(path = "dead.html")]
struct DeadPage {
    shell: Shell,
    is_known: bool,
    rows: Vec<LetterRow>,
}

pub(crate) async fn dead(State(console): State<Console>) -> Result<Response, PageFailure> {
    let mut rows = Vec::new();
    if let Some(queues) = &console.options.queues {
        for queue in QUEUES {
            let letters = queues.dead_letters(queue, LOOKED_AT).await?;
            let known = console.cloud().known_letters(letters.clone()).await;
            queues.put_back(&letters).await?;
            rows.extend(known?.iter().map(|letter| row(&console, letter)));
        }
    }
    page(&DeadPage {
        shell: console.shell(Tab::Dead, "Dead letters"),
        is_known: console.options.queues.is_some(),
        rows,
    })
}

fn row(console: &Console, known: &KnownLetter) -> LetterRow {
    let letter = &known.letter;
    let (state, class) = match known.state {
        Some(state) => (state.name(), state_class::of_conversation(state)),
        None => ("gone: it can be dropped", state_class::PLAIN),
    };
    let key = known.conversation.as_ref();
    let name = known
        .conversation_id
        .as_ref()
        .map(|name| name.as_str().to_owned());
    LetterRow {
        queue: queue_name(letter.queue),
        id: letter.message_id.clone(),
        sent: letter.sent_at.map(ShownTime),
        received: letter.received,
        account: known
            .account
            .as_ref()
            .map_or_else(String::new, ToString::to_string),
        name: name
            .or_else(|| key.map(ToString::to_string))
            .unwrap_or_default(),
        href: key.map_or_else(String::new, |key| link::conversation(console.base(), key)),
        state,
        class,
        body: letter.body.clone(),
    }
}
