//! The command as a script uses it: a process of its own, beside a local server.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output};

use aws_smithy_types::retry::RetryConfig;
use cloud::Random;
use cloud::accounts::Login;
use local::callback_log::CallbackLog;
use local::{LocalCloud, Stack, site};
use serde_json::Value;

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

    let unknown = server.says("mails list --state unknown").await;
    assert_eq!(unknown, Value::Array(Vec::new()));

    server.says("maintenance on").await;
    assert!(
        server
            .stack
            .cloud
            .accounts
            .maintenance()
            .await
            .expect("the switch")
    );
    assert_eq!(server.says("maintenance show").await["maintenance"], true);
    server.says("maintenance off").await;
    assert!(
        !server
            .stack
            .cloud
            .accounts
            .maintenance()
            .await
            .expect("the switch")
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
