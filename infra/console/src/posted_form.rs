//! The values of a form that was sent. The guard has read it and has seen its token.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use calls::AccountId;

use crate::failure::PageFailure;
use crate::page_query::PageQuery;

/// By name; one that is not there is empty. What is in it is trimmed nowhere.
#[derive(Clone, Debug, Default)]
pub struct PostedForm(pub(crate) PageQuery);

impl PostedForm {
    /// Empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.0.text(name)
    }

    /// One that must be there.
    pub fn needed(&self, name: &str) -> Result<&str, PageFailure> {
        match self.text(name) {
            "" => Err(PageFailure::Wrong(format!("{name} is missing."))),
            text => Ok(text),
        }
    }

    pub fn account(&self) -> Result<AccountId, PageFailure> {
        Ok(AccountId(self.needed("account")?.to_owned()))
    }

    pub fn is_ticked(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }
}

impl<S: Sync> FromRequestParts<S> for PostedForm {
    type Rejection = PageFailure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, PageFailure> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or(PageFailure::Forged)
    }
}
