//! The whole database as lines of JSON, in a form that either engine takes back.

use futures_util::TryStreamExt as _;
use serde_json::{Map, Value};
use sqlx::{Any, AnyConnection, Column as _, Row as _, Transaction, TypeInfo as _, ValueRef as _, any::AnyRow};

use super::{Db, Dialect, Error, search};

/// Every table, each after those that its rows point to. Those with `true` have rows that the engine numbers.
const TABLES: &[(&str, bool)] = &[
    ("users", true),
    ("user_groups", true),
    ("group_members", false),
    ("projects", true),
    ("keys", true),
    ("server_key", false),
    ("tokens", false),
    ("sessions", false),
    ("signing_in", false),
    ("permissions", false),
    ("pins", false),
    ("directories", true),
    ("project_chroots", false),
    ("chroot_notes", false),
    ("packages", true),
    ("batches", true),
    ("builds", true),
    ("build_chroots", true),
    ("results", false),
    ("prunes", true),
    ("pruned_builds", false),
    ("project_gates", false),
    ("promotions", true),
    ("promotion_items", false),
    ("promotion_votes", false),
    ("promotion_events", true),
    ("tasks", true),
    ("removals", true),
    ("turns", false),
    ("licence_decisions", true),
    ("terms_accepted", false),
    ("reports", true),
    ("takedowns", true),
    ("audit", true),
    ("release_packages", false),
    ("events", true),
    ("event_readers", false),
    ("hooks", true),
    ("deliveries", true),
    ("webhook_calls", false),
    ("notices", true),
    ("rebuilds", true),
];

/// Tables in no dump: they follow from the others, and are made anew.
const DERIVED: &[&str] = &["search_packages", "search_found", "search", "quota_files", "quota_used", "provided"];

/// One line of a dump.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// A row: the columns by name.
    Row {
        /// The table.
        table: String,
        /// Its columns: numbers, texts and nulls.
        columns: Map<String, Value>,
    },
    /// Numbers up to this one have been given to rows of a table, and are never given again.
    Numbered {
        /// The table.
        table: String,
        /// The highest.
        last: i64,
    },
}

/// Why lines could not be given or taken.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The database.
    #[error(transparent)]
    Db(#[from] Error),
    /// Whoever takes the lines, or gives them, could not go on.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// There are rows already.
    #[error("the database is not empty: it has {rows} rows in {table}; --force deletes all that is in it first")]
    NotEmpty {
        /// A table with rows.
        table: &'static str,
        /// How many.
        rows: i64,
    },
    /// A line that no dump of this schema has.
    #[error("line {number} of the backup: {reason}")]
    Line {
        /// Which, counted from the first row.
        number: u64,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<sqlx::Error> for DumpError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Gives all rows, as they are at one time whatever is written meanwhile, and the schema that they have.
///
/// # Errors
/// The database does not answer, or `take` fails.
pub async fn read(db: &Db, mut take: impl FnMut(Line) -> std::io::Result<()>) -> Result<(), DumpError> {
    let mut snapshot = db.begin_snapshot().await?;
    for &(table, numbered) in TABLES {
        if numbered {
            let last = last_number(db, &mut snapshot, table).await?;
            take(Line::Numbered { table: table.to_owned(), last })?;
        }
        // In this order a row that points to one of its own table comes after it.
        let order = if numbered { " ORDER BY id" } else { "" };
        let sql = sqlx::AssertSqlSafe(format!("SELECT * FROM {table}{order}"));
        let mut rows = sqlx::query(sql).fetch(&mut *snapshot);
        while let Some(row) = rows.try_next().await? {
            take(Line::Row { table: table.to_owned(), columns: columns(&row)? })?;
        }
    }
    Ok(())
}

/// A row's columns by name.
pub(super) fn columns(row: &AnyRow) -> Result<Map<String, Value>, Error> {
    let mut columns = Map::new();
    for column in row.columns() {
        let raw = row.try_get_raw(column.ordinal())?;
        let value = if raw.is_null() {
            Value::Null
        } else if raw.type_info().name().eq_ignore_ascii_case("text") {
            row.try_get::<String, _>(column.ordinal())?.into()
        } else {
            row.try_get::<i64, _>(column.ordinal())?.into()
        };
        columns.insert(column.name().to_owned(), value);
    }
    Ok(columns)
}

async fn last_number(db: &Db, connection: &mut AnyConnection, table: &'static str) -> Result<i64, Error> {
    let highest = format!("SELECT COALESCE(MAX(id), 0) FROM {table}");
    let highest: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(highest)).fetch_one(&mut *connection).await?;
    let given = match db.dialect {
        Dialect::Sqlite => format!("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = '{table}'"),
        Dialect::Postgres => format!(
            "SELECT COALESCE(MAX(last_value), 0) FROM pg_sequences WHERE schemaname = current_schema() AND sequencename = \
             '{table}_id_seq'"
        ),
    };
    let given: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(given)).fetch_one(&mut *connection).await?;
    Ok(highest.max(given))
}

/// Puts all lines into the database in one transaction: all or nothing. What `next` gives was made by [`read`] of the same schema.
///
/// # Errors
/// The database has rows and they are not to be deleted, or a line is none of this schema.
pub async fn write(
    db: &Db,
    delete: bool,
    mut next: impl FnMut() -> std::io::Result<Option<Line>>,
) -> Result<u64, DumpError> {
    let mut transaction = db.begin().await?;
    for table in DERIVED {
        sqlx::query(sqlx::AssertSqlSafe(format!("DELETE FROM {table}"))).execute(&mut *transaction).await?;
    }
    for &(table, _) in TABLES.iter().rev() {
        if delete {
            let sql = format!("DELETE FROM {table}");
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *transaction).await?;
        }
        let count = format!("SELECT COUNT(*) FROM {table}");
        let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(&mut *transaction).await?;
        if rows > 0 {
            return Err(DumpError::NotEmpty { table, rows });
        }
    }
    let (mut number, mut rows) = (0, 0);
    while let Some(line) = next()? {
        number += 1;
        let wrong = |reason: String| DumpError::Line { number, reason };
        let table = match &line {
            Line::Row { table, .. } | Line::Numbered { table, .. } => table,
        };
        let known = TABLES.iter().find(|(name, _)| name == table);
        let &(table, numbered) = known.ok_or_else(|| wrong(format!("there is no table {table:?}")))?;
        match line {
            Line::Row { columns, .. } => {
                insert(&mut transaction, table, columns).await.map_err(|error| wrong(format!("{table}: {error}")))?;
                rows += 1;
            }
            Line::Numbered { last, .. } if numbered => number_from(db, &mut transaction, table, last).await?,
            Line::Numbered { .. } => return Err(wrong(format!("the rows of {table} have no numbers"))),
        }
    }
    search::restored(&mut transaction, db.dialect).await?;
    transaction.commit().await?;
    Ok(rows)
}

/// Puts a row in that [`columns`] gave; the text of an error says why it can't be.
pub(super) async fn insert(
    transaction: &mut Transaction<'_, Any>,
    table: &'static str,
    columns: Map<String, Value>,
) -> Result<(), String> {
    // They become part of a statement, and come from a file.
    let fine = |name: &String| {
        !name.is_empty()
            && name.len() < 64
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    if let Some(bad) = columns.keys().find(|name| !fine(name)) {
        return Err(format!("{bad:?} is no name of a column"));
    }
    // A null is left out: it is what a column without a value gets, unless it has a default, and those are never null.
    let given: Vec<(String, Value)> = columns.into_iter().filter(|(_, value)| !value.is_null()).collect();
    let names: Vec<&str> = given.iter().map(|(name, _)| name.as_str()).collect();
    let marks: Vec<String> = (1..=given.len()).map(|number| format!("${number}")).collect();
    let sql = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), marks.join(", "));
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for (name, value) in given {
        query = match value {
            Value::String(text) => query.bind(text),
            Value::Number(number) => {
                query.bind(number.as_i64().ok_or_else(|| format!("{name}: {number} is too large"))?)
            }
            other => return Err(format!("{name}: {other} is neither number nor text")),
        };
    }
    query.execute(&mut **transaction).await.map_err(|error| error.to_string())?;
    Ok(())
}

/// The next row of a table is numbered after `last`.
async fn number_from(
    db: &Db,
    transaction: &mut Transaction<'_, Any>,
    table: &'static str,
    last: i64,
) -> Result<(), Error> {
    match db.dialect {
        Dialect::Sqlite => {
            sqlx::query("DELETE FROM sqlite_sequence WHERE name = $1").bind(table).execute(&mut **transaction).await?;
            let sql = "INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)";
            sqlx::query(sql).bind(table).bind(last).execute(&mut **transaction).await?;
        }
        Dialect::Postgres => {
            // The sequence moves at once and not with the transaction: harmless, numbers are only skipped.
            let sql = format!("SELECT setval(pg_get_serial_sequence('{table}', 'id'), $1 + 1, false)");
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(last.max(0)).execute(&mut **transaction).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_table_of_the_schema_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&Db::sqlite_url(&folder.path().join("d.sqlite"))).await.unwrap();
        let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> \
                   'schema_version' AND name NOT LIKE 'search!_words%' ESCAPE '!' ORDER BY name";
        let there: Vec<String> = sqlx::query_scalar(sql).fetch_all(&db.pool).await.unwrap();
        let mut known: Vec<&str> = TABLES.iter().map(|(name, _)| *name).chain(DERIVED.iter().copied()).collect();
        known.sort_unstable();
        assert_eq!(there, known);
    }
}
