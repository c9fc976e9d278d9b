//! Carrying out calls: what stands behind the server.
//!
//! [`built_in`] is the server's own objects in DynamoDB. It decides with `objects` and stores with
//! `cloud`; nothing else carries a call out.

pub mod built_in;
