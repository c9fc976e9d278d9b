//! A backend that calls are forwarded to: it does what it is told to, and keeps a log of what it was
//! sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use calls::{AccountId, BackendName};
use cloud::accounts::backends::{BackendLogin, BackendSettings};
use local::{CallbackAnswer, CapturedCallback};

use crate::story::Story;

/// Where it is.
pub const BACKEND: &str = "https://backend.example.com/Service.asmx";

/// As whom the product logs in to it.
pub const BACKEND_USER: &str = "integration";
pub const BACKEND_PASSWORD: &str = "s3cret-of-the-backend";

/// Begins an element of its results that no WSDL of ours declares.
pub const UNHEARD: &str = "<Unheard>";

/// What it does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Carries it out, and says so.
    Well,
    /// The same, after a while.
    WellAfter(Duration),
    /// Refuses every object, and says so.
    Badly,
    /// Whoever asks is not let in.
    LoginFailed,
    /// Says of every object that it is not there.
    NotThere,
    /// Nobody listens.
    Down,
    /// Carries it out, and the answer never comes.
    AndHangs,
    /// Answers so, with this status and body.
    Says(u16, &'static str),
    /// The same, with a Retry-After of so many seconds.
    SaysLater(u16, u32),
    /// A fault with this code.
    Fault(u32),
    TokenExpired,
    /// Carries it out, and answers for half of the objects.
    AndAnswersHalf,
    /// Answers what was not asked.
    AnswersAnother,
}

/// The backend, and what it was sent. Clones share it.
#[derive(Clone, Default)]
pub struct Backend(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    does: Option<Does>,
    next: Vec<Does>,
    log: Vec<Received>,
    /// Whoever does not say this is not let in.
    password: Option<String>,
}

/// One call as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    pub action: String,
    pub body: String,
    /// SubscriberKeys of its objects.
    pub keys: Vec<String>,
    /// When it arrived.
    pub at: tokio::time::Instant,
}

impl Backend {
    /// From now on.
    pub fn does(&self, does: Does) {
        self.state().does = Some(does);
    }

    /// With the next call, and the ones after it.
    pub fn does_next(&self, next: &[Does]) {
        self.state().next.extend(next);
    }

    /// From now on it lets in who has this password or token, and nobody else.
    pub fn lets_in(&self, password: &str) {
        self.state().password = Some(password.to_owned());
    }

    /// All that arrived but for questions whether it is ready.
    pub fn log(&self) -> Vec<Received> {
        let log = self.state().log.clone();
        log.into_iter()
            .filter(|it| it.action != "GetSystemStatus")
            .collect()
    }

    /// The keys of all objects that arrived, in their order.
    pub fn keys(&self) -> Vec<String> {
        self.log().into_iter().flat_map(|it| it.keys).collect()
    }

    /// How often it was asked whether it is ready.
    pub fn probes(&self) -> usize {
        let state = self.state();
        let probes = state.log.iter().filter(|it| it.action == "GetSystemStatus");
        probes.count()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("nobody panicked")
    }

    /// What it answers; `None`: the request is for somebody else.
    pub fn answers(&self, request: &CapturedCallback) -> Option<CallbackAnswer> {
        (request.url == BACKEND).then(|| self.answer(request))
    }

    fn answer(&self, request: &CapturedCallback) -> CallbackAnswer {
        let action = request.header("soapaction").unwrap_or_default();
        let received = Received {
            action: action.trim_matches('"').to_owned(),
            keys: texts(&request.body, "SubscriberKey"),
            body: request.body.clone(),
            at: tokio::time::Instant::now(),
        };
        let mut state = self.state();
        let is_let_in = state
            .password
            .as_ref()
            .is_none_or(|it| request.body.contains(it));
        let does = match state.next.is_empty() {
            _ if !is_let_in => Does::LoginFailed,
            true => state.does.unwrap_or(Does::Well),
            false => state.next.remove(0),
        };
        if does == Does::Down {
            return CallbackAnswer::ConnectionFails;
        }
        state.log.push(received.clone());
        drop(state);
        let ok = |body: &str| CallbackAnswer::status(200).with_body(&enveloped(body));
        match does {
            Does::Well if received.action == "Retrieve" => ok(ONE_ROW),
            Does::Well if received.action == "GetSystemStatus" => ok(READY),
            Does::Well => ok(&results(&received, None, received.keys.len())),
            Does::WellAfter(time) => {
                ok(&results(&received, None, received.keys.len())).late_by(time)
            }
            Does::Badly => ok(&results(&received, Some(12_012), received.keys.len())),
            Does::NotThere => ok(&results(&received, Some(12_015), received.keys.len())),
            Does::AndAnswersHalf => ok(&results(&received, None, received.keys.len() / 2)),
            Does::AnswersAnother => ok(ONE_ROW),
            Does::Down => CallbackAnswer::ConnectionFails,
            Does::AndHangs => CallbackAnswer::status(200).late_by(Duration::from_secs(3_600)),
            Does::Says(status, body) => CallbackAnswer::status(status).with_body(body),
            Does::SaysLater(status, seconds) => CallbackAnswer::status(status).retry_after(seconds),
            Does::Fault(code) => CallbackAnswer::status(500).with_body(&fault("soap:Server", code)),
            Does::LoginFailed => {
                let body = fault("q0:Security", 0).replace("trouble", "Login Failed");
                CallbackAnswer::status(500).with_body(&body)
            }
            Does::TokenExpired => {
                let body = fault("q0:Security", 0).replace("trouble", "Token Expired");
                CallbackAnswer::status(500).with_body(&body)
            }
        }
    }
}

const ONE_ROW: &str = r#"<RetrieveResponseMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><OverallStatus>OK</OverallStatus><RequestID>r</RequestID><Results xsi:type="Subscriber"><PartnerKey xsi:nil="true" /><SubscriberKey>of-the-backend</SubscriberKey></Results></RetrieveResponseMsg>"#;

const READY: &str = r#"<SystemStatusResponseMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><Results><Result><StatusCode>OK</StatusCode><StatusMessage>System Status Retrieved</StatusMessage><SystemStatus>OK</SystemStatus></Result></Results><OverallStatus>OK</OverallStatus><OverallStatusMessage /><RequestID>r</RequestID></SystemStatusResponseMsg>"#;

fn enveloped(payload: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soap:Header><wsa:Action xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing">x</wsa:Action></soap:Header><soap:Body>{payload}</soap:Body></soap:Envelope>"#
    )
}

fn fault(code: &str, api_code: u32) -> String {
    enveloped(&format!(
        r#"<soap:Fault><faultcode xmlns:q0="urn:q0">{code}</faultcode><faultstring>trouble</faultstring><detail><apifault xmlns="urn:fault.partner.exacttarget.com"><Code>{api_code}</Code><Message>trouble</Message></apifault></detail></soap:Fault>"#
    ))
}

/// `error`: of every object.
fn results(received: &Received, error: Option<u32>, objects: usize) -> String {
    let status = if error.is_some() { "Error" } else { "OK" };
    let method = &received.action;
    let keys = received.keys.iter().take(objects).enumerate();
    let one = |(ordinal, key): (usize, &String)| {
        let code = error.map_or_else(String::new, |code| format!("<ErrorCode>{code}</ErrorCode>"));
        format!(
            "<Results><StatusCode>{status}</StatusCode><StatusMessage>Said of {key}</StatusMessage>\
             <OrdinalID>{ordinal}</OrdinalID>{code}<NewID>4711</NewID>{UNHEARD}of {key}</Unheard>\
             </Results>"
        )
    };
    let results: String = keys.map(one).collect();
    format!(
        r#"<{method}Response xmlns="http://exacttarget.com/wsdl/partnerAPI">{results}<RequestID>r</RequestID><OverallStatus>{status}</OverallStatus></{method}Response>"#
    )
}

/// The texts of all elements of that name.
fn texts(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let found = xml.split(&open).skip(1);
    let found = found.filter_map(|rest| rest.split(&close).next());
    found.map(str::to_owned).collect()
}

/// What it is called by the operator.
pub fn backend_name() -> BackendName {
    BackendName::parse("mc").expect("a name")
}

/// Settings of the backend as the operator would make them.
pub fn settings() -> BackendSettings {
    let login = BackendLogin::User {
        name: BACKEND_USER.to_owned(),
    };
    BackendSettings {
        timeout_s: 10,
        clients: vec![AccountId("7001".to_owned())],
        ..BackendSettings::new(BACKEND, login)
    }
}

/// The secret that [`Story::forwards_by_secret`] names.
pub const BACKEND_SECRET: &str = "backend/mc";

/// The same settings, logged in as a secret of Secrets Manager says.
pub fn settings_by_secret(token_url: Option<&str>) -> BackendSettings {
    BackendSettings {
        login: BackendLogin::InSecret {
            arn: local::secrets::secret_arn(BACKEND_SECRET),
            token_url: token_url.map(str::to_owned),
        },
        ..settings()
    }
}

impl Story {
    /// From now on the calls of its account are forwarded to a backend that is logged in to as a secret of
    /// Secrets Manager says.
    pub async fn forwards_by_secret(&mut self, secret: &str, token_url: Option<&str>) -> Backend {
        self.local().secrets().put(BACKEND_SECRET, secret);
        let backend = self.answers_as_backend();
        let settings = settings_by_secret(token_url);
        let accounts = &self.stack.cloud.accounts;
        let name = backend_name();
        let made = accounts.create_backend_in_secret(&name, &settings);
        made.await.expect("a backend");
        self.has_backend(Some(backend_name())).await;
        backend
    }

    /// A backend that answers from now on, and is nobody's yet.
    pub fn answers_as_backend(&self) -> Backend {
        let backend = Backend::default();
        let answering = backend.clone();
        let answer = move |request: &CapturedCallback| answering.answers(request);
        self.local().callbacks().answer_by(answer);
        backend
    }

    /// From now on the calls of its account are forwarded to a backend.
    pub async fn forwards(&mut self) -> Backend {
        self.forwards_as(&settings()).await
    }

    /// The same with other settings.
    pub async fn forwards_as(&mut self, settings: &BackendSettings) -> Backend {
        let backend = self.answers_as_backend();
        let name = backend_name();
        let accounts = &self.stack.cloud.accounts;
        let put = accounts.put_backend(&name, settings, BACKEND_PASSWORD);
        put.await.expect("a backend");
        self.has_backend(Some(name)).await;
        backend
    }
}
