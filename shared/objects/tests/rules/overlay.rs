//! What a call sees of its own changes, and what is left of them to be stored.

use calls::{AccountId, RequestId};
use objects::{MethodCall, Missing, Overlay, PhoneSenders, carry_out, units};

use crate::world::{World, check, now, read_call, summary};

#[test]
fn later_objects_see_what_earlier_ones_did() {
    check(
        &["Create(UpdateAdd) \
           Subscriber{SubscriberKey=a EmailAddress=a@b.co} \
           Subscriber{SubscriberKey=A Status=Held} \
           TriggeredSendDefinition{CustomerKey=d TriggeredSendStatus=Active Email{Subject=s TextBody=t}} \
           TriggeredSend{TriggeredSendDefinition{CustomerKey=d} Subscribers{SubscriberKey=a}}"],
        &[
            "OK Created Subscriber.",
            "OK Created Subscriber.",
            "OK TriggeredSendDefinition created",
            "180008 Unable to queue Triggered Send request. There are no valid subscribers. [0: Error Code: 2 - Subscriber is held.]",
        ],
    );
}

#[test]
fn one_object_is_one_change_however_often_it_is_changed() {
    let mut world = World::new();
    let one = "Subscriber{EmailAddress=a@b.co}";
    world.call(&format!("Create(UpdateAdd) {one} {one} {one}"));
    assert_eq!((world.writes, world.table.len()), (1, 1));
}

#[test]
fn created_changed_and_deleted_in_one_transaction_is_one_net_change() {
    let account = AccountId("acme".to_owned());
    let request_id = RequestId("call".to_owned());
    let mut overlay = Overlay::new(&account);
    for text in [
        "Create Subscriber{EmailAddress=a@b.co}",
        "Update Subscriber{EmailAddress=a@b.co EmailTypePreference=Text}",
        "Delete Subscriber{EmailAddress=a@b.co}",
    ] {
        let call = read_call(text);
        let request = MethodCall {
            method: call.method,
            action: None,
            options: &call.options,
            objects: &call.objects,
            client: &account,
            request_id: &request_id,
            phone_senders: &PhoneSenders::default(),
            now: now(),
        };
        let unit = units(request.method, request.objects).remove(0);
        if let Err(Missing(keys)) = carry_out(&mut overlay, &request, &unit) {
            keys.into_iter()
                .for_each(|key| overlay.knows(key, None, now()));
            carry_out(&mut overlay, &request, &unit).expect("nothing is missing");
        }
    }
    let changes: Vec<_> = overlay.changes().collect();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].seen_version, None);
    assert_eq!(changes[0].becomes, None);
}

#[test]
fn a_version_is_never_used_twice() {
    let mut world = World::new();
    let version = |world: &World| world.table.values().next().map(|stored| stored.version);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        world.call("Create Subscriber{EmailAddress=a@b.co}");
        seen.insert(version(&world));
        world.call("Update Subscriber{EmailAddress=a@b.co}");
        seen.insert(version(&world));
        world.call("Delete Subscriber{EmailAddress=a@b.co}");
    }
    // All calls of this world are made at one instant, so only the first life counts here: a later
    // one begins at its own, later instant.
    assert_eq!(seen.len(), 2);
    assert!(
        seen.iter()
            .flatten()
            .all(|version| *version >= 1_700_000_000_000_000)
    );
}

#[test]
fn a_decision_that_misses_a_record_changes_nothing() {
    let call = read_call(
        "Create TriggeredSend{TriggeredSendDefinition{CustomerKey=d} \
         Subscribers{EmailAddress=a@b.co} Subscribers{EmailAddress=b@b.co} Subscribers{SubscriberKey=A@b.co}}",
    );
    let mut world = World::new();
    world.call("Create TriggeredSendDefinition{CustomerKey=d TriggeredSendStatus=Active Email{Subject=s TextBody=t}}");
    let account = AccountId("acme".to_owned());
    let request_id = RequestId("call".to_owned());
    let request = MethodCall {
        method: call.method,
        action: None,
        options: &call.options,
        objects: &call.objects,
        client: &account,
        request_id: &request_id,
        phone_senders: &PhoneSenders::default(),
        now: now(),
    };
    let unit = units(request.method, request.objects).remove(0);
    let mut overlay = Overlay::new(&account);
    let mut context = Vec::new();
    loop {
        match carry_out(&mut overlay, &request, &unit) {
            Ok(_) => break,
            Err(Missing(keys)) => {
                assert_eq!(overlay.changes().count(), 0);
                assert!(overlay.mails().is_empty());
                context.push(keys.len());
                world.load(&mut overlay, keys);
            }
        }
    }
    assert_eq!(
        context,
        [1, 5],
        "the definition, then all subscribers and their addresses at once"
    );
    assert_eq!((overlay.changes().count(), overlay.mails().len()), (2, 3));
}

#[test]
fn a_read_does_not_undo_a_change() {
    let mut world = World::new();
    let results =
        world.call("Create Subscriber{EmailAddress=a@b.co} Subscriber{EmailAddress=a@b.co}");
    assert_eq!(
        summary(&results[1]),
        "12014 The subscriber is already on the list"
    );
    let key = world.table.keys().next().cloned().expect("a key");
    let account = AccountId("acme".to_owned());
    let mut overlay = Overlay::new(&account);
    let call = read_call("Delete Subscriber{EmailAddress=a@b.co}");
    let request_id = RequestId("call".to_owned());
    let request = MethodCall {
        method: call.method,
        action: None,
        options: &call.options,
        objects: &call.objects,
        client: &account,
        request_id: &request_id,
        phone_senders: &PhoneSenders::default(),
        now: now(),
    };
    world.load(&mut overlay, vec![key.clone()]);
    carry_out(
        &mut overlay,
        &request,
        &units(request.method, request.objects)[0],
    )
    .expect("known");
    world.load(&mut overlay, vec![key.clone()]);
    assert_eq!(overlay.get(&key), Ok(None));
}
