//! Benchmarks beside the established tools: data sets, contenders, measuring. See docs/performance.md.

use std::path::Path;

use anyhow::Result;

pub mod data;
pub mod floor;
pub mod hub;
pub mod measure;
pub mod nginx;
pub mod obs;
pub mod parse;
pub mod peers;
pub mod processes;
pub mod resolve;

/// Removes a folder, if it is there, and makes it anew.
///
/// # Errors
/// It cannot be removed or made.
pub fn empty_folder(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs_err::remove_dir_all(folder)?;
    }
    Ok(fs_err::create_dir_all(folder)?)
}

/// Makes `to` anew with a copy of the `repodata` of another folder.
///
/// # Errors
/// A file cannot be read or written.
pub fn copy_repodata(from: &Path, to: &Path) -> Result<()> {
    empty_folder(to)?;
    let (from, to) = (from.join("repodata"), to.join("repodata"));
    fs_err::create_dir(&to)?;
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs_err::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Makes `to` anew with hard links to the `repodata` of another folder: nothing is left to be written to disk while what
/// comes next is measured. Only for programs that never change a metadata file in its place.
///
/// # Errors
/// A link cannot be made.
pub fn link_repodata(from: &Path, to: &Path) -> Result<()> {
    empty_folder(to)?;
    let (from, to) = (from.join("repodata"), to.join("repodata"));
    fs_err::create_dir(&to)?;
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        // Not what the program keeps for itself.
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if entry.file_type()?.is_file() && !hidden {
            fs_err::hard_link(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
