//! How long rows and data extensions are kept: what has ended is not seen, whether it is deleted or not.

use jiff::{SignedDuration, Timestamp};
use objects::{Overlay, retrieve_from};

use crate::world::{World, check, summary};

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

fn create(fields: &str) -> String {
    format!(
        "Create DataExtension{{CustomerKey=k Name=People {fields} Fields{{Field{{Name=Id IsPrimaryKey=true}} Field{{Name=Word}}}}}}"
    )
}

const BY_ROW: &str = "RowBasedRetention=true DataRetentionPeriodLength=10 DataRetentionPeriod=Days";
const ALL_ROWS: &str =
    "DeleteAtEndOfRetentionPeriod=true DataRetentionPeriodLength=10 DataRetentionPeriod=Days";
const WHOLE: &str = "DataRetentionPeriodLength=10 DataRetentionPeriodUnitOfMeasure=3";

fn row(id: &str) -> String {
    format!(
        "DataExtensionObject{{CustomerKey=k Properties{{Property{{Name=Id Value={id}}} Property{{Name=Word Value=w}}}}}}"
    )
}

impl World {
    #[track_caller]
    fn does(&mut self, call: &str) {
        let result = &self.call(call)[0];
        assert!(result.ok, "{call}: {}", summary(result));
    }

    fn passes(&mut self, time: SignedDuration) {
        self.now += time;
    }

    /// The ids of the rows that whoever retrieves them sees; `None`: there is no such data extension.
    fn seen(&self) -> Option<Vec<String>> {
        let mut overlay = Overlay::new(&calls::AccountId("acme".to_owned()));
        let object_type = "DataExtensionObject[k]";
        while let Err(missing) = retrieve_from(&overlay, object_type) {
            self.load(&mut overlay, missing.0);
        }
        let source = retrieve_from(&overlay, object_type).expect("known").ok()?;
        let stored = self.table.iter();
        let stored = stored.filter(|(key, _)| key.partition == source.partition);
        let objects =
            stored.flat_map(|(_, stored)| source.objects_in(stored.object.clone(), self.now));
        let id = |row: soap::Element| {
            let columns = row.child("Properties")?.all("Property");
            let mut ids = columns.filter(|column| column.text_of("Name") == Some("Id"));
            ids.next()?.text_of("Value").map(str::to_owned)
        };
        Some(objects.filter_map(id).collect())
    }
}

#[test]
fn a_row_ends_a_period_after_it_was_made_however_often_it_is_changed() {
    let mut world = World::new();
    world.does(&create(BY_ROW));
    world.does(&format!("Create {}", row("old")));
    world.passes(days(5));
    world.does(&format!("Create {}", row("new")));
    world.does(&format!("Update {}", row("old")));
    world.passes(days(5) - SignedDuration::from_secs(1));
    assert_eq!(world.seen().expect("rows"), ["new", "old"]);
    world.passes(SignedDuration::from_secs(1));
    assert_eq!(world.seen().expect("rows"), ["new"]);
    let gone = world.call(&format!("Update {}", row("old")));
    assert_eq!(
        summary(&gone[0]),
        "68001 Primary key 'old' does not exist. [key Id: 20]"
    );
    let gone = world.call(&format!("Delete {}", row("old")));
    assert!(!gone[0].ok, "it is not there to be deleted");
    world.does(&format!("Create {}", row("old")));
    assert_eq!(world.seen().expect("rows"), ["new", "old"], "a new one");
    let until: Vec<Option<Timestamp>> = world
        .table
        .values()
        .filter(|stored| stored.object.type_name.as_deref() == Some("DataExtensionObject"))
        .map(|stored| objects::removed_from(&stored.object))
        .collect();
    assert_eq!(until.len(), 2);
    assert!(
        until
            .iter()
            .all(|until| until.is_some_and(|until| until > world.now + days(7))),
        "the table removes no row before its time: {until:?}"
    );
}

#[test]
fn a_longer_period_counts_for_the_rows_that_are_there_and_not_for_those_that_have_ended() {
    let mut world = World::new();
    world.does(&create(BY_ROW));
    world.does(&format!("Create {}", row("ended")));
    world.passes(days(5));
    world.does(&format!("Create {}", row("there")));
    world.passes(days(5));
    world.does("Update DataExtension{CustomerKey=k DataRetentionPeriodLength=100}");
    assert_eq!(world.seen().expect("rows"), ["there"]);
    world.passes(days(50));
    assert_eq!(world.seen().expect("rows"), ["there"]);
    world.does(
        "Update DataExtension{CustomerKey=k DataRetentionPeriodLength=0 RowBasedRetention=false}",
    );
    world.passes(days(1000));
    assert_eq!(world.seen().expect("rows"), ["there"]);
}

#[test]
fn all_rows_end_together_and_the_data_extension_stays() {
    let mut world = World::new();
    world.does(&create(ALL_ROWS));
    world.does(&format!("Create {}", row("a")));
    world.passes(days(9));
    world.does(&format!("Create {}", row("b")));
    assert_eq!(world.seen().expect("rows"), ["a", "b"]);
    world.passes(days(1));
    assert_eq!(world.seen().expect("rows"), [""; 0], "before anybody looks");
    world.does(&format!("Create {}", row("c")));
    world.keep_up();
    world.keep_up();
    assert_eq!(world.seen().expect("rows"), ["c"]);
    assert_eq!(
        world.stored("DataExtensionObject").len(),
        1,
        "the others are deleted"
    );
    world.passes(days(10));
    assert_eq!(world.seen().expect("rows"), [""; 0], "the next period");
    world.keep_up();
    world.keep_up();
    assert_eq!(world.stored("DataExtensionObject").len(), 0);
}

#[test]
fn a_day_ends_the_rows_once() {
    let mut world = World::new();
    world.does(&create(
        "DeleteAtEndOfRetentionPeriod=true RetainUntil=11/25/2026",
    ));
    world.does(&format!("Create {}", row("a")));
    world.passes(days(5));
    assert_eq!(world.seen().expect("rows"), ["a"], "until the day is over");
    world.passes(days(1));
    assert_eq!(world.seen().expect("rows"), [""; 0]);
    world.does(&format!("Create {}", row("b")));
    world.keep_up();
    world.passes(days(100));
    world.keep_up();
    assert_eq!(world.seen().expect("rows"), ["b"]);
}

/// Whether the timekeeper has been there or not.
#[test]
fn a_data_extension_that_has_ended_is_not_there_and_can_be_made_anew() {
    for looks in [false, true] {
        let mut world = World::new();
        let with_partner = create(&format!("PartnerKey=p {WHOLE}"));
        world.does(&with_partner);
        world.does(&format!("Create {}", row("a")));
        world.passes(days(10));
        if looks {
            world.keep_up();
            world.keep_up();
            assert!(world.left().is_empty(), "{:?}", world.left());
        }
        assert_eq!(world.seen(), None);
        let gone = world.call("Update DataExtension{CustomerKey=k Description=x}");
        assert!(
            summary(&gone[0]).starts_with("310004"),
            "{}",
            summary(&gone[0])
        );
        let gone = world.call(&format!("Create {}", row("b")));
        assert!(
            summary(&gone[0]).starts_with("310001"),
            "{}",
            summary(&gone[0])
        );
        // Its Name is free for another, its keys for a new one.
        world.does("Create DataExtension{CustomerKey=other Name=People Fields{Field{Name=Id}}}");
        world.does(&with_partner.replace("Name=People", "Name=Persons"));
        assert_eq!(world.seen().expect("rows"), [""; 0]);
        world.does(&format!("Create {}", row("c")));
        world.keep_up();
        assert_eq!(world.seen().expect("rows"), ["c"]);
        assert_eq!(world.stored("DataExtensionObject").len(), 1);
    }
}

#[test]
fn a_retention_that_cannot_be_kept_is_refused() {
    for (fields, why) in [
        (
            "RowBasedRetention=true",
            "RowBasedRetention needs a DataRetentionPeriodLength and a DataRetentionPeriod",
        ),
        (
            "DataRetentionPeriodLength=7",
            "DataRetentionPeriod is Days, Weeks, Months or Years, or DataRetentionPeriodUnitOfMeasure 3, 4, 5 or 6 for one of them",
        ),
        ("RetainUntil=11/19/2026", "RetainUntil is over"),
    ] {
        check(
            &[&create(fields)],
            &[&format!("310007 Data Extension validation error: {why}")],
        );
    }
    let to_rows = "Update DataExtension{CustomerKey=k RowBasedRetention=true}";
    check(
        &[&create(WHOLE), to_rows],
        &[
            "OK Data Extension created.",
            "310007 Data Extension validation error: RowBasedRetention cannot be changed",
        ],
    );
}

/// Either field names the unit, and the one that was sent last counts.
#[test]
fn a_period_is_given_back_in_both_fields() {
    let world = check(
        &[
            &create(WHOLE),
            "Update DataExtension{CustomerKey=k DataRetentionPeriodUnitOfMeasure=5}",
            "Update DataExtension{CustomerKey=k RetainUntil=12/31/2026}",
            "Update DataExtension{CustomerKey=k DataRetentionPeriodLength=2 DataRetentionPeriod=Weeks}",
        ],
        &[
            "OK Data Extension created.",
            "OK Data Extension updated.",
            "OK Data Extension updated.",
            "OK Data Extension updated.",
        ],
    );
    let stored = world.stored("DataExtension").remove(0);
    assert!(stored.contains("DataRetentionPeriodLength=2"), "{stored}");
    assert!(stored.contains("DataRetentionPeriod=Weeks"), "{stored}");
    assert!(
        stored.contains("DataRetentionPeriodUnitOfMeasure=4"),
        "{stored}"
    );
    assert!(!stored.contains("RetainUntil"), "{stored}");
}
