//! Where the calls of an account are carried out, as its record says.

use std::fmt;

use calls::BackendName;

use crate::error::Error;
use crate::records::item::ItemReader;

/// Where the calls of an account are carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AccountBackend {
    /// Where the set has those of all accounts of which nothing else is said.
    #[default]
    AsDeployed,
    /// Here, with the built-in objects.
    BuiltIn,
    /// They are forwarded there.
    Forward(BackendName),
}

/// As the operator says it.
impl fmt::Display for AccountBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().unwrap_or(Self::AS_DEPLOYED))
    }
}

impl AccountBackend {
    /// What one of which nothing is said is shown as.
    pub const AS_DEPLOYED: &str = "default";

    /// The name of what is built in, which no backend may have.
    pub const BUILT_IN: &str = calls::backend::BUILT_IN;

    /// Where calls are forwarded to, if anywhere. `deployed`: what the set has.
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
