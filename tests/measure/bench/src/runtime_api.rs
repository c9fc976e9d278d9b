//! Stands in for Lambda's runtime API towards one process: hands out events, takes answers, and
//! measures the time.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// Longest wait for a process: one under valgrind is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// What comes with every event.
const HEADERS: [(&str, &str); 5] = [
    (
        "lambda-runtime-aws-request-id",
        "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
    ),
    ("lambda-runtime-deadline-ms", "4102444800000"),
    (
        "lambda-runtime-invoked-function-arn",
        "arn:aws:lambda:us-east-1:000000000000:function:bench",
    ),
    (
        "lambda-runtime-trace-id",
        "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
    ),
    ("content-type", "application/json"),
];

/// A process that runs a function, from its start on.
#[derive(Debug)]
pub struct Function {
    process: Child,
    began: Instant,
    serving: JoinHandle<()>,
    events: UnboundedSender<Bytes>,
    poll: UnboundedReceiver<Poll>,
    answers: UnboundedReceiver<(Instant, Bytes)>,
}

/// When it asked for an event, and how long its thread had run by then.
#[derive(Clone, Copy, Debug)]
struct Poll {
    at: Instant,
    cpu: Duration,
}

/// The measures of one event.
#[derive(Debug)]
pub struct Invoked {
    /// From the start of the process until it asked for this event.
    pub polled_after: Duration,
    /// From then until it had answered.
    pub time: Duration,
    /// How long its thread had run when it asked for this event.
    pub cpu_before: Duration,
    pub answer: Bytes,
}

#[derive(Debug)]
struct Desk {
    poll: UnboundedSender<Poll>,
    events: Mutex<UnboundedReceiver<Bytes>>,
    answers: UnboundedSender<(Instant, Bytes)>,
    /// Where the kernel says how long the process has run.
    runs: std::sync::OnceLock<PathBuf>,
}

impl Function {
    /// Starts the process.
    pub async fn start(mut command: Command) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        command.env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string());
        let (poll_sender, poll) = unbounded_channel();
        let (events, waiting) = unbounded_channel();
        let (tell_answer, answers) = unbounded_channel();
        let desk = Arc::new(Desk {
            poll: poll_sender,
            events: Mutex::new(waiting),
            answers: tell_answer,
            runs: std::sync::OnceLock::new(),
        });
        let serving = tokio::spawn(serve(listener, desk.clone()));
        let began = Instant::now();
        let process = command.spawn().with_context(|| format!("{command:?}"))?;
        desk.runs.get_or_init(|| {
            Path::new("/proc")
                .join(process.id().to_string())
                .join("schedstat")
        });
        Ok(Self {
            process,
            began,
            serving,
            events,
            poll,
            answers,
        })
    }

    /// Hands it an event and waits for its answer.
    pub async fn invoke(&mut self, event: Bytes) -> anyhow::Result<Invoked> {
        let poll = tokio::time::timeout(PATIENCE, self.poll.recv()).await;
        let poll = poll.context("it asks for nothing")?.context("it is gone")?;
        let handed = Instant::now();
        self.events.send(event)?;
        let answer = tokio::time::timeout(PATIENCE, self.answers.recv()).await;
        let (answered, answer) = answer
            .context("it does not answer")?
            .context("it is gone")?;
        Ok(Invoked {
            polled_after: poll.at.duration_since(self.began),
            time: answered.duration_since(handed),
            cpu_before: poll.cpu,
            answer,
        })
    }

    /// The most memory that it ever had resident.
    pub fn most_memory_kb(&self) -> u64 {
        let status = Path::new("/proc")
            .join(self.process.id().to_string())
            .join("status");
        let status = std::fs::read_to_string(status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number
            .and_then(|number| number.parse().ok())
            .unwrap_or_default()
    }

    /// Asks it to end, so that whoever measures it can write down the result.
    pub fn end(&mut self) -> anyhow::Result<()> {
        let poll = Command::new("kill")
            .arg(self.process.id().to_string())
            .status()?;
        ensure!(poll.success(), "it has ended by itself");
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.serving.abort();
        // It may have ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

async fn serve(listener: TcpListener, desk: Arc<Desk>) {
    while let Ok((stream, _)) = listener.accept().await {
        let desk = desk.clone();
        let quick = stream.set_nodelay(true).is_ok();
        let _ended = tokio::spawn(async move {
            let service = service_fn(|request| desk.answer(request));
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            (quick, served.await.is_ok())
        });
    }
}

impl Desk {
    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let at = Instant::now();
        let (status, body) = match request.uri().path().ends_with("/next") {
            true => {
                let cpu = self.has_run();
                let listened_to = self.poll.send(Poll { at, cpu }).is_ok();
                match self.events.lock().await.recv().await {
                    Some(event) if listened_to => (StatusCode::OK, event),
                    Some(_) | None => (StatusCode::GONE, Bytes::new()),
                }
            }
            false => {
                let body = request.into_body().collect().await;
                let body = body.map(|body| body.to_bytes()).unwrap_or_default();
                drop(self.answers.send((at, body)));
                (StatusCode::ACCEPTED, Bytes::from_static(b"{}"))
            }
        };
        let mut answer = Response::new(Full::new(body));
        *answer.status_mut() = status;
        for (name, value) in HEADERS {
            answer
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        Ok(answer)
    }

    fn has_run(&self) -> Duration {
        let summary = self.runs.get().map(std::fs::read_to_string);
        let summary = summary.and_then(Result::ok).unwrap_or_default();
        let nanoseconds = summary
            .split_whitespace()
            .next()
            .and_then(|text| text.parse().ok());
        Duration::from_nanos(nanoseconds.unwrap_or_default())
    }
}
