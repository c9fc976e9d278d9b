//! `aftercall expunge`: everything of a person or of an account is taken away; and `accounts delete`.

use std::collections::BTreeMap;

use calls::AccountId;
use cloud::Cloud;
use cloud::accounts::account_changes::AccountDeletion;
use cloud::act::Run;
use cloud::act::expunge::{ExpungeReport, ExpungedSubject, Expunging};
use objects::PersonNames;
use serde_json::Value;

use crate::access::Access;
use crate::accounts::not_found;
use crate::expunge_arguments::ExpungeVerb;
use crate::failure::CommandFailure;
use crate::output::{Output, Record};
use crate::progress::BulkProgress;

pub(crate) async fn carry_out(
    cloud: &Cloud,
    access: &Access,
    verb: &ExpungeVerb,
) -> Result<Output, CommandFailure> {
    let account = AccountId(verb.account().to_owned());
    let subject = match verb {
        ExpungeVerb::Account { .. } => {
            disabled(access, &account).await?;
            ExpungedSubject::Account
        }
        ExpungeVerb::Person { key, address, .. } => {
            existing(access, &account).await?;
            ExpungedSubject::Person(match (key, address) {
                (Some(key), _) => PersonNames::of_key(key),
                (None, Some(address)) => PersonNames::of_address(address),
                // `clap` asks for one of them.
                (None, None) => PersonNames::default(),
            })
        }
    };
    let is_account = subject == ExpungedSubject::Account;
    let progress = BulkProgress::counting("records");
    let wanted = Expunging {
        account: &account,
        subject,
        run: access.run,
        progress: &|| progress.one_more(),
    };
    let report = cloud.expunge(wanted).await?;
    progress.done();
    let mut record = reported(&report, access.run);
    if is_account && report.is_whole() {
        let deleted = access.accounts.delete_account(&account, access.run).await?;
        if let AccountDeletion::Done { logins, tokens } = deleted {
            record = record.and("logins", logins).and("tokens", tokens);
        }
    }
    Ok(Output::One(record))
}

fn reported(report: &ExpungeReport, run: Run) -> Record {
    let result = match (report.is_whole(), run) {
        (true, Run::Real) => "all is gone",
        (true, Run::Rehearsed) => "all would be gone",
        (false, Run::Real) => "some is left: do it again when it has ended",
        (false, Run::Rehearsed) => "some would be left: it has not ended",
    };
    Record::of("result", result)
        .and("objects", by_type(&report.objects))
        .and("calls", report.calls)
        .and("conversations", report.conversations)
        .and("mails", report.mails)
        .and("files", report.files)
        .and("left_waiting", report.left_waiting)
        .and("left_changed", report.left_changed)
        .and("left_others", by_type(&report.left_named))
        .and("left_conversation_ids", report.left_called_so)
}

/// `Subscriber 1`, one for each type.
fn by_type(counts: &BTreeMap<String, u64>) -> Vec<Value> {
    let each = counts.iter();
    let each = each.map(|(name, count)| format!("{name} {count}").into());
    each.collect()
}

/// `aftercall accounts delete`: what it has sent is carried out with its settings, and told with its secret,
/// so that it is there until all of that is over.
pub(crate) async fn delete_account(
    cloud: &Cloud,
    access: &Access,
    id: &str,
) -> Result<Output, CommandFailure> {
    let account = AccountId(id.to_owned());
    disabled(access, &account).await?;
    let progress = BulkProgress::counting("records");
    let counted = || progress.one_more();
    let unfinished = cloud.unfinished_of(&account, &counted).await?;
    progress.done();
    if unfinished > 0 {
        return Err(CommandFailure::NotAllowed(format!(
            "{unfinished} conversations of account {id} have not ended, or are still to be told of: their calls \
             need its settings, and their callbacks its secret. Wait, or cancel them (`aftercall calls cancel`)"
        )));
    }
    let deleted = access.accounts.delete_account(&account, access.run).await?;
    let AccountDeletion::Done { logins, tokens } = deleted else {
        return Err(not_found(&account));
    };
    let result = match access.run {
        Run::Real => {
            "deleted; its objects and results are there until `aftercall expunge account`, or expire"
        }
        Run::Rehearsed => "would be deleted",
    };
    let record = Record::of("account", id).and("result", result);
    Ok(Output::One(
        record.and("logins", logins).and("tokens", tokens),
    ))
}

async fn existing(access: &Access, account: &AccountId) -> Result<(), CommandFailure> {
    let found = access.accounts.all_accounts().await?;
    let found = found.into_iter().find(|it| it.id == *account);
    found.map(drop).ok_or_else(|| not_found(account))
}

/// Nobody may come in while it is taken away. An account that is not there any more may have left something.
async fn disabled(access: &Access, account: &AccountId) -> Result<(), CommandFailure> {
    let found = access.accounts.all_accounts().await?;
    match found.into_iter().find(|it| it.id == *account) {
        Some(found) if !found.is_disabled => Err(CommandFailure::NotAllowed(format!(
            "account {account} is in use: `aftercall accounts disable {account}` first, which takes three \
             minutes to hold everywhere"
        ))),
        Some(_) | None => Ok(()),
    }
}
