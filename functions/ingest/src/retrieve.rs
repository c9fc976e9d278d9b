//! Retrieve and Query: looking at stored objects, and at what became of calls.

use std::collections::BTreeSet;

use calls::{AccountId, Refusal, RequestId};
use cloud::{Cloud, Error};
use objects::{ObjectKey, ObjectSource, Overlay, RetrieveError};
use soap::{Element, Filter, Operator, QueryRequest, RetrieveRequest};

use crate::caller::{self, Caller};
use crate::object_query::ResultKind;
use crate::page::{self, Continued, Cursor, LOOK_MAX, Page, PageFit, PageResult, RESULTS_MAX};
use crate::results;

/// Stored objects that are read in one request.
const READ_AT_ONCE: i32 = 500;

/// Answers a Retrieve. `canonical` is the request as it is kept for the next page.
pub async fn retrieve(
    cloud: &Cloud,
    caller: &Caller,
    request: RetrieveRequest,
    canonical: &str,
) -> Result<String, Error> {
    let request_id = cloud.random.request_id();
    let (status, results) = page_of(cloud, caller, request, canonical, &request_id).await?;
    Ok(soap::write_retrieved(&status, &request_id.0, &results))
}

/// Answers a Query: the same look, by the older operation.
pub async fn query(
    cloud: &Cloud,
    caller: &Caller,
    request: QueryRequest,
    canonical: &str,
) -> Result<String, Error> {
    let request_id = cloud.random.request_id();
    let wanted = request.into_retrieve();
    let (status, results) = page_of(cloud, caller, wanted, canonical, &request_id).await?;
    Ok(soap::write_queried(&status, &request_id.0, &results))
}

/// OverallStatus and results of one page.
async fn page_of(
    cloud: &Cloud,
    caller: &Caller,
    request: RetrieveRequest,
    canonical: &str,
    request_id: &RequestId,
) -> Result<(String, String), Error> {
    let error = |text: &str| Ok((format!("Error: {text}"), String::new()));
    // A page belongs to the caller, whosever objects are on it: the next one is asked for without
    // saying that again.
    let own = &caller.account;
    let Continued {
        request,
        canonical,
        cursor,
    } = match &request.continue_request {
        None => Continued {
            request,
            canonical: canonical.to_owned(),
            cursor: Cursor::default(),
        },
        Some(before) => match page::continued(cloud, own, before).await? {
            Some(continued) => continued,
            None => {
                let before = soap::echo(before);
                return error(&format!(
                    "There is nothing to continue for request {before}"
                ));
            }
        },
    };
    let accounts = match accounts_of(cloud, caller, &request).await? {
        Ok(accounts) => accounts,
        Err(refusal) => return error(&refusal.to_string()),
    };
    match look(cloud, caller, &accounts, &request, cursor).await? {
        Err(text) => error(&text),
        Ok(page) => match page.next {
            None => Ok(("OK".to_owned(), page.results)),
            Some(next) => {
                page::keep(cloud, own, request_id, &canonical, next).await?;
                Ok(("MoreDataAvailable".to_owned(), page.results))
            }
        },
    }
}

/// Whose objects are asked for, each account once: those that are named, or with QueryAllAccounts
/// all that the caller may act for, else the caller's own.
async fn accounts_of(
    cloud: &Cloud,
    caller: &Caller,
    request: &RetrieveRequest,
) -> Result<Result<Vec<AccountId>, Refusal>, Error> {
    // Of a request that is continued they may not be the caller's any more.
    if let Err(refusal) = caller::may_act_for(cloud, caller, &request.clients).await? {
        return Ok(Err(refusal));
    }
    let mut accounts = Vec::new();
    for client in &request.clients {
        match client.account() {
            Ok(account) => accounts.extend(account),
            Err(several) => return Ok(Err(several)),
        }
    }
    if request.query_all_accounts {
        accounts.push(caller.account.clone());
        accounts.extend(caller::children(cloud, caller).await?);
    }
    if accounts.is_empty() {
        accounts.push(caller.account.clone());
    }
    let mut seen = BTreeSet::new();
    accounts.retain(|account| seen.insert(account.clone()));
    Ok(Ok(accounts))
}

async fn look(
    cloud: &Cloud,
    caller: &Caller,
    accounts: &[AccountId],
    request: &RetrieveRequest,
    cursor: Cursor,
) -> Result<PageResult, Error> {
    let size = request
        .batch_size
        .and_then(|size| usize::try_from(size).ok())
        .unwrap_or(RESULTS_MAX)
        .min(RESULTS_MAX);
    let Some(kind) = ResultKind::named(&request.object_type) else {
        return stored(cloud, accounts, request, cursor, Page::of(size)).await;
    };
    // A call is its caller's, whomever it was sent for; then come those that a named account sent
    // itself.
    let mut of_calls = vec![caller.account.clone()];
    of_calls.extend(accounts.iter().filter(|it| **it != caller.account).cloned());
    results::look(cloud, &of_calls, kind, request, cursor, size).await
}

/// Objects of the built-in backend, account after account.
async fn stored(
    cloud: &Cloud,
    accounts: &[AccountId],
    request: &RetrieveRequest,
    mut cursor: Cursor,
    mut page: Page,
) -> Result<PageResult, Error> {
    let mut lacking = 0;
    while let Some(account) = accounts.get(cursor.account) {
        let number = cursor.account;
        match stored_of(cloud, account, request, cursor, &mut page).await? {
            Ok(()) => {}
            // Another of them may have it.
            Err(RetrieveError::NoDataExtension(_)) if lacking + 1 < accounts.len() => lacking += 1,
            Err(refused) => return Ok(Err(refused.to_string())),
        }
        if let Some(next) = &mut page.next {
            next.account = number;
            break;
        }
        cursor = Cursor {
            account: number + 1,
            ..Cursor::default()
        };
    }
    Ok(Ok(page))
}

async fn stored_of(
    cloud: &Cloud,
    account: &AccountId,
    request: &RetrieveRequest,
    cursor: Cursor,
    page: &mut Page,
) -> Result<Result<(), RetrieveError>, Error> {
    let mut overlay = Overlay::new(account);
    // What the type needs to be found, such as the data extension of a row.
    while let Err(missing) = objects::retrieve_from(&overlay, &request.object_type) {
        cloud.load_objects(&mut overlay, missing.0).await?;
    }
    let source = match objects::retrieve_from(&overlay, &request.object_type) {
        Ok(Ok(source)) => source,
        Ok(Err(refused)) => return Ok(Err(refused)),
        Err(missing) => {
            return Err(Error::Missing(format!("{:?}", missing.0)));
        }
    };
    if let Err(refused) = source.check_properties(request) {
        return Ok(Err(refused));
    }
    let wanted = RetrieveSelection {
        account,
        source: &source,
        request,
        client: shown_client(account, request),
    };
    if cursor == Cursor::default() {
        for own in objects::extract_descriptions(&request.object_type) {
            wanted.take(own, 0, page);
        }
    }
    match direct_keys(&source, request.filter.as_ref(), cloud) {
        Some(keys) => wanted.at(cloud, &keys, cursor, page).await?,
        None => wanted.after(cloud, cursor, page).await?,
    }
    Ok(Ok(()))
}

/// The `Client` of an account's objects, where it is asked for: it is not stored with them.
fn shown_client(account: &AccountId, request: &RetrieveRequest) -> Option<Element> {
    let is_client = |path: &str| path == "Client" || path.starts_with("Client.");
    let filtered_by = request.filtered_by();
    let is_selected = request.properties().any(is_client) || filtered_by.into_iter().any(is_client);
    let number = account.0.parse::<i32>().ok();
    let key = Element::of("CustomerKey", &account.0);
    let ids = number.map(|id| Element::of("ID", id.to_string()));
    let client = Element {
        children: ids.into_iter().chain([key]).collect(),
        ..Element::new("Client")
    };
    is_selected.then_some(client)
}

/// What of the stored objects goes into the answer.
struct RetrieveSelection<'a> {
    account: &'a AccountId,
    source: &'a ObjectSource<'a>,
    request: &'a RetrieveRequest,
    client: Option<Element>,
}

impl RetrieveSelection<'_> {
    /// What lies at these keys, from where the cursor is on.
    async fn at(
        &self,
        cloud: &Cloud,
        keys: &[ObjectKey],
        cursor: Cursor,
        page: &mut Page,
    ) -> Result<(), Error> {
        for (id, key) in keys.iter().enumerate().skip(cursor.id) {
            let first = if id == cursor.id { cursor.object } else { 0 };
            let Some(found) = cloud.object(key).await? else {
                continue;
            };
            let found = self.with_lists(cloud, vec![found]).await?;
            let Some(found) = found.into_iter().next() else {
                continue;
            };
            if let Some(object) = self.take(found, first, page) {
                page.next = Some(Cursor {
                    id,
                    object,
                    ..Cursor::default()
                });
                break;
            }
        }
        Ok(())
    }

    /// Stored objects without memberships of lists that are no longer there. The lists are read where
    /// memberships are asked for, and only then.
    async fn with_lists(&self, cloud: &Cloud, stored: Vec<Element>) -> Result<Vec<Element>, Error> {
        let needed = stored
            .iter()
            .flat_map(|object| self.source.lists_needed(self.request, object));
        let needed: BTreeSet<ObjectKey> = needed.collect();
        if needed.is_empty() {
            return Ok(stored);
        }
        let mut lists = Overlay::new(self.account);
        cloud
            .load_objects(&mut lists, needed.into_iter().collect())
            .await?;
        let current = |object| self.source.with_lists(object, &lists);
        Ok(stored.into_iter().map(current).collect())
    }

    /// What lies in the partition, from where the cursor is on.
    async fn after(&self, cloud: &Cloud, cursor: Cursor, page: &mut Page) -> Result<(), Error> {
        let began = cloud.now();
        let range = self.source.within(self.request.filter.as_ref());
        let is_behind = |sort: &String| range.before.as_ref().is_some_and(|end| sort >= end);
        let mut after = cursor.after.or(range.after);
        loop {
            let partition = &self.source.partition;
            let found = cloud
                .objects_after(partition, after.as_deref(), READ_AT_ONCE)
                .await?;
            let (sorts, objects): (Vec<_>, Vec<_>) = found.objects.into_iter().unzip();
            let objects = self.with_lists(cloud, objects).await?;
            for (sort, object) in sorts.into_iter().zip(objects) {
                if is_behind(&sort) {
                    return Ok(());
                }
                let is_begun = cursor.within.as_ref() == Some(&sort);
                let first = if is_begun { cursor.object } else { 0 };
                if let Some(object) = self.take(object, first, page) {
                    page.next = Some(Cursor {
                        after,
                        within: Some(sort),
                        object,
                        ..Cursor::default()
                    });
                    return Ok(());
                }
                after = Some(sort);
            }
            if found.next.is_none() {
                return Ok(());
            }
            after = found.next;
            if cloud.now().duration_since(began) > LOOK_MAX {
                page.next = Some(Cursor {
                    after,
                    ..Cursor::default()
                });
                return Ok(());
            }
        }
    }

    /// Takes what is asked for of a stored object, from a number on; the number of the first that the
    /// page does not take.
    fn take(&self, stored: Element, first: usize, page: &mut Page) -> Option<usize> {
        let objects = self.source.objects_in(stored).into_iter().enumerate();
        for (number, object) in objects.skip(first) {
            let object = match &self.client {
                Some(client) => object.with(client.clone()),
                None => object,
            };
            let filter = self.request.filter.as_ref();
            let is_selected = filter.is_none_or(|filter| filter.admits(&object));
            if is_selected {
                let shown = soap::project(&object, &self.request.properties);
                if page.take(&shown) == PageFit::Full {
                    return Some(number);
                }
            }
        }
        None
    }
}

/// The keys that can hold what is asked for, if the filter asks for keys: a look at each is enough.
fn direct_keys(
    source: &ObjectSource<'_>,
    filter: Option<&Filter>,
    cloud: &Cloud,
) -> Option<Vec<ObjectKey>> {
    let now = cloud.now();
    equal_parts(filter?)
        .into_iter()
        .find_map(|(property, values)| {
            values
                .iter()
                .map(|value| source.direct_key(property, value, now))
                .collect()
        })
}

/// The properties for which every object asked for has one of some values.
fn equal_parts(filter: &Filter) -> Vec<(&str, &[String])> {
    match filter {
        Filter::And(parts) => parts.iter().flat_map(equal_parts).collect(),
        Filter::Or(_) => Vec::new(),
        Filter::Simple {
            property,
            operator,
            values,
            ..
        } => {
            if matches!(operator, Operator::Equals | Operator::In) && !values.is_empty() {
                vec![(property.as_str(), values.as_slice())]
            } else {
                Vec::new()
            }
        }
    }
}
