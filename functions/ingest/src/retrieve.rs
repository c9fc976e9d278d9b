//! Retrieve and Query: stored objects, and the states and results of calls.

use std::collections::BTreeSet;

use calls::{AccountId, Refusal, RequestId};
use cloud::{Cloud, Error};
use objects::{ObjectKey, ObjectSource, Overlay, RetrieveError};
use soap::{Element, Filter, Operator, QueryRequest, RetrieveRequest};

use crate::caller::{self, Caller};
use crate::object_query::ResultKind;
use crate::page::{self, Continued, Cursor, Page, PageResult, RESULTS_MAX};
use crate::retrieve_selection::RetrieveSelection;
use crate::{results, summaries};

/// Answers a Retrieve. `canonical` is the request as it is kept for the next page.
pub async fn retrieve(
    cloud: &Cloud,
    caller: &Caller,
    request: RetrieveRequest,
    canonical: &str,
) -> Result<String, Error> {
    let request_id = cloud.random.request_id();
    let page = page_of(cloud, caller, request, canonical, &request_id).await?;
    Ok(soap::write_retrieved(
        &page.status,
        &request_id.0,
        &page.results,
    ))
}

/// Answers a Query: the same as Retrieve, by the older operation.
pub async fn query(
    cloud: &Cloud,
    caller: &Caller,
    request: QueryRequest,
    canonical: &str,
) -> Result<String, Error> {
    let request_id = cloud.random.request_id();
    let wanted = request.into_retrieve();
    let page = page_of(cloud, caller, wanted, canonical, &request_id).await?;
    Ok(soap::write_queried(
        &page.status,
        &request_id.0,
        &page.results,
    ))
}

/// The answer to a retrieval, without its envelope.
struct RetrievedPage {
    /// The OverallStatus.
    status: String,
    /// The Results elements.
    results: String,
}

async fn page_of(
    cloud: &Cloud,
    caller: &Caller,
    request: RetrieveRequest,
    canonical: &str,
    request_id: &RequestId,
) -> Result<RetrievedPage, Error> {
    let page = |status: &str, results| RetrievedPage {
        status: status.to_owned(),
        results,
    };
    let error = |text: &str| Ok(page(&format!("Error: {text}"), String::new()));
    // A page belongs to the caller, even if its objects are those of other accounts: the request for
    // the next page does not name those accounts again.
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
        Ok(found) => match found.next {
            None => Ok(page("OK", found.results)),
            Some(next) => {
                page::keep(cloud, own, request_id, &canonical, next).await?;
                Ok(page("MoreDataAvailable", found.results))
            }
        },
    }
}

/// The accounts whose objects are requested, each once: those that are named; with QueryAllAccounts
/// all for which the caller may act; otherwise the caller's own.
async fn accounts_of(
    cloud: &Cloud,
    caller: &Caller,
    request: &RetrieveRequest,
) -> Result<Result<Vec<AccountId>, Refusal>, Error> {
    // When a request is continued, the caller may no longer act for its accounts.
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
    // A call belongs to the account that sent it, even if it was sent for another one. After the
    // caller's calls come those that a named account sent itself.
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
            // Another account may have it.
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
    // Objects that the type needs to be found, such as the data extension of a row.
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
            wanted.take(own, 0, cloud.now(), page);
        }
    }
    let keys = direct_keys(&source, request.filter.as_ref(), cloud);
    if source.is_counted() {
        return summaries::take(cloud, &wanted, keys, cursor, page).await;
    }
    match keys {
        Some(keys) => wanted.at(cloud, &keys, cursor, page).await?,
        None => wanted.after(cloud, cursor, page).await?,
    }
    Ok(Ok(()))
}

/// The `Client` of an account's objects, if it is requested: it is not stored with them.
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

/// The keys of all objects that can match, if the filter names keys: then only these are read.
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

/// The properties for which every requested object has one of some values.
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
