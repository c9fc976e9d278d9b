//! Retrieve of TriggeredSendSummary: a definition with the counted events of its sends.

use cloud::{Cloud, Error};
use jiff::SignedDuration;
use objects::{ObjectKey, RetrieveError, SummaryCount};
use soap::Element;

use crate::page::{Cursor, LOOK_MAX, Page};
use crate::retrieve_selection::RetrieveSelection;

/// Longest time for counting mails that have not left.
const OPEN_COUNTED_WITHIN: SignedDuration = SignedDuration::from_secs(5);

/// Adds the summaries of these definitions. Counting reads all events of the account, and is given
/// up if it takes too long for an answer.
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
        let send = definition.text_of("ID").unwrap_or_default().to_owned();
        let counts = cloud
            .count_events(wanted.account, &send, None, deadline)
            .await?;
        let Some(counts) = counts else {
            return Ok(Err(RetrieveError::TooManyToCount(object_type())));
        };
        let mut numbers: Vec<(&str, u64)> = SummaryCount::ALL
            .iter()
            .map(|count| {
                (
                    count.name(),
                    counts.get(count.name()).copied().unwrap_or_default(),
                )
            })
            .collect();
        let send_id = send.parse().unwrap_or_default();
        // If there are more open mails than can be read, the summary is returned without their
        // number.
        let until = cloud.now() + OPEN_COUNTED_WITHIN;
        let open = cloud
            .count_open_mails(wanted.account, send_id, until)
            .await?;
        if let Some(open) = open {
            numbers.extend([("Queued", open.queued), ("InProcess", open.in_process)]);
        }
        let counted = numbers
            .into_iter()
            .fold(definition, |definition, (name, number)| {
                definition.with(Element::of(name, number.to_string()))
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
