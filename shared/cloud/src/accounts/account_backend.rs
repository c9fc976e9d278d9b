//! Where the calls of an account are carried out, according to its record.

use std::fmt;

use calls::BackendName;

use crate::error::Error;
use crate::records::item::ItemReader;

/// Where the calls of an account are carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AccountBackend {
    /// Where the deployment has it for accounts without a setting of their own.
    #[default]
    AsDeployed,
    /// Here, with the built-in objects.
    BuiltIn,
    /// They are forwarded to that backend.
    Forward(BackendName),
}

/// From the operator's text.
impl fmt::Display for AccountBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().unwrap_or(Self::AS_DEPLOYED))
    }
}

impl AccountBackend {
    /// What is shown for an account without a setting.
    pub const AS_DEPLOYED: &str = "default";

    /// The name of the built-in backend, which no other backend may have.
    pub const BUILT_IN: &str = calls::backend::BUILT_IN;

    /// The backend to which calls are forwarded, if any. `deployed`: the default of the deployment.
    pub fn forwards_to(self, deployed: Option<&BackendName>) -> Option<BackendName> {
        match self {
            Self::AsDeployed => deployed.cloned(),
            Self::BuiltIn => None,
            Self::Forward(name) => Some(name),
        }
    }

    pub(crate) fn read(item: &ItemReader) -> Result<Self, Error> {
        match item.maybe_text("backend") {
            None => Ok(Self::AsDeployed),
            Some(Self::BUILT_IN) => Ok(Self::BuiltIn),
            Some(name) => match BackendName::parse(name) {
                Some(name) => Ok(Self::Forward(name)),
                None => Err(item.unreadable("backend")),
            },
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::AsDeployed => None,
            Self::BuiltIn => Some(Self::BUILT_IN),
            Self::Forward(name) => Some(name.as_str()),
        }
    }
}
