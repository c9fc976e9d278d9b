//! What is left out must not be missed: where requests go, what they say, and when they end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::operation::get_queue_attributes::GetQueueAttributesError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;

use super::*;
use crate::aws::clients::{ATTEMPT_MAX, read};

/// Takes every request, and answers that all is well or never.
#[derive(Clone, Debug, Default)]
struct Recorder {
    answers: bool,
    requests: Arc<Mutex<Vec<HttpRequest>>>,
}

impl HttpConnector for Recorder {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.requests.lock().expect("not poisoned").push(request);
        let answers = self.answers;
        HttpConnectorFuture::new(async move {
            if !answers {
                std::future::pending::<()>().await;
            }
            let ok = 200.try_into().expect("a status");
            Ok(HttpResponse::new(ok, SdkBody::from("{}")))
        })
    }
}

impl Recorder {
    fn answering() -> Self {
        Self {
            answers: true,
            ..Self::default()
        }
    }

    /// The settings of a function there, with these variables besides.
    fn config(&self, region: &str, more: &'static [(&str, &str)]) -> SdkConfig {
        let region = region.to_owned();
        let variable = move |name: &str| match name {
            "AWS_REGION" => Some(region.clone()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("known".to_owned()),
            _ => more
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned()),
        };
        let connector = SharedHttpConnector::new(self.clone());
        let client = http_client_fn(move |_, _| connector.clone());
        let config = read(variable).expect("all there").into_builder();
        config.http_client(client).build()
    }

    fn addresses(&self) -> Vec<String> {
        let requests = self.requests.lock().expect("not poisoned");
        requests.iter().map(|it| it.uri().to_owned()).collect()
    }

    fn headers(&self, name: &str) -> Vec<Vec<String>> {
        let requests = self.requests.lock().expect("not poisoned");
        let all = |it: &HttpRequest| it.headers().get_all(name).map(str::to_owned).collect();
        requests.iter().map(all).collect()
    }
}

async fn look_up(client: &aws_sdk_dynamodb::Client, table: &str) {
    let sent = client.query().table_name(table).send().await;
    sent.expect("answered");
}

async fn count(client: &aws_sdk_sqs::Client) -> Result<(), SdkError<GetQueueAttributesError>> {
    let url = "https://sqs.us-east-1.amazonaws.com/1/calls";
    let sent = client.get_queue_attributes().queue_url(url).send().await;
    sent.map(|_| ())
}

/// Where two requests to tables and two to queues went.
async fn requested_hosts(region: &str, more: &'static [(&str, &str)]) -> Vec<String> {
    let recorder = Recorder::answering();
    let config = recorder.config(region, more);
    let dynamodb = dynamodb(&config);
    look_up(&dynamodb, "calls").await;
    look_up(&dynamodb, "objects").await;
    let sqs = sqs(&config);
    count(&sqs).await.expect("answered");
    count(&sqs).await.expect("answered");
    recorder.addresses()
}

#[tokio::test]
async fn every_request_goes_to_the_region() {
    for (region, suffix) in [
        ("us-east-1", "amazonaws.com"),
        ("eu-west-1", "amazonaws.com"),
        ("cn-north-1", "amazonaws.com.cn"),
        ("us-gov-west-1", "amazonaws.com"),
    ] {
        let of = |service: &str| format!("https://{service}.{region}.{suffix}/");
        let expected = [of("dynamodb"), of("dynamodb"), of("sqs"), of("sqs")];
        assert_eq!(requested_hosts(region, &[]).await, expected);
    }
}

#[tokio::test]
async fn an_endpoint_of_ones_own_is_followed() {
    let one_for_all = &[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")];
    let addresses = requested_hosts("eu-west-1", one_for_all).await;
    assert_eq!(addresses, ["http://127.0.0.1:1/"; 4]);

    let one_for_queues = &[("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:2")];
    let addresses = requested_hosts("eu-west-1", one_for_queues).await;
    assert_eq!(addresses[1], "https://dynamodb.eu-west-1.amazonaws.com/");
    assert_eq!(addresses[2..], ["http://127.0.0.1:2/"; 2]);
}

#[tokio::test]
async fn every_request_says_once_who_asks_as_the_sdk_words_it() {
    let recorder = Recorder::answering();
    let config = recorder.config("eu-west-1", &[]);
    look_up(&aws_sdk_dynamodb::Client::new(&config), "calls").await;
    let client = dynamodb(&config);
    // Neither of the first two knows what the other will have said.
    tokio::join!(look_up(&client, "calls"), look_up(&client, "calls"));
    look_up(&client, "calls").await;
    look_up(&client, "objects").await;
    let said = recorder.headers(USER_AGENT);
    assert!(said[0][0].contains("api/dynamodb"), "{said:?}");
    assert_eq!(said[0].len(), 1);
    assert_eq!(said[1..], vec![said[0].clone(); 4]);
    let twice: Vec<usize> = recorder
        .headers("x-amz-user-agent")
        .iter()
        .map(Vec::len)
        .collect();
    assert_eq!(twice[3..], [0, 0], "the SDK was not told to be silent");
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_times_out_and_is_retried() {
    let recorder = Recorder::default();
    let config = recorder.config("eu-west-1", &[]);
    let start = tokio::time::Instant::now();
    let error = count(&sqs(&config)).await.expect_err("no answer");
    assert!(matches!(error, SdkError::TimeoutError(_)));
    assert_eq!(recorder.addresses().len(), 3);
    let waiting = start.elapsed() - 3 * ATTEMPT_MAX;
    assert!(waiting < Duration::from_secs(4), "{waiting:?} between them");
}
