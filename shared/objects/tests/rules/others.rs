//! Objects that are only kept, and those that are not.

use crate::world::check;

#[test]
fn every_type_of_the_protocol_is_kept() {
    let world = check(
        &[
            "Create SenderProfile{CustomerKey=a FromName=x}",
            "Create SenderProfile{CustomerKey=a FromName=x}",
            "Update SenderProfile{CustomerKey=a FromName=nil FromAddress=a@b.co}",
            "Update SenderProfile{CustomerKey=b}",
            "Create ImportDefinition{Description=x}",
            "Create ImportDefinition{Name=i}",
            "Update ImportDefinition{CustomerKey=j}",
            "Create DataFolder{Name=f}",
            "Delete DataFolder{CustomerKey=F}",
        ],
        &[
            "OK SenderProfile created",
            "1 An object with this name or CustomerKey already exists",
            "OK SenderProfile updated",
            "3 The object was not found",
            "43000 The CustomerKey of the ImportDefinition is missing",
            "OK ImportDefinition created.",
            "43010 The object was not found",
            "OK Folder created successfully.",
            "OK Folder deleted successfully.",
        ],
    );
    assert_eq!(
        world.stored("SenderProfile"),
        ["CustomerKey=a FromAddress=a@b.co"]
    );
}

#[test]
fn save_options_are_honoured() {
    let world = check(
        &[
            "Create(Nothing) Email{CustomerKey=a Subject=x}",
            "Update(UpdateAdd) Email{CustomerKey=a Subject=x}",
            "Create(UpdateAdd) Email{CustomerKey=a Subject=y}",
            "Update(Nothing) Email{CustomerKey=a Subject=z}",
            "Create(Delete) Email{CustomerKey=a}",
        ],
        &[
            "OK Nothing was done, as SaveOptions ask",
            "OK Email updated",
            "OK Email created",
            "OK Nothing was done, as SaveOptions ask",
            "OK Email deleted",
        ],
    );
    assert!(world.table.is_empty());
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let large = "x".repeat(400_000);
    check(
        &[
            "Create Sandwich{CustomerKey=a}",
            "Create TriggeredSendSandwich{CustomerKey=a}",
            "Create ResultItem{CustomerKey=a}",
            "Create Email{Subject=x}",
            "Perform(start) QueryDefinition{CustomerKey=a}",
            &format!("Create Email{{Name=a HTMLBody={large}}}"),
        ],
        &[
            "8 This operation does not support the APIObject of type [Sandwich]",
            "8 This operation does not support the APIObject of type [TriggeredSendSandwich]",
            "5 Cannot perform Create on objects of type ResultItem",
            "204 The object must have a CustomerKey, an ObjectID, an ID or a Name",
            "100 The Perform method is not supported for the QueryDefinition object",
            "204 The object is too large: 400145 bytes, 380000 can be kept",
        ],
    );
}
