//! Where the reply to the call that is next is noted until its first attempt has been made.

use calls::{AsyncResponseType, Call};
use cloud::Cloud;
use cloud::outbound::receiver_health::{Pace, Receiver};
use cloud::records::conversation_record::FirstReply;

use crate::in_flight::InFlight;

/// The header answers for the reply to a call if this run posts it: not if an earlier one is left to
/// the notifier, nor if it is going to be.
pub(crate) async fn first_reply_of(cloud: &Cloud, call: &Call, in_flight: &InFlight) -> FirstReply {
    if in_flight.is_left_to_notifier() || call.conversation_id.is_none() {
        return FirstReply::ByItself;
    }
    for subscription in &call.options.subscriptions {
        let receiver = Receiver::of(&call.account, &subscription.address);
        let is_post = subscription.response_type == AsyncResponseType::HttpPost;
        if !is_post || cloud.pace(&receiver).await != Pace::Quick {
            return FirstReply::ByItself;
        }
    }
    FirstReply::ByHeader
}
