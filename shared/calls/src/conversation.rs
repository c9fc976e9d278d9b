//! x
pub struct Conversation;pub enum Owed{} pub enum Phase{} pub struct Step;
