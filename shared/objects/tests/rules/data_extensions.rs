//! Definitions of data extensions.

use crate::world::{World, check, summary};

const EXISTS: &str = "310003 Updating an existing Data Extension definition is not allowed when doing an add-only operation.";

#[test]
fn a_data_extension_is_created_updated_and_deleted() {
    let world = check(
        &[
            "Create DataExtension{CustomerKey=k Name=People Fields{Field{Name=Id IsPrimaryKey=true}}}",
            "Create DataExtension{CustomerKey=K Name=Other Fields{Field{Name=Id}}}",
            "Update DataExtension{Name=People Description=d Fields{Field{Name=Age FieldType=Number}}}",
        ],
        &[
            "OK Data Extension created.",
            EXISTS,
            "OK Data Extension updated.",
        ],
    );
    assert_eq!(
        world.stored("DataExtension"),
        [
            "CustomerKey=k Name=People Fields{Field{Name=Id IsPrimaryKey=true} Field{Name=Age FieldType=Number}} Description=d"
        ]
    );
    let mut world = world;
    let deleted = world.call("Delete DataExtension{CustomerKey=k}");
    assert_eq!(summary(&deleted[0]), "OK Data Extension deleted.");
    assert!(world.left().is_empty(), "no pointer is left");
}

#[test]
fn a_name_belongs_to_one_data_extension() {
    check(
        &[
            "Create DataExtension{CustomerKey=a Name=A Fields{Field{Name=Id}}}",
            "Create DataExtension{CustomerKey=b Name=A Fields{Field{Name=Id}}}",
            "Create DataExtension{CustomerKey=b Name=B Fields{Field{Name=Id}}}",
            "Update DataExtension{CustomerKey=b Name=A}",
            "Update DataExtension{CustomerKey=a Name=C}",
            "Update DataExtension{CustomerKey=b Name=A}",
            "Update DataExtension{Name=A Description=x}",
            "Update DataExtension{Name=B Description=x}",
        ],
        &[
            "OK Data Extension created.",
            "310007 Data Extension validation error: this Name is already in use by another Data Extension",
            "OK Data Extension created.",
            "310007 Data Extension validation error: this Name is already in use by another Data Extension",
            "OK Data Extension updated.",
            "OK Data Extension updated.",
            "OK Data Extension updated.",
            "310004 Adding a new Data Extension definition is not allowed when doing an update-only operation.",
        ],
    );
}

#[test]
fn what_is_wrong_with_a_data_extension_has_a_code() {
    for (fields, expected) in [
        ("", "at least one field is needed"),
        ("Field{FieldType=Text}", "every field must have a Name"),
        (
            "Field{Name=A FieldType=Picture}",
            "the FieldType [Picture] of field [A] is unknown",
        ),
        (
            "Field{Name=A MaxLength=many}",
            "the MaxLength [many] of field [A] is not a number",
        ),
        (
            "Field{Name=A} Field{Name=a}",
            "the field [a] is there twice",
        ),
        (
            "Field{Name=A FieldType=Number DefaultValue=x}",
            "DefaultValue: The value for column [A] is not a valid number. Parse error [InvalidNumber]",
        ),
    ] {
        check(
            &[&format!(
                "Create DataExtension{{CustomerKey=k Fields{{{fields}}}}}"
            )],
            &[&format!(
                "310007 Data Extension validation error: {expected}"
            )],
        );
    }
    check(
        &[
            "Create DataExtension{Description=x}",
            "Delete DataExtension{CustomerKey=k}",
            "Delete DataExtension{Name=k}",
            "Perform(ClearData) DataExtension{Name=k}",
            "Perform(start) DataExtension{CustomerKey=k}",
        ],
        &[
            "310001 No key found: an ObjectID, a CustomerKey or a Name is needed",
            "310002 The Data Extension to delete was not found.",
            "310002 The Data Extension to delete was not found.",
            "310001 The Data Extension to clear was not found.",
            "100 The Perform method is not supported for the DataExtension object with the Action 'start', only with ClearData",
        ],
    );
}

#[test]
fn fields_only_change_so_that_rows_go_on_fitting() {
    let create = "Create DataExtension{CustomerKey=k Fields{Field{Name=A MaxLength=10} Field{Name=B FieldType=Number}}}";
    let cannot = "the type, the primary key and the Scale of field";
    for (field, expected) in [
        ("Field{Name=A MaxLength=20}", None),
        ("Field{Name=A MaxLength=5}", Some(cannot)),
        ("Field{Name=B FieldType=Text}", Some(cannot)),
        ("Field{Name=A IsPrimaryKey=true}", Some(cannot)),
        (
            "Field{Name=C IsPrimaryKey=true}",
            Some("a primary key field cannot be added later"),
        ),
        (
            "Field{Name=C IsRequired=true}",
            Some("a required field added later needs a DefaultValue"),
        ),
        ("Field{Name=C IsRequired=true DefaultValue=x}", None),
    ] {
        let mut world = World::new();
        world.call(create);
        let updated = world.call(&format!(
            "Update DataExtension{{CustomerKey=k Fields{{{field}}}}}"
        ));
        match expected {
            None => assert_eq!(
                summary(&updated[0]),
                "OK Data Extension updated.",
                "{field}"
            ),
            Some(expected) => assert!(summary(&updated[0]).contains(expected), "{field}"),
        }
    }
}

#[test]
fn fields_are_deleted_by_naming_them() {
    let world = check(
        &[
            "Create DataExtension{CustomerKey=k Fields{Field{Name=A IsPrimaryKey=true} Field{Name=B}}}",
            "Delete DataExtension{CustomerKey=k Fields{Field{Name=b}}}",
            "Delete DataExtension{CustomerKey=k Fields{Field{Name=B}}}",
            "Delete DataExtension{CustomerKey=k Fields{Field{Name=A}}}",
        ],
        &[
            "OK Data Extension created.",
            "OK Data Extension Fields deleted",
            "310007 Data Extension validation error: there is no field [B]",
            "310007 Data Extension validation error: the primary key field [A] cannot be deleted",
        ],
    );
    assert_eq!(
        world.stored("DataExtension"),
        ["CustomerKey=k Fields{Field{Name=A IsPrimaryKey=true}} Name=k"]
    );
}

#[test]
fn rows_do_not_outlive_their_data_extension() {
    let define = "Create DataExtension{CustomerKey=k Fields{Field{Name=Id IsPrimaryKey=true}}}";
    let add = "Create DataExtensionObject{CustomerKey=k Properties{Property{Name=Id Value=1}}}";
    let ok = "OK Created DataExtensionObject";
    for clear in [
        &["Perform(ClearData) DataExtension{CustomerKey=k}"][..],
        &["Delete DataExtension{CustomerKey=k}", define],
    ] {
        let mut world = World::new();
        for call in [&[define, add][..], clear, &[add]].concat() {
            assert!(world.call(call)[0].ok, "{call}");
        }
        assert_eq!(
            summary(&world.call(add)[0]).split(' ').next(),
            Some("68000"),
            "{ok} only once"
        );
    }
}

#[test]
fn a_field_is_added_to_its_data_extension() {
    let made =
        "Create DataExtension{CustomerKey=k Name=P Fields{Field{Name=Id IsPrimaryKey=true}}}";
    let row = "Create DataExtensionObject{CustomerKey=k Properties{Property{Name=Id Value=1} Property{Name=Size Value=7}}}";
    let field =
        |more: &str| format!("Create DataExtensionField{{DataExtension{{CustomerKey=k}} {more}}}");
    let validation = "310007 Data Extension validation error:";
    let world = check(
        &[
            made,
            row,
            &field("Name=Size FieldType=Number"),
            row,
            &field("Name=SIZE"),
            &field("Name=Other FieldType=Sandwich"),
            &field("Name=Key IsPrimaryKey=true"),
            &field("Name=Needed IsRequired=true"),
            &field("Name=Needed IsRequired=true DefaultValue=x"),
            &field("FieldType=Text"),
            "Create DataExtensionField{Name=x}",
            "Create DataExtensionField{DataExtension{CustomerKey=other} Name=x}",
            "Create DataExtensionField{DataExtension{Name=P} Name=Named}",
        ],
        &[
            "OK Data Extension created.",
            "310007 There is no column [Size] [value Size: 20]",
            "OK DataExtensionField created",
            "OK Created DataExtensionObject",
            &format!("{validation} the field [SIZE] is there already"),
            &format!("{validation} the FieldType [Sandwich] of field [Other] is unknown"),
            &format!("{validation} a primary key field cannot be added later"),
            &format!("{validation} a required field added later needs a DefaultValue"),
            "OK DataExtensionField created",
            &format!("{validation} every field must have a Name"),
            "310001 The DataExtension of the field is needed, with its CustomerKey",
            "310001 There is no such DataExtension to add the field to",
            "OK DataExtensionField created",
        ],
    );
    let stored = world.stored("DataExtension").join("");
    let names = [
        "Name=Id",
        "Name=Size FieldType=Number",
        "Name=Needed",
        "Name=Named",
    ];
    for name in names {
        assert!(stored.contains(name), "{stored}");
    }
}
