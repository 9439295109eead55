//! Repeats the metadata of a repository as databases: `sqlite REPOSITORY FOLDER` writes `primary.sqlite`,
//! `filelists.sqlite` and `other.sqlite`, one a thread, into the folder.

use std::path::{Path, PathBuf};

use copr_repodata::{Document, Error, Repomd, read, sqlite};
use rayon::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [repository, folder] = arguments.as_slice() else {
        return Err("usage: sqlite REPOSITORY FOLDER".into());
    };
    let repomd = Repomd::read(&fs_err::read(repository.join("repodata/repomd.xml"))?)?;
    Document::BASIC.into_par_iter().try_for_each(|document| repeat(&repomd, document, repository, folder))?;
    Ok(())
}

fn repeat(repomd: &Repomd, document: Document, repository: &Path, folder: &Path) -> Result<(), Error> {
    let Some(entry) = repomd.record(document.kind()) else { return Ok(()) };
    let xml = read::open(&repository.join(&entry.location_href))?;
    sqlite::from_xml(document, xml, &folder.join(format!("{}.sqlite", document.kind())), &entry.checksum)?;
    Ok(())
}
