//! `coprd admin chroots`: what the administrator says of chroots beside their definitions.

use std::path::Path;

use anyhow::{Result, bail};
use copr_api::names::Chroot;

use super::open;
use crate::{
    clock,
    config::chroots::Definitions,
    db::{
        Db,
        note::{self, Note},
    },
};

/// The longest comment.
const COMMENT: usize = 2000;

/// A change of one chroot's note.
#[derive(Debug, Clone)]
pub enum Change {
    /// What users read beside its name; empty: nothing.
    Comment(String),
    /// The day from which nothing is built for it, `YYYY-MM-DD`; `None`: it has none.
    Eol(Option<String>),
    /// Whether it is offered.
    Active(bool),
}

/// All chroots that are defined or have a note, one a line.
///
/// # Errors
/// Definitions or database can't be read.
pub async fn list(data: &Path, config: Option<&Path>) -> Result<String> {
    let (_, config, db) = open(data, config).await?;
    let definitions = Definitions::load(&config.chroots)?;
    let notes = note::list(&db).await?;
    db.close().await;
    let mut names: Vec<&Chroot> =
        definitions.iter().map(|(name, _)| name).chain(notes.iter().map(|note| &note.chroot)).collect();
    names.sort();
    names.dedup();
    let line = |name: &Chroot| {
        let note = notes.iter().find(|note| note.chroot == *name);
        let mut words = vec![name.to_string()];
        if definitions.get(name).is_none() {
            words.push("(no definition)".to_owned());
        }
        if let Some(note) = note {
            if !note.active {
                words.push("(disabled)".to_owned());
            }
            words.extend(note.eol_ms.map(|day| format!("(end of life {})", clock::date(day))));
            words.extend(note.comment.clone());
        }
        words.join(" ") + "\n"
    };
    Ok(names.into_iter().map(line).collect())
}

/// Changes one chroot's note; a running server sees it with the next call.
///
/// # Errors
/// There is no such chroot, or the day is none.
pub async fn change(data: &Path, config: Option<&Path>, chroot: &str, change: Change) -> Result<String> {
    let name: Chroot = chroot.parse()?;
    let (_, config, db) = open(data, config).await?;
    let known = Definitions::load(&config.chroots)?.get(&name).is_some();
    let result = apply(&db, &name, known, vec![change]).await;
    db.close().await;
    result?;
    Ok(format!("{name}: noted\n"))
}

/// Changes a chroot's note, all of it or nothing; `known`: there is a definition.
///
/// # Errors
/// There is no such chroot, a comment is too long, or the day is none.
pub(crate) async fn apply(db: &Db, name: &Chroot, known: bool, changes: Vec<Change>) -> Result<()> {
    let found = note::list(db).await?.into_iter().find(|note| note.chroot == *name);
    if found.is_none() && !known {
        bail!("there is no chroot {name}: `coprd admin chroots list` prints all");
    }
    let mut note = found.unwrap_or_else(|| Note::new(name.clone()));
    for change in changes {
        match change {
            Change::Comment(text) if text.len() > COMMENT => bail!("a comment has at most {COMMENT} bytes"),
            Change::Comment(text) => note.comment = Some(text).filter(|text| !text.is_empty()),
            Change::Eol(None) => note.eol_ms = None,
            Change::Eol(Some(day)) => {
                let day: jiff::civil::Date =
                    day.parse().map_err(|_| anyhow::anyhow!("{day:?} is no day of the form YYYY-MM-DD"))?;
                note.eol_ms = Some(day.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp().as_millisecond());
            }
            Change::Active(active) => note.active = active,
        }
    }
    note::set(db, &note).await?;
    Ok(())
}
