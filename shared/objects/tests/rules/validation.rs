//! What is said against the objects of a call before it is taken in.

use objects::check as check_objects;

use crate::world::read_call;

/// `ok`, or code and text of the refusal.
#[track_caller]
fn check(call: &str, expected: &str) {
    let call_read = read_call(call);
    let said = check_objects(
        call_read.method,
        call_read.action.as_deref(),
        &call_read.options,
        &call_read.objects,
    );
    let said = match said {
        Ok(()) => "ok".to_owned(),
        Err(refusal) => format!("{} {refusal}", refusal.error_code()),
    };
    assert_eq!(said, expected, "{call}");
}

#[test]
fn a_type_that_there_is_not_refuses_the_call_and_names_the_one_that_is_meant() {
    check(
        "Create Subscribers{EmailAddress=a@b.co}",
        "8 This operation does not support the APIObject of type [Subscribers]. Is Subscriber meant?",
    );
    check(
        "Create subscriber{EmailAddress=a@b.co}",
        "8 This operation does not support the APIObject of type [subscriber]. Is Subscriber meant?",
    );
    check(
        "Create Foo{Name=x}",
        "8 This operation does not support the APIObject of type [Foo]",
    );
    check(
        "Create SMSTriggeredSandwich{CustomerKey=x}",
        "8 This operation does not support the APIObject of type [SMSTriggeredSandwich]",
    );
    check(
        "Create Subscriber{EmailAddress=a@b.co} Foo{Name=x}",
        "8 This operation does not support the APIObject of type [Foo] (object at 0-based index 1)",
    );
}

/// What would act and does not here is refused before it is taken in, and named.
#[test]
fn what_would_act_is_refused_at_the_door_by_name() {
    for name in [
        "QueryDefinition",
        "Automation",
        "FileTransferActivity",
        "FilterActivity",
        "ReportActivity",
        "SalesforceSendActivity",
        "Campaign",
    ] {
        let why = format!("100 The Perform method is not supported for the {name} object");
        for action in ["start", "Start", "pause", ""] {
            check(&format!("Perform({action}) {name}{{CustomerKey=x}}"), &why);
        }
    }
}

#[test]
fn a_method_that_a_type_has_not_refuses_the_call() {
    check(
        "Create ResultItem{RequestID=x}",
        "5 Cannot perform Create on objects of type ResultItem",
    );
    check(
        "Update ScheduledRequest{RequestID=x}",
        "5 Cannot perform Update on objects of type ScheduledRequest",
    );
    check(
        "Delete TriggeredSend{CustomerKey=x}",
        "5 Cannot perform Delete on objects of type TriggeredSend",
    );
    check(
        "Create ListSubscriber{ListID=1 SubscriberKey=a}",
        "5 Cannot perform Create on objects of type ListSubscriber",
    );
    check(
        "Perform(start) DataExtension{CustomerKey=x}",
        "100 The Perform method is not supported for the DataExtension object with the Action 'start', only with ClearData",
    );
    check(
        "Perform(start) QueryDefinition{CustomerKey=x}",
        "100 The Perform method is not supported for the QueryDefinition object",
    );
    check("Perform(cleardata) DataExtension{CustomerKey=x}", "ok");
    check("Delete ScheduledRequest{RequestID=x}", "ok");
    check(
        "Delete ScheduledConversation{RequestID=x}",
        "220 AsyncAPI_Item_Not_Found. The object must have a ConversationID",
    );
}

#[test]
fn required_fields_are_checked_at_the_door() {
    check(
        "Create Subscriber{SubscriberKey=a}",
        "12000 InvalidEmailAddress: the EmailAddress is missing or has invalid syntax",
    );
    check("Create(UpdateAdd) Subscriber{SubscriberKey=a}", "ok");
    check("Update Subscriber{SubscriberKey=a Status=Held}", "ok");
    check("Delete Subscriber{EmailAddress=bad}", "ok");
    check(
        "Create List{CustomerKey=a}",
        "13013 List validation error: a ListName is required",
    );
    check("Update List{CustomerKey=a}", "ok");
    check(
        "Delete List{Description=a}",
        "13001 The List ID was not specified. An ID, a CustomerKey or a ListName is needed",
    );
    check(
        "Create DataExtension{CustomerKey=a}",
        "310007 Data Extension validation error: at least one field is needed",
    );
    check(
        "Create DataExtensionObject{Properties{Property{Name=a Value=b}}}",
        "310001 The CustomerKey, the ObjectID, the PartnerKey or the Name of the data extension is needed",
    );
    check(
        "Create TriggeredSendDefinition{CustomerKey=a TriggeredSendStatus=Active}",
        "17000 The TriggeredSendDefinition cannot be activated: it has no Email",
    );
    check(
        "Create Email{Subject=x}",
        "204 The object must have a CustomerKey, an ObjectID, an ID or a Name",
    );
    check(
        "Create Subscriber{EmailAddress=a@b.co Lists{Status=Active}}",
        "13001 The List ID was not specified. Each Lists needs the ID, the ObjectID, the CustomerKey or the PartnerKey of a List",
    );
    check("Create(Nothing) List{Description=x}", "ok");
}

#[test]
fn a_value_that_is_not_of_its_type_refuses_the_whole_call() {
    check(
        "Create List{CustomerKey=a ListName=b ID=c}",
        "204 Element 'ID' is 'c', expected a whole number (xsd:int)",
    );
    check(
        "Create Subscriber{EmailAddress=a@b.co} Subscriber{EmailAddress=a@b.co Lists{ID=c}}",
        "204 Element 'Lists.ID' is 'c', expected a whole number (xsd:int) (object at 0-based index 1)",
    );
    check(
        "Update Email{CustomerKey=a IsHTMLPaste=maybe}",
        "204 Element 'IsHTMLPaste' is 'maybe', expected true or false",
    );
    check(
        "Update Email{CustomerKey=a IsHTMLPaste=True ID=' 7 '}",
        "ok",
    );
    check("Update Email{CustomerKey=a IsHTMLPaste='' ID=nil}", "ok");
}

#[test]
fn what_a_type_says_of_its_own_values_comes_first() {
    check(
        "Create List{CustomerKey=a ListName=b Type=Secret}",
        "13013 List validation error: Secret is not a type of list",
    );
}

#[test]
fn addresses_that_mail_cannot_be_sent_to_are_refused_by_name() {
    check(
        "Create Subscriber{EmailAddress=ann@b\u{fc}cher.example}",
        "ok",
    );
    check(
        "Create Subscriber{EmailAddress=j\u{fc}rgen@example.com}",
        "12000 InvalidEmailAddress: mail cannot be sent to 'j\u{fc}rgen@example.com': of an address only the part behind the @ may be outside ASCII",
    );
}

/// A mistake in the data of one object is the failure of that object, as in a call that is carried
/// out at once.
#[test]
fn wrong_data_refuses_a_call_only_if_no_object_of_it_is_right() {
    check(
        "Create Subscriber{EmailAddress=bad} Subscriber{EmailAddress=a@b.co}",
        "ok",
    );
    check(
        "Create Subscriber{EmailAddress=bad} Subscriber{EmailAddress=worse}",
        "12000 InvalidEmailAddress: the EmailAddress is missing or has invalid syntax (object at 0-based index 0)",
    );
}

#[test]
fn triggered_sends_need_a_definition_and_somebody_to_go_to() {
    let send = |definition: &str, subscribers: &str| {
        format!("Create TriggeredSend{{TriggeredSendDefinition{{{definition}}} {subscribers}}}")
    };
    let to = |address: &str| format!("Subscribers{{EmailAddress={address}}} ");
    let key = "CustomerKey=welcome";
    let no_definition =
        "18002 The Triggered Send Object must contain the Triggered Send ID or the Customer Key";
    let nobody_valid =
        "180008 Unable to queue Triggered Send request. There are no valid subscribers.";
    check(&send(key, &to("a@example.com")), "ok");
    check(&send("ObjectID=x", &to("a@example.com")), "ok");
    check(&send(key, "Subscribers{SubscriberKey=k}"), "ok");
    check(&send(key, &(to("nobody") + &to("a@example.com"))), "ok");
    check(&send("", &to("a@example.com")), no_definition);
    check(
        &send("CustomerKey=' '", &to("a@example.com")),
        no_definition,
    );
    check(
        &send(key, ""),
        "180007 The Triggered Send Object must have subscribers associated with it",
    );
    check(&send(key, &to("nobody")), nobody_valid);
    check(&send(key, "Subscribers{}"), nobody_valid);
}
