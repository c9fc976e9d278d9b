//! How an answer is written: for people as a table, for scripts as JSON.

use clap::ValueEnum;
use serde_json::{Map, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people; may change.
    Table,
    /// One JSON document: an object, or an array of them for a list.
    Json,
    /// One JSON object a line.
    Jsonl,
}

/// What a command answers.
#[derive(Debug)]
pub(crate) enum Output {
    One(Record),
    List(Vec<Record>),
    Text(String),
    /// Lists under titles.
    Sections(Vec<(&'static str, Vec<Record>)>),
    /// It was written as it came.
    Written,
}

/// Named values, in the order in which people read them.
#[derive(Debug, Default)]
pub(crate) struct Record(Vec<(&'static str, Value)>);

impl Record {
    pub(crate) fn of(name: &'static str, value: impl Into<Value>) -> Self {
        Self::default().and(name, value)
    }

    pub(crate) fn and(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// The fields of another one behind its own.
    pub(crate) fn with(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    pub(crate) fn json(&self) -> Value {
        let fields = self.0.iter();
        let fields = fields.map(|(name, value)| ((*name).to_owned(), value.clone()));
        Value::Object(fields.collect::<Map<_, _>>())
    }
}

impl Output {
    pub(crate) fn written(&self, format: Format) -> String {
        match (self, format) {
            (Self::Sections(sections), Format::Table) => {
                let each = sections.iter().filter(|(_, records)| !records.is_empty());
                let each = each.map(|(title, records)| match records.as_slice() {
                    [one] => format!("{title}\n{}", lines(one)),
                    several => format!("{title}\n{}", columns(several)),
                });
                each.collect::<Vec<_>>().join("\n")
            }
            (Self::Sections(sections), Format::Json) => format!("{:#}\n", of_sections(sections)),
            (Self::Sections(sections), Format::Jsonl) => format!("{}\n", of_sections(sections)),
            (Self::Written, _) => String::new(),
            (Self::Text(text), _) => format!("{text}\n"),
            (Self::One(record), Format::Table) => lines(record),
            (Self::One(record), Format::Json) => format!("{:#}\n", record.json()),
            (Self::One(record), Format::Jsonl) => format!("{}\n", record.json()),
            (Self::List(records), Format::Table) => columns(records),
            (Self::List(records), Format::Json) => {
                let all = records.iter().map(Record::json).collect();
                format!("{:#}\n", Value::Array(all))
            }
            (Self::List(records), Format::Jsonl) => {
                let each = records.iter().map(|record| format!("{}\n", record.json()));
                each.collect()
            }
        }
    }
}

/// One object: a list by each title.
fn of_sections(sections: &[(&'static str, Vec<Record>)]) -> Value {
    let lists = sections.iter().map(|(title, records)| {
        let records = records.iter().map(Record::json).collect();
        ((*title).to_owned(), Value::Array(records))
    });
    Value::Object(lists.collect())
}

fn lines(record: &Record) -> String {
    let titles = record.0.iter().map(|(name, _)| title(name));
    let width = titles.map(|title| title.len()).max().unwrap_or(0);
    let line = |(name, value): &(&str, Value)| format!("{:width$}  {}\n", title(name), cell(value));
    record.0.iter().map(line).collect()
}

fn columns(records: &[Record]) -> String {
    let Some(first) = records.first() else {
        return "none\n".to_owned();
    };
    let head = first.0.iter().map(|(name, _)| title(name)).collect();
    let mut rows: Vec<Vec<String>> = vec![head];
    rows.extend(
        records
            .iter()
            .map(|record| record.0.iter().map(|(_, value)| cell(value)).collect()),
    );
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..first.0.len()).map(width).collect();
    let row = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(row).collect()
}

fn title(name: &str) -> String {
    name.replace('_', " ")
}

/// One line, whatever is in it.
pub(crate) fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "-".to_owned(),
        Value::Array(values) => {
            let cells: Vec<String> = values.iter().map(cell).collect();
            cells.join(" ")
        }
        Value::Bool(true) => "on".to_owned(),
        Value::Bool(false) => "off".to_owned(),
        Value::Number(_) | Value::Object(_) => value.to_string(),
    };
    text.replace(|character: char| character.is_control(), " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> Output {
        let record = |id: &str, name: &str| Record::of("account", id).and("its_name", name);
        Output::List(vec![record("1", "a long\nname"), record("7001", "b")])
    }

    #[test]
    fn people_get_columns_and_scripts_json() {
        let table = "account  its name\n1        a long name\n7001     b\n";
        assert_eq!(list().written(Format::Table), table);
        let lines = list().written(Format::Jsonl);
        assert_eq!(lines.lines().count(), 2, "{lines}");
        let whole = list().written(Format::Json);
        let whole: Value = serde_json::from_str(&whole).expect("JSON");
        assert_eq!(whole[0]["its_name"], "a long\nname");
        assert_eq!(Output::List(Vec::new()).written(Format::Json), "[]\n");
        assert_eq!(Output::List(Vec::new()).written(Format::Jsonl), "");
        assert_eq!(Output::List(Vec::new()).written(Format::Table), "none\n");
    }

    #[test]
    fn one_record_is_a_list_of_names_and_values() {
        let record = Record::of("id", "1").and("owned_by", Value::Null);
        let record = Output::One(record.and("is_on", true));
        let table = "id        1\nowned by  -\nis on     on\n";
        assert_eq!(record.written(Format::Table), table);
    }
}
