//! `aftercall console`: the operator's pages on loopback, with the operator's own credentials.

use std::io::{self, Write};

use calls::AccountId;
use cloud::Random;
use cloud::aws::stack::LOCAL_STACK;
use cloud::read::rates::StackMetrics;
use operator_console::{Console, ConsoleAccess, ConsoleOptions};
use tokio::net::TcpListener;

use crate::access::{self, Access};
use crate::arguments::Arguments;
use crate::console_arguments::ConsoleArguments;
use crate::failure::CommandFailure;
use crate::output::Output;

/// Serves until it is interrupted. Whoever else is on this machine is not let in: the printed address
/// holds a key.
pub(crate) async fn serve(
    arguments: &Arguments,
    said: &ConsoleArguments,
) -> Result<Output, CommandFailure> {
    if !said.listen.ip().is_loopback() {
        return Err(CommandFailure::Usage(format!(
            "{} is not a loopback address: whoever reaches the console acts with your credentials",
            said.listen
        )));
    }
    let mut cloud = access::cloud(arguments).await?;
    cloud.accounts = Access::open(arguments, None).await?.accounts;
    let access = match said.allow_acts {
        true => ConsoleAccess::MayAct {
            who: access::who(arguments).await?,
        },
        false => ConsoleAccess::ReadOnly,
    };
    let key = Random::system().token();
    let endpoint = arguments.endpoint.as_ref();
    let config = access::config(arguments).await?;
    let stack = match (&arguments.stack, endpoint) {
        (Some(stack), _) => Some(stack.as_str()),
        (None, Some(_)) => Some(LOCAL_STACK),
        (None, None) => None,
    };
    let console = Console::new(ConsoleOptions {
        cloud,
        // Without the name of a stack they are not known.
        queues: access::queues(arguments).await.ok(),
        metrics: stack.map(|stack| StackMetrics::of_stack(&config, stack)),
        base: String::new(),
        place: endpoint
            .or(arguments.stack.as_ref())
            .cloned()
            .unwrap_or_default(),
        access,
        account: said.account.clone().map(AccountId),
        key: Some(key.clone()),
        is_local: false,
        endpoint: endpoint.map(|url| format!("{}/Service.asmx", url.trim_end_matches('/'))),
    });
    let listener = TcpListener::bind(said.listen).await;
    let listener = listener.map_err(|error| not_served(&error))?;
    let address = listener.local_addr().map_err(|error| not_served(&error))?;
    let printed = writeln!(io::stdout(), "open http://{address}/?key={key}");
    printed.map_err(|error| not_served(&error))?;
    console.serve(listener).await
}

fn not_served(error: &io::Error) -> CommandFailure {
    CommandFailure::Cloud(format!("the console cannot be served: {error}"))
}
