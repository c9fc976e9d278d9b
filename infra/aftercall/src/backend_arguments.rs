//! What may be said after `aftercall backends`.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum BackendVerb {
    /// Make a backend; the password or secret is one line of standard input, unless it lies in Secrets
    /// Manager
    Create(Box<NewBackendArguments>),
    /// All backends, and whether they are ready
    List,
    /// One backend
    Show { name: String },
    /// Log in to it with another password or secret: one line of standard input
    Rotate {
        name: String,
        /// The KMS key that the secret is kept encrypted with (output PasswordKey)
        #[arg(long, value_name = "KEY")]
        key: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct NewBackendArguments {
    /// Small letters, digits and hyphens
    pub(crate) name: String,
    /// Its SOAP endpoint: https://SUBDOMAIN.soap.marketingcloudapis.com/Service.asmx
    #[arg(long, required_unless_present = "tenant")]
    pub(crate) url: Option<String>,
    /// The subdomain of a tenant of Marketing Cloud, in place of both addresses
    #[arg(long, value_name = "SUBDOMAIN", conflicts_with_all = ["url", "token_url"])]
    pub(crate) tenant: Option<String>,
    /// Log in as this user (WS-Security UsernameToken)
    #[arg(long, value_name = "NAME", conflicts_with = "client")]
    pub(crate) user: Option<String>,
    /// Fetch tokens for this API client
    #[arg(long, value_name = "ID")]
    pub(crate) client: Option<String>,
    /// Log in as a secret of Secrets Manager says, as JSON: username and password, or client_id and
    /// client_secret; the stack's parameter BackendSecretArns must name it
    #[arg(
        long,
        value_name = "ARN",
        conflicts_with_all = ["user", "client", "account_id", "key"],
        required_unless_present_any = ["user", "client"]
    )]
    pub(crate) secret_arn: Option<String>,
    /// Where its tokens are: https://SUBDOMAIN.auth.marketingcloudapis.com/v2/token
    #[arg(long, value_name = "URL")]
    pub(crate) token_url: Option<String>,
    /// The business unit that tokens are for
    #[arg(long, value_name = "MID")]
    pub(crate) account_id: Option<String>,
    /// Business units that calls may name as Client
    #[arg(long, value_name = "MID", value_delimiter = ',')]
    pub(crate) clients: Vec<String>,
    /// Longest wait for an answer, in seconds: 1 to 25
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=25))]
    pub(crate) timeout: u32,
    /// Calls a second, over all functions
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) per_second: Option<u32>,
    /// Queued calls in flight at a time, over all functions
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) concurrency: Option<u32>,
    /// Objects in one call to it: larger calls are sent in pieces
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) objects: u32,
    /// What may be sent to it once more, whoever's it is: Delete, DataExtensionObject, Update/Subscriber
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub(crate) safe_to_repeat: Vec<String>,
    /// The KMS key that the secret is kept encrypted with (output PasswordKey)
    #[arg(long, value_name = "KEY", required_unless_present = "secret_arn")]
    pub(crate) key: Option<String>,
}
