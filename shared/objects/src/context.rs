//! One object of a call that is decided: what is known, and the results it can have.

use calls::Method;
use soap::{Element, ObjectResult};

use crate::overlay::Overlay;
use crate::saving::Intent;
use crate::tree;
use crate::unit::{Request, UnitResult, whole};
use crate::verdict::Refused;

/// One object of a call, and what can be known when it is decided.
#[derive(Clone, Copy)]
pub(crate) struct DecisionContext<'a> {
    pub(crate) overlay: &'a Overlay,
    pub(crate) request: &'a Request<'a>,
    pub(crate) object: &'a Element,
    pub(crate) ordinal: usize,
}

impl<'a> DecisionContext<'a> {
    pub(crate) fn type_name(&self) -> &'a str {
        self.object.type_name.as_deref().unwrap_or_default()
    }

    pub(crate) fn intent(&self) -> Intent {
        Intent::of(self.request.method, self.request.options, self.type_name())
    }

    pub(crate) fn correlation_id(&self) -> Option<String> {
        tree::filled(self.object, "CorrelationID").map(str::to_owned)
    }

    /// The result of an object that was carried out, without the object.
    pub(crate) fn done(&self, message: impl Into<String>) -> ObjectResult {
        ObjectResult {
            ok: true,
            status_message: message.into(),
            object_type: self.type_name().to_owned(),
            correlation_id: self.correlation_id(),
            new_id: (self.request.method == Method::Create).then_some(0),
            ..ObjectResult::default()
        }
    }

    /// The result of an object that was not: with the object as it came.
    pub(crate) fn refused(&self, refused: Refused) -> UnitResult {
        whole(ObjectResult {
            ok: false,
            error_code: Some(refused.code),
            object: Some(self.object.clone()),
            detail: refused.detail,
            ..self.done(refused.message)
        })
    }
}
