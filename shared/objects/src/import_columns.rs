//! Which column of a file goes into which field of what is imported.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use soap::Element;

use crate::tree;

/// How a definition maps the columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ColumnMapping {
    /// By headings that are called like fields.
    ByHeadings,
    /// By the FieldMaps, or in the order of the fields where there are none.
    ByOrdinal(Vec<FieldMap>),
    /// Every field by a FieldMap.
    Manual(Vec<FieldMap>),
}

/// One FieldMap of a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FieldMap {
    source: FieldSource,
    destination: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum FieldSource {
    Heading(String),
    /// As written: whether it counts from 0 or from 1 depends on what it goes into.
    Ordinal(usize),
}

/// What the columns go into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImportFields {
    /// The fields that there are; none: any name is an attribute of a subscriber.
    pub(crate) names: Vec<String>,
    /// What the first column is called in a FieldMap: 1 of data extensions, 0 of lists.
    pub(crate) first_ordinal: usize,
}

/// A column that is read: which one, from 0, and the field that it goes into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportColumn {
    pub(crate) at: usize,
    pub(crate) field: String,
}

impl ColumnMapping {
    pub(crate) fn read(definition: &Element) -> Result<Self, String> {
        let maps = definition
            .child("FieldMaps")
            .into_iter()
            .flat_map(|maps| maps.all("FieldMap"))
            .map(FieldMap::read)
            .collect::<Result<Vec<_>, _>>()?;
        match tree::filled(definition, "FieldMappingType") {
            None | Some("InferFromColumnHeadings") => Ok(Self::ByHeadings),
            Some("MapByOrdinal") => Ok(Self::ByOrdinal(maps)),
            Some("ManualMap") if maps.is_empty() => {
                Err("FieldMappingType ManualMap needs FieldMaps".to_owned())
            }
            Some("ManualMap") => Ok(Self::Manual(maps)),
            Some(other) => Err(format!("FieldMappingType {} is unknown", soap::echo(other))),
        }
    }

    /// Whether the file must have a line of headings.
    pub(crate) fn needs_headings(&self) -> bool {
        match self {
            Self::ByHeadings => true,
            Self::ByOrdinal(maps) | Self::Manual(maps) => maps
                .iter()
                .any(|map| matches!(map.source, FieldSource::Heading(_))),
        }
    }

    /// The columns that are read; what is wrong otherwise.
    pub(crate) fn columns(
        &self,
        headings: &[String],
        fields: &ImportFields,
    ) -> Result<Vec<ImportColumn>, String> {
        let columns = match self {
            Self::ByHeadings => by_headings(headings, fields),
            Self::ByOrdinal(maps) if maps.is_empty() => in_order(fields)?,
            Self::ByOrdinal(maps) | Self::Manual(maps) => mapped(maps, headings, fields)?,
        };
        if columns.is_empty() {
            let headings = headings.join(", ");
            return Err(format!(
                "No heading of the file is called like a field: {}",
                soap::echo(&headings)
            ));
        }
        let mut seen = BTreeSet::new();
        for column in &columns {
            if !seen.insert(alike(&column.field)) {
                let field = soap::echo(&column.field);
                return Err(format!("Two columns of the file go into the field {field}"));
            }
        }
        if let (Self::Manual(_), Some(unmapped)) = (self, fields.lacking(&columns)) {
            return Err(format!(
                "ManualMap names every field, and {unmapped} is lacking"
            ));
        }
        Ok(columns)
    }
}

impl FieldMap {
    fn read(map: &Element) -> Result<Self, String> {
        let destination = tree::filled(map, "DestinationName");
        let destination = destination.ok_or("A FieldMap needs a DestinationName")?;
        let ordinal = tree::filled(map, "SourceOrdinal").map(|text| text.trim().parse());
        let source = match (tree::filled(map, "SourceName"), ordinal) {
            (Some(name), None) => FieldSource::Heading(name.to_owned()),
            (None, Some(Ok(ordinal))) => FieldSource::Ordinal(ordinal),
            (None, Some(Err(_))) => return Err("A SourceOrdinal is a number".to_owned()),
            (None, None) | (Some(_), Some(_)) => {
                return Err("A FieldMap has a SourceName or a SourceOrdinal".to_owned());
            }
        };
        Ok(Self {
            source,
            destination: destination.to_owned(),
        })
    }
}

impl ImportFields {
    /// The field as it is called, if there is one that is called like that.
    fn called(&self, name: &str) -> Option<String> {
        if self.names.is_empty() {
            return Some(name.to_owned()).filter(|name| !name.is_empty());
        }
        let mut names = self.names.iter();
        names.find(|own| alike(own) == alike(name)).cloned()
    }

    fn lacking(&self, columns: &[ImportColumn]) -> Option<&str> {
        let is_there = |name: &String| columns.iter().any(|column| column.field == *name);
        let mut names = self.names.iter();
        names.find(|name| !is_there(name)).map(String::as_str)
    }
}

fn by_headings(headings: &[String], fields: &ImportFields) -> Vec<ImportColumn> {
    let columns = headings.iter().enumerate().filter_map(|(at, heading)| {
        let field = fields.called(heading.trim())?;
        Some(ImportColumn { at, field })
    });
    columns.collect()
}

fn in_order(fields: &ImportFields) -> Result<Vec<ImportColumn>, String> {
    if fields.names.is_empty() {
        return Err("MapByOrdinal of a list needs FieldMaps".to_owned());
    }
    let columns = fields.names.iter().cloned().enumerate();
    Ok(columns
        .map(|(at, field)| ImportColumn { at, field })
        .collect())
}

fn mapped(
    maps: &[FieldMap],
    headings: &[String],
    fields: &ImportFields,
) -> Result<Vec<ImportColumn>, String> {
    let column = |map: &FieldMap| {
        let destination = &map.destination;
        let field = fields.called(destination);
        let field =
            field.ok_or_else(|| format!("There is no field {}", soap::echo(destination)))?;
        let at = match &map.source {
            FieldSource::Ordinal(ordinal) => ordinal.checked_sub(fields.first_ordinal),
            FieldSource::Heading(name) => headings
                .iter()
                .position(|heading| alike(heading) == alike(name)),
        };
        let at = at.ok_or_else(|| format!("The file has no column for the field {field}"))?;
        Ok(ImportColumn { at, field })
    };
    maps.iter().map(column).collect()
}

/// Headings are compared by their letters and digits: `E-mail Address` is `EmailAddress`.
fn alike(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &str, maps: &[(&str, &str)], headings: &str, fields: &str, expected: &str) {
        let mut definition = Element::new("Definition").with(Element::of("FieldMappingType", kind));
        if !maps.is_empty() {
            let maps = maps.iter().map(|(source, destination)| {
                let name = match source.parse::<usize>() {
                    Ok(_) => "SourceOrdinal",
                    Err(_) => "SourceName",
                };
                Element::new("FieldMap")
                    .with(Element::of(name, *source))
                    .with(Element::of("DestinationName", *destination))
            });
            definition = definition.with(maps.fold(Element::new("FieldMaps"), Element::with));
        }
        let list = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let names = list(fields);
        let first_ordinal = usize::from(!names.is_empty());
        let fields = ImportFields {
            names,
            first_ordinal,
        };
        let columns = ColumnMapping::read(&definition)
            .and_then(|mapping| mapping.columns(&list(headings), &fields));
        let said = match columns {
            Ok(columns) => {
                let said = columns.iter().map(|it| format!("{}={}", it.field, it.at));
                said.collect::<Vec<_>>().join(" ")
            }
            Err(why) => why,
        };
        assert!(said.starts_with(expected), "{said}, expected {expected}");
    }

    #[test]
    fn columns_find_their_fields() {
        let by_headings = "InferFromColumnHeadings";
        check(
            by_headings,
            &[],
            "NAME e-mail_address X",
            "EmailAddress Name",
            "Name=0 EmailAddress=1",
        );
        check(by_headings, &[], "Email City", "", "Email=0 City=1");
        check(by_headings, &[], "X Y", "Name", "No heading");
        check(by_headings, &[], "Name name", "Name", "Two columns");
        check("MapByOrdinal", &[], "", "A B", "A=0 B=1");
        check("MapByOrdinal", &[("2", "A")], "", "A B", "A=1");
        check("MapByOrdinal", &[("0", "Email")], "", "", "Email=0");
        check(
            "MapByOrdinal",
            &[("0", "A")],
            "",
            "A B",
            "The file has no column",
        );
        check("MapByOrdinal", &[], "", "", "MapByOrdinal of a list");
        check(
            "ManualMap",
            &[("one", "A"), ("2", "B")],
            "x one",
            "A B",
            "A=1 B=1",
        );
        check(
            "ManualMap",
            &[("one", "A")],
            "one",
            "A B",
            "ManualMap names every field",
        );
        check(
            "ManualMap",
            &[("one", "C")],
            "one",
            "A B",
            "There is no field C",
        );
        check("ManualMap", &[], "one", "A B", "FieldMappingType ManualMap");
        check("ByMoon", &[], "one", "A B", "FieldMappingType ByMoon");
    }
}
