//! States and results of calls as JSON, for the holder of a token.
//!
//! `GET /data/v1/async/{requestId}/status` and `.../results` have the shape of Marketing Cloud's
//! answers. An unknown id is answered differently from a pending one.

use calls::{Call, Ended, OverallStatus, RequestId};
use cloud::accounts::{Caller, TokenState};
use cloud::read::state::state_of_call;
use cloud::records::outcome_record::OutcomeRecord;
use cloud::{Cloud, Error};
use serde_json::{Value, json};
use soap::{ObjectResult, write_date_time};
use tracing::error;

use crate::caller;
use crate::http::{Request, Response};
use crate::page::RESULTS_MAX;

/// Default number of results in a page. Marketing Cloud's figure.
const PAGE_SIZE: usize = 50;

/// What is requested of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    Status,
    Results,
}

/// The id and the question in a lower-case path; `None`: another path.
pub fn parse_path(path: &str) -> Option<(RequestId, Question)> {
    let mut parts = path.rsplit('/');
    let question = match parts.next()? {
        "status" => Question::Status,
        "results" => Question::Results,
        _ => return None,
    };
    let id = parts.next().filter(|id| !id.is_empty())?;
    let is_ours =
        parts.next() == Some("async") && parts.next() == Some("v1") && parts.next() == Some("data");
    is_ours.then(|| (RequestId(id.to_owned()), question))
}

/// Answers with the state or the results of a call.
pub async fn answer(
    cloud: &Cloud,
    request: &Request,
    request_id: &RequestId,
    question: Question,
) -> Response {
    let answered = match holder(cloud, request).await {
        Ok(Ok(caller)) => look(cloud, request, &caller, request_id, question).await,
        Ok(Err(refused)) => Ok(refused),
        Err(error) => Err(error),
    };
    answered.unwrap_or_else(|error| unavailable(&error))
}

async fn look(
    cloud: &Cloud,
    request: &Request,
    caller: &Caller,
    request_id: &RequestId,
    question: Question,
) -> Result<Response, Error> {
    let page = match question {
        Question::Status => Paging::default(),
        Question::Results => match Paging::read(&request.query) {
            Ok(page) => page,
            Err(why) => return Ok(said(400, 0, why)),
        },
    };
    let found = cloud.call_of_request(&caller.account, request_id).await?;
    let Some(found) = found else {
        return Ok(unknown(cloud, request_id));
    };
    let now = cloud.now();
    let sequence = found.call.place.sequence();
    let record = cloud.load_outcome(&found.header, sequence, now).await?;
    let record = record.or_else(|| OutcomeRecord::to_be_written(&found.header, &found.call));
    let state = state_of_call(&found.header, sequence, &found.call, record.as_ref(), now);
    let Some(state) = state else {
        return Ok(unknown(cloud, request_id));
    };
    let outcome = record.as_ref().map(|record| &record.outcome);
    match question {
        Question::Status => Ok(status(cloud, &found.call, outcome, state)),
        Question::Results => {
            let results = match &record {
                Some(record) => record.object_results(cloud, None).await?,
                None => Vec::new(),
            };
            Ok(page.answer(request_id, &results))
        }
    }
}

fn status(cloud: &Cloud, call: &Call, outcome: Option<&calls::Outcome>, state: &str) -> Response {
    let request_status = match outcome.map(|outcome| outcome.how) {
        None => "Pending",
        Some(Ended::CarriedOut) => "Complete",
        Some(Ended::Expired | Ended::Cancelled | Ended::NotProcessed | Ended::Unknown) => "Error",
    };
    let failed = |outcome: &calls::Outcome| outcome.overall_status != OverallStatus::Ok;
    Response::json(
        200,
        &json!({
            "status": {
                "callDateTime": write_date_time(call.arrived_at),
                "completionDateTime": outcome.map(|outcome| write_date_time(outcome.ended_at)),
                "hasErrors": outcome.is_some_and(failed),
                // The time at which a call's turn came is not recorded, only its end.
                "pickupDateTime": Value::Null,
                "requestStatus": request_status,
                "resultStatus": outcome.map(|outcome| outcome.overall_status.text()),
                "requestId": call.request_id.0,
                "state": state,
            },
            "requestId": cloud.random.guid(),
            "resultMessages": [],
        }),
    )
}

/// Which page of the results is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Paging {
    page: usize,
    size: usize,
}

impl Default for Paging {
    fn default() -> Self {
        Self {
            page: 1,
            size: PAGE_SIZE,
        }
    }
}

impl Paging {
    fn read(query: &str) -> Result<Self, &'static str> {
        let mut read = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let number = value.parse().ok().filter(|number| *number > 0);
            match name.to_ascii_lowercase().as_str() {
                "$page" => read.page = number.ok_or("$page must be a number from 1")?,
                "$pagesize" => {
                    let size: usize = number.ok_or("$pageSize must be a number from 1")?;
                    read.size = size.min(RESULTS_MAX);
                }
                _ => {}
            }
        }
        Ok(read)
    }

    fn answer(self, request_id: &RequestId, results: &[ObjectResult]) -> Response {
        let item = |result: &ObjectResult| {
            json!({
                "errorCode": result.error_code.map_or_else(String::new, |code| code.to_string()),
                "message": result.status_message,
                "status": if result.ok { "OK" } else { "Error" },
            })
        };
        let before = self.page.saturating_sub(1).saturating_mul(self.size);
        let items = results.iter().skip(before).take(self.size).map(item);
        Response::json(
            200,
            &json!({
                "page": self.page,
                "pageSize": self.size,
                "count": results.len(),
                "items": items.collect::<Vec<_>>(),
                "requestId": request_id.0,
                "resultMessages": [],
            }),
        )
    }
}

/// Marketing Cloud's answer for an id that the account never had.
fn unknown(cloud: &Cloud, request_id: &RequestId) -> Response {
    let id: String = request_id
        .0
        .chars()
        .filter(|letter| !letter.is_control())
        .take(64)
        .collect();
    Response::json(
        404,
        &json!({
            "requestId": cloud.random.guid(),
            "resultMessages": [{
                "resultType": "Operational",
                "resultClass": "Error",
                "resultCode": "AsyncRequestStatusNotFound",
                "message": format!(
                    "Unable to locate an Async Request Status Record for the provided RequestId: {id}."
                ),
            }],
        }),
    )
}

/// The caller of a REST request that may call now, or the answer that refuses it.
pub async fn holder(cloud: &Cloud, request: &Request) -> Result<Result<Caller, Response>, Error> {
    let header = request.header("authorization").unwrap_or_default();
    let token = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        Some(_) | None => return Ok(Err(not_authorized())),
    };
    let caller = match cloud.accounts.look_up_token(token, cloud.now()).await? {
        TokenState::Good(caller) => caller,
        TokenState::Unknown => {
            caller::note_failed_login(cloud, request, "token");
            return Ok(Err(not_authorized()));
        }
        TokenState::Expired => {
            let message = "Not Authorized. The token has expired; ask for another at /v2/token";
            return Ok(Err(said(401, 0, message)));
        }
    };
    Ok(match caller::held_back(cloud, &caller, 0).await? {
        None => Ok(caller),
        Some(seconds) => Err(said(429, 17, "Rate Limited").retry_after(Some(seconds))),
    })
}

/// Marketing Cloud's answer to a REST request without a valid token.
fn not_authorized() -> Response {
    said(401, 0, "Not Authorized")
}

/// Marketing Cloud's answer to a REST request that fails.
pub fn said(status: u16, error_code: u32, message: &str) -> Response {
    Response::json(
        status,
        &json!({ "documentation": "", "errorcode": error_code, "message": message }),
    )
}

/// An AWS service failed; the answer does not say how.
pub fn unavailable(error: &Error) -> Response {
    error!(error = error.in_full(), "request could not be answered");
    said(503, 2, "Try again").retry_after(Some(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_ask_by_their_end() {
        let id = RequestId("6f0c".to_owned());
        let status = Some((id.clone(), Question::Status));
        assert_eq!(parse_path("/data/v1/async/6f0c/status"), status);
        assert_eq!(parse_path("/prefix/data/v1/async/6f0c/status"), status);
        let results = Some((id, Question::Results));
        assert_eq!(parse_path("/data/v1/async/6f0c/results"), results);
        for other in [
            "/data/v1/async/6f0c",
            "/data/v1/async//status",
            "/data/v2/async/6f0c/status",
            "/mydata/v1/async/6f0c/status",
            "/status",
            "",
        ] {
            assert_eq!(parse_path(other), None, "{other}");
        }
    }

    #[test]
    fn pages_are_numbers_from_one() {
        let read = |query| Paging::read(query).map(|paging| (paging.page, paging.size));
        assert_eq!(read(""), Ok((1, 50)));
        assert_eq!(read("$page=3&$pageSize=10"), Ok((3, 10)));
        assert_eq!(read("%24PAGE=3&%24pagesize=999999"), Ok((3, RESULTS_MAX)));
        assert_eq!(read("other=1"), Ok((1, 50)));
        for wrong in [
            "$page=0",
            "$page=-1",
            "$page=x",
            "$pageSize=",
            "$pageSize=0",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
