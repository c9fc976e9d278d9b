//! Rows of data extensions.

use crate::world::{World, check, summary};

const PEOPLE: &str = "Create DataExtension{CustomerKey=people Name='The People' Fields{\
    Field{Name=Id FieldType=Number IsPrimaryKey=true} \
    Field{Name=Name MaxLength=10 IsRequired=true} \
    Field{Name=Mail FieldType=EmailAddress} \
    Field{Name=Since FieldType=Date DefaultValue=getdate()} \
    Field{Name=Vip FieldType=Boolean DefaultValue=false}}}";

const CREATED: &str = "OK Created DataExtensionObject";
const UPDATED: &str = "OK Updated DataExtensionObject";
const DELETED: &str = "OK Deleted DataExtensionObject";

/// A row of people: `Id=1 Name=Ann`.
fn row(call: &str, keys: &str, properties: &str) -> String {
    let pairs = |group: &str, pair: &str, fields: &str| {
        if fields.is_empty() {
            return String::new();
        }
        let pairs: Vec<String> = fields
            .split(' ')
            .map(|field| {
                let (name, value) = field.split_once('=').expect("a name and a value");
                format!("{pair}{{Name={name} Value={value}}}")
            })
            .collect();
        format!("{group}{{{}}}", pairs.join(" "))
    };
    let keys = pairs("Keys", "Key", keys);
    let properties = pairs("Properties", "Property", properties);
    format!("{call} DataExtensionObject{{CustomerKey=people {properties} {keys}}}")
}

/// Calls as `(method, keys, properties)`, and the rows that are there afterwards.
#[track_caller]
fn check_rows(calls: &[(&str, &str, &str)], expected: &[&str], rows: &[&str]) {
    let calls: Vec<String> = calls
        .iter()
        .map(|(call, keys, set)| row(call, keys, set))
        .collect();
    let mut all = vec![PEOPLE];
    all.extend(calls.iter().map(String::as_str));
    let mut summary = vec!["OK Data Extension created."];
    summary.extend(expected);
    let world = check(&all, &summary);
    let found: Vec<String> = world
        .stored("DataExtensionObject")
        .iter()
        .map(|row| short(row))
        .collect();
    assert_eq!(found, rows);
}

fn short(row: &str) -> String {
    row.replace("Property{Name=", "")
        .replace(" Value=", "=")
        .replace('}', "")
        .replace("Properties{", "")
}

#[test]
fn rows_take_defaults_and_one_spelling() {
    check_rows(
        &[
            ("Create", "", "Id=01 name=Ann Vip=Yes"),
            ("Create", "", "Id=2 Name=Bea Since=1/2/2026"),
        ],
        &[CREATED, CREATED],
        &[
            "Id=1 Name=Ann Since=2026-11-20T04:00:00 Vip=True",
            "Id=2 Name=Bea Since=2026-01-02T00:00:00 Vip=False",
        ],
    );
}

#[test]
fn a_primary_key_is_there_once() {
    let duplicate = "68000 Violation of PRIMARY KEY constraint 'PK_people'. Cannot insert duplicate key in object 'people'. The duplicate key value is (1). [key Id: 21]";
    check_rows(
        &[
            ("Create", "", "Id=1 Name=Ann Since=1/1/2026"),
            ("Create", "", "Id=001 Name=Bea"),
            ("Create(UpdateAdd)", "", "Id=1 Name=Cid"),
            ("Create(AddOnly)", "Id=1", "Name=Dan"),
        ],
        &[CREATED, duplicate, CREATED, duplicate],
        &["Id=1 Name=Cid Since=2026-01-01T00:00:00 Vip=False"],
    );
}

#[test]
fn rows_are_updated_and_deleted_by_their_keys() {
    check_rows(
        &[
            ("Create", "", "Id=1 Name=Ann Since=1/1/2026 Mail=a@b.co"),
            ("Update", "Id=1", "Name=Bea"),
            ("Update", "", "Id=1 Mail=nil"),
            ("Update", "Id=2", "Name=Cid"),
            ("Update(UpdateAdd)", "Id=2", "Name=Cid Since=1/1/2026"),
            ("Delete", "Id=1", ""),
            ("Delete", "Id=1", ""),
        ],
        &[
            CREATED,
            UPDATED,
            UPDATED,
            "68001 Primary key '2' does not exist. [key Id: 20]",
            UPDATED,
            DELETED,
            "310002 Primary key '1' does not exist. [key Id: 20]",
        ],
        &["Id=2 Name=Cid Since=2026-01-01T00:00:00 Vip=False"],
    );
    check_rows(
        &[
            ("Create", "", "Id=1 Name=Ann Since=1/1/2026 Mail=a@b.co"),
            ("Update", "Id=1", "Mail=nil Vip=1"),
        ],
        &[CREATED, UPDATED],
        &["Id=1 Name=Ann Since=2026-01-01T00:00:00 Vip=True"],
    );
}

#[test]
fn a_row_that_is_not_there_now_is_not_said_to_be_saved() {
    let nothing = "OK Nothing was done, as SaveOptions ask";
    check_rows(
        &[
            ("Create(Nothing)", "", "Id=1 Name=Ann Since=1/1/2026"),
            ("Update(UpdateAdd)", "", "Id=1 Name=Ann Since=1/1/2026"),
            ("Create(UpdateAdd)", "", "Id=2 Name=Bea Since=1/1/2026"),
            ("Update(Nothing)", "Id=2", "Name=Not"),
            ("Create(Delete)", "Id=1", ""),
            ("Update(Delete)", "Id=1", ""),
            ("Update(AddOnly)", "", "Id=3 Name=Cid Since=1/1/2026"),
            ("Update(Delete)", "Id=3", ""),
        ],
        &[
            nothing,
            UPDATED,
            CREATED,
            nothing,
            DELETED,
            "68001 Primary key '1' does not exist. [key Id: 20]",
            UPDATED,
            DELETED,
        ],
        &["Id=2 Name=Bea Since=2026-01-01T00:00:00 Vip=False"],
    );
}

#[test]
fn an_invalid_row_names_each_field() {
    check_rows(
        &[
            ("Create", "", "Name=Ann"),
            (
                "Create",
                "",
                "Id=x Name=MuchTooLong Mail=bad Since=soon Vip=perhaps",
            ),
            ("Create", "", "Id=1"),
            ("Create", "", "Id=1 Name=Ann Shoe=43"),
            ("Update", "Id=1", "Id=2 Name=Ann"),
            ("Update", "Shoe=43", "Name=Ann"),
            ("Delete", "", ""),
        ],
        &[
            "310007 The value for column [Id] is required [key Id: 19]",
            "310007 The value for column [Id] is not a valid number. Parse error [InvalidNumber] \
             [value Id: 20] [value Name: 17] [value Mail: 5] [value Since: 20] [value Vip: 20]",
            "310007 The value for column [Name] is required [value Name: 19]",
            "310007 There is no column [Shoe] [value Shoe: 20]",
            "310007 The value for column [Id] differs between Keys and Properties [key Id: 20]",
            "310007 There is no column [Shoe] [key Shoe: 20]",
            "310007 The value for column [Id] is required [key Id: 19]",
        ],
        &[],
    );
}

#[test]
fn the_data_extension_is_found_by_key_or_name() {
    let properties = "Properties{Property{Name=Id Value=1} Property{Name=Name Value=x}}";
    check(
        &[
            PEOPLE,
            &format!("Create DataExtensionObject{{Name='the people' {properties}}}"),
            &format!("Create DataExtensionObject{{CustomerKey='The People' {properties}}}"),
            &format!("Create DataExtensionObject{{CustomerKey=pets {properties}}}"),
            &format!("Create DataExtensionObject{{{properties}}}"),
        ],
        &[
            "OK Data Extension created.",
            CREATED,
            "68000 Violation of PRIMARY KEY constraint 'PK_people'. Cannot insert duplicate key in object 'people'. The duplicate key value is (1). [key Id: 21]",
            "310001 There is no data extension [pets]",
            "310001 The CustomerKey, the ObjectID, the PartnerKey or the Name of the data extension is needed",
        ],
    );
}

#[test]
fn the_data_extension_is_found_by_each_of_its_keys() {
    let mut world = World::new();
    let made = world.call(&PEOPLE.replace("CustomerKey", "PartnerKey=crm-7 CustomerKey"));
    let object_id = made[0].new_object_id.clone().expect("an ObjectID");
    let mut say = |named: &str, id: &str| {
        let properties =
            format!("Properties{{Property{{Name=Id Value={id}}} Property{{Name=Name Value=x}}}}");
        let results = world.call(&format!(
            "Create DataExtensionObject{{{named} {properties}}}"
        ));
        summary(&results[0])
    };
    assert_eq!(say(&format!("ObjectID={object_id}"), "1"), CREATED);
    assert_eq!(say("PartnerKey=crm-7", "2"), CREATED);
    assert_eq!(say("PartnerKey=CRM-7", "3"), CREATED);
    assert_eq!(say("Name='The People'", "4"), CREATED);
    assert_eq!(
        say("PartnerKey=crm-8", "5"),
        "310001 There is no data extension [crm-8]"
    );
    // A number that leads nowhere is not made good by a name: something else may have it.
    let lost = object_id.replace(&object_id[..4], "0000");
    assert_eq!(
        say(&format!("ObjectID={lost} Name='The People'"), "6"),
        format!("310001 There is no data extension [{lost}]")
    );
}

#[test]
fn rows_without_primary_key_are_only_added() {
    let one = "DataExtensionObject{CustomerKey=log Properties{Property{Name=Line Value=x}}}";
    let world = check(
        &[
            "Create DataExtension{CustomerKey=log Fields{Field{Name=Line}}}",
            &format!("Create {one} {one}"),
            &format!("Create(UpdateAdd) {one}"),
            &format!("Update {one}"),
        ],
        &[
            "OK Data Extension created.",
            CREATED,
            CREATED,
            CREATED,
            "310007 The data extension has no primary key: its rows can be added, and not be updated or deleted one by one",
        ],
    );
    assert_eq!(world.stored("DataExtensionObject").len(), 3);
}

#[test]
fn primary_keys_of_several_fields_hold_together() {
    let row = |a: &str, b: &str| {
        format!(
            "DataExtensionObject{{CustomerKey=k Properties{{Property{{Name=A Value={a}}} Property{{Name=B Value={b}}}}}}}"
        )
    };
    let world = check(
        &[
            "Create DataExtension{CustomerKey=k Fields{Field{Name=A IsPrimaryKey=true} Field{Name=B IsPrimaryKey=true}}}",
            &format!(
                "Create {} {} {}",
                row("x#y", "z"),
                row("x", "y#z"),
                row("X", "Y#Z")
            ),
        ],
        &[
            "OK Data Extension created.",
            CREATED,
            CREATED,
            "68000 Violation of PRIMARY KEY constraint 'PK_k'. Cannot insert duplicate key in object 'k'. The duplicate key value is (X, Y#Z). [key A: 21] [key B: 21]",
        ],
    );
    assert_eq!(world.stored("DataExtensionObject").len(), 2);
}

#[test]
fn a_row_relies_on_its_definition() {
    // The world holds every read against the table when it commits.
    let mut world = World::new();
    let define = "DataExtension{CustomerKey=k Fields{Field{Name=A IsPrimaryKey=true}}}";
    let add = "DataExtensionObject{CustomerKey=k Properties{Property{Name=A Value=1}}}";
    let results = world.call(&format!("Create {define} {add}"));
    let summary: Vec<String> = results.iter().map(summary).collect();
    assert_eq!(summary, ["OK Data Extension created.", CREATED]);
}
