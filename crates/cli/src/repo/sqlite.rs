//! `copr-repo sqlite` and `sqliterepo_c`.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::definition::SqliteOptions;
use super::voice::Voice;

pub(super) fn run(options: &SqliteOptions, _voice: Voice) -> Result<ExitCode> {
    let [dir] = options.dirs.as_slice() else { bail!("Must specify exactly one repo directory to work on") };
    bail!("{}: databases are made by `copr-repo create --database` only", dir.display())
}
