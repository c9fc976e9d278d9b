//! Retrieve and Query: looking at stored objects, and at what became of calls.

use calls::{AccountId, RequestId};
use cloud::{Cloud, Error};
use jiff::SignedDuration;
use objects::{ObjectKey, Overlay, Source};
use soap::{Element, Filter, Operator, QueryRequest, RetrieveRequest};

use crate::caller::{self, Caller};
use crate::object_query::ResultKind;
use crate::page::{self, Cursor, Page, RESULTS_MAX};
use crate::results;

/// Stored objects that are read in one request.
const READ_AT_ONCE: i32 = 500;

/// Longest look through a partition: the front door waits 30 s. What is found by then is a page.
const LOOK_MAX: SignedDuration = SignedDuration::from_secs(15);

/// A page, or the original's words for why there is none.
pub type Looked = Result<Page, String>;

/// Answers a Retrieve. `canonical` is the request as it is kept for the next page.
pub async fn retrieve(
    cloud: &Cloud,
    caller: &Caller,
    request: &RetrieveRequest,
    canonical: &str,
) -> Result<String, Error> {
    let request_id = cloud.random.request_id();
    let client = request.clients.first();
    let account = match caller::acting_for(cloud, caller, client).await? {
        Ok(acting) => acting.account,
        Err(refusal) => return Ok(error(&refusal.to_string(), &request_id.0)),
    };
    let (status, results) = page_of(cloud, &account, request, canonical, &request_id).await?;
    Ok(soap::write_retrieved(&status, &request_id.0, &results))
}

/// Answers a Query: the same look, by the older operation.
pub async fn query(
    cloud: &Cloud,
    caller: &Caller,
    request: &QueryRequest,
    canonical: &str,
) -> Result<String, Error> {
    let request_id = cloud.random.request_id();
    let wanted = of_query(request);
    let (status, results) =
        page_of(cloud, &caller.account, &wanted, canonical, &request_id).await?;
    Ok(soap::write_queried(&status, &request_id.0, &results))
}

/// The Retrieve that asks for the same.
pub fn of_query(query: &QueryRequest) -> RetrieveRequest {
    RetrieveRequest {
        object_type: query.object_type.clone(),
        properties: query.properties.clone(),
        filter: query.filter.clone(),
        continue_request: query.continue_request.clone(),
        batch_size: None,
        clients: Vec::new(),
        query_all_accounts: false,
    }
}

/// OverallStatus and results of one page.
async fn page_of(
    cloud: &Cloud,
    account: &AccountId,
    request: &RetrieveRequest,
    canonical: &str,
    request_id: &RequestId,
) -> Result<(String, String), Error> {
    let error = |text: &str| Ok((format!("Error: {text}"), String::new()));
    let (request, canonical, cursor) = match &request.continue_request {
        None => (request.clone(), canonical.to_owned(), Cursor::default()),
        Some(before) => match page::continued(cloud, account, before).await? {
            Some(continued) => continued,
            None => {
                let before = short(before);
                return error(&format!(
                    "There is nothing to continue for request {before}"
                ));
            }
        },
    };
    match look(cloud, account, &request, cursor).await? {
        Err(text) => error(&text),
        Ok(page) => match page.next {
            None => Ok(("OK".to_owned(), page.results)),
            Some(next) => {
                page::keep(cloud, account, request_id, &canonical, next).await?;
                Ok(("MoreDataAvailable".to_owned(), page.results))
            }
        },
    }
}

fn error(text: &str, request_id: &str) -> String {
    soap::write_retrieved(&format!("Error: {text}"), request_id, "")
}

async fn look(
    cloud: &Cloud,
    account: &AccountId,
    request: &RetrieveRequest,
    cursor: Cursor,
) -> Result<Looked, Error> {
    let size = request
        .batch_size
        .and_then(|size| usize::try_from(size).ok())
        .unwrap_or(RESULTS_MAX)
        .min(RESULTS_MAX);
    match ResultKind::named(&request.object_type) {
        Some(kind) => results::look(cloud, account, kind, request, cursor, size).await,
        None => stored(cloud, account, request, cursor, size).await,
    }
}

/// Objects of the built-in backend.
async fn stored(
    cloud: &Cloud,
    account: &AccountId,
    request: &RetrieveRequest,
    cursor: Cursor,
    size: usize,
) -> Result<Looked, Error> {
    let mut overlay = Overlay::new(account);
    // What the type needs to be found, such as the data extension of a row.
    while let Err(missing) = objects::retrieve_from(&overlay, &request.object_type) {
        cloud.load_objects(&mut overlay, missing.0).await?;
    }
    let source = match objects::retrieve_from(&overlay, &request.object_type) {
        Ok(Ok(source)) => source,
        Ok(Err(refused)) => return Ok(Err(refused.to_string())),
        Err(missing) => {
            return Err(Error::Missing(format!("{:?}", missing.0)));
        }
    };
    if let Err(refused) = source.check_properties(request) {
        return Ok(Err(refused.to_string()));
    }
    let wanted = Wanted {
        source: &source,
        request,
    };
    let page = match direct_keys(&source, request.filter.as_ref(), cloud) {
        Some(keys) => wanted.at(cloud, &keys, cursor.id, size).await?,
        None => wanted.after(cloud, cursor.after, size).await?,
    };
    Ok(Ok(page))
}

/// What of the stored objects goes into the answer.
struct Wanted<'a> {
    source: &'a Source<'a>,
    request: &'a RetrieveRequest,
}

impl Wanted<'_> {
    /// What lies at these keys, from the one with that number on.
    async fn at(
        &self,
        cloud: &Cloud,
        keys: &[ObjectKey],
        first: usize,
        size: usize,
    ) -> Result<Page, Error> {
        let mut page = Page::of(size);
        for (id, key) in keys.iter().enumerate().skip(first) {
            let fits = !page.is_full()
                && match cloud.object(key).await? {
                    Some(found) => self.take(found, &mut page),
                    None => true,
                };
            if !fits {
                page.next = Some(Cursor {
                    id,
                    ..Cursor::default()
                });
                break;
            }
        }
        Ok(page)
    }

    /// What lies in the partition, behind that key.
    async fn after(
        &self,
        cloud: &Cloud,
        mut after: Option<String>,
        size: usize,
    ) -> Result<Page, Error> {
        let began = cloud.now();
        let mut page = Page::of(size);
        loop {
            let partition = &self.source.partition;
            let (found, more) = cloud
                .objects_after(partition, after.as_deref(), READ_AT_ONCE)
                .await?;
            for (sort, object) in found {
                let fits = self.take(object, &mut page);
                if fits {
                    after = Some(sort);
                }
                if !fits || page.is_full() {
                    return Ok(page.with_more_behind(after));
                }
            }
            if more.is_none() {
                return Ok(page);
            }
            after = more;
            if cloud.now().duration_since(began) > LOOK_MAX {
                return Ok(page.with_more_behind(after));
            }
        }
    }

    /// `false`: it does not fit into the page.
    fn take(&self, stored: Element, page: &mut Page) -> bool {
        let admitted: Vec<Element> = self
            .source
            .objects_in(stored)
            .into_iter()
            .filter(|object| {
                self.request
                    .filter
                    .as_ref()
                    .is_none_or(|filter| filter.admits(object))
            })
            .map(|object| soap::project(&object, &self.request.properties))
            .collect();
        page.take(&admitted)
    }
}

/// The keys that can hold what is asked for, if the filter asks for keys: a look at each is enough.
fn direct_keys(
    source: &Source<'_>,
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

fn short(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_control())
        .take(64)
        .collect()
}
