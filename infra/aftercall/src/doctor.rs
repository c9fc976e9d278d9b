//! `aftercall doctor`: what is wrong with a stack, or may soon be, as far as it can be seen from here.

use aws_types::SdkConfig;
use cloud::Cloud;
use cloud::accounts::Accounts;
use cloud::aws::dead_letters::{StackQueues, queue_name};
use cloud::aws::examination::{self, CALLS_INDEXES, MailAccount};
use cloud::aws::signed_requests::SignedRequests;
use cloud::outbound::reach::{Reached, reach};
use jiff::Timestamp;

use crate::doctor_arguments::DoctorArguments;
use crate::doctor_aws;
use crate::failure::CommandFailure;
use crate::findings::{Finding, Findings};
use crate::output::Output;

/// How far two clocks may be apart: PasswordDigests and signatures allow five minutes.
const APART_MAX_S: i64 = 60;

/// Share of a day's mails that is worth a word.
const MAILS_USED: f64 = 0.8;

/// What is looked at, and where.
pub(crate) struct Patient<'a> {
    pub(crate) cloud: &'a Cloud,
    pub(crate) accounts: &'a Accounts,
    pub(crate) queues: &'a StackQueues,
    pub(crate) config: &'a SdkConfig,
    pub(crate) calls_table: &'a str,
    /// A local server: its addresses are of this machine.
    pub(crate) is_local: bool,
    /// What asks about the stack as a whole, and its name; `None`: it is none in AWS.
    pub(crate) stack: Option<(&'a SignedRequests, &'a str)>,
}

/// All findings; whether any is bad is in the exit code of a script's `--output json`.
pub(crate) async fn examine(
    patient: &Patient<'_>,
    wanted: &DoctorArguments,
) -> Result<Output, CommandFailure> {
    let mut found = Findings::default();
    of_tables(patient, &mut found).await;
    of_queues(patient, &mut found).await;
    of_work(patient, &mut found).await?;
    of_mail(patient, wanted, &mut found).await;
    of_addresses(patient, wanted, &mut found).await;
    match patient.stack {
        Some((signed, stack)) => {
            let (url, now) = (wanted.url.as_deref(), patient.cloud.now());
            doctor_aws::examine(signed, stack, url, now, &mut found).await;
        }
        None => doctor_aws::leave_out(&mut found),
    }
    let records = found.0.into_iter().map(|(_, record)| record);
    Ok(Output::List(records.collect()))
}

async fn of_tables(patient: &Patient<'_>, found: &mut Findings) {
    match examination::indexes(patient.config, patient.calls_table).await {
        Ok(indexes) if indexes == CALLS_INDEXES => {
            found.add(
                "calls table",
                Finding::Good,
                "it has the template's indexes",
            );
        }
        Ok(indexes) => found.add(
            "calls table",
            Finding::Bad,
            format!(
                "its indexes are {}, and the template's {}: deploy the template again",
                indexes.join(", "),
                CALLS_INDEXES.join(", ")
            ),
        ),
        Err(error) => found.add("calls table", Finding::Unknown, error.in_full()),
    }
}

async fn of_queues(patient: &Patient<'_>, found: &mut Findings) {
    let depths = match patient.queues.depths().await {
        Ok(depths) => depths,
        Err(error) => return found.add("queues", Finding::Unknown, error.in_full()),
    };
    for depth in depths {
        let name = format!("queue {}", queue_name(depth.queue));
        match depth.dead {
            0 => found.add(&name, Finding::Good, "no dead letters"),
            dead => found.add(
                &name,
                Finding::Warning,
                format!("{dead} dead letters: `aftercall dead list`"),
            ),
        }
    }
}

async fn of_work(patient: &Patient<'_>, found: &mut Findings) -> Result<(), CommandFailure> {
    let now = patient.cloud.now();
    let overview = patient.cloud.overview(patient.accounts).await?;
    let switch = &overview.maintenance;
    match (switch.holds_at(now), switch.pauses.len()) {
        (false, 0) => found.add("maintenance", Finding::Good, "off, and nothing is paused"),
        (true, _) => found.add(
            "maintenance",
            Finding::Warning,
            "on: calls wait until `aftercall maintenance off`",
        ),
        (false, pauses) => found.add(
            "maintenance",
            Finding::Warning,
            format!("{pauses} pauses: `aftercall status`, `aftercall resume`"),
        ),
    }
    let backends = overview.breakers.iter();
    for (name, breaker) in backends.filter(|(name, _)| !cloud::pauses::is_pause(name)) {
        let what = format!("backend {name}");
        match breaker.readiness(now) {
            calls::Readiness::Ready => found.add(&what, Finding::Good, "ready"),
            calls::Readiness::InMaintenance | calls::Readiness::OutOfService => {
                found.add(&what, Finding::Warning, breaker.reason.clone());
            }
        }
    }
    match overview.unknown.count {
        0 => found.add("unknown calls", Finding::Good, "none"),
        count => found.add(
            "unknown calls",
            Finding::Warning,
            format!("{count}: `aftercall unknown list`"),
        ),
    }
    let disabled = patient.accounts.all_accounts().await?;
    let disabled: Vec<String> = disabled
        .into_iter()
        .filter(|account| account.is_disabled)
        .map(|account| account.id.0)
        .collect();
    match disabled.is_empty() {
        true => found.add("accounts", Finding::Good, "none is disabled"),
        false => found.add(
            "accounts",
            Finding::Warning,
            format!("disabled: {}", disabled.join(" ")),
        ),
    }
    Ok(())
}

async fn of_mail(patient: &Patient<'_>, wanted: &DoctorArguments, found: &mut Findings) {
    match examination::mail_account(patient.config).await {
        Ok(account) => {
            let (finding, why) = judged(&account);
            found.add("SES", finding, why);
        }
        Err(error) => found.add("SES", Finding::Unknown, error.in_full()),
    }
    let Some(sender) = &wanted.sender else {
        return found.add(
            "SES identity",
            Finding::Unknown,
            "name the sender: --sender ADDRESS",
        );
    };
    let domain = sender.rsplit('@').next().unwrap_or(sender);
    let mut verified = examination::is_sender_verified(patient.config, sender).await;
    if matches!(verified, Ok(false)) {
        verified = examination::is_sender_verified(patient.config, domain).await;
    }
    match verified {
        Ok(true) => found.add("SES identity", Finding::Good, "it is verified"),
        Ok(false) => found.add(
            "SES identity",
            Finding::Bad,
            "neither the sender nor its domain is verified in this Region",
        ),
        Err(error) => found.add("SES identity", Finding::Unknown, error.in_full()),
    }
}

/// What SES says of itself.
fn judged(account: &MailAccount) -> (Finding, String) {
    let used = account.sent_in_24_hours / account.per_day.max(1.0);
    if !account.is_sending_enabled {
        return (
            Finding::Bad,
            "sending is paused for this account".to_owned(),
        );
    }
    if !account.is_in_production {
        let why = "in the sandbox: mail goes to verified addresses only; ask for production access";
        return (Finding::Warning, why.to_owned());
    }
    let why = format!(
        "{} a second, {} of {} in 24 hours",
        account.per_second, account.sent_in_24_hours, account.per_day
    );
    match used >= MAILS_USED {
        true => (Finding::Warning, why),
        false => (Finding::Good, why),
    }
}

async fn of_addresses(patient: &Patient<'_>, wanted: &DoctorArguments, found: &mut Findings) {
    match &wanted.url {
        None => found.add(
            "front door and clock",
            Finding::Unknown,
            "name its address: --url URL",
        ),
        Some(url) => match reach(url, patient.is_local).await {
            Ok(reached) => {
                found.add(
                    "front door",
                    Finding::Good,
                    format!("status {}", reached.status),
                );
                let (finding, why) = by_clock(&reached, cloud::Clock::system().now());
                found.add("clock", finding, why);
            }
            Err(why) => found.add("front door", Finding::Bad, why),
        },
    }
    for url in &wanted.callback {
        let what = format!("callback {url}");
        match reach(url, patient.is_local).await {
            Ok(reached) => found.add(&what, Finding::Good, format!("status {}", reached.status)),
            Err(why) => found.add(&what, Finding::Bad, why),
        }
    }
}

fn by_clock(reached: &Reached, now: Timestamp) -> (Finding, String) {
    let Some(date) = reached.date else {
        return (Finding::Unknown, "it does not say its time".to_owned());
    };
    let apart = now.duration_since(date).as_secs();
    let why = format!("this machine is {apart} s from it");
    match apart.abs() <= APART_MAX_S {
        true => (Finding::Good, why),
        false => (Finding::Bad, why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers of GetAccount as AWS documents them.
    #[test]
    fn ses_is_judged_by_what_it_says() {
        let account = |is_in_production, is_sending_enabled, sent_in_24_hours| MailAccount {
            is_in_production,
            is_sending_enabled,
            per_second: 14.0,
            per_day: 50_000.0,
            sent_in_24_hours,
        };
        for (account, expected) in [
            (account(true, true, 100.0), Finding::Good),
            (account(true, true, 45_000.0), Finding::Warning),
            (account(false, true, 0.0), Finding::Warning),
            (account(true, false, 0.0), Finding::Bad),
        ] {
            assert_eq!(judged(&account).0, expected, "{account:?}");
        }
    }

    #[test]
    fn clocks_may_be_a_minute_apart() {
        let now = Timestamp::UNIX_EPOCH;
        let reached = |date| Reached { status: 200, date };
        for (date, expected) in [
            (Some(now), Finding::Good),
            (
                Some(now + jiff::SignedDuration::from_secs(90)),
                Finding::Bad,
            ),
            (None, Finding::Unknown),
        ] {
            assert_eq!(by_clock(&reached(date), now).0, expected, "{date:?}");
        }
    }
}
