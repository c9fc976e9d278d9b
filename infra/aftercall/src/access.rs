//! Where the tables are: those of a local server, of a stack, or the ones that were named.

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_types::SdkConfig;
use cloud::accounts::Accounts;
use cloud::act::Run;
use cloud::aws::dead_letters::StackQueues;
use cloud::aws::signed_requests::SignedRequests;
use cloud::aws::stack;
use cloud::{Clock, Cloud};
use url::{Host, Url};

use crate::arguments::Arguments;
use crate::failure::CommandFailure;

pub(crate) struct Access {
    pub(crate) accounts: Accounts,
    /// A local server: nobody else's secrets are there.
    pub(crate) is_local: bool,
    pub(crate) run: Run,
}

impl Access {
    pub(crate) async fn open(
        arguments: &Arguments,
        password_key: Option<&str>,
    ) -> Result<Self, CommandFailure> {
        let config = config(arguments).await?;
        let named = arguments.accounts_table.as_deref();
        let table = TableOption {
            named,
            option: "--accounts-table",
            logical_id: stack::ACCOUNTS,
            local: stack::LOCAL_ACCOUNTS,
        };
        let name = table.name(arguments, &config).await?;
        Ok(Self {
            accounts: Accounts::in_table(&config, &name, password_key),
            is_local: arguments.endpoint.is_some(),
            run: run(arguments),
        })
    }
}

pub(crate) fn run(arguments: &Arguments) -> Run {
    match arguments.dry_run {
        true => Run::Rehearsed,
        false => Run::Real,
    }
}

/// Who acts: the AWS identity whose credentials are used; of a local server the user of the system.
pub(crate) async fn who(arguments: &Arguments) -> Result<String, CommandFailure> {
    if arguments.endpoint.is_some() {
        return Ok(user_of_the_system());
    }
    let sts = aws_sdk_sts::Client::new(&config(arguments).await?);
    let identity = sts.get_caller_identity().send().await;
    let identity = identity.map_err(|error| {
        let error = aws_sdk_sts::error::DisplayErrorContext(error);
        CommandFailure::Cloud(format!(
            "nothing was done, since AWS does not say who you are, and that is recorded with each \
             act: {error}"
        ))
    })?;
    Ok(identity.arn.unwrap_or_default())
}

/// The user of this system, who acts on a server that runs on it.
#[expect(
    clippy::disallowed_methods,
    reason = "who runs the command stands in its environment"
)]
fn user_of_the_system() -> String {
    let named = ["USER", "LOGNAME", "USERNAME"].into_iter();
    let mut named = named.filter_map(|name| std::env::var(name).ok());
    let name = named.find(|name| !name.is_empty());
    name.unwrap_or_else(|| "a user without a name".to_owned())
}

/// The calls themselves, with the bucket where it is known.
pub(crate) async fn cloud(arguments: &Arguments) -> Result<Cloud, CommandFailure> {
    let config = config(arguments).await?;
    let calls = calls_table(arguments, &config).await?;
    let bucket = match (&arguments.bucket, &arguments.endpoint) {
        (Some(named), _) => named,
        (None, Some(_)) => stack::LOCAL_BODIES,
        (None, None) => "",
    };
    Ok(Cloud::for_command(&config, &calls, bucket))
}

/// The calls and the objects, with the bucket: for what takes away all that is of somebody.
pub(crate) async fn whole_cloud(arguments: &Arguments) -> Result<Cloud, CommandFailure> {
    if arguments.endpoint.is_none() && arguments.bucket.is_none() {
        return Err(CommandFailure::Usage(
            "large bodies lie in the bucket: say --bucket NAME (the stack's output BodiesBucket)"
                .to_owned(),
        ));
    }
    let config = config(arguments).await?;
    let table = TableOption {
        named: arguments.objects_table.as_deref(),
        option: "--objects-table",
        logical_id: stack::OBJECTS,
        local: stack::LOCAL_OBJECTS,
    };
    let objects = table.name(arguments, &config).await?;
    Ok(cloud(arguments).await?.with_objects(&config, &objects))
}

/// What asks AWS about a stack as a whole; `None`: it is no stack in AWS.
pub(crate) async fn signed(
    arguments: &Arguments,
) -> Result<Option<SignedRequests>, CommandFailure> {
    if arguments.stack.is_none() {
        return Ok(None);
    }
    let config = config(arguments).await?;
    Ok(Some(SignedRequests::new(&config, || Clock::system().now())))
}

/// The queues of the stack, which are named after it.
pub(crate) async fn queues(arguments: &Arguments) -> Result<StackQueues, CommandFailure> {
    let stack = match (&arguments.stack, &arguments.endpoint) {
        (Some(stack), _) => stack.as_str(),
        (None, Some(_)) => stack::LOCAL_STACK,
        (None, None) => {
            return Err(CommandFailure::Usage(
                "queues are named after their stack: say --stack NAME, or --endpoint URL of a local server"
                    .to_owned(),
            ));
        }
    };
    Ok(StackQueues::of_stack(&config(arguments).await?, stack))
}

async fn calls_table(arguments: &Arguments, config: &SdkConfig) -> Result<String, CommandFailure> {
    let table = TableOption {
        named: arguments.calls_table.as_deref(),
        option: "--calls-table",
        logical_id: stack::CALLS,
        local: stack::LOCAL_CALLS,
    };
    table.name(arguments, config).await
}

pub(crate) async fn config(arguments: &Arguments) -> Result<SdkConfig, CommandFailure> {
    match &arguments.endpoint {
        Some(endpoint) => local(endpoint),
        None => Ok(aws_config::defaults(BehaviorVersion::latest())
            .http_client(cloud::outbound::callback::https_client())
            .load()
            .await),
    }
}

/// A table that a command is about.
struct TableOption<'a> {
    named: Option<&'a str>,
    option: &'static str,
    logical_id: &'static str,
    local: &'static str,
}

impl TableOption<'_> {
    async fn name(
        &self,
        arguments: &Arguments,
        config: &SdkConfig,
    ) -> Result<String, CommandFailure> {
        match (self.named, &arguments.stack, &arguments.endpoint) {
            (Some(named), _, _) => Ok(named.to_owned()),
            (None, Some(stack), _) => self.of_stack(config, stack).await,
            (None, None, Some(_)) => Ok(self.local.to_owned()),
            (None, None, None) => Err(CommandFailure::Usage(format!(
                "say which stack: --stack NAME, {} NAME, or --endpoint URL of a local server",
                self.option
            ))),
        }
    }

    async fn of_stack(&self, config: &SdkConfig, name: &str) -> Result<String, CommandFailure> {
        let (logical_id, option) = (self.logical_id, self.option);
        let found = stack::table(config, name, logical_id).await?;
        match found.as_slice() {
            [table] => Ok(table.clone()),
            [] => Err(CommandFailure::NotFound(format!(
                "stack {name} has no table {logical_id} in this Region and account; if it was given \
                 one that was there before, name it with {option}"
            ))),
            several => Err(CommandFailure::NotFound(format!(
                "these tables may all be the {logical_id} of stack {name}: {}; say which with \
                 {option} (the stack's output names it)",
                several.join(", ")
            ))),
        }
    }
}

/// The AWS wire of a local server, which looks at no credentials.
fn local(endpoint: &str) -> Result<SdkConfig, CommandFailure> {
    let url = Url::parse(endpoint).ok();
    let is_loopback = match url.as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if !is_loopback {
        return Err(CommandFailure::Usage(format!(
            "--endpoint is for a local server, http://127.0.0.1:8080 say, not {endpoint}"
        )));
    }
    let credentials = Credentials::from_keys("local", "local", None);
    let provider = aws_credential_types::provider::SharedCredentialsProvider::new(credentials);
    Ok(SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(provider)
        .http_client(cloud::outbound::callback::https_client())
        .endpoint_url(endpoint)
        .build())
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn only_a_server_on_this_machine_is_local() {
        for endpoint in [
            "http://127.0.0.1:8080",
            "http://localhost:1",
            "http://[::1]:9",
        ] {
            assert!(local(endpoint).is_ok(), "{endpoint}");
        }
        for endpoint in [
            "http://10.0.0.1",
            "https://example.com",
            "8080",
            "127.0.0.1:80",
        ] {
            assert!(local(endpoint).is_err(), "{endpoint}");
        }
    }
}
