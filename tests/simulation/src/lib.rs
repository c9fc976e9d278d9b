//! Worlds by seed.
