//! Worlds whose calls are forwarded: the backend is an actor that does what a seed says, and keeps
//! a log.
//!
//! The reference knows only that log, the answers of ingest, and whether a function died. From
//! these it says what may have become of a call: none is lost; none is done twice unless it was
//! declared safe; none is done out of order; only what was in flight is unknown.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anyhow::{Result, ensure};
use local::{CallbackAnswer, CapturedCallback, InjectedFault};

use crate::dice::Dice;
use crate::happenings::Error;
use crate::requests::{envelope, texts};
use crate::stage::Stage;

/// Happenings of a world.
const HAPPENINGS: u64 = 60;

/// Calls of a world, at most.
const CALLS_MAX: usize = 24;

/// Minutes that a world has to come to rest: a breaker opens again for what was lost before.
const MINUTES_MAX: u32 = 30;

/// What the backend does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Well,
    Refuses,
    Down,
    InMaintenance,
    TooOften,
    TokenExpired,
    /// It does it, and the answer never comes.
    NoAnswer,
    /// It does it, and a proxy in front of it answers.
    Gateway,
    /// It does it, and says that something went wrong.
    Exception,
}

impl Mode {
    const ALL: [Self; 9] = [
        Self::Well,
        Self::Refuses,
        Self::Down,
        Self::InMaintenance,
        Self::TooOften,
        Self::TokenExpired,
        Self::NoAnswer,
        Self::Gateway,
        Self::Exception,
    ];

    const fn does_it(self) -> bool {
        matches!(
            self,
            Self::Well | Self::NoAnswer | Self::Gateway | Self::Exception
        )
    }

    const fn is_ambiguous(self) -> bool {
        matches!(self, Self::NoAnswer | Self::Gateway | Self::Exception)
    }
}

/// The backend, and its log: which key was asked for in which mode.
#[derive(Default)]
struct Actor {
    mode: Option<Mode>,
    log: Vec<(String, Mode)>,
}

impl Actor {
    fn answer(&mut self, request: &CapturedCallback) -> CallbackAnswer {
        let mode = self.mode.unwrap_or(Mode::Well);
        let action = request.header("soapaction").unwrap_or_default();
        let action = action.trim_matches('"').to_owned();
        let key = texts(&request.body, "SubscriberKey").concat();
        if mode != Mode::Down && action != "GetSystemStatus" {
            self.log.push((key, mode));
        }
        let said = |status: u16, body: &str| CallbackAnswer::status(status).with_body(body);
        match mode {
            Mode::Down => CallbackAnswer::ConnectionFails,
            Mode::NoAnswer => CallbackAnswer::NoAnswer,
            Mode::Gateway => said(502, "<html/>"),
            Mode::InMaintenance => said(500, &fault("s:Server", "9")),
            Mode::TooOften => said(500, &fault("s:Server", "17")),
            Mode::TokenExpired => said(500, &fault("q:Security", "")),
            Mode::Exception => said(500, &fault("s:Server", "18003")),
            Mode::Well | Mode::Refuses if action == "GetSystemStatus" => said(200, &status()),
            Mode::Well => said(200, &result(&action, "OK")),
            Mode::Refuses => said(200, &result(&action, "Error")),
        }
    }
}

fn enveloped(body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>{body}</s:Body>\
         </s:Envelope>"
    )
}

fn fault(code: &str, number: &str) -> String {
    enveloped(&format!(
        "<s:Fault><faultcode>{code}</faultcode><faultstring>Token Expired</faultstring><detail>\
         <apifault><Code>{number}</Code></apifault></detail></s:Fault>"
    ))
}

fn status() -> String {
    enveloped(
        "<SystemStatusResponseMsg><Results><Result><SystemStatus>OK</SystemStatus></Result></Results>\
         </SystemStatusResponseMsg>",
    )
}

fn result(action: &str, status: &str) -> String {
    enveloped(&format!(
        "<{action}Response><Results><StatusCode>{status}</StatusCode><StatusMessage>Said</StatusMessage>\
         </Results><OverallStatus>{status}</OverallStatus></{action}Response>"
    ))
}

/// One call of the world.
#[derive(Clone, Debug)]
struct Sent {
    key: String,
    /// Its conversation, and its place among three.
    part: Option<(u64, u32)>,
    is_safe: bool,
    request_id: Option<String>,
}

/// How a call ended, as its caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Report {
    status: String,
    message: String,
}

/// One world.
struct ForwardedWorld {
    stage: Stage,
    actor: Arc<Mutex<Actor>>,
    dice: Dice,
    calls: Vec<Sent>,
    conversations: u64,
    /// A function died, or was killed, with whatever was in flight.
    deaths: u64,
}

/// The result of a world: how many calls ended in which way.
pub type Endings = BTreeMap<String, u64>;

/// Runs the world of a seed, and compares it with the reference.
pub async fn live(seed: u64) -> Result<Endings> {
    let stage = Stage::new(seed).await?;
    let actor = Arc::new(Mutex::new(Actor::default()));
    let answering = Arc::clone(&actor);
    stage
        .forwards(&["Delete"], move |request| {
            answering.lock().expect("nobody panics").answer(request)
        })
        .await?;
    let mut world = ForwardedWorld {
        stage,
        actor,
        dice: Dice::new(seed ^ 0xf0_4a_4d),
        calls: Vec::new(),
        conversations: 0,
        deaths: 0,
    };
    for _ in 0..HAPPENINGS {
        world.happen().await?;
    }
    world.come_to_rest().await?;
    world.judge().await
}

impl ForwardedWorld {
    async fn happen(&mut self) -> Result<()> {
        match self.dice.below(12) {
            0..=3 => self.send_new().await,
            4 => {
                // No fault as often as all faults together.
                let mode = match self.dice.one_in(2) {
                    true => Mode::Well,
                    false => self.dice.pick(&Mode::ALL),
                };
                self.actor().mode = Some(mode);
                Ok(())
            }
            5..=8 => {
                let fault = self.fault();
                self.stage.expect(fault);
                let queue = usize::try_from(self.dice.below(3)).unwrap_or_default();
                match self.dice.one_in(5) {
                    true => self.stage.work_twice(queue).await,
                    false => drop(self.stage.work(queue).await),
                }
                self.recover();
                Ok(())
            }
            9 => {
                let fault = self.fault();
                self.stage.expect(fault);
                self.stage.tick().await;
                self.recover();
                Ok(())
            }
            10 => {
                let seconds = self.dice.pick(&[1, 5, 31, 61]);
                self.stage.jump(seconds * 1_000);
                Ok(())
            }
            _ => {
                let which = self.dice.draw();
                self.stage.deliver_again(which);
                Ok(())
            }
        }
    }

    fn actor(&self) -> std::sync::MutexGuard<'_, Actor> {
        self.actor.lock().expect("nobody panics with it")
    }

    /// Something goes wrong in a third of the cases.
    fn fault(&mut self) -> Option<Error> {
        let faults = [
            InjectedFault::CrashBefore,
            InjectedFault::CrashAfter,
            InjectedFault::LoseAnswer,
            InjectedFault::LoseRequest,
            InjectedFault::Throttle,
        ];
        let fault = self.dice.pick(&faults);
        let nth = self.dice.below(14);
        self.dice.one_in(3).then_some(Error { nth, fault })
    }

    fn recover(&mut self) {
        let killed = self.stage.killed_at_deadline();
        self.deaths += u64::from(self.stage.all_clear());
        self.deaths = self.deaths.max(killed);
    }

    /// A call alone, one that is safe to repeat, or all parts of a conversation.
    async fn send_new(&mut self) -> Result<()> {
        let number = self.calls.len();
        if number >= CALLS_MAX {
            return Ok(());
        }
        let new = |key: String, part, is_safe| Sent {
            key,
            part,
            is_safe,
            request_id: None,
        };
        match self.dice.below(3) {
            0 => self.calls.push(new(format!("once-{number}"), None, false)),
            1 => self.calls.push(new(format!("safe-{number}"), None, true)),
            _ => {
                let conversation = self.conversations;
                self.conversations += 1;
                let mut places = [1, 2, 3];
                places.swap(0, usize::try_from(self.dice.below(3)).unwrap_or_default());
                for place in places {
                    let key = format!("part-{conversation}-{place}");
                    self.calls
                        .push(new(key, Some((conversation, place)), false));
                }
            }
        }
        for at in number..self.calls.len() {
            let fault = self.fault();
            self.stage.expect(fault);
            self.send(at).await?;
            self.recover();
            // A client that gets no answer sends again.
            if self.calls[at].request_id.is_none() {
                self.send(at).await?;
            }
        }
        Ok(())
    }

    async fn send(&mut self, at: usize) -> Result<()> {
        let call = &self.calls[at];
        let place = match call.part {
            Some((conversation, place)) => format!(
                "<ConversationID>c{conversation}</ConversationID><SequenceCode>{place}</SequenceCode>\
                 <CallsInConversation>3</CallsInConversation>"
            ),
            None => String::new(),
        };
        let method = if call.is_safe { "Delete" } else { "Create" };
        let body = format!(
            "<{method}Request xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><Options>{place}\
             <RequestType>Asynchronous</RequestType></Options><Objects xsi:type=\"Subscriber\">\
             <SubscriberKey>{}</SubscriberKey></Objects></{method}Request>",
            call.key
        );
        let key = call.key.clone();
        let key = call.part.is_none().then_some(key.as_str());
        let (status, answer) = self.stage.ask(envelope(&body), key).await;
        if status == 200 && texts(&answer, "OverallStatus").concat() == "OK" {
            self.calls[at].request_id = texts(&answer, "RequestID").first().cloned();
        }
        Ok(())
    }

    /// No fault any more, for as long as it takes.
    async fn come_to_rest(&mut self) -> Result<()> {
        self.actor().mode = Some(Mode::Well);
        for at in 0..self.calls.len() {
            for _ in 0..3 {
                if self.calls[at].request_id.is_none() {
                    self.send(at).await?;
                }
            }
        }
        for _ in 0..MINUTES_MAX {
            self.stage.settle().await?;
            if self.stage.still_due()?.is_empty() && self.stage.left_in_queues() == 0 {
                return Ok(());
            }
            self.stage.jump(61_000);
        }
        let due = self.stage.still_due()?;
        anyhow::bail!("it does not come to rest: {due:?}")
    }

    async fn report(&self, request_id: &str) -> Result<Report> {
        let properties = ["Status", "CallMessage"]
            .map(|name| format!("<Properties>{name}</Properties>"))
            .concat();
        let body = format!(
            "<RetrieveRequestMsg xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><RetrieveRequest>\
             <ObjectType>AsyncRequestResult</ObjectType>{properties}<Filter \
             xsi:type=\"SimpleFilterPart\"><Property>RequestID</Property><SimpleOperator>equals\
             </SimpleOperator><Value>{request_id}</Value></Filter></RetrieveRequest>\
             </RetrieveRequestMsg>"
        );
        let (status, answer) = self.stage.ask(envelope(&body), None).await;
        ensure!(status == 200, "a retrieval is answered {status}: {answer}");
        Ok(Report {
            status: texts(&answer, "Status").concat(),
            message: texts(&answer, "CallMessage").concat(),
        })
    }

    async fn judge(&self) -> Result<Endings> {
        let mut endings = Endings::new();
        let log = self.actor().log.clone();
        for call in &self.calls {
            let Some(request_id) = &call.request_id else {
                // It was refused, as a part is that comes too late.
                ensure!(self.times(&log, call) == 0, "{call:?} was refused and done");
                continue;
            };
            let report = self.report(request_id).await?;
            let ending = self.judge_call(&log, call, &report)?;
            *endings.entry(ending.to_owned()).or_default() += 1;
        }
        for conversation in 0..self.conversations {
            let prefix = format!("part-{conversation}-");
            let done = log.iter().filter(|(_, mode)| mode.does_it());
            let places: Vec<&str> = done
                .filter_map(|(key, _)| key.strip_prefix(&prefix))
                .collect();
            let expected = ["1", "2", "3"];
            ensure!(
                expected.starts_with(&places),
                "conversation {conversation} was done as {places:?}"
            );
        }
        Ok(endings)
    }

    fn times(&self, log: &[(String, Mode)], call: &Sent) -> usize {
        let done = log
            .iter()
            .filter(|(key, mode)| *key == call.key && mode.does_it());
        done.count()
    }

    fn judge_call(
        &self,
        log: &[(String, Mode)],
        call: &Sent,
        report: &Report,
    ) -> Result<&'static str> {
        let times = self.times(log, call);
        let modes: Vec<Mode> = log
            .iter()
            .filter(|(key, _)| *key == call.key)
            .map(|(_, mode)| *mode)
            .collect();
        let what = format!("{call:?} {report:?} {modes:?}, {} deaths", self.deaths);
        ensure!(times <= 1 || call.is_safe, "done twice: {what}");
        match report.status.as_str() {
            "Complete" => {
                ensure!(times > 0, "told to be done: {what}");
                Ok("done")
            }
            "Error" if report.message.starts_with("Unknown.") => {
                let cut = modes.iter().any(|mode| mode.is_ambiguous());
                ensure!(cut || self.deaths > 0, "nothing was in flight: {what}");
                // Whoever may repeat it does so, unless it fails as often as is allowed.
                let many = modes.iter().filter(|mode| mode.is_ambiguous()).count();
                let may_end = !call.is_safe || many + usize::from(self.deaths > 0) > 1;
                ensure!(may_end, "it was safe to repeat: {what}");
                Ok("unknown")
            }
            "Error" => {
                let refused = modes.last() == Some(&Mode::Refuses);
                ensure!(refused, "told to be refused: {what}");
                Ok("refused")
            }
            "NotProcessed" => {
                ensure!(times == 0 && call.part.is_some(), "not processed: {what}");
                Ok("not processed")
            }
            _ => anyhow::bail!("it is lost: {what}"),
        }
    }
}
