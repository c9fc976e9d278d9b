//! What became of calls: ResultMessage, ResultItem and AsyncRequestResult, by RequestID or
//! ConversationID.

use calls::{AccountId, Call, RequestId, SequenceCode};
use cloud::records::conversation_record::ConversationRecord;
use cloud::records::outcome_record::OutcomeRecord;
use cloud::{Cloud, Error};
use soap::{Element, ObjectResult, RetrieveRequest, write_date_time};

use crate::object_query::{ObjectQuery, ResultKind};
use crate::page::{Cursor, Page};
use crate::request_state;
use crate::result_message;
use crate::retrieve::Looked;

/// Records that are read in one request.
const READ_AT_ONCE: i32 = 250;

/// Looks at the calls asked for. An id that was never seen gives nothing.
pub async fn look(
    cloud: &Cloud,
    account: &AccountId,
    kind: ResultKind,
    request: &RetrieveRequest,
    mut cursor: Cursor,
    size: usize,
) -> Result<Looked, Error> {
    if let Err(refused) = kind.check_properties(request) {
        return Ok(Err(refused.to_string()));
    }
    let Some(asked) = ObjectQuery::of(request) else {
        return Ok(Err(format!(
            "{} is retrieved by a filter with RequestID or ConversationID equals or IN",
            request.object_type
        )));
    };
    let looking = Looking {
        cloud,
        account,
        kind,
        request,
        asked: &asked,
    };
    let mut page = Page::of(size);
    while let Some(id) = asked.ids.get(cursor.id) {
        if !looking.take_id(id, &mut cursor, &mut page).await? {
            page.next = Some(cursor);
            break;
        }
        cursor = Cursor {
            id: cursor.id + 1,
            ..Cursor::default()
        };
    }
    Ok(Ok(page))
}

struct Looking<'a> {
    cloud: &'a Cloud,
    account: &'a AccountId,
    kind: ResultKind,
    request: &'a RetrieveRequest,
    asked: &'a ObjectQuery,
}

/// One call of a conversation, as far as it is known.
struct CallEntry {
    call: Option<Call>,
    outcome: Option<OutcomeRecord>,
}

impl Looking<'_> {
    /// `false`: the page is full, and the cursor says where to go on.
    async fn take_id(&self, id: &str, cursor: &mut Cursor, page: &mut Page) -> Result<bool, Error> {
        let (header, only) = if self.asked.by_conversation {
            (self.cloud.conversation_named(self.account, id).await?, None)
        } else {
            let request_id = RequestId(id.to_owned());
            let found = self
                .cloud
                .call_of_request(self.account, &request_id)
                .await?;
            let only = found.as_ref().map(|found| found.call.place.sequence());
            (found.map(|found| found.header), only)
        };
        let Some(header) = header else {
            return Ok(true);
        };
        loop {
            let first = SequenceCode::new(cursor.sequence).unwrap_or(SequenceCode::FIRST);
            let (entries, rest) = self
                .entries(&header, only.unwrap_or(first), only.is_some())
                .await?;
            for (sequence, entry) in entries {
                cursor.sequence = sequence.get();
                let elements = self.elements(&header, sequence, entry).await?;
                if !self.take(elements, cursor, page) {
                    return Ok(false);
                }
                cursor.object = 0;
            }
            let Some(rest) = rest else {
                return Ok(true);
            };
            cursor.sequence = rest.get();
        }
    }

    /// Takes what is asked for of one call's elements; `false`: the page takes no more.
    fn take(&self, elements: Vec<Element>, cursor: &mut Cursor, page: &mut Page) -> bool {
        for element in elements.into_iter().skip(cursor.object) {
            if page.is_full() {
                return false;
            }
            let is_asked_for = self.asked.filter.admits(&element);
            if is_asked_for && !page.take(&[soap::project(&element, &self.properties())]) {
                return false;
            }
            cursor.object += 1;
        }
        true
    }

    /// Calls from one on, or it alone, and where the rest begins, if there is more to look at.
    async fn entries(
        &self,
        header: &ConversationRecord,
        first: SequenceCode,
        only: bool,
    ) -> Result<(Vec<(SequenceCode, CallEntry)>, Option<SequenceCode>), Error> {
        let now = self.cloud.now();
        let limit = if only { 1 } else { READ_AT_ONCE };
        let (outcomes, rest) = if only {
            let outcome = self.cloud.outcome(header, first, now).await?;
            (outcome.into_iter().collect(), None)
        } else {
            self.cloud.outcomes_from(header, first, limit, now).await?
        };
        if self.kind != ResultKind::Request {
            let entry = |outcome: OutcomeRecord| {
                (
                    outcome.sequence,
                    CallEntry {
                        call: None,
                        outcome: Some(outcome),
                    },
                )
            };
            return Ok((outcomes.into_iter().map(entry).collect(), rest));
        }
        // The header once more, after the outcomes: a call that ended in between is then seen as
        // it was before, which is true of a moment ago, and not as neither.
        let found = self.cloud.calls_of(&header.key, first, limit).await?;
        let mut calls = found.map(|(_, calls)| calls).unwrap_or_default();
        // Outcomes are longer than calls can be: fewer of them may have come in one answer.
        calls.retain(|call| rest.is_none_or(|rest| call.place.sequence() < rest));
        let last = calls.last().map(|call| call.place.sequence());
        let rest = last.filter(|_| !only).map(SequenceCode::next).or(rest);
        let entry = |call: Call| {
            let sequence = call.place.sequence();
            let outcome = outcomes
                .iter()
                .find(|outcome| outcome.sequence == sequence)
                .cloned();
            (
                sequence,
                CallEntry {
                    call: Some(call),
                    outcome,
                },
            )
        };
        Ok((calls.into_iter().map(entry).collect(), rest))
    }

    async fn elements(
        &self,
        header: &ConversationRecord,
        sequence: SequenceCode,
        entry: CallEntry,
    ) -> Result<Vec<Element>, Error> {
        match (self.kind, entry.outcome, entry.call) {
            (ResultKind::Message, Some(outcome), _) => {
                let conversation_id = self.conversation_id(header, &outcome.request_id);
                let properties = &self.request.properties;
                let with_detail = properties.iter().any(|name| name == "ResultDetailXML");
                let message =
                    result_message::element(self.cloud, &outcome, &conversation_id, with_detail)
                        .await?;
                let calls = header.conversation.calls_in_conversation;
                Ok(vec![message.with(Element::of(
                    "CallsInConversation",
                    calls.to_string(),
                ))])
            }
            (ResultKind::Item, Some(outcome), _) => self.items(header, &outcome).await,
            (ResultKind::Request, outcome, Some(call)) => {
                let now = self.cloud.now();
                let outcome = outcome.as_ref();
                let element = request_state::element(header, sequence, &call, outcome, now);
                Ok(element.into_iter().collect())
            }
            (ResultKind::Message | ResultKind::Item, None, _) | (ResultKind::Request, _, None) => {
                Ok(Vec::new())
            }
        }
    }

    /// What is answered: what is asked for, and of a ResultItem also the two elements that no typed
    /// client can do without.
    fn properties(&self) -> Vec<String> {
        let mut properties = self.request.properties.clone();
        if self.kind == ResultKind::Item {
            properties.extend(["StatusCode", "StatusMessage"].map(str::to_owned));
        }
        properties
    }

    /// The conversation as its caller knows it. A call alone is named by its RequestID, which is
    /// shown to those who ask for a conversation.
    fn conversation_id(&self, header: &ConversationRecord, request_id: &RequestId) -> String {
        match &header.conversation.conversation_id {
            Some(id) => id.as_str().to_owned(),
            None if self.asked.names_conversations => request_id.0.clone(),
            None => String::new(),
        }
    }

    async fn items(
        &self,
        header: &ConversationRecord,
        record: &OutcomeRecord,
    ) -> Result<Vec<Element>, Error> {
        let results = of_objects(self.cloud, record).await?;
        let conversation_id = self.conversation_id(header, &record.request_id);
        let item = |(ordinal, result): (usize, ObjectResult)| {
            let mut item = Element::new("Results").typed("ResultItem");
            item.children.push(Element::of(
                "CreatedDate",
                write_date_time(record.outcome.ended_at),
            ));
            if let Some(correlation_id) = result.correlation_id {
                item.children
                    .push(Element::of("CorrelationID", correlation_id));
            }
            item.children.extend([
                Element::of("RequestID", &record.request_id.0),
                Element::of("ConversationID", &conversation_id),
                Element::of("StatusCode", if result.ok { "OK" } else { "Error" }),
                Element::of("StatusMessage", result.status_message),
                Element::of("OrdinalID", ordinal.to_string()),
            ]);
            if let Some(code) = result.error_code {
                item.children
                    .push(Element::of("ErrorCode", code.to_string()));
            }
            item.with(Element::of("RequestType", "Asynchronous"))
                .with(Element::of("RequestObjectType", result.object_type))
        };
        Ok(results.into_iter().enumerate().map(item).collect())
    }
}

/// What became of each object of a call.
pub async fn of_objects(cloud: &Cloud, record: &OutcomeRecord) -> Result<Vec<ObjectResult>, Error> {
    let results = record.object_results(cloud).await?;
    if !results.is_empty() {
        return Ok(results);
    }
    // It was not carried out: each of its objects shares its fate.
    let shared = ObjectResult {
        status_message: record.outcome.status_message.clone(),
        error_code: record.outcome.error_code,
        object_type: record.object_type.clone(),
        ..ObjectResult::default()
    };
    Ok(vec![shared; usize::try_from(record.objects).unwrap_or(0)])
}
