//! A package in the filelists database.
//!
//! One row a folder: the files' names joined by `/`, and a letter for each name that tells its type. So yum finds the
//! packages of a file by its folder, which has an index, and then looks for the name.

use std::borrow::Cow;

use rusqlite::params;

use super::{Database, text};
use crate::read::FilelistsView;
use crate::{File, FileKind};

/// A file's path and type.
type Typed<'a> = (Cow<'a, str>, FileKind);

pub(super) fn of_files(files: &[File]) -> Vec<Typed<'_>> {
    files.iter().map(|file| (Cow::Borrowed(file.path.as_str()), file.kind)).collect()
}

pub(super) fn of_view<'a>(view: &FilelistsView<'a>) -> Vec<Typed<'a>> {
    view.files.iter().map(|file| (file.path.text(), file.kind)).collect()
}

/// Rows are in the order of the folders' names, names within a row in the package's order.
pub(super) fn add(database: &Database, pkgid: &str, files: &[Typed<'_>]) -> rusqlite::Result<()> {
    database
        .inserting("INSERT INTO packages (pkgKey, pkgId) VALUES (?, ?)")?
        .row(params![database.packages, text(pkgid)])?;
    let mut insert =
        database.inserting("INSERT INTO filelist (pkgKey, dirname, filenames, filetypes) VALUES (?, ?, ?, ?)")?;
    let mut entries: Vec<_> = files.iter().map(|(path, kind)| Entry::new(path, *kind)).collect();
    entries.sort_by_key(|entry| entry.folder); // keeps the order of equals
    let (mut names, mut kinds) = (String::new(), String::new());
    for folder in entries.chunk_by(|a, b| a.folder == b.folder) {
        names.clear();
        kinds.clear();
        for entry in folder {
            if !names.is_empty() {
                names.push('/');
            }
            names.push_str(entry.name);
            kinds.push(entry.kind);
        }
        let name = folder.first().map_or("", |entry| entry.folder);
        insert.row(params![database.packages, text(name), text(&names), kinds])?;
    }
    Ok(())
}

struct Entry<'a> {
    folder: &'a str,
    name: &'a str,
    kind: char,
}

impl<'a> Entry<'a> {
    fn new(path: &'a str, kind: FileKind) -> Self {
        let (folder, name) = match path.rsplit_once('/') {
            // The files of a source package lie in no folder.
            None => (".", path),
            Some((folder, name)) => match folder.trim_end_matches('/') {
                "" => ("/", name),
                folder => (folder, name),
            },
        };
        let kind = match kind {
            FileKind::Plain => 'f',
            FileKind::Dir => 'd',
            FileKind::Ghost => 'g',
        };
        // `/` itself is in `/` and has no name.
        Self { folder, name: if name.is_empty() { "/" } else { name }, kind }
    }
}
