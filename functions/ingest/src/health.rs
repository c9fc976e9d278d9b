//! `GET /health`: whether calls can be accepted, for monitors. It needs no login and returns
//! nothing else.

use cloud::Cloud;
use cloud::health::TableHealth;
use serde_json::json;

use crate::http::Response;

pub async fn answer(cloud: &Cloud) -> Response {
    let response = match cloud.table_health().await {
        TableHealth::Ok => Response::json(200, &json!({ "status": "ok" })),
        TableHealth::OutOfReach => {
            Response::json(503, &json!({ "status": "unavailable" })).retry_after(Some(1))
        }
    };
    response.with_header("cache-control", "no-store")
}
