//! Retrieve of TriggeredSendSummary: a definition, with the events of its sends counted.

use cloud::{Cloud, Error};
use objects::{ObjectKey, RetrieveError, SummaryCount};
use soap::Element;

use crate::page::{Cursor, LOOK_MAX, Page};
use crate::retrieve_selection::RetrieveSelection;

/// Takes the summaries of these definitions. Counting reads all events of the account, so that it is
/// given up rather than answered too late.
pub(crate) async fn take(
    cloud: &Cloud,
    wanted: &RetrieveSelection<'_>,
    definitions: Option<Vec<ObjectKey>>,
    cursor: Cursor,
    page: &mut Page,
) -> Result<Result<(), RetrieveError>, Error> {
    let object_type = || wanted.request.object_type.clone();
    let Some(definitions) = definitions else {
        return Ok(Err(RetrieveError::NeedsKey(object_type())));
    };
    let deadline = cloud.now() + LOOK_MAX;
    for (id, key) in definitions.iter().enumerate().skip(cursor.id) {
        let Some(definition) = cloud.object(key).await? else {
            continue;
        };
        let send = definition.text_of("ID").unwrap_or_default();
        let counts = cloud.count_events(wanted.account, send, deadline).await?;
        let Some(counts) = counts else {
            return Ok(Err(RetrieveError::TooManyToCount(object_type())));
        };
        let counted = SummaryCount::ALL
            .iter()
            .fold(definition, |definition, count| {
                let events = counts.get(count.name()).copied().unwrap_or_default();
                definition.with(Element::of(count.name(), events.to_string()))
            });
        if wanted.take(counted, 0, cloud.now(), page).is_some() {
            page.next = Some(Cursor {
                id,
                ..Cursor::default()
            });
            break;
        }
    }
    Ok(Ok(()))
}
