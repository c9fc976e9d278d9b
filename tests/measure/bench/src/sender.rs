//! One keep-alive connection to the server under load.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Where calls are posted to.
#[derive(Clone, Debug)]
pub struct Target {
    /// Host and port.
    pub authority: String,
    pub path: String,
}

impl Target {
    /// `url`: `http://HOST:PORT/PATH`.
    pub fn parse(url: &str) -> anyhow::Result<Self> {
        let rest = url.strip_prefix("http://");
        let parts = rest.and_then(|rest| rest.split_once('/'));
        let (authority, path) =
            parts.ok_or_else(|| anyhow::anyhow!("{url} is not http://HOST:PORT/PATH"))?;
        Ok(Self {
            authority: authority.to_owned(),
            path: format!("/{path}"),
        })
    }
}

/// A connection, opened when it is first needed and again when it was closed.
#[derive(Debug)]
pub struct Sender {
    target: Target,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Sender {
    pub fn new(target: Target) -> Self {
        Self {
            target,
            connection: None,
        }
    }

    /// Posts an envelope; `Err` holds what came instead of `OK`.
    pub async fn post(&mut self, envelope: String) -> Result<(), String> {
        let posted = self.exchange(envelope).await;
        match posted {
            // Some write a prefix before the name.
            Ok((200, body)) if body.contains("OverallStatus>OK</") => Ok(()),
            Ok((status, body)) => Err(format!("{status} {body}")),
            Err(error) => {
                self.connection = None;
                Err(format!("{error:#}"))
            }
        }
    }

    async fn exchange(&mut self, envelope: String) -> anyhow::Result<(u16, String)> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(&self.target.path)
            .header(HOST, &self.target.authority)
            .header(CONTENT_TYPE, "text/xml; charset=utf-8")
            .header("soapaction", "\"Create\"")
            .body(Full::new(Bytes::from(envelope)))?;
        let open = self.open().await?;
        let answer = open.send_request(request).await?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await?.to_bytes();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    async fn open(&mut self) -> anyhow::Result<&mut SendRequest<Full<Bytes>>> {
        let usable = match &mut self.connection {
            Some(open) => open.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            let stream = TcpStream::connect(&self.target.authority).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await?;
            let _ended = tokio::spawn(connection);
            self.connection = Some(sender);
        }
        self.connection
            .as_mut()
            .ok_or_else(|| anyhow::anyhow!("there is no connection"))
    }
}
