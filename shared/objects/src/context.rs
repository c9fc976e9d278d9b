//! One object of a call that is decided: what is known, and the results it can have.

use std::borrow::Cow;

use calls::{AccountId, Method};
use soap::{Element, ObjectResult};

use crate::overlay::View;
use crate::saving::Intent;
use crate::tree;
use crate::unit::{MethodCall, UnitResult, whole};
use crate::verdict::{Refused, Stop};

/// Largest object that is kept, in bytes as written: a table item holds 400 KB, keys included.
pub(crate) const OBJECT_BYTES_MAX: usize = 380_000;

pub(crate) fn too_large(bytes: usize) -> Stop {
    Refused::new(
        204,
        format!("The object is too large: {bytes} bytes, {OBJECT_BYTES_MAX} can be kept"),
    )
    .into()
}

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
    pub(crate) request: &'a MethodCall<'a>,
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

    /// The result of an object that was not: with the object as it came, if it is not too large.
    pub(crate) fn refused(&self, refused: Refused) -> UnitResult {
        whole(ObjectResult {
            ok: false,
            error_code: Some(refused.code),
            object: self.is_kept_whole().then(|| self.object.clone()),
            detail: refused.detail,
            ..self.done(refused.message)
        })
    }

    /// Whether it is no larger than what can be kept: of a larger one no copy is made, for it may be
    /// as large as a whole call.
    fn is_kept_whole(&self) -> bool {
        tree::bytes(self.object) <= OBJECT_BYTES_MAX
    }

    /// Refuses an object that is kept as it came and cannot be.
    pub(crate) fn fits(&self) -> Result<(), Stop> {
        let bytes = tree::bytes(self.object);
        if self.request.method == Method::Delete || bytes <= OBJECT_BYTES_MAX {
            return Ok(());
        }
        Err(too_large(bytes))
    }
}
