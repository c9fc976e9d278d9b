//! Tools that `tests/measure/bench/run` measures with.
//!
//! - `load` (`src/bin/load.rs`): sends conversations, receives their callbacks, judges what came.
//! - `stages` (`src/bin/stages.rs`): hands events of real calls to the functions as they are
//!   deployed, in a cloud behind TLS; each event to a new process, or all to one.

pub mod calls;
pub mod envelope;
pub mod front;
pub mod invocations;
pub mod ledger;
pub mod percentile;
pub mod runtime_api;
pub mod sender;
pub mod sink;
