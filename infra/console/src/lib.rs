//! The operator's pages: what became of calls, and what can be done about them.
//!
//! A local server shows them at `/_local/`, and `aftercall console` on loopback with the operator's own
//! credentials. Read in this order: [`Console`] (what the pages need), `routes` (which there are),
//! `guard` (what every request must bring and every answer says), `shell` (what all pages share), `pages`
//! (one file per page: it reads through `cloud::read` and fills a template), `acts` (one file per kind of
//! act: recorded, then done through `cloud::act`), [`admission`] and [`connections`] (whose requests are
//! taken at all).
//!
//! **Architecture Invariant:** no value of a caller is written into a page but by a template, which
//! escapes it, or by a type of `markup`, which does the same. Nothing here reads or writes a record by
//! itself.

mod acts;
pub mod admission;
mod assets;
pub mod connections;
mod console;
mod curl;
mod failure;
mod guard;
mod link;
pub mod local_pages;
mod markup;
mod page_query;
mod pages;
mod plot;
mod posted_form;
mod rates;
mod routes;
mod samples;
mod shell;

pub use crate::console::{Console, ConsoleAccess, ConsoleOptions};
pub use crate::failure::PageFailure;
pub use crate::page_query::PageQuery;
pub use crate::posted_form::PostedForm;
