//! Forwards calls to another endpoint of the protocol, for example Marketing Cloud.
//!
//! Read in this order: [`judge`] (what an answer means: the table of `docs/forwarding.md`),
//! `exchange` (one request and its answer, with the login), [`queued`] (queued calls), `commits`
//! (what is committed of them), [`forward_end`] (how they end), `repeating` (results of a repeated
//! call), [`pass_through`] (requests whose caller waits), [`probe`] (whether a backend is ready
//! again), [`unknown`] (what operators do about calls of unknown fate).
//!
//! **Never twice:** before a call is sent, it is committed that it was begun; after the answer, its
//! outcome is committed. A begun call without an outcome is of unknown fate, and is never sent
//! again automatically, unless its account has declared that safe.

mod commits;
mod exchange;
pub mod forward_end;
pub mod judge;
pub mod pass_through;
pub mod probe;
pub mod queued;
mod repeating;
mod token;
pub mod unknown;
