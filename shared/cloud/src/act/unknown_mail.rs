//! What people do about a mail, a text or a call by voice of unknown fate: say what became of it, or have
//! it sent once more.

use calls::AccountId;

use crate::Cloud;
use crate::conversation::unknown_mails::UnknownMail;
use crate::error::{CommitError, Committed, Error, FEW_CONFLICTS_MAX};
use crate::records::mail_record::{MailState, MailTag};
use crate::records::unknown_record::{Settlement, Verdict};

/// What came of an act.
#[derive(Debug)]
pub enum MailActed {
    /// It is so, now or since an earlier act.
    Done(UnknownMail),
    /// Somebody has said otherwise, or has had it sent again.
    Otherwise(UnknownMail),
    /// The account has no such mail of unknown fate.
    Nothing,
}

/// Who acts, and why.
#[derive(Clone, Copy)]
pub struct MailAct<'a> {
    pub account: &'a AccountId,
    pub tag: &'a MailTag,
    pub by: &'a str,
    pub why: &'a str,
}

/// Says of a mail that it went out, or that it did not; or has it sent once more
/// ([`Verdict::SentAgain`]), which repeated does nothing.
pub async fn act(cloud: &Cloud, act: MailAct<'_>, verdict: Verdict) -> Result<MailActed, Error> {
    for _ in 0..FEW_CONFLICTS_MAX {
        let Some(found) = cloud.unknown_mail(act.account, act.tag).await? else {
            return Ok(MailActed::Nothing);
        };
        let said = found.record.settlement.as_ref().map(|it| &it.verdict);
        match (said, &verdict) {
            (Some(said), wanted) if said == wanted => return Ok(MailActed::Done(found)),
            // Whoever has looked and found that it is not there has it sent next.
            (Some(Verdict::NotDone), Verdict::SentAgain) | (None, _) => {}
            (Some(_), _) => return Ok(MailActed::Otherwise(found)),
        }
        let settlement = Settlement {
            verdict: verdict.clone(),
            by: act.by.to_owned(),
            at: cloud.now(),
            why: act.why.to_owned(),
        };
        let done: Result<UnknownMail, CommitError> = match verdict {
            Verdict::SentAgain => {
                let now = cloud.now();
                cloud.resend_unknown_mail(&found, settlement, now).await
            }
            Verdict::Done | Verdict::NotDone | Verdict::Resent(_) => {
                cloud.settle_unknown_mail(&found, settlement).await
            }
        };
        match Committed::of(done)? {
            Committed::Written(done) => return Ok(MailActed::Done(done)),
            Committed::Conflict if is_known_by_now(cloud, &found).await? => {
                return Ok(MailActed::Nothing);
            }
            Committed::Conflict => {}
        }
    }
    Err(Error::Conflict(FEW_CONFLICTS_MAX))
}

/// Whether an event has told of it meanwhile.
async fn is_known_by_now(cloud: &Cloud, seen: &UnknownMail) -> Result<bool, Error> {
    let mail = cloud.mail_tagged(&seen.record.tag).await?;
    Ok(mail.is_none_or(|mail| mail.state != MailState::Unknown))
}
