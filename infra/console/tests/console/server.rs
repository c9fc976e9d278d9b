//! A server to ask, and a console of the operator's command beside it.

use std::net::SocketAddr;

use aws_smithy_types::retry::RetryConfig;
use calls::AccountId;
use cloud::Random;
use cloud::aws::dead_letters::StackQueues;
use cloud::aws::stack::LOCAL_STACK;
use cloud::read::rates::StackMetrics;
use local::callback_log::CallbackLog;
use local::{LocalClock, LocalCloud, Stack, site};
use operator_console::{Console, ConsoleAccess, ConsoleOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::form_urlencoded::Serializer;

/// What came back.
#[derive(Debug)]
pub(crate) struct PageAnswer {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) stack: Stack,
    /// What all pages lie below.
    base: &'static str,
    cookie: String,
    token: String,
}

/// The key of a console of the command.
pub(crate) const KEY: &str = "the-key-of-the-test";

impl Server {
    /// A local server, and its console.
    pub(crate) async fn local() -> Self {
        let local = LocalCloud::with_tables_at(LocalClock::running()).expect("tables");
        let callback_log = CallbackLog::new(local.clone());
        let (connector, retry) = (callback_log.connector(), RetryConfig::standard());
        let stack = Stack::new(local, connector, Random::system(), retry).counting();
        stack.open_account().await.expect("the account local");
        let any = ([127, 0, 0, 1], 0).into();
        let listener = site::listen(any).await.expect("a port");
        let address = listener.local_addr().expect("its address");
        tokio::spawn(site::serve(stack.clone(), callback_log, listener, false));
        let mut server = Self {
            address,
            stack,
            base: "/_local",
            cookie: String::new(),
            token: String::new(),
        };
        let page = server.get("/tools").await;
        server.token = token_in(&page.body).to_owned();
        server
    }

    /// The console that the command serves, beside this server.
    pub(crate) async fn console(&self, access: ConsoleAccess) -> Self {
        let retry = RetryConfig::standard();
        let config = self.stack.local.sdk_config(retry);
        let wire = format!("http://{}", self.address);
        let wire = config.clone().into_builder().endpoint_url(wire).build();
        let console = Console::new(ConsoleOptions {
            cloud: self.stack.cloud.clone(),
            queues: Some(StackQueues::of_stack(&config, LOCAL_STACK)),
            metrics: Some(StackMetrics::of_stack(&wire, LOCAL_STACK)),
            base: String::new(),
            place: "a stack".to_owned(),
            access,
            account: Some(AccountId("local".to_owned())),
            key: Some(KEY.to_owned()),
            is_local: false,
            endpoint: None,
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("its address");
        tokio::spawn(async move { console.serve(listener).await });
        let mut server = Self {
            address,
            stack: self.stack.clone(),
            base: "",
            cookie: format!("cookie: aftercall-console={KEY}\r\n"),
            token: String::new(),
        };
        let page = server.get("/accounts").await;
        server.token = token_in(&page.body).to_owned();
        server
    }

    /// Exactly these bytes, but for the head's usual lines.
    pub(crate) async fn ask(&self, first: &str, headers: &str, body: &str) -> PageAnswer {
        let length = body.len();
        let request = format!(
            "{first} HTTP/1.1\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let mut stream = TcpStream::connect(self.address)
            .await
            .expect("a connection");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it is sent");
        let mut answer = Vec::new();
        let _ended = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        let is_chunked = head.to_lowercase().contains("transfer-encoding: chunked");
        assert!(!is_chunked, "pages are sent whole");
        PageAnswer {
            status: status.unwrap_or(0),
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn usual_headers(&self) -> String {
        format!("host: {}\r\n{}", self.address, self.cookie)
    }

    pub(crate) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) async fn get(&self, path: &str) -> PageAnswer {
        let first = format!("GET {}", self.path(path));
        self.ask(&first, &self.usual_headers(), "").await
    }

    /// A page that must be there.
    pub(crate) async fn shows(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// A form as a page of this console sends it.
    pub(crate) async fn post(&self, path: &str, values: &[(&str, &str)]) -> PageAnswer {
        let mut form = Serializer::new(String::new());
        form.extend_pairs(values).append_pair("token", &self.token);
        let headers = format!(
            "{}origin: http://{}\r\ncontent-type: application/x-www-form-urlencoded\r\n",
            self.usual_headers(),
            self.address
        );
        let first = format!("POST {}", self.path(path));
        self.ask(&first, &headers, &form.finish()).await
    }

    /// One that must be done; its page.
    pub(crate) async fn does(&self, path: &str, values: &[(&str, &str)]) -> String {
        let answer = self.post(path, values).await;
        assert_eq!(answer.status, 200, "{path} {values:?}: {}", answer.body);
        answer.body
    }

    /// A Create of a call, through the front door; waits until what can be done is done. `options` and
    /// `objects` are XML.
    pub(crate) async fn call(&self, options: &str, objects: &str) -> String {
        let body = format!(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><s:Header>\
             <w:Security xmlns:w=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\">\
             <w:UsernameToken><w:Username>local</w:Username><w:Password>local</w:Password></w:UsernameToken>\
             </w:Security></s:Header><s:Body><CreateRequest xmlns=\"http://exacttarget.com/wsdl/partnerAPI\">\
             <Options><RequestType>Asynchronous</RequestType>{options}</Options>{objects}</CreateRequest>\
             </s:Body></s:Envelope>"
        );
        let headers = format!(
            "host: {}\r\ncontent-type: text/xml\r\nsoapaction: \"Create\"\r\n",
            self.address
        );
        let answer = self.ask("POST /Service.asmx", &headers, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.stack.wait_until_idle().await;
        answer.body
    }

    /// One part of a conversation with a subscriber that is good.
    pub(crate) async fn part(&self, conversation: &str, sequence: u32, of: u32) -> String {
        let options = format!(
            "<ConversationID>{conversation}</ConversationID><SequenceCode>{sequence}</SequenceCode>\
             <CallsInConversation>{of}</CallsInConversation>"
        );
        self.call(&options, &subscriber(&format!("{conversation}-{sequence}")))
            .await
    }

    /// The key of the conversation of an id, as its page has it.
    pub(crate) async fn key_of(&self, id: &str) -> String {
        let query = Serializer::new(String::new())
            .append_pair("id", id)
            .finish();
        let answer = self.get(&format!("/find?{query}")).await;
        assert_eq!(answer.status, 303, "{id}: {}", answer.body);
        let (_, behind) = answer
            .head
            .split_once("conversation?key=")
            .expect("it is found");
        behind.lines().next().unwrap_or_default().to_owned()
    }

    /// What is written to the account, by requests.
    pub(crate) fn writes(&self) -> f64 {
        let counts = self.stack.local.usage().counts();
        let operations = [
            "PutItem",
            "UpdateItem",
            "DeleteItem",
            "BatchWriteItem",
            "TransactWriteItems",
        ];
        operations
            .into_iter()
            .map(|name| counts.used(local::Service::DynamoDb, name).requests)
            .sum()
    }
}

pub(crate) fn subscriber(key: &str) -> String {
    format!(
        "<Objects xsi:type=\"Subscriber\"><EmailAddress>{key}@example.com</EmailAddress>\
         <SubscriberKey>{key}</SubscriberKey></Objects>"
    )
}

/// A subscriber that is refused when it is carried out: its list is not there.
pub(crate) fn bad_subscriber(key: &str) -> String {
    let good = subscriber(key);
    good.replace(
        "</Objects>",
        "<Lists><ID>4711</ID><Status>Active</Status></Lists></Objects>",
    )
}

fn token_in(page: &str) -> &str {
    let (_, behind) = page
        .split_once("name=\"token\" value=\"")
        .unwrap_or_default();
    behind.split('"').next().unwrap_or_default()
}

/// The text of the first element of that name.
pub(crate) fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let start = format!("<{name}>");
    let (_, behind) = xml.split_once(start.as_str()).unwrap_or_default();
    behind.split('<').next().unwrap_or_default()
}
