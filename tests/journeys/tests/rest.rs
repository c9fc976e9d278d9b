//! What became of a call, asked by REST.

use std::collections::BTreeMap;

use ingest::{Request, Response};
use journeys::{Call, Story, a_caller, call, days, hours, part, seconds, subscriber};
use serde_json::{Value, json};

fn make(name: &str) -> Call {
    call().creating(subscriber(name))
}

async fn get_with(caller: &Story, path: &str, authorization: &str) -> Response {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let headers = [("authorization".to_owned(), authorization.to_owned())];
    let request = Request {
        method: "GET".to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: BTreeMap::from(headers),
        ..Request::default()
    };
    caller.asks(request).await
}

async fn get(caller: &Story, path: &str) -> (u16, Value) {
    let response = get_with(caller, path, &format!("Bearer {}", caller.token())).await;
    let body = serde_json::from_str(&response.body).expect("JSON");
    (response.status, body)
}

/// The member `status` of what is said of a call.
async fn status(caller: &Story, request_id: &str) -> Value {
    let (http_status, mut body) = get(caller, &format!("/data/v1/async/{request_id}/status")).await;
    assert_eq!(http_status, 200, "{body}");
    body["status"].take()
}

async fn results(caller: &Story, request_id: &str, query: &str) -> Value {
    let (http_status, body) = get(
        caller,
        &format!("/data/v1/async/{request_id}/results{query}"),
    )
    .await;
    assert_eq!(http_status, 200, "{body}");
    body
}

fn said(status: &Value) -> String {
    let text = |name: &str| status[name].as_str().unwrap_or("-").to_owned();
    let words = ["requestStatus", "resultStatus", "state"].map(text);
    format!("{} {}", words.join(" "), status["hasErrors"])
}

#[tokio::test(start_paused = true)]
async fn the_status_of_a_call_has_the_originals_shape() {
    let mut caller = a_caller().await;
    let id = caller.queues(make("ann").at("2026-03-02T10:00:00Z")).await;
    let pending = json!({
        "callDateTime": "2026-03-02T09:00:00Z",
        "completionDateTime": null,
        "hasErrors": false,
        "pickupDateTime": null,
        "requestStatus": "Pending",
        "resultStatus": null,
        "requestId": id,
        "state": "Scheduled",
    });
    assert_eq!(status(&caller, &id).await, pending);
    caller.passes(hours(1)).await;
    let ended = json!({
        "callDateTime": "2026-03-02T09:00:00Z",
        "completionDateTime": "2026-03-02T10:00:00Z",
        "hasErrors": false,
        "pickupDateTime": null,
        "requestStatus": "Complete",
        "resultStatus": "OK",
        "requestId": id,
        "state": "Complete",
    });
    caller = renewed(caller).await;
    assert_eq!(status(&caller, &id).await, ended);
    assert_eq!(status(&caller, &id.to_uppercase()).await, ended);
}

/// The caller with a token that has not expired.
async fn renewed(mut caller: Story) -> Story {
    caller.fetches_token().await;
    caller
}

#[tokio::test(start_paused = true)]
async fn every_status_is_answered() {
    let mut caller = a_caller().await;
    let good = caller.queues(make("ann")).await;
    let bad = caller.queues(make("ann")).await;
    let mixed = caller.queues(make("bob").and(subscriber("ann"))).await;
    let gathering = caller.queues(part("c", 1, 2)).await;
    let first = caller
        .queues(part("d", 1, 2).creating(subscriber("ann")))
        .await;
    let second = caller.queues(part("d", 2, 2)).await;
    assert_eq!(
        said(&status(&caller, &good).await),
        "Pending - Queued false"
    );
    caller.settles().await;
    for (id, expected) in [
        (&good, "Complete OK Complete false"),
        (&bad, "Complete Error Error true"),
        (&mixed, "Complete Has Errors Error true"),
        (&gathering, "Pending - Gathering false"),
        (&first, "Complete Error Error true"),
        (&second, "Error Error NotProcessed true"),
    ] {
        assert_eq!(said(&status(&caller, id).await), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn results_come_in_pages() {
    let mut caller = a_caller().await;
    caller.does(call().creating(subscriber("s3"))).await;
    let objects = (0..120)
        .map(|number| subscriber(&format!("s{number}")))
        .collect();
    let id = caller.queues(call().doing("Create", objects)).await;
    let none = json!({
        "page": 1, "pageSize": 50, "count": 0, "items": [], "requestId": id, "resultMessages": [],
    });
    assert_eq!(results(&caller, &id, "").await, none, "pending");
    caller.settles().await;
    let first = results(&caller, &id, "").await;
    assert_eq!(
        (&first["page"], &first["pageSize"], &first["count"]),
        (&json!(1), &json!(50), &json!(120))
    );
    assert_eq!(first["items"].as_array().map(Vec::len), Some(50));
    assert_eq!(
        first["items"][2],
        json!({ "errorCode": "", "message": "Created Subscriber.", "status": "OK" })
    );
    assert_eq!(
        first["items"][3],
        json!({ "errorCode": "12014", "message": "The subscriber is already on the list", "status": "Error" })
    );
    for (query, items) in [
        ("?$page=3", 20),
        ("?$page=4", 0),
        ("?$page=2&$pageSize=100", 20),
        ("?%24pagesize=7", 7),
        ("?$page=18446744073709551615&$pageSize=2500", 0),
    ] {
        let page = results(&caller, &id, query).await;
        assert_eq!(
            page["items"].as_array().map(Vec::len),
            Some(items),
            "{query}"
        );
    }
    for query in ["?$page=0", "?$page=x", "?$pageSize=-1"] {
        let (status, body) = get(&caller, &format!("/data/v1/async/{id}/results{query}")).await;
        assert_eq!(status, 400);
        assert!(
            body["message"]
                .as_str()
                .is_some_and(|text| text.contains("from 1")),
            "{body}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn skipped_calls_have_a_result_for_each_object() {
    let mut caller = a_caller().await;
    caller
        .queues(part("c", 1, 2).updating(
            r#"<Objects xsi:type="Subscriber"><SubscriberKey>nobody</SubscriberKey></Objects>"#,
        ))
        .await;
    let two = part("c", 2, 2)
        .creating(subscriber("ann"))
        .and(subscriber("bob"));
    let skipped = caller.queues(two).await;
    caller.settles().await;
    let found = results(&caller, &skipped, "").await;
    assert_eq!(found["count"], 2);
    assert_eq!(found["items"][0], found["items"][1]);
    assert_eq!(found["items"][0]["status"], "Error");
}

#[tokio::test(start_paused = true)]
async fn unknown_and_foreign_ids_are_not_found() {
    let mut caller = a_caller().await;
    let id = caller.queues(make("ann")).await;
    caller.settles().await;
    let other = caller.another_caller("1002").await;
    let never = "6f0c2f6e-0000-4000-8000-000000000000";
    for (who, id) in [(&caller, never), (&caller, "x"), (&other, id.as_str())] {
        for about in ["status", "results"] {
            let (http_status, body) = get(who, &format!("/data/v1/async/{id}/{about}")).await;
            assert_eq!(http_status, 404);
            assert!(body["requestId"].is_string());
            let message = format!(
                "Unable to locate an Async Request Status Record for the provided RequestId: {id}."
            );
            let expected = json!([{
                "resultType": "Operational",
                "resultClass": "Error",
                "resultCode": "AsyncRequestStatusNotFound",
                "message": message,
            }]);
            assert_eq!(body["resultMessages"], expected);
        }
    }
    assert_eq!(
        said(&status(&caller, &id).await),
        "Complete OK Complete false"
    );
    caller.passes(days(30) + seconds(1)).await;
    let caller = renewed(caller).await;
    let (http_status, _) = get(&caller, &format!("/data/v1/async/{id}/status")).await;
    assert_eq!(http_status, 404, "results are kept for thirty days");
}

#[tokio::test(start_paused = true)]
async fn only_the_holder_of_a_token_is_answered() {
    let mut caller = a_caller().await;
    let id = caller.queues(make("ann")).await;
    let path = format!("/data/v1/async/{id}/status");
    let token = caller.token().to_owned();
    for bad in ["", "Bearer", "Bearer x", &token, &format!("Basic {token}")] {
        let response = get_with(&caller, &path, bad).await;
        assert_eq!(response.status, 401, "{bad}");
        let expected = json!({ "documentation": "", "errorcode": 0, "message": "Not Authorized" });
        assert_eq!(
            serde_json::from_str::<Value>(&response.body).expect("JSON"),
            expected
        );
    }
    let good = get_with(&caller, &path, &format!("bearer  {token} ")).await;
    assert_eq!(good.status, 200);
    caller.local().clock().advance(seconds(1_080));
    let late = get_with(&caller, &path, &format!("Bearer {token}")).await;
    assert_eq!(late.status, 401, "it has expired");
    assert!(late.body.contains("The token has expired"), "{}", late.body);
    let nowhere = get_with(&caller, "/asset/v1/content", &token).await;
    assert_eq!(nowhere.status, 404);
    let body: Value = serde_json::from_str(&nowhere.body).expect("JSON");
    assert_eq!(body["errorcode"], 404);
    let posted = Request {
        method: "POST".to_owned(),
        path,
        ..Request::default()
    };
    assert_eq!(caller.asks(posted).await.status, 405);
}
