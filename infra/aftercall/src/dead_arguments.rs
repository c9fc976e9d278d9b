//! What may be said after `aftercall dead`.

use clap::{Args, Subcommand, ValueEnum};
use cloud::aws::dead_letters::QUEUES;
use cloud::aws::lanes::Queue;

#[derive(Debug, Subcommand)]
pub(crate) enum DeadVerb {
    /// Messages that were received too often, with what the table knows of each
    List {
        #[command(flatten)]
        wanted: DeadSelection,
    },
    /// Send them to their queues once more
    Redrive {
        #[command(flatten)]
        wanted: DeadSelection,
    },
    /// Delete them: what they were to wake is found in the table all the same
    Drop {
        #[command(flatten)]
        wanted: DeadSelection,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DeadSelection {
    /// Of this queue alone
    #[arg(long, value_enum)]
    pub(crate) queue: Option<QueueArgument>,
    /// Of this account alone
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,
    /// This message alone, by the id that the list shows
    #[arg(long, value_name = "MESSAGEID")]
    pub(crate) message: Option<String>,
    /// Most that are looked at in each queue
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueueArgument {
    High,
    Medium,
    Low,
    Replies,
}

impl DeadSelection {
    pub(crate) fn queues(&self) -> Vec<Queue> {
        let [high, medium, low, replies] = QUEUES;
        match self.queue {
            None => QUEUES.to_vec(),
            Some(QueueArgument::High) => vec![high],
            Some(QueueArgument::Medium) => vec![medium],
            Some(QueueArgument::Low) => vec![low],
            Some(QueueArgument::Replies) => vec![replies],
        }
    }

    /// As the audit says it.
    pub(crate) fn target(&self) -> String {
        let queue = self.queues();
        let queues: Vec<&str> = queue
            .into_iter()
            .map(cloud::aws::dead_letters::queue_name)
            .collect();
        let account = self.account.as_deref().unwrap_or("all accounts");
        let message = self.message.as_deref().unwrap_or("all messages");
        format!("{} {account} {message}", queues.join(","))
    }
}
