//! Changes to records that have not been read before: nonces, the permits of an account's rate limit,
//! the numbers and entries of an ordered queue, and the time at which a record expires.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use calls::rate_limit::{Count, CountCondition, Reservation, ReservationResult, Window};
use jiff::Timestamp;

use super::{Key, Table, key_item};
use crate::error::{CommitError, Error};
use crate::records::item::{Item, ItemReader};

/// What became of a record that may be written once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnceWritten {
    /// It is there, written by this caller.
    Written,
    /// Another caller wrote it before.
    TakenBefore,
}

impl Table {
    /// The next number of a record that counts from 1. A number is skipped if the answer to the
    /// request that took it was lost; no number is given twice.
    pub(crate) async fn next_number(&self, key: &Key) -> Result<u64, Error> {
        let update = self
            .dynamodb
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(key)))
            .update_expression("ADD last_number :one")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .return_values(ReturnValue::UpdatedNew);
        let answer = update
            .send()
            .await
            .map_err(|error| self.out_of_reach("UpdateItem", error))?;
        ItemReader(answer.attributes.unwrap_or_default()).number("last_number")
    }

    /// Deletes a record, whether it is there or not.
    pub(crate) async fn delete(&self, key: &Key) -> Result<(), Error> {
        self.dynamodb
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key_item(key)))
            .send()
            .await
            .map_err(|error| self.out_of_reach("DeleteItem", error))?;
        Ok(())
    }

    /// Deletes a record of the version that the decision saw.
    pub(crate) async fn delete_over(&self, key: &Key, seen: u64) -> Result<(), CommitError> {
        let deletion = self
            .dynamodb
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key_item(key)))
            .condition_expression("version = :seen")
            .expression_attribute_values(":seen", AttributeValue::N(seen.to_string()));
        match deletion.send().await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(refused))
                if refused.err().is_conditional_check_failed_exception() =>
            {
                Err(CommitError::Conflict)
            }
            Err(error) => Err(self.out_of_reach("DeleteItem", error).into()),
        }
    }

    /// Sets the time at which a record expires, or removes it. Returns the record; `None` if there is
    /// none, and then none is written.
    pub(crate) async fn set_expiry(
        &self,
        key: &Key,
        expires: Option<Timestamp>,
    ) -> Result<Option<Item>, Error> {
        let update = self
            .dynamodb
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(key)))
            .return_values(ReturnValue::AllNew)
            .condition_expression("attribute_exists(pk)");
        let update = match expires {
            None => update.update_expression("REMOVE expires_at"),
            Some(expires) => update
                .update_expression("SET expires_at = :expires")
                .expression_attribute_values(
                    ":expires",
                    AttributeValue::N(expires.as_second().to_string()),
                ),
        };
        match update.send().await {
            Ok(answer) => Ok(answer.attributes),
            Err(SdkError::ServiceError(refused))
                if refused.err().is_conditional_check_failed_exception() =>
            {
                Ok(None)
            }
            Err(error) => Err(self.out_of_reach("UpdateItem", error)),
        }
    }

    /// Writes a record if there is none, or if the one that is there has expired or was written by
    /// the same `taker`: an earlier attempt of it, whose answer was lost.
    pub(crate) async fn put_once(
        &self,
        item: Item,
        taker: &str,
        now: Timestamp,
    ) -> Result<OnceWritten, Error> {
        let now = AttributeValue::N(now.as_second().to_string());
        let put = self
            .dynamodb
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk) OR expires_at < :now OR taker = :taker")
            .expression_attribute_values(":now", now)
            .expression_attribute_values(":taker", AttributeValue::S(taker.to_owned()));
        match put.send().await {
            Ok(_) => Ok(OnceWritten::Written),
            Err(SdkError::ServiceError(refused))
                if refused.err().is_conditional_check_failed_exception() =>
            {
                Ok(OnceWritten::TakenBefore)
            }
            Err(error) => Err(self.out_of_reach("PutItem", error)),
        }
    }

    /// Takes permits out of a record if it meets the condition of the reservation.
    pub(crate) async fn take(
        &self,
        key: &Key,
        taking: Reservation,
        expires: Timestamp,
    ) -> Result<ReservationResult, Error> {
        let number = |number: i64| AttributeValue::N(number.to_string());
        let update = self
            .dynamodb
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(key)))
            .expression_attribute_values(":window", number(taking.window.number()))
            .expression_attribute_values(":permits", number(taking.permits.into()))
            .return_values(ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let update = match taking.condition {
            CountCondition::Nothing => update
                .update_expression(
                    "SET counted_window = :window, taken = :permits, expires_at = :expires",
                )
                .condition_expression("attribute_not_exists(pk) OR counted_window < :window")
                .expression_attribute_values(":expires", number(expires.as_second())),
            CountCondition::AtMost(most) => update
                .update_expression("SET taken = taken + :permits")
                .condition_expression("counted_window = :window AND taken <= :most")
                .expression_attribute_values(":most", number(most.into())),
        };
        match update.send().await {
            Ok(answer) => {
                let item = ItemReader(answer.attributes.unwrap_or_default());
                Ok(ReservationResult::Made {
                    taken: item.number("taken")?,
                })
            }
            Err(SdkError::ServiceError(refused))
                if refused.err().is_conditional_check_failed_exception() =>
            {
                let refused = refused.into_err();
                let UpdateItemError::ConditionalCheckFailedException(failed) = refused else {
                    return Err(self.out_of_reach("UpdateItem", refused));
                };
                let item = ItemReader(failed.item.unwrap_or_default());
                Ok(ReservationResult::Refused(Count {
                    window: Window::numbered(item.number("counted_window")?),
                    taken: item.number("taken")?,
                }))
            }
            Err(error) => Err(self.out_of_reach("UpdateItem", error)),
        }
    }
}
