//! The built-in backend: what becomes of an object of a call, decided over the records that are
//! loaded.
//!
//! Read in this order: `overlay` (what is known of the table, and what the call changes in it),
//! `carry_out` (one unit of a call's work, from its object to its result), then one file per
//! object that has a meaning of its own, and `other` for those that are only kept.
//!
//! **Architecture Invariant:** nothing in here awaits, reads a clock or a random number. A decision
//! that needs a record which is not loaded says so with [`Missing`] and changes nothing; its caller
//! loads the record and asks again.

mod addressee;
mod alias;
mod carry_out;
mod columns;
mod data_extension;
mod field;
mod key;
mod keyed;
mod list;
mod mail;
mod other;
mod overlay;
mod personalise;
mod retrieve;
mod row;
mod saving;
mod subscriber;
mod tree;
mod triggered_send;
mod triggered_send_definition;
mod verdict;

pub use carry_out::{Request, Unit, UnitResult, account_of, carry_out, merge, missing, units};
pub use key::ObjectKey;
pub use mail::MailOrder;
pub use overlay::{Change, Missing, Overlay, Read, Stored};
pub use retrieve::{RetrieveError, Source, property, retrieve_from};
