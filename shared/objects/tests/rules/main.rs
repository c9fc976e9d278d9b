//! The rules of the built-in objects, told as calls and what becomes of them.

mod data_extensions;
mod field_types;
mod in_parts;
mod keys;
mod others;
mod overlay;
mod page;
mod phone_sends;
mod properties;
mod retention;
mod retrieving;
mod rows;
mod subscribers;
mod triggered_sends;
mod validation;
mod world;
