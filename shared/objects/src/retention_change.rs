//! What comes of it when a definition is made, changed or removed, or has got an import: from when on its
//! period counts, and what has to be looked at then.

use calls::{AccountId, RequestId};
use jiff::Timestamp;
use soap::Element;

use crate::context::DecisionContext;
use crate::key::{self, ObjectKey};
use crate::missing::Missing;
use crate::overlay::Overlay;
use crate::retention::{
    self, GONE_BEFORE, LENGTH, PERIOD, RESET_ON_IMPORT, RetentionEnd, RetentionPolicy,
    RowRetention, SINCE, UNIT_NUMBER, UNTIL,
};
use crate::row_partitions::ROWS;
use crate::tree;
use crate::upkeep::{self, SETTLED_AFTER, Upkeep};
use crate::verdict::Decision;

/// Completes what a definition says of its retention; what is wrong with it otherwise. A period counts
/// from the Create or Update that says it.
pub(crate) fn settle(
    stored: Option<&Element>,
    incoming: &Element,
    becomes: &mut Element,
    now: Timestamp,
) -> Result<(), String> {
    for own in [SINCE, GONE_BEFORE] {
        match stored.and_then(|stored| stored.text_of(own)) {
            Some(text) => tree::set(becomes, own, text),
            None => tree::remove(becomes, own),
        }
    }
    take_said(incoming, becomes);
    let policy = RetentionPolicy::read(becomes)?;
    name_unit(policy, becomes);
    let before = stored.and_then(|stored| RetentionPolicy::read(stored).ok());
    let before = before.unwrap_or(RetentionPolicy::ForGood);
    if policy == before {
        return Ok(());
    }
    let is_kept_for_good = |policy| policy == RetentionPolicy::ForGood;
    let by_row = [before, policy].map(|policy| policy.period_of_rows().is_some());
    if !is_kept_for_good(before) && !is_kept_for_good(policy) && by_row[0] != by_row[1] {
        return Err("RowBasedRetention cannot be changed".to_owned());
    }
    if let RetentionPolicy::AllRows(RetentionEnd::At(until))
    | RetentionPolicy::Whole(RetentionEnd::At(until)) = policy
        && until <= now
    {
        return Err(format!("{UNTIL} is over"));
    }
    // What has ended does not come back with a longer period.
    if let Some(period) = before.period_of_rows() {
        let gone = period.latest_over(now);
        let gone_before = becomes.text_of(GONE_BEFORE);
        let gone_before = gone_before.and_then(|text| text.parse::<Timestamp>().ok());
        let gone = gone_before.map_or(gone, |before| before.max(gone));
        tree::set(becomes, GONE_BEFORE, gone.to_string());
    }
    tree::set(becomes, SINCE, now.to_string());
    Ok(())
}

/// Of two ways to say the same, the one that the caller takes counts.
fn take_said(incoming: &Element, becomes: &mut Element) {
    let says = |name: &str| tree::filled(incoming, name).is_some_and(|text| text.trim() != "0");
    match (says(PERIOD), says(UNIT_NUMBER)) {
        (true, false) => tree::remove(becomes, UNIT_NUMBER),
        (false, true) => tree::remove(becomes, PERIOD),
        (true, true) | (false, false) => {}
    }
    match (says(LENGTH), says(UNTIL)) {
        (true, false) => tree::remove(becomes, UNTIL),
        (false, true) => {
            for name in [LENGTH, PERIOD, UNIT_NUMBER] {
                tree::remove(becomes, name);
            }
        }
        (true, true) | (false, false) => {}
    }
}

/// Whoever retrieves a period finds its unit in either field.
fn name_unit(policy: RetentionPolicy, becomes: &mut Element) {
    let period = match policy {
        RetentionPolicy::EachRow(period)
        | RetentionPolicy::AllRows(RetentionEnd::After(period))
        | RetentionPolicy::Whole(RetentionEnd::After(period)) => period,
        RetentionPolicy::ForGood
        | RetentionPolicy::AllRows(RetentionEnd::At(_))
        | RetentionPolicy::Whole(RetentionEnd::At(_)) => return,
    };
    tree::set(becomes, PERIOD, period.unit.name());
    tree::set(becomes, UNIT_NUMBER, period.unit.number());
}

/// Adds what has to be looked at because of what a decision makes of a definition.
pub(crate) fn with_upkeep(
    context: &DecisionContext<'_>,
    decision: Decision,
) -> Result<Decision, Missing> {
    let Some((key, becomes)) = decision.changes.first().cloned() else {
        return Ok(decision);
    };
    let account = context.overlay.account();
    let now = context.request.now;
    let stored = context.overlay.get(&key)?;
    let ended = context.overlay.ended(&key);
    let Some(becomes) = becomes else {
        let record = stored.map(|stored| upkeep::delete_rows_of(account, stored, now));
        return Ok(decision.changing_all(record.into_iter().collect()));
    };
    let ordinal = context.ordinal.to_string();
    let source = [context.request.request_id.0.as_str(), ordinal.as_str()];
    let mut records = Vec::new();
    if let Some(ended) = ended {
        records.push(upkeep::delete_rows_of(account, ended, now));
    }
    let end = retention::ends_at(&becomes);
    if let Some(end) = end.filter(|_| end != stored.and_then(retention::ends_at)) {
        records.push(upkeep::look_at(account, &key, end, &source));
    }
    let of_rows = |definition: Option<&Element>| {
        let policy = RetentionPolicy::read(definition?).ok()?;
        policy.period_of_rows()
    };
    if stored.is_some() && of_rows(stored) != of_rows(Some(&becomes)) {
        let mark = Upkeep::MarkRows {
            account: account.clone(),
            definition: key,
            after: None,
        };
        records.push(mark.due(now + SETTLED_AFTER, &source));
    }
    Ok(decision.changing_all(records))
}

/// The record that has replaced rows deleted which somebody still writes meanwhile. All others are deleted
/// by what replaces them.
pub(crate) fn delete_late_rows(
    account: &AccountId,
    replaced: &Element,
    now: Timestamp,
) -> (ObjectKey, Option<Element>) {
    let rows = replaced.text_of(ROWS).into_iter();
    upkeep::delete_rows(account, rows, now + SETTLED_AFTER)
}

/// The call of an import, and which of its objects it is.
#[derive(Clone, Copy, Debug)]
pub struct ImportSource<'a> {
    pub request_id: &'a RequestId,
    pub ordinal: usize,
}

/// An import into a data extension has succeeded: its period begins anew, if it says so.
pub fn reset_by_import(
    overlay: &mut Overlay,
    account: &AccountId,
    definition: &ObjectKey,
    source: ImportSource<'_>,
    now: Timestamp,
) -> Result<(), Missing> {
    let Some(stored) = overlay.get(definition)? else {
        return Ok(());
    };
    let is_reset = tree::is_true(stored, RESET_ON_IMPORT) == Some(true);
    let policy = RetentionPolicy::read(stored);
    let is_counted = matches!(
        policy,
        Ok(RetentionPolicy::AllRows(RetentionEnd::After(_))
            | RetentionPolicy::Whole(RetentionEnd::After(_)))
    );
    if !is_reset || !is_counted {
        return Ok(());
    }
    let mut becomes = stored.clone();
    tree::set(&mut becomes, SINCE, now.to_string());
    let end = retention::ends_at(&becomes);
    overlay.change(definition.clone(), Some(becomes), now);
    if let Some(end) = end {
        let ordinal = source.ordinal.to_string();
        let source = [source.request_id.0.as_str(), ordinal.as_str()];
        let (key, record) = upkeep::look_at(account, definition, end, &source);
        overlay.change(key, record, now);
    }
    Ok(())
}

/// Where the rows of a data extension lie, and when they end.
#[derive(Clone, Debug)]
pub struct RetainedRows {
    pub partition: String,
    pub retention: RowRetention,
}

/// Those of a definition; `None`: it is not there any more.
pub fn rows_of_definition(
    overlay: &Overlay,
    account: &AccountId,
    definition: &ObjectKey,
) -> Result<Option<RetainedRows>, Missing> {
    let stored = overlay.get(definition)?;
    Ok(stored.map(|stored| RetainedRows {
        partition: key::rows_partition(account, stored.text_of(ROWS).unwrap_or_default()),
        retention: RowRetention::of(stored),
    }))
}
