//! One object of a call that is decided: what is known, and the results it can have.

use std::borrow::Cow;

use calls::{AccountId, Method};
use soap::{Element, ObjectResult};

use crate::overlay::View;
use crate::saving::Intent;
use crate::tree;
use crate::unit::{Request, UnitResult, whole};
use crate::verdict::Refused;

/// The account that an object is for: what its own `Client` names, else the one `around` it. `None`:
/// it names several; the door has refused that.
pub fn account_of<'a>(object: &Element, around: &'a AccountId) -> Option<Cow<'a, AccountId>> {
    match soap::client_of(object).account() {
        Ok(None) => Some(Cow::Borrowed(around)),
        Ok(Some(account)) => Some(Cow::Owned(account)),
        Err(_several) => None,
    }
}

/// One object of a call, and what can be known when it is decided.
#[derive(Clone, Copy)]
pub(crate) struct DecisionContext<'a> {
    /// What is known, for objects of the account that this one is for.
    pub(crate) overlay: View<'a, 'a>,
    pub(crate) request: &'a Request<'a>,
    pub(crate) object: &'a Element,
    pub(crate) ordinal: usize,
}

impl<'a> DecisionContext<'a> {
    pub(crate) fn type_name(&self) -> &'a str {
        self.object.type_name.as_deref().unwrap_or_default()
    }

    /// The account of an object that stands in this one.
    pub(crate) fn account_of(&self, nested: &Element) -> Result<AccountId, Refused> {
        match soap::client_of(nested).account() {
            Ok(None) => Ok(self.overlay.account().clone()),
            Ok(Some(account)) => Ok(account),
            Err(several) => Err(Refused::new(several.error_code(), several.to_string())),
        }
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
