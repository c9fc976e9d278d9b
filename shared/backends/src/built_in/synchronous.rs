//! Synchronous calls: decided and committed chunk by chunk, while there is time.

use calls::{AccountId, RequestId};
use cloud::error::SHARED_RECORD_CONFLICTS_MAX;
use cloud::{Cloud, Committed, Error};
use jiff::SignedDuration;
use objects::{Overlay, SendOrder, Unit, UnitResult};
use soap::{CallRequest, ObjectResult};

use super::{decide_chunk, merged};

/// API Gateway waits 30 s for an answer; objects that are not begun by then are refused, each in
/// its result.
const TIME_MAX: SignedDuration = SignedDuration::from_secs(24);

/// The outcome: a result per object, and the mails to be sent.
pub struct SynchronousOutcome {
    pub results: Vec<ObjectResult>,
    pub mails: Vec<SendOrder>,
}

/// Carries out the objects of a call, as many as there is time for.
pub async fn carry_out(
    cloud: &Cloud,
    account: &AccountId,
    call: &CallRequest,
    client: &AccountId,
    request_id: &RequestId,
) -> Result<SynchronousOutcome, Error> {
    let began = cloud.now();
    let request = objects::MethodCall {
        method: call.method,
        action: call.action.as_deref(),
        options: &call.options,
        objects: &call.objects,
        client,
        request_id,
        phone_senders: &cloud.settings.phone_senders,
        now: began,
    };
    let units = objects::units(call.method, &call.objects);
    let mut results: Vec<UnitResult> = Vec::with_capacity(units.len());
    let mut mails = Vec::new();
    let mut overlay = Overlay::new(account);
    let mut conflicts = 0;
    while results.len() < units.len() {
        if cloud.now().duration_since(began) > TIME_MAX {
            results.extend(
                units[results.len()..]
                    .iter()
                    .map(|unit| too_late(call, unit)),
            );
            break;
        }
        let chunk =
            decide_chunk(cloud, &mut overlay, &request, &units[results.len()..], None).await?;
        let (decided, ordered) = (chunk.results.clone(), chunk.mails.clone());
        match Committed::of(cloud.commit_effects(chunk).await)? {
            Committed::Written(()) => {
                results.extend(decided);
                mails.extend(ordered);
                overlay.committed();
            }
            Committed::Conflict if conflicts < SHARED_RECORD_CONFLICTS_MAX => {
                conflicts += 1;
                overlay = Overlay::new(account);
                let moment = u64::from(conflicts) * 5;
                tokio::time::sleep(std::time::Duration::from_millis(moment)).await;
            }
            Committed::Conflict => return Err(Error::Conflict(SHARED_RECORD_CONFLICTS_MAX)),
        }
    }
    Ok(SynchronousOutcome {
        results: merged(&call.objects, &units, results),
        mails,
    })
}

fn too_late(call: &CallRequest, unit: &Unit) -> UnitResult {
    let object = call.objects.get(unit.object);
    UnitResult::Whole(Box::new(ObjectResult {
        ok: false,
        status_message: "Not carried out: the request took too long. Send the rest with \
                         RequestType Asynchronous"
            .to_owned(),
        error_code: Some(13),
        object_type: object
            .and_then(|object| object.type_name.clone())
            .unwrap_or_default(),
        object: object.cloned(),
        ..ObjectResult::default()
    }))
}
