//! What is sent as a reply: the fields of a post, or a mail with its file. Made as whoever sends it makes
//! it, of what is kept of its call.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use calls::AsyncResponseType;
use cloud::memory::Budget;
use cloud::records::reply_record::ReplyRecord;
use jiff::SignedDuration;
use replies::{Means, Preparation, ResultsXml, form, results_xml};

use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::local_pages::attachment;
use crate::pages::named_reply::NamedReply;

/// How long other pages are waited for that hold the memory.
const WITHIN: SignedDuration = SignedDuration::from_secs(10);

/// What its receiver gets.
#[derive(Default)]
pub(crate) struct ReplyContent {
    /// Of a post.
    pub fields: Vec<(String, String)>,
    /// Of a mail.
    pub subject: String,
    pub text: String,
    pub file: Option<ReplyFile>,
}

/// A file that goes with a mail.
pub(crate) struct ReplyFile {
    pub name: String,
    pub bytes: usize,
    pub href: String,
}

impl ReplyContent {
    pub(crate) async fn of(console: &Console, record: &ReplyRecord) -> Result<Self, PageFailure> {
        let results = results(console, record).await?;
        let reply = &record.reply;
        Ok(match reply.subscription.response_type {
            AsyncResponseType::None => Self::default(),
            AsyncResponseType::HttpPost => {
                let body = form::body(reply, record.conversation_id.as_ref(), results.as_deref());
                let fields = url::form_urlencoded::parse(body.as_bytes()).into_owned();
                Self {
                    fields: fields.collect(),
                    ..Self::default()
                }
            }
            AsyncResponseType::Email => {
                let Some(mail) = replies::mail::write(record, results.as_deref()) else {
                    return Ok(Self::default());
                };
                let values = [("account", record.account.0.as_str()), ("id", &reply.id())];
                let path = format!("{}/reply/file", console.base());
                Self {
                    subject: mail.subject,
                    text: mail.text.unwrap_or_default(),
                    file: mail.attachment.map(|(name, _, content)| ReplyFile {
                        name,
                        bytes: content.len(),
                        href: link::with_query(&path, &values),
                    }),
                    ..Self::default()
                }
            }
        })
    }
}

/// The file of a mail, to be kept.
pub(crate) async fn file(
    State(console): State<Console>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let record = NamedReply::read(&console, query.as_deref())?
        .record(&console)
        .await?;
    let none = || PageFailure::NotFound("This reply has no file.".to_owned());
    if record.reply.subscription.response_type != AsyncResponseType::Email {
        return Err(none());
    }
    let results = results(&console, &record).await?;
    let mail = replies::mail::write(&record, results.as_deref());
    let (name, _, content) = mail.and_then(|mail| mail.attachment).ok_or_else(none)?;
    Ok(attachment(&name, content))
}

/// The results that go with it; `None`: it has none, or they are out of reach.
async fn results(console: &Console, record: &ReplyRecord) -> Result<Option<String>, PageFailure> {
    let cloud = console.cloud();
    let means = Means {
        budget: Budget::default(),
        deadline: cloud.now() + WITHIN,
    };
    match results_xml(cloud, record, &means).await {
        Ok(Preparation::Ready(ResultsXml { text, .. })) => Ok(text),
        Ok(Preparation::NoRoom)
        | Err(cloud::Error::LargeBodies { .. } | cloud::Error::Missing(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
