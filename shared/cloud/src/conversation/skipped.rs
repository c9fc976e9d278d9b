//! Results for the objects of a call that was not carried out: cancelled, expired, not processed,
//! given up. Only the outcome of the call is stored; the objects are in its body.

use soap::{CallRequest, Element, ObjectResult, Operation};

use crate::Cloud;
use crate::error::Error;
use crate::records::call_record::{CallRecord, PackedBody};
use crate::records::load::load_call_by_key;
use crate::records::outcome_record::OutcomeRecord;

impl Cloud {
    /// Each object gets the result of its call, and its CorrelationID so that it may be sent again.
    pub(crate) async fn results_of_skipped(
        &self,
        record: &OutcomeRecord,
        call: Option<&CallRecord>,
    ) -> Result<Vec<ObjectResult>, Error> {
        let found = match call {
            Some(_) => None,
            None => load_call_by_key(&self.calls, &record.conversation, record.sequence).await?,
        };
        let objects = match call.or(found.as_ref()) {
            Some(call) => self.objects_of(call).await?,
            None => Vec::new(),
        };
        if objects.is_empty() {
            // The body cannot be read, which may be why the call was given up.
            let count = usize::try_from(record.objects).unwrap_or(0);
            return Ok(vec![shared(record, None); count]);
        }
        let results = objects.into_iter();
        Ok(results.map(|object| shared(record, Some(object))).collect())
    }

    async fn objects_of(&self, call: &CallRecord) -> Result<Vec<Element>, Error> {
        let body = call.packed_body(&self.large_bodies).await;
        match body.and_then(PackedBody::decompress) {
            Ok(body) => Ok(read(&body)
                .map(|request| request.objects)
                .unwrap_or_default()),
            Err(Error::Unreadable { .. } | Error::Missing(_)) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

fn read(body: &str) -> Option<CallRequest> {
    let body = soap::read_canonical(body).ok()?;
    match soap::take_operation(body, None, None) {
        Ok(Operation::Call(request)) => Some(request),
        Ok(_) | Err(_) => None,
    }
}

fn shared(record: &OutcomeRecord, object: Option<Element>) -> ObjectResult {
    let filled = |name| {
        let text = object.as_ref().and_then(|object| object.text_of(name));
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let type_name = object.as_ref().and_then(|object| object.type_name.clone());
    ObjectResult {
        ok: false,
        status_message: record.outcome.status_message.clone(),
        error_code: record.outcome.error_code,
        object_type: type_name.unwrap_or_else(|| record.object_type.clone()),
        correlation_id: filled("CorrelationID"),
        object,
        ..ObjectResult::default()
    }
}
