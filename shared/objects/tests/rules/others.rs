//! Objects that are only kept, and those that are not.

use std::collections::BTreeMap;
use std::path::Path;

use objects::check_values;

use crate::world::{World, check, read_call, summary};

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

/// Types with every method that have rules of their own.
const OWN_RULES: [&str; 5] = [
    "DataExtension",
    "DataExtensionObject",
    "List",
    "Subscriber",
    "TriggeredSendDefinition",
];

/// Types that are kept by their key, and that nothing here performs.
fn kept_types() -> Vec<&'static str> {
    let is_kept = |name: &&str| {
        objects::object_type(name).is_some_and(|it| it.methods.len() == 3 && it.actions.is_empty())
    };
    let kept = objects::names().filter(is_kept);
    kept.filter(|name| !OWN_RULES.contains(name)).collect()
}

#[test]
fn each_type_is_made_changed_and_removed_by_its_key() {
    let types = kept_types();
    assert!(types.len() > 100, "{}", types.len());
    for name in types {
        let mut world = World::new();
        let mut does =
            |call: &str| summary(&world.call(&format!("{call} {name}{{CustomerKey=k Name=n}}"))[0]);
        assert!(does("Create").starts_with("OK "), "{name}");
        assert!(
            does("Create").starts_with("1 "),
            "{name}: there is one of that key"
        );
        assert!(does("Update").starts_with("OK "), "{name}");
        assert!(does("Delete").starts_with("OK "), "{name}");
        assert!(does("Update").starts_with("3 "), "{name}: it is gone");
        assert!(does("Perform(start)").starts_with("100 "), "{name}");
        assert!(world.left().is_empty(), "{name}: {:?}", world.left());
    }
}

/// The first field of each type whose values are of a simple type, and that type, as the model writes them.
fn typed_fields() -> BTreeMap<String, (String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../soap/model");
    let mut fields = BTreeMap::new();
    for file in std::fs::read_dir(folder).expect("the model") {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("text");
        for declared in text.replace("\n ", " ").lines() {
            let Some((head, own)) = declared.split_once('=') else {
                continue;
            };
            let Some(name) = head.strip_prefix("type ") else {
                continue;
            };
            let name = name.split([' ', ':']).next().unwrap_or_default();
            let simple = own.split(',').find_map(|field| {
                let (name, of) = field.trim().split_once(':')?;
                let of = of.trim_end_matches('~');
                ["int", "long", "boolean", "dateTime", "double", "short"]
                    .contains(&of)
                    .then(|| (name.trim_end_matches(['?', '*']).to_owned(), of.to_owned()))
            });
            if let Some(simple) = simple {
                fields.insert(name.to_owned(), simple);
            }
        }
    }
    fields
}

#[test]
fn a_value_that_is_not_of_its_fields_type_refuses_the_call_whatever_the_type() {
    let fields = typed_fields();
    let mut own = 0;
    for name in kept_types() {
        let mut wrong = vec![("ID", "int"), ("CreatedDate", "dateTime")];
        if let Some((field, of)) = fields.get(name) {
            own += 1;
            wrong.push((field, of));
        }
        for (field, of) in wrong {
            let call = read_call(&format!("Create {name}{{CustomerKey=k {field}=neither}}"));
            let refused = check_values(call.method, &call.options, &call.objects);
            let refused = refused.map_err(|refusal| refusal.error_code());
            assert_eq!(refused, Err(204), "{name} {field}, which is a {of}");
        }
        let call = read_call(&format!("Create {name}{{CustomerKey=k ID=7}}"));
        let right = check_values(call.method, &call.options, &call.objects);
        assert!(right.is_ok(), "{name}: {right:?}");
    }
    assert!(own > 60, "{own} types have a field of their own that says");
}
