//! Every order of events in small worlds, against the steps that production takes.
//!
//! Read in this order: [`plan`] (what may happen in a world), [`world`] (how it stands), [`events`]
//! (what can happen next), [`arriving`], [`carrying`], [`forwarding`] and [`keeping`] (who does it: the door,
//! the processor, here and at a backend, the timekeeper), [`properties`] (what holds in all of them).
//!
//! The decisions are those of the crate `calls`; only what lies between two of them is written
//! here again: what is loaded, what is committed under which condition, and what gets lost.

pub mod arriving;
pub mod carrying;
pub mod events;
pub mod forwarding;
pub mod keeping;
pub mod plan;
pub mod properties;
pub mod world;
