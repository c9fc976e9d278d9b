//! Worlds by seed: the product's functions on the local cloud, and beside them a reference that
//! says what is right.
//!
//! Read in this order: [`happenings`] (what can happen), [`generators`] (the events of a seed),
//! [`reference`] (what is right), [`requests`] (how events become requests to the server),
//! [`harness`] (both side by side), [`promises`] (what holds in every world), [`worlds`] (many of
//! them, and the shortest history of one that failed), [`forwarded`] (worlds whose calls go to a
//! backend).

pub mod dice;
pub mod forwarded;
pub mod generators;
pub mod happenings;
pub mod harness;
pub mod possible;
pub mod promises;
pub mod reference;
pub mod requests;
pub mod stage;
pub mod worlds;
