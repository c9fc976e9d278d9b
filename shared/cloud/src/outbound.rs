//! What leaves for addresses of callers: the guarded HTTP client, which addresses are public, and
//! which receivers are quick.

pub mod callback;
pub mod forward;
pub mod own_hosts;
pub mod public_address;
pub mod reach;
pub mod receiver_health;
pub mod unsubscribe_link;
