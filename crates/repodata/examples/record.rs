//! Makes the records of all packages under a folder and prints how many they are and what they hold: the shortest
//! use of [`Record::from_file`], and what profilers are pointed at.
//!
//! `record FOLDER` hashes the packages, as a repository needs it.

use std::path::PathBuf;

use copr_repodata::{Record, RecordOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).ok_or("usage: record FOLDER")?;
    let (mut packages, mut files, mut dependencies) = (0u64, 0, 0);
    for entry in walkdir::WalkDir::new(&folder).sort_by_file_name() {
        let entry = entry?;
        if entry.path().extension().is_none_or(|extension| extension != "rpm") {
            continue;
        }
        let href = entry.path().strip_prefix(&folder)?.to_string_lossy();
        let record = Record::from_file(entry.path(), &href, &RecordOptions::default())?;
        packages += 1;
        files += record.files.len();
        dependencies += record.requires.len() + record.provides.len();
    }
    println!("{packages} packages, {files} files, {dependencies} provides and requires");
    Ok(())
}
