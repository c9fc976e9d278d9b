//! The state of a stack's AWS resources, for an operator who looks for a problem.

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_sesv2::Client as Ses;

use crate::error::Error;

/// The indexes of the calls table in the template.
pub const CALLS_INDEXES: [&str; 3] = ["account", "due", "failed"];

/// The state of SES for this account and Region.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MailAccount {
    /// Out of the sandbox: mail may be sent to any address.
    pub is_in_production: bool,
    pub is_sending_enabled: bool,
    pub per_second: f64,
    pub per_day: f64,
    pub sent_in_24_hours: f64,
}

/// The indexes of a table, by name, without those that are being created.
pub async fn indexes(config: &aws_types::SdkConfig, table: &str) -> Result<Vec<String>, Error> {
    let request = DynamoDb::new(config).describe_table().table_name(table);
    let answer = request.send().await.map_err(|error| Error::Table {
        table: table.to_owned(),
        operation: "DescribeTable",
        source: error.into(),
    })?;
    let described = answer
        .table
        .and_then(|table| table.global_secondary_indexes);
    let names = described.unwrap_or_default().into_iter();
    let mut names: Vec<String> = names.filter_map(|index| index.index_name).collect();
    names.sort();
    Ok(names)
}

/// The state of SES.
pub async fn mail_account(config: &aws_types::SdkConfig) -> Result<MailAccount, Error> {
    let answer = Ses::new(config).get_account().send().await;
    let answer = answer.map_err(|error| Error::MailNotSent(error.into()))?;
    let quota = answer.send_quota.as_ref();
    Ok(MailAccount {
        is_in_production: answer.production_access_enabled,
        is_sending_enabled: answer.sending_enabled,
        per_second: quota.map_or(0.0, |quota| quota.max_send_rate),
        per_day: quota.map_or(0.0, |quota| quota.max24_hour_send),
        sent_in_24_hours: quota.map_or(0.0, |quota| quota.sent_last24_hours),
    })
}

/// Whether an address, or its domain, is verified with SES.
pub async fn is_sender_verified(
    config: &aws_types::SdkConfig,
    identity: &str,
) -> Result<bool, Error> {
    let request = Ses::new(config).get_email_identity();
    let answer = request.email_identity(identity).send().await;
    match answer {
        Ok(answer) => Ok(answer.verified_for_sending_status),
        Err(error) => match error.as_service_error() {
            Some(refused) if refused.is_not_found_exception() => Ok(false),
            Some(_) | None => Err(Error::MailNotSent(error.into())),
        },
    }
}
