//! What holds in every world at its end, when there are no faults any more and enough time has
//! passed for everything that is pending.

use anyhow::{Context, Result, ensure};

use crate::happenings::{Failing, Name, Touched};
use crate::harness::World;
use crate::reference::{Outcome, Phase};
use crate::requests;

/// Between two looks: past the visibility of a message, the silence of a conversation, and the
/// waits before the first attempts at a reply.
const LATER_MS: [i64; 4] = [61_000, 401_000, 2_000_000, 9_000_000];

/// Replies that failed are tried again: more often than receivers fail, and the longest wait
/// before one of these attempts.
const ATTEMPTS: usize = 8;
const LAST_WAIT_MS: i64 = 9_000_000;

/// Lets everything pending happen, and then checks the promises.
pub async fn hold(world: &mut World) -> Result<()> {
    world.stage.maintenance(false).await?;
    world.maintenance = false;
    world.stage.receiver_fails(0, Failing::NoAnswer);
    for ms in LATER_MS {
        later(world, ms).await?;
    }
    let mut due = world.stage.still_due()?;
    for _ in 0..ATTEMPTS {
        if due.is_empty() {
            break;
        }
        later(world, LAST_WAIT_MS).await?;
        due = world.stage.still_due()?;
    }
    world
        .compare(Touched::All, true)
        .await
        .context("in the end")?;
    ensure!(due.is_empty(), "still due: {due:?}");
    ensure!(
        world.stage.left_in_queues() == 0,
        "messages are left in queues"
    );
    for name in world.possible.keys().copied().collect::<Vec<_>>() {
        ends(world, name)?;
        effects_are_there(world, name).await?;
        results_are_there(world, name).await?;
    }
    Ok(())
}

async fn later(world: &mut World, ms: i64) -> Result<()> {
    world.stage.jump(ms);
    world.stage.settle().await?;
    let strict = world.calm;
    world
        .compare(Touched::All, strict)
        .await
        .context("when the sun is out")
}

/// Every conversation has ended, and every reply that was due has arrived.
fn ends(world: &World, name: Name) -> Result<()> {
    let replied = world.replies.values().filter(|of| of.0 == name);
    let replied: Vec<(u32, usize)> = replied.map(|of| (of.1, of.3)).collect();
    let possible = &world.possible[&name].states;
    for state in possible {
        let over = matches!(state.phase, Phase::Absent | Phase::Over(_));
        ensure!(over, "{name:?} has no end: {state:?}");
    }
    let agrees = possible.iter().any(|state| {
        let actions = state.actions();
        actions.len() == replied.len() && actions.iter().all(|actions| replied.contains(actions))
    });
    ensure!(agrees, "{name:?}: told {replied:?}, of {possible:#?}");
    Ok(())
}

/// The objects hold what the calls wrote, in their order, and nothing else.
async fn effects_are_there(world: &World, name: Name) -> Result<()> {
    let mut stored = std::collections::BTreeMap::new();
    for object in [0, 1, 2, 3, 4, 10, 79] {
        let key = requests::object_key(name, object);
        let envelope = requests::retrieve("Portfolio", &["DisplayName"], "CustomerKey", &key);
        let (_, body) = world.stage.ask(envelope, None).await;
        if let Some(value) = requests::texts(&body, "DisplayName").first() {
            stored.insert(object, value.clone());
        }
    }
    let possible = &world.possible[&name].states;
    let agrees = possible.iter().any(|state| {
        let looked_at = |object: &u8| matches!(object, 0..=4 | 10 | 79);
        state
            .store
            .iter()
            .filter(|(object, _)| looked_at(object))
            .eq(stored.iter())
    });
    ensure!(agrees, "{name:?}: stored {stored:?}, of {possible:#?}");
    Ok(())
}

/// One ResultMessage for each call, and it agrees with the outcome.
async fn results_are_there(world: &World, name: Name) -> Result<()> {
    let Some(id) = requests::conversation_id(name) else {
        return Ok(());
    };
    let properties = ["RequestID", "OverallStatusCode"];
    let envelope = requests::retrieve("ResultMessage", &properties, "ConversationID", &id);
    let (_, body) = world.stage.ask(envelope, None).await;
    let found: Vec<bool> = requests::texts(&body, "OverallStatusCode")
        .iter()
        .map(|text| text == "OK")
        .collect();
    let state = &world.possible[&name].states[0];
    let expected: Vec<bool> = state
        .outcomes
        .values()
        .map(|outcome| *outcome == Outcome::Complete)
        .collect();
    ensure!(
        found == expected,
        "{name:?}: results {found:?}, of {state:#?}"
    );
    Ok(())
}
