//! Asking for projects.

use std::collections::HashMap;

use copr_api::names::{OwnerName, ProjectName};
use sqlx::{Any, Row, any::AnyRow, query::Query};

use super::{Words, words::Word};
use crate::db::{Db, Dialect, Error, Window, parsed, truth};

/// What a package may be found by, as far as it is shown.
const SHOWN: usize = 4;

/// Which projects are asked for, all of it together.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// All these words, in whatever is known of a project; `None`: any project.
    pub words: Option<Words>,
    /// Only this owner's.
    pub owner: Option<String>,
    /// Only what this user or group has pinned.
    pub pinned_by: Option<String>,
    /// Those that are on no list, too.
    pub unlisted_too: bool,
    /// Only with this chroot, or one of this distribution (`fedora-44`).
    pub chroot: Option<String>,
    /// How recently something of it was published.
    pub built: Built,
}

/// When something of a project was published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Built {
    /// Whenever, or never.
    #[default]
    Any,
    /// After this time, milliseconds since 1970.
    After(i64),
}

/// A project that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Number.
    pub id: i64,
    /// Owner.
    pub owner: OwnerName,
    /// Name.
    pub name: ProjectName,
    /// Text, Markdown.
    pub description: Option<String>,
    /// It is on no list.
    pub unlisted: bool,
    /// When something of it was published last, milliseconds since 1970; 0: never.
    pub built_ms: i64,
    /// Names and paths of its packages that have one of the words, some of them.
    pub packages: Vec<String>,
    /// Its chroots, by name.
    pub chroots: Vec<String>,
}

enum Value {
    Number(i64),
    Text(String),
}

/// The values of a statement under construction.
#[derive(Default)]
struct Values(Vec<Value>);

impl Values {
    /// Takes a value, gives its place.
    fn text(&mut self, text: impl Into<String>) -> String {
        self.0.push(Value::Text(text.into()));
        format!("${}", self.0.len())
    }

    fn number(&mut self, number: i64) -> String {
        self.0.push(Value::Number(number));
        format!("${}", self.0.len())
    }

    fn bind(self, sql: String) -> Query<'static, Any, <Any as sqlx::Database>::Arguments> {
        // Only places and constants are in such texts.
        self.0.into_iter().fold(sqlx::query(sqlx::AssertSqlSafe(sql)), |query, value| match value {
            Value::Number(number) => query.bind(number),
            Value::Text(text) => query.bind(text),
        })
    }
}

/// Projects. Without words, those with news first; with words, those whose name it is, then those whose name begins so, then by owner,
/// by package or file, and by description; of the same kind, those with news first.
///
/// # Errors
/// The database does not answer.
pub async fn find(db: &Db, search: &Search, window: Window) -> Result<Vec<Found>, Error> {
    let words = search.words.as_ref().map_or(&[] as &[Word], Words::all);
    if search.words.is_some() && words.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = match words {
        [_] => by_one_word(db, search, words, window).await?,
        [] => ask(db, search, words, Among::All, window).await?,
        _ => ask(db, search, words, Among::Words, window).await?,
    };
    add_chroots(db, &mut found).await?;
    Ok(found)
}

/// Which projects are looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Among {
    /// All.
    All,
    /// Those that have the words anywhere.
    Words,
    /// Those that have them in name, packages and files.
    Strong,
    /// Those that have them in their description only.
    About,
}

/// With one word, all whose name, owner, packages or files have it come before the others, and mostly fill the page: who only tells of
/// it is looked for where there is room.
async fn by_one_word(db: &Db, search: &Search, words: &[Word], window: Window) -> Result<Vec<Found>, Error> {
    let mut found = ask(db, search, words, Among::Strong, window).await?;
    let had = found.len() as u64;
    let left = window.limit.map(|limit| limit.saturating_sub(had));
    if left == Some(0) {
        return Ok(found);
    }
    let offset = match had {
        // The page is behind their end.
        0 if window.offset > 0 => window.offset.saturating_sub(count(db, search, words, Among::Strong).await?),
        _ => 0,
    };
    found.extend(ask(db, search, words, Among::About, Window { limit: left, offset }).await?);
    Ok(found)
}

/// What projects have to be like.
fn conditions(db: &Db, search: &Search, words: &[Word], among: Among, values: &mut Values) -> String {
    let mut conditions = Vec::new();
    if !search.unlisted_too {
        conditions.push("s.listed = 1".to_owned());
    }
    if let Some(owner) = &search.owner {
        let owner = values.text(owner.as_str());
        conditions.push(format!("s.project_id IN (SELECT o.id FROM projects o WHERE o.owner = {owner})"));
    }
    if let Some(owner) = &search.pinned_by {
        let owner = values.text(owner.as_str());
        conditions.push(format!("s.project_id IN (SELECT i.project_id FROM pins i WHERE i.owner = {owner})"));
    }
    if let Some(chroot) = &search.chroot {
        let (chroot, of) = (values.text(chroot.as_str()), values.text(format!("{}-%", like(chroot))));
        conditions.push(format!(
            "EXISTS (SELECT 1 FROM project_chroots c WHERE c.project_id = s.project_id AND c.dropped = 0 \
             AND (c.chroot = {chroot} OR c.chroot LIKE {of} ESCAPE '!'))"
        ));
    }
    if let Built::After(ms) = search.built {
        let ms = values.number(ms);
        conditions.push(format!("s.built_ms > {ms}"));
    }
    match among {
        Among::All => {}
        Among::Words => conditions.push(matches(db.dialect, values, words, false)),
        Among::Strong => conditions.push(matches(db.dialect, values, words, true)),
        Among::About => {
            conditions.push(matches(db.dialect, values, words, false));
            conditions.push(format!("NOT ({})", matches(db.dialect, values, words, true)));
        }
    }
    if conditions.is_empty() { "1 = 1".to_owned() } else { conditions.join(" AND ") }
}

async fn count(db: &Db, search: &Search, words: &[Word], among: Among) -> Result<u64, Error> {
    let mut values = Values::default();
    let conditions = conditions(db, search, words, among, &mut values);
    let row = values.bind(format!("SELECT COUNT(*) AS n FROM search s WHERE {conditions}")).fetch_one(&db.pool).await?;
    Ok(u64::try_from(row.try_get::<i64, _>("n")?).unwrap_or_default())
}

async fn ask(db: &Db, search: &Search, words: &[Word], among: Among, window: Window) -> Result<Vec<Found>, Error> {
    let mut values = Values::default();
    let conditions = conditions(db, search, words, among, &mut values);
    // What was found is read where it may be the reason: a name tells enough.
    let (kind, found) = match among {
        Among::All => ("0".to_owned(), "''"),
        Among::Words => (kind_of_match(db.dialect, &mut values, words, true), "t.found"),
        Among::Strong => {
            (kind_of_match(db.dialect, &mut values, words, false), "CASE WHEN f.kind = 3 THEN t.found ELSE '' END")
        }
        Among::About => ("4".to_owned(), "''"),
    };
    let order = if matches!(among, Among::Words | Among::Strong) { "kind, " } else { "" };
    let (limit, offset) = (values.number(window.limit_sql()), values.number(window.offset_sql()));
    // What is long is read of the page's rows alone.
    let sql = format!(
        "SELECT p.id, p.owner, p.name, p.description, p.unlisted, f.built_ms, {found} AS found FROM \
         (SELECT s.project_id, s.built_ms, s.active_ms, {kind} AS kind FROM search s WHERE {conditions} \
         ORDER BY {order}s.active_ms DESC, s.project_id DESC LIMIT {limit} OFFSET {offset}) f \
         JOIN search_found t ON t.project_id = f.project_id JOIN projects p ON p.id = f.project_id \
         ORDER BY f.kind, f.active_ms DESC, f.project_id DESC"
    );
    let rows = values.bind(sql).fetch_all(&db.pool).await?;
    rows.iter().map(|row| one(row, words)).collect()
}

/// The condition that a project has all words, in its name, packages and files only (`strong`) or anywhere.
fn matches(dialect: Dialect, values: &mut Values, words: &[Word], strong: bool) -> String {
    // Words have nothing in them that is to be escaped.
    match dialect {
        Dialect::Sqlite => {
            let each = words.iter().map(|word| format!("\"{}\"{}", word.text, if word.is_exact() { "" } else { "*" }));
            let all = each.collect::<Vec<_>>().join(" AND ");
            let asked = values.text(if strong { format!("strong : ({all})") } else { all });
            format!("s.project_id IN (SELECT rowid FROM search_words WHERE search_words MATCH {asked})")
        }
        Dialect::Postgres => {
            let each = words.iter().map(|word| format!("'{}'{}", word.text, if word.is_exact() { "" } else { ":*" }));
            let asked = values.text(each.collect::<Vec<_>>().join(" & "));
            let column = if strong { "strong" } else { "everything" };
            format!("s.{column} @@ CAST({asked} AS tsquery)")
        }
    }
}

/// How well a project matches, 0 is best; that it has all words in name, packages and files is to be found out, or known.
fn kind_of_match(dialect: Dialect, values: &mut Values, words: &[Word], find_out: bool) -> String {
    let (mut same, mut begins, mut owners) = (Vec::new(), Vec::new(), Vec::new());
    for word in words {
        let (text, pattern) = (values.text(word.text.as_str()), values.text(format!("{}%", like(&word.text))));
        same.push(format!("s.name = {text}"));
        begins.push(format!("s.name LIKE {pattern} ESCAPE '!'"));
        if word.text.contains('/') {
            same.push(format!("s.owner || '/' || s.name = {text}"));
            begins.push(format!("s.owner || '/' || s.name LIKE {pattern} ESCAPE '!'"));
        }
        owners.push(format!("s.owner LIKE {pattern} ESCAPE '!' OR s.owner LIKE '@' || {pattern} ESCAPE '!'"));
    }
    let rest = match find_out {
        true => format!("WHEN {} THEN 3 ELSE 4", matches(dialect, values, words, true)),
        false => "ELSE 3".to_owned(),
    };
    format!(
        "CASE WHEN {} THEN 0 WHEN {} THEN 1 WHEN {} THEN 2 {rest} END",
        same.join(" OR "),
        begins.join(" OR "),
        owners.join(" OR "),
    )
}

/// A text as part of a LIKE pattern, escaped with `!`.
fn like(text: &str) -> String {
    text.chars().flat_map(|c| ["%_!".contains(c).then_some('!'), Some(c)]).flatten().collect()
}

fn one(row: &AnyRow, words: &[Word]) -> Result<Found, Error> {
    let texts: String = row.try_get("found")?;
    let has_one = |line: &&str| words.iter().any(|word| word.is_in(line));
    Ok(Found {
        id: row.try_get("id")?,
        owner: parsed(row, "owner")?,
        name: parsed(row, "name")?,
        description: row.try_get("description")?,
        unlisted: truth(row, "unlisted")?,
        built_ms: row.try_get("built_ms")?,
        packages: texts.lines().filter(has_one).take(SHOWN).map(str::to_owned).collect(),
        chroots: Vec::new(),
    })
}

/// The chroots of all of them, in one go.
async fn add_chroots(db: &Db, found: &mut [Found]) -> Result<(), Error> {
    let mut of_project: HashMap<i64, Vec<String>> = HashMap::new();
    for some in found.chunks(500) {
        let mut values = Values::default();
        let places: Vec<String> = some.iter().map(|project| values.number(project.id)).collect();
        let sql = format!(
            "SELECT project_id, chroot FROM project_chroots WHERE project_id IN ({}) AND dropped = 0 ORDER BY chroot",
            places.join(", ")
        );
        for row in &values.bind(sql).fetch_all(&db.pool).await? {
            of_project.entry(row.try_get("project_id")?).or_default().push(row.try_get("chroot")?);
        }
    }
    for project in found {
        project.chroots = of_project.remove(&project.id).unwrap_or_default();
    }
    Ok(())
}

/// Groups with projects on the list, and how many: those with the most first, so many at most.
///
/// # Errors
/// The database does not answer.
pub async fn groups(db: &Db, most: i64) -> Result<Vec<(OwnerName, i64)>, Error> {
    sqlx::query(
        "SELECT p.owner, COUNT(*) AS projects FROM user_groups g JOIN projects p ON p.owner = '@' || g.name \
         WHERE p.unlisted = 0 GROUP BY p.owner ORDER BY projects DESC, p.owner LIMIT $1",
    )
    .bind(most)
    .fetch_all(&db.pool)
    .await?
    .iter()
    .map(|row| Ok((parsed(row, "owner")?, row.try_get("projects")?)))
    .collect()
}

/// Whether there is such a user or group, or at least a listed project of one.
///
/// # Errors
/// The database does not answer.
pub async fn knows_owner(db: &Db, owner: &OwnerName) -> Result<bool, Error> {
    let row = sqlx::query(
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM users WHERE name = $1) OR EXISTS (SELECT 1 FROM user_groups WHERE '@' || name = $1) \
         OR EXISTS (SELECT 1 FROM projects WHERE owner = $1 AND unlisted = 0) THEN 1 ELSE 0 END AS there",
    )
    .bind(owner.as_str())
    .fetch_one(&db.pool)
    .await?;
    truth(&row, "there")
}

/// Numbers of the newest builds of an owner's projects, newest first.
///
/// # Errors
/// The database does not answer.
pub async fn builds_of_owner(db: &Db, owner: &OwnerName, unlisted_too: bool, most: i64) -> Result<Vec<i64>, Error> {
    let listed = if unlisted_too { "" } else { " AND p.unlisted = 0" };
    let sql = format!(
        "SELECT b.id FROM builds b WHERE b.project_id IN (SELECT p.id FROM projects p WHERE p.owner = $1{listed}) \
         ORDER BY b.id DESC LIMIT $2"
    );
    // Only a constant was put into the text.
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(owner.as_str()).bind(most).fetch_all(&db.pool).await?)
}
