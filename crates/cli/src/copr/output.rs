//! Rows in copr-cli's formats, and as tables for people.

use std::io::IsTerminal;

use serde_json::{Map, Value};

use super::{
    args::Format,
    session::Session,
    ui::{harmless, padded, state},
};

/// One row: the names of its fields and what they hold.
pub(super) type Row = Map<String, Value>;

/// A row's fields of an object; a field that the hub did not send is not printed.
#[must_use]
pub(super) fn row(object: Value) -> Row {
    match object {
        Value::Object(fields) => fields,
        other => Row::from_iter([("value".to_owned(), other)]),
    }
}

/// The format for a person at a terminal, or for whatever reads instead.
#[must_use]
pub(super) fn format(wish: Option<Format>) -> Format {
    wish.unwrap_or(if std::io::stdout().is_terminal() { Format::Table } else { Format::Json })
}

/// Prints the fields of rows, in their order. `--json` goes before the format.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn rows(session: &Session, format: Format, fields: &[&str], rows: Vec<Row>) -> std::io::Result<()> {
    if session.ui.is_json() || format == Format::Json {
        let rows: Vec<Row> = rows.into_iter().map(|row| chosen(row, fields)).collect();
        return session.ui.json(&rows);
    }
    let lines = match format {
        Format::Text => {
            let blocks: Vec<String> = rows.iter().map(|row| block(row, fields)).collect();
            blocks.join("\n\n").lines().map(str::to_owned).collect()
        }
        Format::Csv => csv(&rows, fields),
        Format::Table => table(&rows, fields),
        Format::TextRow | Format::Json => {
            let line = |row| cells(row, fields).into_iter().map(|(_, cell)| cell).collect::<Vec<_>>().join("\t");
            rows.iter().map(line).collect()
        }
    };
    session.ui.lines(&lines)
}

/// Prints one object; as JSON it is no list.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn object(session: &Session, format: Format, fields: &[&str], object: Row) -> std::io::Result<()> {
    if session.ui.is_json() || format == Format::Json {
        return session.ui.json(&chosen(object, fields));
    }
    rows(session, format, fields, vec![object])
}

fn chosen(row: Row, fields: &[&str]) -> Row {
    row.into_iter().filter(|(name, _)| fields.contains(&name.as_str())).collect()
}

/// The fields that there are, as text.
fn cells<'a>(row: &Row, fields: &[&'a str]) -> Vec<(&'a str, String)> {
    fields.iter().filter_map(|field| Some((*field, text(row.get(*field)?)))).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => harmless(text).replace(['\t', '\n'], " "),
        Value::Array(list) if list.iter().all(Value::is_string) => list.iter().map(text).collect::<Vec<_>>().join(" "),
        other => harmless(&other.to_string()),
    }
}

fn block(row: &Row, fields: &[&str]) -> String {
    cells(row, fields).into_iter().map(|(name, cell)| format!("{name}: {cell}")).collect::<Vec<_>>().join("\n")
}

fn csv(rows: &[Row], fields: &[&str]) -> Vec<String> {
    let quoted = |cell: &str| {
        if cell.contains([',', '"', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
    };
    let line = |row: &Row| {
        let cells = fields.iter().map(|field| match row.get(*field) {
            None | Some(Value::Null) => String::new(),
            Some(value) => quoted(&text(value)),
        });
        cells.collect::<Vec<_>>().join(",")
    };
    std::iter::once(fields.join(",")).chain(rows.iter().map(line)).collect()
}

fn table(rows: &[Row], fields: &[&str]) -> Vec<String> {
    let cell = |row: &Row, field: &str| row.get(field).map_or_else(String::new, text);
    let width = |field: &&str| {
        rows.iter().map(|row| cell(row, field).chars().count()).chain([field.len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = fields.iter().map(width).collect();
    let line = |cells: Vec<(String, String)>| {
        let cells = cells.into_iter().zip(&widths).map(|((plain, shown), width)| padded(&plain, shown, *width));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let heading = fields.iter().map(|field| {
        let name = field.to_uppercase().replace('_', " ");
        (name.clone(), name)
    });
    let mut lines = vec![line(heading.collect())];
    for row in rows {
        let cells = fields.iter().map(|field| {
            let plain = cell(row, field);
            let shown = match plain.parse() {
                Ok(known) if *field == "state" => state(known),
                _ => plain.clone(),
            };
            (plain, shown)
        });
        lines.push(line(cells.collect()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_that_nobody_sent_is_left_out_and_null_is_a_dash() {
        let row = row(json!({"id": 7, "name": null, "list": ["a", "b"], "other": 1}));
        assert_eq!(block(&row, &["list", "id", "gone", "name"]), "list: a b\nid: 7\nname: -");
    }

    #[test]
    fn csv_quotes_what_it_must() {
        let rows = [row(json!({"a": "x,\"y\"", "b": null})), row(json!({"a": "plain", "b": 2}))];
        assert_eq!(csv(&rows, &["a", "b"]), ["a,b", "\"x,\"\"y\"\"\",", "plain,2"]);
    }

    #[test]
    fn a_table_has_columns_of_one_width() {
        let rows = [row(json!({"name": "gcc-c++", "build_id": 7})), row(json!({"name": "x", "build_id": 12345}))];
        assert_eq!(table(&rows, &["name", "build_id"]), ["NAME     BUILD ID", "gcc-c++  7", "x        12345"]);
    }
}
