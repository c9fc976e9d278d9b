//! What leaves for addresses of callers: the guarded HTTP client, which addresses are public, and
//! which receivers are quick, which are paused, why one did not take a reply.

pub mod callback;
pub(crate) mod delivery_failure;
pub mod forward;
pub mod own_hosts;
pub mod public_address;
pub mod reach;
pub(crate) mod receiver;
pub mod receiver_health;
pub mod receiver_pause;
pub mod unsubscribe_link;
