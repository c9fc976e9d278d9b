//! The clients of AWS, and all code that knows their wire formats: tables with all condition
//! expressions, queues, schedules, large bodies, mail, encrypted passwords, secrets.

use aws_smithy_runtime_api::client::auth::AuthSchemeId;

pub(crate) mod clients;
pub(crate) mod cloudwatch;
pub mod dead_letters;
pub(crate) mod encrypted_password;
pub mod examination;
pub mod files;
pub mod lanes;
pub mod large_bodies;
pub(crate) mod lazy_client;
pub(crate) mod lean_clients;
pub mod mail;
pub(crate) mod mail_connections;
pub mod phone;
pub mod queues;
mod receive;
mod reply_wake_up;
pub mod schedules;
pub(crate) mod secrets;
pub mod stack;
pub mod table;
pub(crate) mod trust;

/// The SDK's name for requests without signatures, which a configuration can prefer if no request
/// leaves the process.
pub const UNSIGNED: AuthSchemeId = AuthSchemeId::new("noAuth");
