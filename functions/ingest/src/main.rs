//! Starts `ingest` in AWS Lambda: reads the settings, opens the connections, and hands each HTTP
//! request to the door.

use std::collections::BTreeMap;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body;
use aws_lambda_events::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloud::Cloud;
use ingest::{Request, Response};
use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let cloud = Cloud::from_environment()?;
    cloud.warm_up().await;
    let cloud = &cloud;
    lambda_runtime::run(service_fn(
        move |event: LambdaEvent<ApiGatewayV2httpRequest>| async move {
            let answer = match read(event.payload) {
                Some(request) => ingest::answer(cloud, &request).await,
                None => Response::text(400, "The body is not readable.\n"),
            };
            Ok::<_, Error>(write(answer))
        },
    ))
    .await
}

/// `None`: the body says that it is Base64, and is not.
fn read(event: ApiGatewayV2httpRequest) -> Option<Request> {
    let body = event.body.unwrap_or_default();
    let body = if event.is_base64_encoded {
        STANDARD.decode(body).ok()?
    } else {
        body.into_bytes()
    };
    let headers: BTreeMap<String, String> = event
        .headers
        .iter()
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect();
    let context = event.request_context;
    let host = context
        .domain_name
        .or_else(|| headers.get("host").cloned())
        .unwrap_or_default();
    let scheme = headers
        .get("x-forwarded-proto")
        .map_or("https", String::as_str);
    Some(Request {
        method: context.http.method.to_string(),
        path: event.raw_path.unwrap_or_default(),
        query: event.raw_query_string.unwrap_or_default(),
        origin: format!("{scheme}://{host}"),
        headers,
        body,
    })
}

fn write(answer: Response) -> ApiGatewayV2httpResponse {
    let mut headers = HeaderMap::new();
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(answer.status);
    response.headers = headers;
    response.body = Some(Body::Text(answer.body));
    response
}
