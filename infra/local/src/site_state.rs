//! What the routes of the local server work on.

use crate::callback_log::CallbackLog;
use crate::stack::Stack;
use crate::warning_log::WarningLog;

#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) stack: Stack,
    pub(crate) callback_log: CallbackLog,
    pub(crate) warning_log: WarningLog,
    /// Whether the functions are somewhere else and only the cloud is here.
    pub(crate) cloud_only: bool,
}

impl Site {
    /// What the front door answers; `None`: it panicked.
    pub(crate) async fn answered(
        &self,
        operation: &str,
        request: ingest::Request,
    ) -> Option<ingest::Response> {
        // A task of its own: a client that hangs up does not stop what it began.
        let cloud = self.stack.cloud.clone();
        let answered = tokio::spawn(async move { ingest::answer(&cloud, &request).await });
        let answer = answered.await.ok()?;
        let now = self.stack.cloud.now();
        self.warning_log
            .note(operation, &answer.headers, &answer.body, now);
        Some(answer)
    }

    /// Deletes everything that callers and operators have made, and opens the account `local` anew.
    pub(crate) async fn begin_again(&self) -> anyhow::Result<()> {
        self.stack.wait_until_idle().await;
        let _at_rest = self.stack.at_rest().await;
        self.stack.local.empty_product()?;
        self.stack.cloud.accounts.forget();
        self.callback_log.empty();
        self.warning_log.empty();
        self.stack.open_account().await
    }
}
