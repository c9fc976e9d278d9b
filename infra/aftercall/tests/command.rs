//! The command as a script uses it: a process of its own, beside a local server.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};

use aws_smithy_types::retry::RetryConfig;
use cloud::Random;
use cloud::accounts::Login;
use cloud::accounts::backends::BackendIdentity;
use local::callback_log::CallbackLog;
use local::{LocalCloud, Stack, site};
use serde_json::Value;

#[path = "command/incident.rs"]
mod incident;
#[path = "command/kill.rs"]
mod kill;

struct Server {
    url: String,
    stack: Stack,
}

impl Server {
    async fn start() -> Self {
        let local = LocalCloud::with_tables_at(local::LocalClock::running()).expect("tables");
        let callback_log = CallbackLog::new(local.clone());
        let retry = RetryConfig::standard();
        let stack = Stack::new(local, callback_log.connector(), Random::system(), retry);
        stack.open_account().await.expect("the account local");
        let listener = site::listen(([127, 0, 0, 1], 0).into())
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(site::serve(stack.clone(), callback_log, listener, false));
        Self { url, stack }
    }

    async fn run(&self, words: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aftercall"));
        command.args(["--endpoint", &self.url, "--output", "json"]);
        command.args(words.split(' '));
        tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("no panic")
            .expect("it runs")
    }

    /// The same with a line on its standard input.
    async fn run_with(&self, words: &str, line: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aftercall"));
        command.args(["--endpoint", &self.url, "--output", "json"]);
        command.args(words.split(' '));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let line = line.to_owned();
        tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().expect("it runs");
            let mut input = child.stdin.take().expect("its input");
            // A command that refuses before it reads has closed it.
            let _read = input.write_all(line.as_bytes());
            drop(input);
            child.wait_with_output()
        })
        .await
        .expect("no panic")
        .expect("it runs")
    }

    async fn says(&self, words: &str) -> Value {
        let output = self.run(words).await;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words}: {stderr}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// With the exit code that says why; nothing is on the standard output.
    async fn refuses(&self, words: &str, code: i32, why: &str) {
        let output = self.run(words).await;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words}: {stderr}");
        assert!(stderr.contains(why), "{words}: {stderr}");
        assert!(output.stdout.is_empty(), "{words}");
    }

    async fn logs_in(&self, login: Login, name: &str, secret: &str) -> Option<String> {
        let now = self.stack.cloud.now();
        let accounts = &self.stack.cloud.accounts;
        let found = accounts.log_in(login, name, secret, now).await;
        found
            .expect("it is looked up")
            .map(|caller| caller.account.0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_users_and_clients_are_made_on_a_local_server() {
    let server = Server::start().await;
    let made = server
        .says("accounts create 7001 Shop --owned-by local")
        .await;
    assert!(
        made["webhook_secret"]
            .as_str()
            .is_some_and(|it| it.starts_with("whsec_")),
        "{made}"
    );
    assert_eq!(server.says("accounts show local").await["owns"][0], "7001");

    server.says("users create 7001 shop --password p").await;
    assert_eq!(
        server.logs_in(Login::User, "shop", "p").await.as_deref(),
        Some("7001")
    );
    let client = server.says("clients create 7001").await;
    let text = |name: &str| client[name].as_str().unwrap_or_default().to_owned();
    let of = server
        .logs_in(Login::Client, &text("client_id"), &text("client_secret"))
        .await;
    assert_eq!(of.as_deref(), Some("7001"));
    server.says("clients create 7001 mine --secret s").await;
    assert_eq!(
        server.logs_in(Login::Client, "mine", "s").await.as_deref(),
        Some("7001")
    );

    let all = server.says("accounts list").await;
    let ids: Vec<_> = all
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| &it["account"])
        .collect();
    assert_eq!(ids, ["7001", "local"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_stays_whose_it_is() {
    let server = Server::start().await;
    server.says("accounts create 1 One").await;
    server
        .refuses("accounts create 1 Other", 4, "there already")
        .await;
    assert_eq!(server.says("accounts show 1").await["name"], "One");

    server.says("users create 1 u --password first").await;
    server
        .refuses("users create 1 u --password second", 4, "--replace")
        .await;
    server
        .refuses(
            "users create local u --password second --replace",
            4,
            "another account",
        )
        .await;
    assert!(server.logs_in(Login::User, "u", "second").await.is_none());
    assert!(server.logs_in(Login::User, "u", "first").await.is_some());
    server
        .says("users create 1 u --password second --replace")
        .await;
    assert!(server.logs_in(Login::User, "u", "second").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story, told to its end")]
async fn what_is_set_of_an_account_is_shown_and_the_rest_stays() {
    let server = Server::start().await;
    server.says("accounts create 1 One").await;
    server.says("accounts async 1 on").await;
    server.says("accounts limit 1 20").await;
    server.says("accounts owns 1 local").await;
    let account = server.says("accounts show 1").await;
    assert_eq!(account["async_by_default"], true);
    assert_eq!(account["calls_per_second"], 20);
    assert_eq!(account["owns"][0], "local");
    assert_eq!(
        server.says("accounts limit 1 default").await["calls_per_second"],
        "default"
    );

    server.says("accounts order 1 received").await;
    server.says("accounts rate 1 low 30/minute").await;
    let account = server.says("accounts show 1").await;
    assert_eq!(account["queue_order"], "received");
    assert_eq!(account["queue_rates"][0], "low 30/minute");
    assert_eq!(account["calls_per_second"], Value::from("default"));
    server
        .refuses("accounts rate 1 low 0/minute", 2, "a rate is")
        .await;
    server
        .refuses("accounts rate 1 low fast", 2, "a rate is")
        .await;
    let account = server.says("accounts rate 1 low none").await;
    assert_eq!(account["queue_rates"], Value::Array(Vec::new()));

    server.says("clients create 1 app --secret first").await;
    server
        .refuses("clients order nobody received", 3, "no API client")
        .await;
    server.says("clients order app received").await;
    server.says("clients rate app low 30/minute").await;
    server
        .refuses("clients rate app low fast", 2, "a rate is")
        .await;
    // A new secret takes nothing of it away.
    server
        .says("clients create 1 app --secret second --replace")
        .await;
    let client = server.says("clients rate app high 5/second").await;
    assert_eq!(client["queue_order"], "received");
    assert_eq!(
        client["queue_rates"],
        Value::from(vec!["high 5/second", "low 30/minute"])
    );

    for state in [
        "unknown",
        "pending --account local",
        "failed --account local",
    ] {
        let none = server.says(&format!("mails list --state {state}")).await;
        assert_eq!(none, Value::Array(Vec::new()), "{state}");
    }
    server
        .refuses("mails show local 7a_1_1", 3, "no mail")
        .await;
    server
        .refuses("mails list --state failed", 2, "--account")
        .await;

    server.says("maintenance on").await;
    assert!(
        server
            .stack
            .cloud
            .accounts
            .maintenance_switch()
            .await
            .expect("the switch")
            .is_some_and(|it| it.on)
    );
    assert_eq!(server.says("maintenance show").await["maintenance"], true);
    server.says("maintenance off").await;
    assert!(
        !server
            .stack
            .cloud
            .accounts
            .maintenance_switch()
            .await
            .expect("the switch")
            .is_some_and(|it| it.on)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_say_why() {
    let server = Server::start().await;
    server
        .refuses("accounts show 9", 3, "there is no account 9")
        .await;
    server
        .refuses(
            "accounts create 1 One --owned-by 9",
            3,
            "there is no account 9",
        )
        .await;
    server
        .refuses("users create 9 u", 3, "there is no account 9")
        .await;
    server
        .refuses(
            "clients async nobody on",
            3,
            "there is no API client nobody",
        )
        .await;
    server
        .refuses("accounts limit local many", 2, "a limit is a number")
        .await;
    server.refuses("accounts lst", 2, "list").await;
    let nobody = Server {
        url: "http://127.0.0.1:9".to_owned(),
        ..server
    };
    nobody.refuses("accounts list", 1, "out of reach").await;
}

#[test]
fn a_secret_on_the_command_line_is_for_local_servers_only() {
    let command = |words: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aftercall"));
        command.args(words.split(' ')).env_clear();
        command.output().expect("it runs")
    };
    let away = command("--endpoint http://10.0.0.1 users create 1 u --password p");
    assert_eq!(away.status.code(), Some(2));
    let nowhere = command("accounts list");
    assert_eq!(nowhere.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&nowhere.stderr);
    assert!(stderr.contains("--stack NAME"), "{stderr}");
    let help = command("--help");
    assert!(help.status.success());
    let help = String::from_utf8_lossy(&help.stdout);
    assert!(
        help.contains("Examples:") && help.contains("Exit codes:"),
        "{help}"
    );
}

/// One that fails its conversation, the one behind it, one whose second part is missing, and one alone.
async fn take_in_four_calls(server: &Server) {
    let send = async |conversation: &str, sequence: u32, method: &str, key: &str| {
        let options = match conversation {
            "" => String::new(),
            id => format!(
                "<ConversationID>{id}</ConversationID><SequenceCode>{sequence}</SequenceCode><CallsInConversation>2</CallsInConversation>"
            ),
        };
        let body = format!(
            r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:w="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Header><w:Security><w:UsernameToken><w:Username>local</w:Username><w:Password>local</w:Password></w:UsernameToken></w:Security></s:Header><s:Body><{method}Request xmlns="http://exacttarget.com/wsdl/partnerAPI"><Options><RequestType>Asynchronous</RequestType>{options}</Options><Objects xsi:type="Subscriber"><SubscriberKey>{key}</SubscriberKey><EmailAddress>{key}@example.com</EmailAddress></Objects></{method}Request></s:Body></s:Envelope>"#
        );
        post(&server.url, &body).await
    };
    for (conversation, sequence, method, key) in [
        ("order-1", 1, "Delete", "nobody"),
        ("order-1", 2, "Create", "bob"),
        ("other-1", 1, "Create", "cid"),
        ("", 1, "Create", "ann"),
    ] {
        let answer = send(conversation, sequence, method, key).await;
        assert!(answer.contains("<OverallStatus>OK"), "{answer}");
    }
    let mut left = 100;
    while server.says("calls list local --state complete").await == Value::Array(Vec::new())
        || server.says("calls list local --state failed").await == Value::Array(Vec::new())
    {
        left -= 1;
        assert!(left > 0, "they are carried out");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_listed_by_account_and_day_and_shown_with_what_became_of_them() {
    let server = Server::start().await;
    take_in_four_calls(&server).await;
    let names = |list: &Value| -> Vec<String> {
        let list = list.as_array().into_iter().flatten();
        list.map(|it| it["conversation"].as_str().unwrap_or("-").to_owned())
            .collect()
    };
    let all = server.says("calls list local").await;
    assert_eq!(
        names(&all),
        ["-", "other-1", "order-1"],
        "newest first: {all}"
    );
    let failed = server.says("calls list local --state failed").await;
    assert_eq!(names(&failed), ["order-1"]);
    let gathering = server.says("calls list local --prefix other").await;
    assert_eq!(gathering[0]["state"], "gathering");
    assert_eq!(
        names(&server.says("calls list local --limit 1").await).len(),
        1
    );
    assert_eq!(
        names(&server.says("calls list local --priority low").await).len(),
        0
    );
    assert_eq!(
        names(&server.says("calls list local --day 2026-01-01").await).len(),
        0
    );
    assert_eq!(names(&server.says("calls list nobody").await).len(), 0);

    let shown = server.says("calls show local order-1").await;
    let shown_parts: Vec<_> = ["state", "code"]
        .iter()
        .flat_map(|name| [&shown[0][*name], &shown[1][*name]])
        .collect();
    assert_eq!(shown_parts[..2], ["Error", "NotProcessed"], "{shown}");
    let request = shown[1]["request"].as_str().unwrap_or_default();
    let by_request = server.says(&format!("calls show local {request}")).await;
    assert_eq!(by_request, shown, "a call shows its conversation");
    server
        .refuses("calls show local nobody", 3, "no conversation")
        .await;
    server
        .refuses("calls list local --day tomorrow", 2, "--day")
        .await;
}

/// Act, reason and result of each entry.
fn audit_lines(audit: &Value) -> Vec<String> {
    let entries = audit.as_array().into_iter().flatten();
    let line = |it: &Value| {
        let text = |name: &str| it[name].as_str().unwrap_or_default().to_owned();
        let result = text("result");
        let result = result.split(':').next().unwrap_or_default();
        format!("{}, {}, {}", text("act"), text("reason"), result)
    };
    entries.map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn acts_are_rehearsed_done_once_and_recorded() {
    let server = Server::start().await;
    take_in_four_calls(&server).await;
    let rehearsed = server
        .says("--dry-run calls resubmit local order-1 --as order-1b")
        .await;
    assert_eq!(rehearsed[0]["result"], "would be submitted");
    assert_eq!(rehearsed[0]["from"], 2);
    server
        .refuses("calls show local order-1b", 3, "no conversation")
        .await;
    assert_eq!(server.says("audit list").await, Value::Array(Vec::new()));

    let done = server
        .says("--reason ticket-7 calls resubmit local order-1 --as order-1b")
        .await;
    assert_eq!(done[0]["request"], rehearsed[0]["request"]);
    let again = server
        .says("calls resubmit local order-1 --as order-1b")
        .await;
    assert_eq!(again[0]["result"], "was submitted before");
    server
        .refuses(
            "calls resubmit local order-1 --as order-1b --with-failed",
            4,
            "choose another one",
        )
        .await;
    server
        .refuses("calls resubmit local other-1 --as x", 5, "is gathering")
        .await;
    let cancelled = server.says("calls cancel local other-1").await;
    assert_eq!(cancelled["calls"], 1);
    let request = done[0]["request"].as_str().unwrap_or_default().to_owned();
    let far = format!("calls reschedule local {request} --to 2099-01-01T00:00:00Z");
    server.refuses(&far, 2, "226").await;

    let audit = server.says("audit list").await;
    assert_eq!(
        audit_lines(&audit),
        [
            "calls reschedule, , not done",
            "calls cancel, , done",
            "calls resubmit, , not done",
            "calls resubmit, , not done",
            "calls resubmit, , done",
            "calls resubmit, ticket-7, done",
        ]
    );
    let who = audit[0]["who"].as_str().unwrap_or_default();
    assert!(!who.is_empty());
    let yesterday = server.says("audit list --day 2026-01-01").await;
    assert_eq!(yesterday, Value::Array(Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_rehearsed_and_recorded_too() {
    let server = Server::start().await;
    let shown = server.says("--dry-run accounts limit local 7").await;
    assert_eq!(shown["calls_per_second"], 7);
    let account = server.says("accounts show local").await;
    assert_eq!(account["calls_per_second"], "default");
    server.says("--dry-run accounts create 9 Nine").await;
    server
        .refuses("accounts show 9", 3, "there is no account 9")
        .await;
    let secret = server.says("--dry-run accounts secret local").await;
    assert_eq!(secret["webhook_secret"], Value::Null);
    server
        .refuses("--dry-run maintenance on", 2, "--dry-run")
        .await;
    server.says("accounts limit local 7").await;
    server.says("users create local u --password hush").await;
    let audit = server.says("audit list").await;
    assert_eq!(audit[1]["act"], "accounts limit");
    assert_eq!(audit[1]["target"], "local 7");
    assert_eq!(audit[0]["target"], "local u");
    assert!(!audit.to_string().contains("hush"), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_exported_and_watched() {
    let server = Server::start().await;
    take_in_four_calls(&server).await;
    let csv = server.run("calls export local").await;
    let csv = String::from_utf8(csv.stdout).expect("text");
    let mut read = csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(&read.headers().expect("a head")[1], "conversation");
    let lines = read.records().map(|line| line.expect("a line"));
    let lines: Vec<String> = lines
        .map(|line| format!("{} {} {}", &line[1], &line[2], &line[9]))
        .collect();
    assert_eq!(
        lines,
        [
            " 1 Complete",
            "other-1 1 Gathering",
            "order-1 1 Error",
            "order-1 2 NotProcessed"
        ]
    );
    let jsonl = server
        .run("calls export local --format jsonl --state failed")
        .await;
    let jsonl = String::from_utf8(jsonl.stdout).expect("text");
    assert_eq!(jsonl.lines().count(), 2, "{jsonl}");

    let watched = server.run("calls watch local order-1").await;
    assert_eq!(watched.status.code(), Some(5), "it failed");
    let lines = String::from_utf8_lossy(&watched.stdout).into_owned();
    assert!(lines.contains("\"state\":\"failed\""), "{lines}");
    server
        .refuses("calls watch local nobody", 3, "no conversation")
        .await;
}

/// What a SOAP client posts, and what it is answered.
async fn post(url: &str, envelope: &str) -> String {
    let host = url.trim_start_matches("http://").to_owned();
    let request = format!(
        "POST /Service.asmx HTTP/1.0\r\nHost: {host}\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{envelope}",
        envelope.len()
    );
    let exchange = move || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(host)?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = tokio::task::spawn_blocking(exchange).await;
    answer.expect("no panic").expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story, told to its end")]
async fn backends_are_made_shown_and_rotated_and_given_to_accounts() {
    let server = Server::start().await;
    let key = local::names::password_key_arn();
    let create = format!(
        "backends create mc --url https://mc.example.com/Service.asmx --user u --concurrency 5 --clients 7,8 --key {key}"
    );
    let made = server.run_with(&create, "first\n").await;
    assert!(made.status.success(), "{made:?}");
    assert!(!String::from_utf8_lossy(&made.stdout).contains("first"));
    let again = server.run_with(&create, "other\n").await;
    assert_eq!(again.status.code(), Some(4), "the name is taken");
    let nothing = server.run_with(&create.replace("mc ", "mc-2 "), "\n").await;
    assert_eq!(nothing.status.code(), Some(2), "no secret");
    let wrong = create.replace("https://mc.example.com/Service.asmx", "ftp://x");
    let wrong = server.run_with(&wrong, "s\n").await;
    assert_eq!(wrong.status.code(), Some(2), "no address");

    let shown = server.says("backends show mc").await;
    assert_eq!(shown["concurrency"], 5);
    assert_eq!(shown["clients"], "7,8");
    assert_eq!(shown["timeout_s"], 20);
    assert_eq!(shown["stands"], "ready");
    let name = calls::BackendName::parse("mc").expect("a name");
    let pause = jiff::SignedDuration::ZERO;
    let now = server.stack.cloud.now();
    let out = |breaker: calls::Breaker| breaker.out_of_service("refused", pause, now);
    let opened = server.stack.cloud.change_breaker(&name, out).await;
    opened.expect("it is open");
    let shown = server.says("backends show mc").await;
    assert_eq!(shown["stands"], "out of service: refused");
    assert_eq!(server.says("backends list").await[0], shown);
    server
        .refuses("backends show none", 3, "no backend none")
        .await;

    let now = server.stack.cloud.now();
    let secret = async |now| {
        let name = calls::BackendName::parse("mc").expect("a name");
        let found = server.stack.cloud.accounts.backend(&name, now).await;
        let found = found.expect("it is read").expect("it is there");
        match found.identity() {
            BackendIdentity::User { name, password } => format!("{name} {password}"),
            BackendIdentity::Client { id, secret, .. } => format!("client {id} {secret}"),
        }
    };
    assert_eq!(secret(now).await, "u first");
    let rotated = server
        .run_with(&format!("backends rotate mc --key {key}"), "second\n")
        .await;
    assert!(rotated.status.success(), "{rotated:?}");
    let later = now + jiff::SignedDuration::from_secs(61);
    assert_eq!(secret(later).await, "u second", "within a minute");

    assert_eq!(
        server.says("accounts backend local mc").await["backend"],
        "mc"
    );
    server
        .refuses("accounts backend local none", 3, "no backend none")
        .await;
    let declared = server
        .says("accounts safe-to-repeat local Update/List Delete Delete")
        .await;
    assert_eq!(
        declared["safe_to_repeat"],
        serde_json::json!(["Delete", "Update/List"])
    );
    server
        .refuses("accounts safe-to-repeat local a-b", 2, "is safe to repeat")
        .await;
    let back = server.says("accounts backend local built-in").await;
    assert_eq!(back["backend"], "built-in");
    let back = server.says("accounts backend local default").await;
    assert_eq!(back["backend"], "default");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_may_be_logged_in_to_as_a_secret_of_secrets_manager_says() {
    let server = Server::start().await;
    let secrets = server.stack.local.secrets();
    let stored = r#"{"client_id":"c","client_secret":"s3cret","account_id":"7001"}"#;
    secrets.put("mc", stored);
    let arn = local::secrets::secret_arn("mc");
    let create =
        format!("backends create mc --tenant mc-1 --secret-arn {arn} --safe-to-repeat Delete");
    let made = server.says(&create).await;
    assert_eq!(
        made["url"],
        "https://mc-1.soap.marketingcloudapis.com/Service.asmx"
    );
    assert_eq!(made["login"], format!("secret {arn}"));
    assert_eq!(made["safe_to_repeat"], serde_json::json!(["Delete"]));
    let name = calls::BackendName::parse("mc").expect("a name");
    let now = server.stack.cloud.now();
    let found = server.stack.cloud.accounts.backend(&name, now).await;
    let found = found.expect("it is read").expect("it is there");
    let BackendIdentity::Client {
        id,
        secret,
        token_url,
        account_id,
    } = found.identity()
    else {
        panic!("an API client");
    };
    assert_eq!((id, secret, account_id), ("c", "s3cret", Some("7001")));
    assert_eq!(
        token_url,
        "https://mc-1.auth.marketingcloudapis.com/v2/token"
    );
    let rotate = format!(
        "backends rotate mc --key {}",
        local::names::password_key_arn()
    );
    let rotated = server.run_with(&rotate, "other\n").await;
    assert_eq!(rotated.status.code(), Some(2), "it is rotated there");
    for wrong in [
        "backends create other --tenant a.b --user u --key k",
        "backends create other --tenant a --secret-arn arn:aws:s3:::x",
        "backends create other --tenant a --user u",
        "backends create built-in --tenant a --user u --key k",
    ] {
        let refused = server.run_with(wrong, "s\n").await;
        assert_eq!(refused.status.code(), Some(2), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_is_planned_of_the_server_and_of_a_backend() {
    let server = Server::start().await;
    let key = local::names::password_key_arn();
    let create = format!(
        "backends create mc --url https://mc.example.com/Service.asmx --user u --key {key}"
    );
    server.run_with(&create, "s\n").await;
    let ahead = "--from 2099-01-01T00:00:00Z --to 2099-01-01T01:00:00Z --reason release";
    let planned = server.says(&format!("maintenance {ahead}")).await;
    assert_eq!(planned["maintenance"], false);
    assert_eq!(
        planned["planned"][0],
        "2099-01-01T00:00:00Z to 2099-01-01T01:00:00Z: release"
    );
    let unplanned = server.says("maintenance unplan").await;
    assert_eq!(unplanned["planned"], Value::Array(Vec::new()));

    let running = "--from 2020-01-01T00:00:00Z --to 2099-01-01T01:00:00Z --reason release";
    let of_backend = server
        .says(&format!("maintenance {running} --backend mc"))
        .await;
    assert_eq!(of_backend["stands"], "in maintenance");
    let off = server.says("maintenance off --backend mc").await;
    assert_eq!(off["planned"], Value::Array(Vec::new()));
    server
        .refuses(
            &format!("maintenance {ahead} --backend none"),
            3,
            "no backend none",
        )
        .await;
    server
        .refuses("maintenance on --backend mc", 2, "--from")
        .await;
    let past = "--from 2020-01-01T00:00:00Z --to 2020-01-01T01:00:00Z --reason x";
    server
        .refuses(&format!("maintenance {past}"), 2, "ended already")
        .await;
    server
        .refuses("maintenance --from 2099-01-01T00:00:00Z", 2, "--to")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_calls_are_listed_and_acts_name_what_is_not_there() {
    let server = Server::start().await;
    assert_eq!(
        server.says("unknown list --all").await,
        Value::Array(Vec::new())
    );
    server
        .refuses(
            "unknown resend local nobody --why x --by ann",
            3,
            "has no call nobody",
        )
        .await;
    server
        .refuses("unknown settle local nobody done --by ann", 2, "--why")
        .await;
}
