//! Which task a Perform starts, and what can be said against it before it is started.

use calls::Method;
use soap::Element;

use crate::carry_out::carry_out;
use crate::email_send_plan::email_send_plan;
use crate::missing::Missing;
use crate::object_types::{data_extract_activity, import_definition};
use crate::overlay::Overlay;
use crate::registry;
use crate::task::{TaskKind, TaskRefused};
use crate::unit::{MethodCall, Unit, UnitResult};

/// The task that a call starts with each of its objects; `None`: they are decided like any others.
pub fn task_kind(method: Method, action: Option<&str>, objects: &[Element]) -> Option<TaskKind> {
    if method != Method::Perform {
        return None;
    }
    let mut kinds = objects.iter().map(|object| {
        let object_type = registry::type_of(object).ok()?;
        object_type.supports(method, action).ok()?;
        object_type.task
    });
    let first = kinds.next()??;
    kinds.all(|kind| kind == Some(first)).then_some(first)
}

/// What can be said against the task that an object starts, before it is started.
pub fn check_task(
    overlay: &Overlay,
    request: &MethodCall<'_>,
    kind: TaskKind,
    ordinal: usize,
) -> Result<Result<(), TaskRefused>, Missing> {
    let Some(object) = request.objects.get(ordinal) else {
        return Ok(Ok(()));
    };
    match kind {
        TaskKind::Extract => {
            let order =
                data_extract_activity::extract_order(overlay, request, object, request.now)?;
            Ok(order.map(drop).map_err(|message| TaskRefused {
                code: data_extract_activity::EXTRACT_REFUSED,
                message,
            }))
        }
        TaskKind::Import => {
            let plan = import_definition::import_plan(overlay, request, object)?;
            Ok(plan.map(drop))
        }
        TaskKind::EmailSend => {
            // Its suppression lists are read when it begins: nothing is wrong with them.
            let plan = email_send_plan(overlay, request, object, &[])?;
            Ok(plan.map(drop))
        }
        TaskKind::ClearData => {
            let mut tried = overlay.clone();
            let result = carry_out(&mut tried, request, &Unit::whole(ordinal))?;
            Ok(match result {
                UnitResult::Whole(result) if !result.ok => Err(TaskRefused {
                    code: result.error_code.unwrap_or_default(),
                    message: result.status_message,
                }),
                UnitResult::Whole(_)
                | UnitResult::Sends(_)
                | UnitResult::Progress(_)
                | UnitResult::Notes(_) => Ok(()),
            })
        }
    }
}
