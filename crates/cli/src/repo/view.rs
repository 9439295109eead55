//! `copr-repo view`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use copr_view::Repository;
use copr_view::site::{self, SiteOptions};
use copr_view::text::web_address;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::json;

use super::definition::View;
use super::progress;
use super::show::{plain, size, some};
use super::voice::Voice;

/// The file that says that a folder is ours to replace.
const MARK: &str = ".copr-repo-view";
/// How often the bar hears of progress: every so many packages.
const STEP: u64 = 64;

pub(super) fn run(arguments: &View) -> Result<ExitCode> {
    let voice = Voice::ours(arguments.quiet, false, arguments.json);
    let dir = fs_err::canonicalize(&arguments.dir)?;
    let out = place(&arguments.out)?;
    check_place(&dir, &out)?;
    let files = match &arguments.repo_url {
        Some(url) => Some(with_slash(url)?),
        // The way up from the pages to the repository that they lie in.
        None => out.strip_prefix(&dir).ok().map(|below| "../".repeat(below.components().count())),
    };
    let options = SiteOptions {
        base_url: arguments.base_url.as_deref().map(with_slash).transpose()?,
        files,
        json: arguments.with_json,
    };
    let title = match &arguments.title {
        Some(title) => title.clone(),
        None => dir.file_name().map_or_else(|| "Repository".to_owned(), |name| name.to_string_lossy().into_owned()),
    };
    let bar = progress::bar(voice);
    bar.set_message("(reading)");
    let repository = Repository::open(&dir, &title, &mut |packages| {
        if packages.is_multiple_of(STEP) {
            bar.set_length(packages);
        }
    })?;
    let packages = repository.index().about().packages;
    bar.set_length(packages as u64);
    bar.set_message("");
    let parent = out.parent().context("the pages cannot be the root folder")?;
    // Beside its place, so that it gets there in one step; what is left of it goes when this ends.
    let work = tempfile::Builder::new().prefix(".copr-repo-view-").tempdir_in(parent)?;
    let new = work.path().join("new");
    fs_err::create_dir(&new)?;
    let written = site::write(&repository, &new, &options, &|done| {
        if done.is_multiple_of(STEP) {
            bar.set_position(done);
        }
    })?;
    fs_err::write(new.join(MARK), "Written by copr-repo view, which replaces this folder as a whole.\n")?;
    put_in_place(&new, &out)?;
    bar.finish_and_clear();
    work.close()?;
    let line = format!(
        "{}: {} about {}, {}",
        plain(&arguments.out.display().to_string()),
        some(usize::try_from(written.pages)?, "page"),
        some(packages, "package"),
        size(written.size)
    );
    let object = json!({
        "out": arguments.out.display().to_string(),
        "pages": written.pages,
        "packages": written.packages,
        "names": repository.index().names().len(),
        "groups": repository.index().groups().len(),
        "size": written.size,
    });
    voice.result(line, &object);
    Ok(ExitCode::SUCCESS)
}

/// A web address that ends with a slash.
fn with_slash(url: &str) -> Result<String> {
    let address = web_address(url).filter(|address| !address.contains(['?', '#']));
    let Some(address) = address else {
        bail!("{}: an address that begins with https:// or http:// is needed", plain(url))
    };
    Ok(format!("{}/", address.trim_end_matches('/')))
}

/// The folder for the pages, which need not be there, without links on the way to it.
fn place(out: &Path) -> Result<PathBuf> {
    // What ends with `..` must be there.
    let Some(name) = out.file_name() else { return Ok(fs_err::canonicalize(out)?) };
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let place = fs_err::canonicalize(parent)?.join(name);
    // A link is followed, so that it stays.
    if place.symlink_metadata().is_ok_and(|about| about.is_symlink()) {
        Ok(fs_err::canonicalize(place)?)
    } else {
        Ok(place)
    }
}

/// Whether the folder may be replaced.
fn check_place(dir: &Path, out: &Path) -> Result<()> {
    if dir.starts_with(out) {
        bail!("{}: the repository is in there, and the folder for the pages is replaced as a whole", plain_path(out));
    }
    let mut entries = match fs_err::read_dir(out) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if entries.next().is_some() && !out.join(MARK).is_file() {
        let place = plain_path(out);
        bail!("{place}: there are files that copr-repo view has not written; give it an empty folder or a new one");
    }
    Ok(())
}

fn plain_path(path: &Path) -> String {
    plain(&path.display().to_string())
}

/// Exchanges the folders, or moves the new one where nothing is.
fn put_in_place(new: &Path, out: &Path) -> Result<()> {
    if out.symlink_metadata().is_err() {
        return Ok(fs_err::rename(new, out)?);
    }
    match renameat_with(CWD, new, CWD, out, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        // A file system that cannot exchange: for a moment there are no pages.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
            fs_err::rename(out, new.with_file_name("old"))?;
            Ok(fs_err::rename(new, out)?)
        }
        Err(error) => Err(io::Error::from(error)).with_context(|| format!("cannot exchange {}", plain_path(out))),
    }
}
