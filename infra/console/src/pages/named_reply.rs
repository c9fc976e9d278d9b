//! The reply that an address names: its account and its `webhook-id`.

use calls::AccountId;
use cloud::read::replies::ReplyId;
use cloud::records::reply_record::ReplyRecord;

use crate::console::Console;
use crate::failure::PageFailure;
use crate::page_query::PageQuery;

pub(crate) struct NamedReply {
    pub account: AccountId,
    id: ReplyId,
}

impl NamedReply {
    pub(crate) fn read(console: &Console, query: Option<&str>) -> Result<Self, PageFailure> {
        let query = PageQuery::read(query);
        let account = query.account(console);
        let account = account.ok_or_else(|| PageFailure::Wrong("Say which account.".to_owned()))?;
        let wrong = || PageFailure::Wrong("This is no id of a reply.".to_owned());
        let id = ReplyId::parse(query.text("id")).ok_or_else(wrong)?;
        Ok(Self { account, id })
    }

    pub(crate) async fn record(&self, console: &Console) -> Result<ReplyRecord, PageFailure> {
        let found = console.cloud().reply_of_id(&self.account, &self.id).await?;
        found.ok_or_else(|| {
            PageFailure::NotFound("There is no such reply, or it is not kept any more.".to_owned())
        })
    }
}
