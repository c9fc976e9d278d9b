//! A synchronous Perform that starts tasks: a call that carries them out is accepted, and the
//! answer has the numbers of the tasks. If something is wrong with them, the answer says so, and no
//! task is started.

use backends::built_in::{announcement, synchronous, task_run};
use calls::{AccountId, OverallStatus, RequestId};
use cloud::conversation::accept::Accepted;
use cloud::{Cloud, Error, OwnHosts};
use objects::{TaskKind, TaskRefused};
use soap::{CallRequest, Detail, ObjectResult};

use crate::accept::{self, CanonicalPayload};
use crate::answer::{Answer, refused};
use crate::caller::Caller;

/// The protocol's code of an object that is not carried out because of another object.
const NOT_STARTED: u32 = 2;

/// A request to start tasks.
pub(crate) struct StartTasks<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) call: &'a CallRequest,
    /// The account of the objects.
    pub(crate) client: &'a AccountId,
    pub(crate) kind: TaskKind,
    pub(crate) kept: &'a CanonicalPayload,
    pub(crate) own: &'a OwnHosts,
}

impl StartTasks<'_> {
    pub(crate) async fn answer(self, cloud: &Cloud) -> Result<Answer, Error> {
        let call = self.call;
        let account = &self.caller.account;
        let request_id = cloud.random.request_id();
        let request = objects::MethodCall {
            method: call.method,
            action: call.action.as_deref(),
            options: &call.options,
            objects: &call.objects,
            client: self.client,
            phone_senders: &cloud.settings.phone_senders,
            request_id: &request_id,
            now: cloud.now(),
        };
        if let Some(refusal) = task_run::check(cloud, account, &request, self.kind).await? {
            let results = self.not_started(refusal.ordinal, &refusal.reason);
            return Ok(Ok(self.answered(&results, &request_id)));
        }
        // The caller waits for the answer, so it gets no reply.
        let mut queued = call.clone();
        queued.options.subscriptions.clear();
        let request_id =
            match accept::take_in(cloud, self.caller, &queued, self.kept, self.own).await? {
                Accepted::Accepted(request_id) => request_id,
                Accepted::Refused(refusal) => return Ok(Ok(refused(cloud, call, &refusal))),
                Accepted::KeyUsed => return Err(Error::Conflict(1)),
            };
        let results = match self.kind {
            // The data extension is emptied before the answer, so that rows that are sent after it
            // are not cleared. The task finds this done, since both use the same id for the new
            // rows.
            TaskKind::ClearData => {
                synchronous::carry_out(cloud, account, call, self.client, &request_id)
                    .await?
                    .results
            }
            TaskKind::Extract | TaskKind::Import | TaskKind::EmailSend => {
                let started = objects::MethodCall {
                    request_id: &request_id,
                    ..request
                };
                announcement::announce(cloud, account, &started, self.kind).await?;
                self.started(&request_id)
            }
        };
        Ok(Ok(self.answered(&results, &request_id)))
    }

    fn started(&self, request_id: &RequestId) -> Vec<ObjectResult> {
        let objects = self.call.objects.iter().enumerate();
        let started = objects.map(|(ordinal, object)| {
            let number = objects::task_number(&self.caller.account, request_id, ordinal);
            let object_type = object.type_name.clone().unwrap_or_default();
            let status_message = match self.kind {
                TaskKind::Import => format!("{object_type} performed AsyncID:{number}"),
                TaskKind::Extract | TaskKind::ClearData | TaskKind::EmailSend => {
                    format!("{object_type} performed")
                }
            };
            ObjectResult {
                ok: true,
                status_message,
                object_type,
                correlation_id: object.text_of("CorrelationID").map(str::to_owned),
                object: Some(object.clone()),
                detail: Detail::Task {
                    id: number.to_string(),
                    interaction_object_id: None,
                },
                ..ObjectResult::default()
            }
        });
        started.collect()
    }

    fn not_started(&self, refused: usize, why: &TaskRefused) -> Vec<ObjectResult> {
        let objects = self.call.objects.iter().enumerate();
        let results = objects.map(|(ordinal, object)| {
            let (code, message) = match ordinal == refused {
                true => (why.code, why.message.clone()),
                false => (
                    NOT_STARTED,
                    format!("Not started: the Definition at 0-based index {refused} was refused"),
                ),
            };
            ObjectResult {
                ok: false,
                status_message: message,
                error_code: Some(code),
                object_type: object.type_name.clone().unwrap_or_default(),
                correlation_id: object.text_of("CorrelationID").map(str::to_owned),
                object: Some(object.clone()),
                ..ObjectResult::default()
            }
        });
        results.collect()
    }

    fn answered(&self, results: &[ObjectResult], request_id: &RequestId) -> String {
        let failed = results.iter().filter(|result| !result.ok).count();
        let overall_status = OverallStatus::of(results.len(), failed);
        soap::write_results_that_fit(
            self.call.method,
            results,
            Some(&request_id.0),
            overall_status.text(),
        )
    }
}
