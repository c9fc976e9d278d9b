//! The calls of the account `local` forwarded to another endpoint, as `--backend` says.

use anyhow::Context;
use calls::{AccountId, BackendName};
use cloud::accounts::backends::{BackendChange, BackendSettings};
use cloud::accounts::{Account, AccountBackend};
use cloud::outbound::forward::BackendClient;

use crate::functions::Functions;
use crate::stack::{LOCAL, Stack};

/// The backend that `--backend` makes.
const LOCAL_BACKEND: &str = "backend";

impl Stack {
    /// Forwards the calls of the account `local` to that backend.
    pub async fn forward_to(
        &mut self,
        settings: &BackendSettings,
        secret: &str,
    ) -> anyhow::Result<()> {
        // Not with the client for callbacks, which records what it sends.
        let forwarding = BackendClient::guarded(true);
        self.cloud.forwarding = forwarding.clone();
        if let Functions::InProcess(in_process) = &mut self.functions {
            in_process.cloud.forwarding = forwarding;
        }
        let name = BackendName::parse(LOCAL_BACKEND).context("it is a name")?;
        let accounts = &self.cloud.accounts;
        let put = accounts.put_backend(&name, settings, secret).await?;
        anyhow::ensure!(put == BackendChange::Done, "the local cloud has a key");
        let id = AccountId(LOCAL.to_owned());
        let to = |account: &mut Account| account.backend = AccountBackend::Forward(name.clone());
        accounts.change_account(&id, to).await?;
        Ok(())
    }
}
