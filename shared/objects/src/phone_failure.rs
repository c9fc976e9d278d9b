//! Why a text or a call by voice that was taken in did not reach its phone, by the protocol's codes.

use crate::phone_order::PhoneChannel;

/// What kept it from its phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneFailure {
    /// The owner has told the service to send nothing.
    OptedOut,
    /// There is no such number, or none that is sent to.
    Number,
    TooLong,
    /// The carrier makes nothing of the words.
    Letters,
    /// It comes from nowhere that the service knows.
    Sender,
    /// The server that hands it on has failed.
    Server,
    /// Anything else: the carrier blocks it, the phone is off.
    NotSent,
    /// The account or its sender is not set up for such a text.
    NotSetUp,
}

impl PhoneFailure {
    /// Of calls by voice there is one code for all.
    const fn code(self, channel: PhoneChannel) -> u32 {
        match (channel, self) {
            (PhoneChannel::Voice, _) => 32_002,
            (PhoneChannel::Text, Self::OptedOut) => 33_300,
            (PhoneChannel::Text, Self::Number) => 33_101,
            (PhoneChannel::Text, Self::TooLong) => 33_004,
            (PhoneChannel::Text, Self::Letters) => 33_005,
            (PhoneChannel::Text, Self::Sender) => 33_006,
            (PhoneChannel::Text, Self::Server) => 33_501,
            (PhoneChannel::Text, Self::NotSent) => 33_502,
            (PhoneChannel::Text, Self::NotSetUp) => 33_503,
        }
    }

    /// The code, and behind it what whoever knows says of it.
    pub fn reason(self, channel: PhoneChannel, said: &str) -> String {
        format!("{} {said}", self.code(channel))
    }
}
