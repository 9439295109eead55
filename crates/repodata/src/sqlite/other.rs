//! A package in the database of changes.

use std::borrow::Cow;

use copr_rpm::Changelog;
use rusqlite::params;

use super::{Database, number, text};
use crate::read::OtherView;

/// Author, time and text of a change.
type Change<'a> = (Cow<'a, str>, u64, Cow<'a, str>);

pub(super) fn of_changelogs(changelogs: &[Changelog]) -> impl Iterator<Item = Change<'_>> {
    changelogs.iter().map(|change| (Cow::from(&change.author), change.time, Cow::from(&change.text)))
}

pub(super) fn of_view<'a>(view: &OtherView<'a>) -> impl Iterator<Item = Change<'a>> {
    view.changelogs.iter().map(|change| (change.author.text(), change.time, change.text.text()))
}

/// Changes are in the document's order.
pub(super) fn add<'a>(
    database: &Database,
    pkgid: &str,
    changes: impl Iterator<Item = Change<'a>>,
) -> rusqlite::Result<()> {
    database
        .inserting("INSERT INTO packages (pkgKey, pkgId) VALUES (?, ?)")?
        .row(params![database.packages, text(pkgid)])?;
    let mut insert =
        database.inserting("INSERT INTO changelog (pkgKey, author, date, changelog) VALUES (?, ?, ?, ?)")?;
    for (author, time, change) in changes {
        insert.row(params![database.packages, text(&author), number(time), text(&change)])?;
    }
    Ok(())
}
