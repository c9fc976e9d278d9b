//! The pages over their real router: a local server on a port, with calls that were really carried out,
//! and the console that `aftercall console` serves beside it.

mod acts;
mod costs;
mod guarded;
mod hostile;
mod lists;
mod local_server;
mod server;
mod shown;
