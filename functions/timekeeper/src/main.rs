//! timekeeper
fn main() {}
