//! x
pub struct Outcome; pub enum OverallStatus{}
