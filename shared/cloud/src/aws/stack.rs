//! The tables of a stack, found by its name: CloudFormation names a table `<stack>-<logical
//! id>-<some capitals and digits>`.

use aws_sdk_dynamodb::Client;

use crate::error::Error;

/// Logical id of the table of accounts in the template.
pub const ACCOUNTS: &str = "AccountsTable";

/// The same of the table of calls.
pub const CALLS: &str = "CallsTable";

/// The names of the same tables on a local server.
pub const LOCAL_ACCOUNTS: &str = "aftercall-accounts";
pub const LOCAL_CALLS: &str = "aftercall-calls";

/// The prefix of a local server's queues.
pub const LOCAL_STACK: &str = "aftercall";

/// The name of a local server's bucket.
pub const LOCAL_BODIES: &str = "aftercall-bodies";

/// The tables that may be meant; several if a table of an earlier stack with that name still
/// exists.
pub async fn table(
    config: &aws_types::SdkConfig,
    stack: &str,
    logical_id: &str,
) -> Result<Vec<String>, Error> {
    let dynamodb = Client::new(config);
    let prefix = format!("{stack}-{logical_id}-");
    let mut pages = dynamodb
        .list_tables()
        // The list begins after this name.
        .exclusive_start_table_name(&prefix)
        .into_paginator()
        .send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| Error::Table {
            table: format!("{prefix}..."),
            operation: "ListTables",
            source: error.into(),
        })?;
        let names = page.table_names.unwrap_or_default();
        let is_past = names.last().is_none_or(|last| !last.starts_with(&prefix));
        found.extend(names.into_iter().filter(|name| is_of(name, &prefix)));
        if is_past {
            break;
        }
    }
    Ok(found)
}

fn is_of(name: &str, prefix: &str) -> bool {
    let random = name.strip_prefix(prefix).unwrap_or_default();
    let is_random = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    !random.is_empty() && random.bytes().all(is_random)
}

#[cfg(test)]
mod tests {
    use super::is_of;

    #[test]
    fn a_table_is_known_by_stack_and_logical_id() {
        let is_ours = |name| is_of(name, "shop-AccountsTable-");
        assert!(is_ours("shop-AccountsTable-1QWERTY2UIOP"));
        for other in [
            "shop-AccountsTable-",
            "shop-AccountsTable-copy-1QWERTY2UIOP",
            "shop-AccountsTable-restored",
            "shop-CallsTable-1QWERTY2UIOP",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }
}
