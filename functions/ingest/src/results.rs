//! ResultMessage, ResultItem and AsyncRequestResult of calls, by RequestID, ConversationID or time.

use backends::built_in::task_run::{self, TaskReport};
use calls::{AccountId, Call, Method, Phase, RequestId, SequenceCode};
use cloud::read::conversation::READ_AT_ONCE;
use cloud::read::conversation_list::LISTED_AT_ONCE;
use cloud::records::call_record::CallRecord;
use cloud::records::conversation_record::ConversationRecord;
use cloud::records::load::OutcomePage;
use cloud::records::outcome_record::{OutcomeRecord, Results};
use cloud::{Cloud, Error};
use soap::{Element, ObjectResult, RetrieveRequest, write_date_time};

use crate::object_query::{CreatedRange, ObjectQuery, ResultKind, Subjects};
use crate::page::{Cursor, LOOK_MAX, Page, PageFit, PageResult};
use crate::request_state;
use crate::result_message;

/// Finds the requested calls. An unknown id gives no result.
pub async fn look(
    cloud: &Cloud,
    accounts: &[AccountId],
    kind: ResultKind,
    request: &RetrieveRequest,
    cursor: Cursor,
    size: usize,
) -> Result<PageResult, Error> {
    if let Err(refused) = kind.check_properties(request) {
        return Ok(Err(refused.to_string()));
    }
    let Some(object_query) = ObjectQuery::of(request) else {
        return Ok(Err(format!(
            "{} is retrieved by a filter with RequestID or ConversationID equals or IN, or with the \
             CreatedDate from which on it is looked for",
            request.object_type
        )));
    };
    let search = Search {
        cloud,
        accounts,
        kind,
        request,
        object_query: &object_query,
    };
    let mut page = Page::of(size);
    page.next = match &object_query.subjects {
        Subjects::Calls(ids) | Subjects::Conversations(ids) => {
            search.take_ids(ids, cursor, &mut page).await?
        }
        Subjects::Created(range) => search.take_created(*range, cursor, &mut page).await?,
    };
    Ok(Ok(page))
}

struct Search<'a> {
    cloud: &'a Cloud,
    /// The accounts whose calls they may be, in the order in which they are searched.
    accounts: &'a [AccountId],
    kind: ResultKind,
    request: &'a RetrieveRequest,
    object_query: &'a ObjectQuery,
}

/// One call of a conversation, as far as it is known.
struct CallEntry {
    /// Read only if it is needed.
    call: Option<CallRecord>,
    outcome: Option<OutcomeRecord>,
}

/// Calls of a conversation, in order.
struct CallPage {
    entries: Vec<(SequenceCode, CallEntry)>,
    /// Where the rest begins, if there is one.
    rest: Option<SequenceCode>,
}

/// What an id names: a conversation, or one of its calls.
struct FoundCalls {
    header: ConversationRecord,
    only: Option<SequenceCode>,
}

impl Search<'_> {
    /// Where to go on if the page is full.
    async fn take_ids(
        &self,
        ids: &[String],
        mut cursor: Cursor,
        page: &mut Page,
    ) -> Result<Option<Cursor>, Error> {
        while let Some(id) = ids.get(cursor.id) {
            if let Some(FoundCalls { header, only }) = self.find(id).await?
                && self.take_calls(&header, only, &mut cursor, page).await? == PageFit::Full
            {
                return Ok(Some(cursor));
            }
            cursor = Cursor {
                id: cursor.id + 1,
                ..Cursor::default()
            };
        }
        Ok(None)
    }

    /// The same for results that were created in a time range, account after account, oldest first.
    async fn take_created(
        &self,
        range: CreatedRange,
        mut cursor: Cursor,
        page: &mut Page,
    ) -> Result<Option<Cursor>, Error> {
        let began = self.cloud.now();
        while let Some(account) = self.accounts.get(cursor.account) {
            let query = self.kind.list_query(account, range);
            loop {
                let from = cursor.listed.clone().unwrap_or_default();
                let list = self.cloud.conversation_list();
                let listed = list.page(&query, from, LISTED_AT_ONCE).await?;
                for conversation in listed.conversations {
                    let header = conversation.record;
                    let fit = self.take_calls(&header, None, &mut cursor, page).await?;
                    if fit == PageFit::Full {
                        return Ok(Some(cursor));
                    }
                    cursor = Cursor {
                        account: cursor.account,
                        listed: Some(conversation.behind),
                        ..Cursor::default()
                    };
                }
                let Some(next) = listed.next else { break };
                cursor.listed = Some(next);
                if self.cloud.now().duration_since(began) > LOOK_MAX {
                    return Ok(Some(cursor));
                }
            }
            cursor = Cursor {
                account: cursor.account + 1,
                ..Cursor::default()
            };
        }
        Ok(None)
    }

    /// Adds the calls of a conversation, or one of them, beginning at the cursor. If the page
    /// becomes full, the cursor is where to go on.
    async fn take_calls(
        &self,
        header: &ConversationRecord,
        only: Option<SequenceCode>,
        cursor: &mut Cursor,
        page: &mut Page,
    ) -> Result<PageFit, Error> {
        loop {
            let first = SequenceCode::new(cursor.sequence).unwrap_or(SequenceCode::FIRST);
            let CallPage { entries, rest } = self
                .entries(header, only.unwrap_or(first), only.is_some())
                .await?;
            for (sequence, entry) in entries {
                cursor.sequence = sequence.get();
                let elements = self.elements(header, sequence, entry).await?;
                if self.take(elements, cursor, page) == PageFit::Full {
                    return Ok(PageFit::Full);
                }
                cursor.object = 0;
            }
            let Some(rest) = rest else {
                return Ok(PageFit::Taken);
            };
            cursor.sequence = rest.get();
        }
    }

    /// What an id names; `None`: it is unknown.
    async fn find(&self, id: &str) -> Result<Option<FoundCalls>, Error> {
        for account in self.accounts {
            if matches!(self.object_query.subjects, Subjects::Conversations(_)) {
                if let Some(header) = self.cloud.conversation_named(account, id).await? {
                    return Ok(Some(FoundCalls { header, only: None }));
                }
                continue;
            }
            let request_id = RequestId(id.to_owned());
            if let Some(found) = self.cloud.call_of_request(account, &request_id).await? {
                return Ok(Some(FoundCalls {
                    header: found.header,
                    only: Some(found.call.place.sequence()),
                }));
            }
        }
        Ok(None)
    }

    /// Adds the requested elements of one call.
    fn take(&self, elements: Vec<Element>, cursor: &mut Cursor, page: &mut Page) -> PageFit {
        for element in elements.into_iter().skip(cursor.object) {
            let is_selected = self.object_query.filter.admits(&element);
            if is_selected {
                let shown = soap::project(&element, &self.properties());
                if page.take(&shown) == PageFit::Full {
                    return PageFit::Full;
                }
            }
            cursor.object += 1;
        }
        PageFit::Taken
    }

    /// Calls from one on, or a single call.
    async fn entries(
        &self,
        header: &ConversationRecord,
        first: SequenceCode,
        only: bool,
    ) -> Result<CallPage, Error> {
        let now = self.cloud.now();
        let limit = if only { 1 } else { READ_AT_ONCE };
        let OutcomePage { outcomes, rest } = if only {
            let outcome = self.cloud.load_outcome(header, first, now).await?;
            OutcomePage {
                outcomes: outcome.into_iter().collect(),
                rest: None,
            }
        } else {
            self.cloud.outcomes_from(header, first, limit, now).await?
        };
        if !self.needs_calls(header, &outcomes) {
            let entry = |outcome: OutcomeRecord| {
                (
                    outcome.sequence,
                    CallEntry {
                        call: None,
                        outcome: Some(outcome),
                    },
                )
            };
            let entries = outcomes.into_iter().map(entry).collect();
            return Ok(CallPage { entries, rest });
        }
        // The header is read again after the outcomes. A call that ended in between then looks as
        // it did before, which was true a moment ago, and not like a mixture of both.
        let loaded = self.cloud.load_calls(&header.key, first, limit).await?;
        let mut calls = loaded.map(|loaded| loaded.calls).unwrap_or_default();
        // Outcomes are longer than calls, so fewer of them may fit into one answer.
        let sequence_of = |record: &CallRecord| record.call.place.sequence();
        calls.retain(|call| rest.is_none_or(|rest| sequence_of(call) < rest));
        let last = calls.last().map(sequence_of);
        let rest = last.filter(|_| !only).map(SequenceCode::next).or(rest);
        let mut outcomes = outcomes.into_iter().peekable();
        let entry = |call: CallRecord| {
            let sequence = sequence_of(&call);
            while outcomes.next_if(|it| it.sequence < sequence).is_some() {}
            let written = outcomes.next_if(|it| it.sequence == sequence);
            let outcome = written.or_else(|| OutcomeRecord::to_be_written(header, &call.call));
            let call = Some(call);
            (sequence, CallEntry { call, outcome })
        };
        let entries = calls.into_iter().map(entry).collect();
        Ok(CallPage { entries, rest })
    }

    /// Whether the outcomes are not enough for what is requested: calls without an outcome, or
    /// without a stored one, and objects of calls that were not carried out.
    fn needs_calls(&self, header: &ConversationRecord, outcomes: &[OutcomeRecord]) -> bool {
        let shows_objects = match self.kind {
            ResultKind::Request => return true,
            ResultKind::Item => true,
            ResultKind::Message => self.with_detail(),
        };
        let is_closing = matches!(header.conversation.phase, Phase::Closing { .. });
        let mut outcomes = outcomes.iter();
        is_closing || (shows_objects && outcomes.any(|it| it.results == Results::None))
    }

    fn with_detail(&self) -> bool {
        let mut properties = self.request.properties.iter();
        properties.any(|name| name == "ResultDetailXML")
    }

    async fn elements(
        &self,
        header: &ConversationRecord,
        sequence: SequenceCode,
        entry: CallEntry,
    ) -> Result<Vec<Element>, Error> {
        let call = entry.call.as_ref();
        match (self.kind, entry.outcome, call) {
            (ResultKind::Message, Some(outcome), _) => {
                let conversation_id = self.conversation_id(header, &outcome.request_id);
                let detail = self.with_detail();
                let message =
                    result_message::element(self.cloud, &outcome, call, &conversation_id, detail)
                        .await?;
                let calls = header.conversation.calls_in_conversation;
                Ok(vec![message.with(Element::of(
                    "CallsInConversation",
                    calls.to_string(),
                ))])
            }
            (ResultKind::Item, Some(outcome), _) => self.items(header, &outcome, call).await,
            (ResultKind::Request, outcome, Some(call)) => {
                let now = self.cloud.now();
                let outcome = outcome.as_ref();
                let element = request_state::element(header, sequence, &call.call, outcome, now);
                let progress = match outcome {
                    None => self.progress(header, sequence, &call.call).await?,
                    Some(_) => None,
                };
                let with_progress = element.map(|element| match progress {
                    Some(progress) => request_state::with_progress(element, progress),
                    None => element,
                });
                Ok(with_progress.into_iter().collect())
            }
            (ResultKind::Message | ResultKind::Item, None, _) | (ResultKind::Request, _, None) => {
                Ok(Vec::new())
            }
        }
    }

    /// The progress of the tasks of a call, if it has any and that is requested.
    async fn progress(
        &self,
        header: &ConversationRecord,
        sequence: SequenceCode,
        call: &Call,
    ) -> Result<Option<TaskReport>, Error> {
        let mut requested = self.request.properties();
        let is_requested =
            requested.any(|path| path.split('.').next() == Some("PartnerProperties"));
        let object_type = objects::object_type(&call.object_type);
        let has_tasks = call.method == Method::Perform
            && object_type.is_some_and(|object_type| object_type.starts_tasks());
        match is_requested && has_tasks {
            true => task_run::progress(self.cloud, &header.key, sequence).await,
            false => Ok(None),
        }
    }

    /// The requested properties, and of a ResultItem also the two elements that typed clients need.
    fn properties(&self) -> Vec<String> {
        let mut properties = self.request.properties.clone();
        if self.kind == ResultKind::Item {
            properties.extend(["StatusCode", "StatusMessage"].map(str::to_owned));
        }
        properties
    }

    /// The ConversationID as the caller knows it. For a call alone it is the RequestID, and
    /// returned only if the ConversationID is requested.
    fn conversation_id(&self, header: &ConversationRecord, request_id: &RequestId) -> String {
        match &header.conversation.conversation_id {
            Some(id) => id.as_str().to_owned(),
            None if self.object_query.names_conversations => request_id.0.clone(),
            None => String::new(),
        }
    }

    async fn items(
        &self,
        header: &ConversationRecord,
        record: &OutcomeRecord,
        call: Option<&CallRecord>,
    ) -> Result<Vec<Element>, Error> {
        let results = record.object_results(self.cloud, call).await?;
        let conversation_id = self.conversation_id(header, &record.request_id);
        let item = |(ordinal, result): (usize, ObjectResult)| {
            let type_name = objects::CallView::Item.type_name();
            let mut item = Element::new("Results").typed(type_name);
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
