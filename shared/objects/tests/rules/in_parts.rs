//! A call carried out in parts ends like one that was not.

use proptest::prelude::*;

use crate::world::World;

/// Objects that get in each other's way.
const OBJECTS: [&str; 16] = [
    "Subscriber{SubscriberKey=a EmailAddress=a@b.co Attributes{Name=x Value=1}}",
    "Subscriber{SubscriberKey=A Status=Unsubscribed Lists{CustomerKey=news Status=Active}}",
    "Subscriber{SubscriberKey=b EmailAddress=bad}",
    "Subscriber{SubscriberKey=b EmailAddress=b@b.co Status=Active}",
    "List{ListName=News}",
    "List{CustomerKey=news ListName=Other}",
    "DataExtension{CustomerKey=k Name=People Fields{Field{Name=Id IsPrimaryKey=true} Field{Name=Hat}}}",
    "DataExtension{CustomerKey=l Name=People Fields{Field{Name=Line}}}",
    "DataExtension{CustomerKey=k Name=k}",
    "DataExtensionObject{CustomerKey=k Properties{Property{Name=Id Value=1} Property{Name=Hat Value=red}}}",
    "DataExtensionObject{Name=People Properties{Property{Name=Id Value=1} Property{Name=Line Value=x}}}",
    "DataExtensionObject{Name=People Properties{Property{Name=Line Value=x}}}",
    "TriggeredSendDefinition{CustomerKey=d TriggeredSendStatus=Active AutoUpdateSubscribers=true Email{Subject=s TextBody='%%x%%'}}",
    "TriggeredSendDefinition{CustomerKey=d TriggeredSendStatus=Inactive Email{CustomerKey=e}}",
    "Email{CustomerKey=e Subject=s HTMLBody='%%x%%'}",
    "SEND",
];

fn objects() -> impl Strategy<Value = Vec<String>> {
    let send = prop::collection::vec(
        "Subscribers\\{SubscriberKey=[a-c] EmailAddress=[a-d]@b\\.co\\}",
        0..20,
    )
    .prop_map(|subscribers| {
        format!(
            "TriggeredSend{{TriggeredSendDefinition{{CustomerKey=d}} {}}}",
            subscribers.join(" ")
        )
    });
    let one = (prop::sample::select(&OBJECTS[..]), send).prop_map(|(object, send)| {
        if object == "SEND" {
            send
        } else {
            object.to_owned()
        }
    });
    prop::collection::vec(one, 1..8)
}

fn calls() -> impl Strategy<Value = Vec<(&'static str, Vec<String>)>> {
    let methods = [
        "Create",
        "Create(UpdateAdd)",
        "Create(UpdateAdd)",
        "Update",
        "Update(UpdateAdd)",
        "Delete",
        "Perform(ClearData)",
    ];
    prop::collection::vec((prop::sample::select(methods.to_vec()), objects()), 1..8)
}

proptest! {
    #[test]
    fn wherever_a_call_is_cut_it_ends_the_same(calls in calls(), cuts in any::<u64>()) {
        let mut whole = World::new();
        let mut parted = World::new();
        for (number, (method, objects)) in calls.iter().enumerate() {
            let call = format!("{method} {}", objects.join(" "));
            let results = whole.call(&call);
            let cut = |unit: usize| cuts.rotate_right(u32::try_from(unit + number * 7).unwrap_or(0)) & 1 == 1;
            prop_assert_eq!(&results, &parted.call_in_parts(&call, &cut));
            prop_assert_eq!(results.len(), objects.len());
        }
        let objects = |world: &World| -> Vec<_> {
            world.table.iter().map(|(key, stored)| (key.clone(), stored.object.clone())).collect()
        };
        prop_assert_eq!(objects(&whole), objects(&parted));
        prop_assert_eq!(whole.mails, parted.mails);
    }
}

#[test]
fn the_largest_call_takes_time_in_proportion() {
    let subscribers = |count: usize| {
        let one = |n| {
            format!(
                "Subscriber{{SubscriberKey=k{n} EmailAddress=s{n}@example.com Attributes{{Name=First Value=x}}}}"
            )
        };
        (0..count).map(one).collect::<Vec<_>>().join(" ")
    };
    let mut world = World::new();
    let results = world.call_in_parts(&format!("Create {}", subscribers(32_766)), &|unit| {
        unit % 40 == 39
    });
    assert_eq!(results.iter().filter(|result| result.ok).count(), 32_766);
    assert_eq!(world.table.len(), 32_766);
}

#[test]
fn the_largest_send_is_dealt_out_in_small_units() {
    let subscribers: Vec<String> = (0..32_766)
        .map(|n| format!("Subscribers{{EmailAddress=s{n}@example.com}}"))
        .collect();
    let mut world = World::new();
    world.call("Create TriggeredSendDefinition{CustomerKey=d TriggeredSendStatus=Active Email{Subject=s TextBody=t}}");
    let send = format!(
        "Create TriggeredSend{{TriggeredSendDefinition{{CustomerKey=d}} {}}}",
        subscribers.join(" ")
    );
    let results = world.call_in_parts(&send, &|_unit| true);
    assert!(results[0].ok);
    assert_eq!(world.mails.len(), 32_766);
    assert!(
        world
            .mails
            .iter()
            .enumerate()
            .all(|(n, mail)| mail.to == format!("s{n}@example.com"))
    );
}
