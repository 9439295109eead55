//! rpmlint on packages that were built elsewhere.

use std::path::Path;

use copr_vm::proto::{ErrorKind, LINT_DIR, LogStream, Stage};
use fs_err as fs;

use crate::{
    child::{HOME, Place},
    home, install,
    job::{JobError, Work, in_login_shell, setup},
    system::{self, INPUT},
};

/// Runs it as the job's user; its exit status.
pub(crate) fn run(work: &Work<'_>) -> Result<i32, JobError> {
    install::check_programs(&["bash", "rpmlint"])?;
    home::make(work.job).map_err(setup("rpmlint's home"))?;
    let inside = format!("{HOME}/{LINT_DIR}");
    let folder = home::outside(&inside);
    system::bind(&Path::new(INPUT).join(LINT_DIR), &folder).map_err(setup("the packages to read"))?;
    work.channel.stage(Stage::Installed);
    let entries = fs::read_dir(&folder).map_err(setup("the packages to read"))?;
    let mut packages: Vec<_> =
        entries.flatten().map(|entry| format!("{inside}/{}", entry.file_name().to_string_lossy())).collect();
    packages.sort();
    if packages.is_empty() {
        return Err(JobError::new(ErrorKind::Setup, "there are no packages for rpmlint to read"));
    }
    let program: Vec<_> = ["rpmlint"].into_iter().chain(packages.iter().map(String::as_str)).collect();
    let code = work.run(Place::User, LogStream::Lint, &in_login_shell(&program))?;
    work.channel.stage(Stage::Built);
    Ok(code)
}
