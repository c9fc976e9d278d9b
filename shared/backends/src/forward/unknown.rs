//! Acts of operators on calls of unknown fate: settle them, or send them again.
//!
//! The outcome that the caller received is not changed. A call that is sent again is a new call,
//! outside any conversation, for the same backend, without the objects that have results. Its
//! RequestID is committed before it is accepted, so that repeating the act continues with the same
//! call.

use calls::{AccountId, BackendName, Call, Digest, Options, Place, RequestId};
use cloud::conversation::unknown::{FoundUnknown, UnknownCall};
use cloud::error::FEW_CONFLICTS_MAX;
use cloud::records::unknown_record::{Settlement, UnknownRecord, Verdict};
use cloud::{Cloud, Committed, Error};

/// Who acts, and why.
#[derive(Clone, Copy)]
pub struct Act<'a> {
    pub account: &'a AccountId,
    pub request_id: &'a RequestId,
    pub by: &'a str,
    pub why: &'a str,
}

/// The result of an act.
#[derive(Debug)]
pub enum Acted {
    /// It is done, now or by an earlier act.
    Done(UnknownRecord),
    /// It was settled differently, or sent again.
    Otherwise(UnknownRecord),
    /// The account has no such call.
    NoSuchCall,
    /// The fate of the call is known, or it is not kept any more.
    Known,
    /// It has no backend, or all of its objects have results.
    NothingToSend,
}

/// Settles a call.
pub async fn settle(cloud: &Cloud, act: Act<'_>, verdict: Verdict) -> Result<Acted, Error> {
    for _ in 0..FEW_CONFLICTS_MAX {
        let found = match found(cloud, act).await? {
            Ok(found) => found,
            Err(missing) => return Ok(missing),
        };
        match &found.record.settlement {
            Some(said) if said.verdict == verdict => return Ok(Acted::Done(found.record)),
            Some(_) => return Ok(Acted::Otherwise(found.record)),
            None => {}
        }
        if let Some(record) = say(cloud, &found.record, act, verdict.clone()).await? {
            return Ok(Acted::Done(record));
        }
    }
    Err(Error::Conflict(FEW_CONFLICTS_MAX))
}

/// Sends a call again, as a new one.
pub async fn resend(cloud: &Cloud, act: Act<'_>) -> Result<Acted, Error> {
    for _ in 0..FEW_CONFLICTS_MAX {
        let found = match found(cloud, act).await? {
            Ok(found) => found,
            Err(missing) => return Ok(missing),
        };
        let Some(backend) = found.call.backend.clone() else {
            return Ok(Acted::NothingToSend);
        };
        let verdict = found.record.settlement.as_ref().map(|said| &said.verdict);
        let (record, as_call) = match verdict {
            Some(Verdict::Resent(request_id)) => (found.record.clone(), request_id.clone()),
            // A call is never sent again under the same RequestID.
            Some(Verdict::Done | Verdict::SentAgain) => return Ok(Acted::Otherwise(found.record)),
            Some(Verdict::NotDone) | None => {
                let request_id = cloud.random.request_id();
                let verdict = Verdict::Resent(request_id.clone());
                match say(cloud, &found.record, act, verdict).await? {
                    Some(record) => (record, request_id),
                    None => continue,
                }
            }
        };
        return match take_in(cloud, &found, &as_call, backend).await? {
            true => Ok(Acted::Done(record)),
            false => Ok(Acted::NothingToSend),
        };
    }
    Err(Error::Conflict(FEW_CONFLICTS_MAX))
}

async fn found(cloud: &Cloud, act: Act<'_>) -> Result<Result<Box<UnknownCall>, Acted>, Error> {
    let found = cloud.unknown_call(act.account, act.request_id).await?;
    Ok(match found {
        FoundUnknown::Unknown(found) => Ok(found),
        FoundUnknown::Nothing => Err(Acted::NoSuchCall),
        FoundUnknown::Known => Err(Acted::Known),
    })
}

/// `None`: another act was first.
async fn say(
    cloud: &Cloud,
    record: &UnknownRecord,
    act: Act<'_>,
    verdict: Verdict,
) -> Result<Option<UnknownRecord>, Error> {
    let settlement = Settlement {
        verdict,
        by: act.by.to_owned(),
        at: cloud.now(),
        why: act.why.to_owned(),
    };
    let said = cloud.settle_unknown(record, settlement).await;
    Ok(match Committed::of(said)? {
        Committed::Written(record) => Some(record),
        Committed::Conflict => None,
    })
}

/// `false`: all of its objects have results.
async fn take_in(
    cloud: &Cloud,
    found: &UnknownCall,
    request_id: &RequestId,
    backend: BackendName,
) -> Result<bool, Error> {
    let (call, now) = (&found.call, cloud.now());
    let known = found.known_objects;
    let objects = usize::try_from(call.objects).unwrap_or(usize::MAX);
    let remaining = objects.saturating_sub(known);
    if remaining == 0 {
        return Ok(false);
    }
    let body = cloud.body_of_unknown(found).await?;
    let body = soap::read_canonical(&body).map_err(|_| Error::Unreadable {
        sk: format!("CALL of {}", call.request_id),
        attribute: "body",
    })?;
    let canonical = soap::canonical(&soap::piece_of(&body, call.method, known, remaining));
    let again = Call {
        request_id: request_id.clone(),
        conversation_id: None,
        place: Place::ONLY,
        // Its ScheduledTime and RequestExpirationTime were those of the first call.
        options: Options {
            scheduled_time: None,
            expires_at: None,
            ..call.options.clone()
        },
        digest: Digest::of(canonical.as_bytes()),
        objects: u32::try_from(remaining).unwrap_or(u32::MAX),
        arrived_at: now,
        backend: Some(backend),
        resubmitted_from: None,
        ..call.clone()
    };
    cloud.accept_resent(again, &canonical, now).await?;
    Ok(true)
}
