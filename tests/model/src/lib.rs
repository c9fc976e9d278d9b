//! Every order of events in small worlds, against the steps of the production code.
//!
//! Read in this order: [`plan`] (what may happen in a world), [`world`] (its state), [`events`]
//! (what can happen next), [`arriving`], [`carrying`], [`forwarding`] and [`keeping`] (what ingest,
//! the processor and the timekeeper do), [`properties`] (what holds in all worlds).
//!
//! The decisions are those of the crate `calls`. Only what lies between two of them is written here
//! again: what is loaded, what is committed under which condition, and what is lost.

pub mod arriving;
pub mod carrying;
pub mod events;
pub mod forwarding;
pub mod keeping;
pub mod plan;
pub mod properties;
pub mod replying;
pub mod world;
