//! Links to this program under the names of `createrepo_c`'s commands.

use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::dispatch::Stock;

/// `copr-repo compat DIR`. All names are checked before the first link is made.
pub(super) fn run(dir: &Path) -> Result<ExitCode> {
    let program = std::env::current_exe().context("cannot tell where this program lies")?;
    if !dir.is_dir() {
        bail!("{} is not a folder; name one for the links, such as /usr/local/bin", dir.display());
    }
    let mut missing = Vec::new();
    for stock in Stock::ALL {
        let link = dir.join(stock.name());
        match fs_err::symlink_metadata(&link) {
            Err(error) if error.kind() == ErrorKind::NotFound => missing.push(link),
            Err(error) => return Err(error.into()),
            Ok(_) if leads_to(&link, &program) => {}
            Ok(_) => bail!("{} is there already, and no link to {}; move it away", link.display(), program.display()),
        }
    }
    for link in &missing {
        fs_err::os::unix::fs::symlink(&program, link)?;
    }
    for stock in Stock::ALL {
        anstream::println!("{} -> {}", dir.join(stock.name()).display(), program.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn leads_to(link: &Path, program: &Path) -> bool {
    let is_link = link.symlink_metadata().is_ok_and(|about| about.is_symlink());
    is_link && matches!((fs_err::canonicalize(link), fs_err::canonicalize(program)), (Ok(a), Ok(b)) if a == b)
}
