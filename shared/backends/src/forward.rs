//! Calls that are sent on to another endpoint of the protocol, the real one say.
//!
//! Read in this order: [`judge`] (what an answer means: the table of `docs/forwarding.md`),
//! `exchange` (one request and its answer, logged in to the backend), [`queued`] (a call that was kept),
//! [`forward_end`] (how it ends),
//! [`pass_through`] (a request whose caller waits), [`probe`] (whether a backend is ready again).
//!
//! **Never twice:** before a call is sent it is committed that it was begun, after the answer what
//! came of it. A call that was begun and has no outcome is of unknown fate, and is never sent again by
//! itself.

mod exchange;
pub mod forward_end;
pub mod judge;
pub mod pass_through;
pub mod probe;
pub mod queued;
mod token;
