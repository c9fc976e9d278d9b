//! The command's own process is killed in the middle of an act on many, and said again: nothing is done twice and
//! nothing is left out.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use calls::AccountId;
use cloud::read::conversation_list::{ListCursor, ListOrder};
use cloud::read::replies::{DeliveryState, ReplyQuery};
use jiff::{SignedDuration, Timestamp};

use super::incident::{advance, envelope, has, length};
use super::{Server, post};

/// More than can be done before somebody looks.
const REPLIES: usize = 120;

/// A receiver that refuses until it is up, and counts what it takes by `webhook-id`.
struct Receiver {
    url: String,
    is_up: Arc<AtomicBool>,
    taken: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (is_up, taken) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let receiver = Self {
            url: format!("http://{address}/cb"),
            is_up: Arc::clone(&is_up),
            taken: Arc::clone(&taken),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let mut bytes = vec![0; 16_384];
                let read = stream.read(&mut bytes).unwrap_or(0);
                let request = String::from_utf8_lossy(&bytes[..read]).into_owned();
                let id = request
                    .lines()
                    .find_map(|line| line.strip_prefix("webhook-id: "));
                let status = match is_up.load(Ordering::SeqCst) {
                    true => {
                        let id = id.unwrap_or_default().to_owned();
                        *taken.lock().expect("whole").entry(id).or_insert(0) += 1;
                        "200 OK"
                    }
                    false => "503 Down",
                };
                let answer =
                    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                let _written = stream.write_all(answer.as_bytes());
            }
        });
        receiver
    }

    fn taken(&self) -> BTreeMap<String, u32> {
        self.taken.lock().expect("whole").clone()
    }
}

/// How many replies a person has had sent again, and that were not attempted since.
async fn resent(server: &Server) -> usize {
    let query = ReplyQuery {
        account: AccountId("local".to_owned()),
        from: Timestamp::UNIX_EPOCH,
        to: server.stack.cloud.now() + SignedDuration::from_hours(1),
        order: ListOrder::OldestFirst,
        states: vec![DeliveryState::Retrying, DeliveryState::GivenUp],
        receiver: None,
    };
    let cloud = &server.stack.cloud;
    let page = cloud.reply_page(&query, ListCursor::default(), REPLIES);
    let replies = page.await.expect("the table is there").replies;
    replies
        .iter()
        .filter(|it| it.reply.is_round_fresh())
        .count()
}

/// Begins an act and kills its process as soon as some of it is done; whether it was in the middle.
async fn killed_in_the_middle(server: &Server, words: &str) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aftercall"));
    command.args(["--endpoint", &server.url, "--output", "json"]);
    command.args(words.split(' '));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it runs");
    for _ in 0..2_000 {
        if resent(server).await > 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    child.kill().expect("it is ours");
    let status = child.wait().expect("it has ended");
    !status.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn resending_many_is_killed_and_said_again() {
    let server = Server::start().await;
    let receiver = Receiver::start();
    for number in 0..REPLIES {
        let key = format!("person-{number}");
        let answer = post(&server.url, &envelope(&key, &receiver.url)).await;
        assert!(answer.contains("<OverallStatus>OK"), "{answer}");
    }
    let list = format!("replies list local --limit {}", 2 * REPLIES);
    has(&server, &list, REPLIES).await;
    // Past the second attempt: the next are minutes away.
    advance(&server, 20).await;
    has(&server, &list, REPLIES).await;
    // Far apart, so that none of them is attempted meanwhile.
    let words = "--yes replies resend-all local --rate 1";
    assert!(killed_in_the_middle(&server, words).await, "it was killed");
    let done = resent(&server).await;
    assert!(done > 2 && done < REPLIES, "{done}");
    let audit = server.says("audit list").await;
    assert_eq!(audit[0]["result"], "cut off, or under way", "{audit}");

    receiver.is_up.store(true, Ordering::SeqCst);
    let again = server
        .says("--yes replies resend-all local --rate 100")
        .await;
    let of = |name: &str| again[name].as_u64().unwrap_or(0);
    let all = of("resent") + of("going_to_be_sent_already") + of("under_way");
    assert!(of("going_to_be_sent_already") > 0, "{again}");
    assert!(all <= u64::try_from(REPLIES).expect("few"), "{again}");
    advance(&server, 600).await;
    has(&server, "replies list local", 0).await;
    let taken = receiver.taken();
    assert_eq!(taken.len(), REPLIES, "none is left out");
    assert!(
        taken.values().all(|count| *count == 1),
        "none is doubled: {taken:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn expunging_is_killed_and_said_again() {
    let server = Server::start().await;
    for number in 0..REPLIES {
        let key = format!("person-{number}");
        // Without a reply.
        let call = envelope(&key, "http://127.0.0.1:9/cb");
        let (head, rest) = call.split_once("<SendResponseTo>").expect("an address");
        let (_, tail) = rest.split_once("</SendResponseTo>").expect("its end");
        post(&server.url, &format!("{head}{tail}")).await;
    }
    for _ in 0..600 {
        let calls = server
            .says("calls list local --state complete --limit 500")
            .await;
        if length(&calls) == REPLIES {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    server.says("accounts disable local").await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_aftercall"));
    command.args([
        "--endpoint",
        &server.url,
        "--yes",
        "expunge",
        "account",
        "local",
    ]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it runs");
    let objects = async || {
        let page = server
            .stack
            .cloud
            .objects_after("local#Subscriber", None, 500)
            .await;
        page.expect("the table is there").objects.len()
    };
    for _ in 0..5_000 {
        if objects().await < REPLIES {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    child.kill().expect("it is ours");
    let killed = !child.wait().expect("it has ended").success();
    let left = objects().await;
    assert!(killed && left > 0 && left < REPLIES, "{killed} {left}");
    let done = server.says("--yes expunge account local").await;
    assert_eq!(done["result"], "all is gone", "{done}");
    assert_eq!(objects().await, 0);
    let calls = server.says("calls list local --limit 500").await;
    assert_eq!(length(&calls), 0, "{calls}");
    server.refuses("accounts show local", 3, "no account").await;
}
