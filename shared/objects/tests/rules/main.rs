//! The rules of the built-in objects: calls, and their results and effects.

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
mod send_definitions;
mod subscribers;
mod triggered_sends;
mod unmailed;
mod validation;
mod world;
