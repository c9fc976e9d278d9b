//! The texts that the types are written in.

pub(super) const TEXTS: [&str; 19] = [
    include_str!("../../model/base.txt"),
    include_str!("../../model/options.txt"),
    include_str!("../../model/results.txt"),
    include_str!("../../model/bookkeeping.txt"),
    include_str!("../../model/messages.txt"),
    include_str!("../../model/payloads.txt"),
    include_str!("../../model/filters.txt"),
    include_str!("../../model/subscribers.txt"),
    include_str!("../../model/data-extensions.txt"),
    include_str!("../../model/sends.txt"),
    include_str!("../../model/activities.txt"),
    include_str!("../../model/accounts.txt"),
    include_str!("../../model/content.txt"),
    include_str!("../../model/automations.txt"),
    include_str!("../../model/recurrences.txt"),
    include_str!("../../model/tracking.txt"),
    include_str!("../../model/validation.txt"),
    include_str!("../../model/mobile.txt"),
    include_str!("../../model/lists.txt"),
];
