//! Real calls through real functions: what an HTTP API and a queue would hand them, in what order.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::envelope::{PASSWORD, Part};
use crate::invocations::Event;
use crate::ledger::Ledger;
use crate::runtime_api::{Function, Invoked};

/// Longest wait for the next event of a call.
const PATIENCE: Duration = Duration::from_secs(60);

/// Suffix of the rows for calls that are replied to by mail.
const BY_MAIL: &str = ", by mail";

/// One event's measures, and the memory of its process by then.
#[derive(Debug)]
pub struct Measured {
    pub invoked: Invoked,
    pub memory_kb: u64,
}

/// The functions, and their measures.
#[derive(Debug)]
pub struct Stage {
    pub environment: Vec<(String, String)>,
    pub functions: PathBuf,
    /// Whether a process is kept for the next event of its function.
    pub keep: bool,
    /// What functions are started with, such as valgrind; with `{}` for the function's name.
    pub wrapper: String,
    pub ledger: Arc<Ledger>,
    pub sink: String,
    pub run: String,
    pub events: UnboundedReceiver<Event>,
    pub kept: BTreeMap<String, Function>,
    pub measured: BTreeMap<String, Vec<Measured>>,
}

impl Stage {
    /// One call with a callback, from its arrival to the last event that it causes. `as_what`: the
    /// row for the door's measures; `token`: who calls, unless it is user and password.
    pub async fn call(&mut self, as_what: &str, token: Option<&str>) -> anyhow::Result<()> {
        let part = Part {
            conversation: self.ledger.open(1),
            sequence: 1,
            of: 1,
        };
        let mut envelope = part.envelope(&self.run, &self.sink);
        if let Some(token) = token {
            let token = format!("<fueloauth xmlns=\"http://exacttarget.com\">{token}</fueloauth>");
            envelope = envelope.replace(PASSWORD, &token);
        }
        let sent = Instant::now();
        self.ledger.sent(part.conversation, sent);
        let event = http_event("/Service.asmx", "text/xml; charset=utf-8", &envelope);
        let answer = self.function("ingest", as_what, event).await?;
        ensure!(
            answer.contains("<OverallStatus>OK</OverallStatus>"),
            "ingest answered {answer}"
        );
        self.ledger
            .answered(part.conversation, sent, Instant::now());
        while self.ledger.under_way() > 0 {
            self.follow("").await?;
        }
        Ok(())
    }

    /// One call that is replied to by mail, which the notifier sends; its measures have rows of
    /// their own. `number`: not one that the ledger has opened.
    pub async fn call_by_mail(&mut self, token: &str, number: usize) -> anyhow::Result<()> {
        let part = Part {
            conversation: number,
            sequence: 1,
            of: 1,
        };
        let posted = format!("{}{}", self.sink, part.path());
        let token = format!("<fueloauth xmlns=\"http://exacttarget.com\">{token}</fueloauth>");
        let envelope = part
            .envelope(&self.run, &self.sink)
            .replace(PASSWORD, &token)
            .replace("HTTPPost", "email")
            .replace(&posted, "bench@example.com");
        let event = http_event("/Service.asmx", "text/xml; charset=utf-8", &envelope);
        let answer = self.function("ingest", "ingest, by mail", event).await?;
        ensure!(
            answer.contains("<OverallStatus>OK</OverallStatus>"),
            "ingest answered {answer}"
        );
        while self.follow(BY_MAIL).await? != "notifier" {}
        Ok(())
    }

    /// A token of the API client `local`.
    pub async fn token(&mut self) -> anyhow::Result<String> {
        let body = json!({
            "grant_type": "client_credentials", "client_id": "local", "client_secret": "local",
        });
        let event = http_event("/v2/token", "application/json", &body.to_string());
        let answer = self.function("ingest", "token", event).await?;
        let answer: Value = serde_json::from_str(&answer)?;
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap_or_default())?;
        let token = body["access_token"].as_str();
        Ok(token
            .with_context(|| format!("there is no token in {answer}"))?
            .to_owned())
    }

    /// Gives the next event of the cloud to its function and returns the function's name. Its
    /// measures are entered under that name and `aside`.
    async fn follow(&mut self, aside: &str) -> anyhow::Result<String> {
        let next = tokio::time::timeout(PATIENCE, self.events.recv()).await;
        let Ok(Some(event)) = next else {
            bail!("nothing goes on with a call that was answered");
        };
        let function = event.function;
        let as_what = format!("{function}{aside}");
        let answer = self.function(&function, &as_what, event.body).await?;
        // The local cloud may have given the event up.
        drop(event.answer.send(Bytes::from(answer)));
        Ok(function)
    }

    /// Hands an event to one of our functions.
    pub async fn function(
        &mut self,
        function: &str,
        as_what: &str,
        event: Bytes,
    ) -> anyhow::Result<String> {
        let path = self.functions.join(function).to_string_lossy().into_owned();
        let command = format!("{} {path}", self.wrapper.replace("{}", function));
        self.hand(command.trim(), as_what, event).await
    }

    /// Hands an event to a process that this command starts, or has started.
    pub async fn hand(
        &mut self,
        command: &str,
        as_what: &str,
        event: Bytes,
    ) -> anyhow::Result<String> {
        let mut function = match self.kept.remove(command) {
            Some(kept) => kept,
            None => Function::start(self.command(command)).await?,
        };
        let invoked = function
            .invoke(event)
            .await
            .with_context(|| command.to_owned())?;
        let answer = String::from_utf8_lossy(&invoked.answer).into_owned();
        let memory_kb = function.most_memory_kb();
        let measured = Measured { invoked, memory_kb };
        self.measured
            .entry(as_what.to_owned())
            .or_default()
            .push(measured);
        if self.keep {
            self.kept.insert(command.to_owned(), function);
        }
        Ok(answer)
    }

    fn command(&self, words: &str) -> Command {
        let mut words = words.split(' ');
        let mut command = Command::new(words.next().unwrap_or_default());
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        command
            .args(words)
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }
}

/// What an HTTP API makes of a request.
pub fn http_event(path: &str, content_type: &str, body: &str) -> Bytes {
    let http = json!({
        "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1",
        "userAgent": "bench",
    });
    let context = json!({
        "accountId": "000000000000", "apiId": "bench", "domainName": "bench.example", "http": http,
        "requestId": "bench", "routeKey": "$default", "stage": "$default",
        "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 1_767_225_600_000_i64,
    });
    let headers = json!({
        "content-type": content_type, "soapaction": "\"Create\"", "host": "bench.example",
    });
    let event = json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
        "headers": headers, "requestContext": context, "body": body, "isBase64Encoded": false,
    });
    Bytes::from(event.to_string())
}
