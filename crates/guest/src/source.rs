//! Making a source package: of a spec and its sources, or of a git repository.

use std::path::Path;

use copr_vm::proto::{ErrorKind, LogStream, SOURCE_DIR, Stage};
use fs_err as fs;

use crate::{
    child::{HOME, Place},
    home::{self, TOPDIR},
    install,
    job::{JobError, Work, in_login_shell, setup},
    results,
    system::INPUT,
};

/// Where the repository is checked out in the target.
const CHECKOUT: &str = "/builddir/checkout";
/// Most commits that are fetched of each branch; Copr's number.
const DEPTH: &str = "500";

/// A place in a git repository; the fields are those of [`copr_vm::JobKind::Git`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Git<'a> {
    pub(crate) clone_url: &'a str,
    pub(crate) committish: Option<&'a str>,
    pub(crate) subdirectory: &'a str,
    pub(crate) spec: Option<&'a str>,
}

fn refused(text: impl Into<String>) -> JobError {
    JobError::new(ErrorKind::Source, text)
}

/// Makes the source package of `spec` and the files beside it on the input disk; 0.
pub(crate) fn of_spec(work: &Work<'_>, spec: &str) -> Result<i32, JobError> {
    install::check_programs(&["bash", "rpmbuild"])?;
    home::make(work.job).map_err(setup("the build's home"))?;
    let from = Path::new(INPUT).join(SOURCE_DIR);
    let topdir = home::outside(TOPDIR);
    for entry in fs::read_dir(&from).map_err(setup("the spec and its sources"))?.flatten() {
        let folder = if entry.file_name() == spec { "SPECS" } else { "SOURCES" };
        home::give(work.job, &entry.path(), &topdir.join(folder).join(entry.file_name()))
            .map_err(setup("the spec and its sources"))?;
    }
    work.channel.stage(Stage::Installed);
    rpmbuild(work, &format!("{TOPDIR}/SPECS/{spec}"), None)
}

/// Makes the source package that a git repository describes; 0.
pub(crate) fn of_git(work: &Work<'_>, git: &Git<'_>, make: bool) -> Result<i32, JobError> {
    install::check_programs(&["bash", "git", if make { "make" } else { "rpmbuild" }])?;
    home::make(work.job).map_err(setup("the build's home"))?;
    work.channel.stage(Stage::Installed);
    check_out(work, git)?;
    let folder = [CHECKOUT, git.subdirectory].join("/").trim_end_matches('/').to_owned();
    if !home::outside(&folder).is_dir() || !results::is_plain(&home::outside(&folder)) {
        return Err(refused(format!("the repository has no folder {:?}", git.subdirectory)));
    }
    if make {
        return makefile(work, &folder, git.spec);
    }
    let spec = match git.spec {
        Some(spec) => format!("{folder}/{spec}"),
        None => only_spec(&folder)?,
    };
    let outside = home::outside(&spec);
    if !outside.is_file() || !results::is_plain(&outside) {
        return Err(refused(format!("the repository has no spec {:?}", spec.trim_start_matches(CHECKOUT))));
    }
    let sources = spec.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    rpmbuild(work, &spec, sources.as_deref())
}

/// Clones the repository, with its submodules, and checks out what was asked for.
fn check_out(work: &Work<'_>, git: &Git<'_>) -> Result<(), JobError> {
    let run = |words: &[&str]| -> Result<bool, JobError> {
        // Whoever is asked for a password waits for ever.
        let program: Vec<_> = ["/usr/bin/env", "GIT_TERMINAL_PROMPT=0", "git"].iter().chain(words).copied().collect();
        Ok(work.as_user(&program)? == 0)
    };
    let recent = ["clone", "--depth", DEPTH, "--no-single-branch", "--", git.clone_url, CHECKOUT];
    let all = ["clone", "--", git.clone_url, CHECKOUT];
    // Servers without git's own protocol know no depth. A clone that fails leaves nothing behind.
    if !run(&recent)? && !run(&all)? {
        return Err(refused(format!("{} cannot be cloned; see build.log", git.clone_url)));
    }
    if let Some(committish) = git.committish {
        // The dashes: it is no file. What is no branch and not among the recent commits, such as a pull request's `refs/pull/1/head`, is fetched by name.
        let found = run(&["-C", CHECKOUT, "checkout", committish, "--"])?
            || (run(&["-C", CHECKOUT, "fetch", "origin", committish])?
                && run(&["-C", CHECKOUT, "checkout", "FETCH_HEAD"])?);
        if !found {
            return Err(refused(format!("{} has no branch, tag or commit {committish:?}", git.clone_url)));
        }
    }
    let submodules = home::outside(CHECKOUT).join(".gitmodules");
    if submodules.is_file() && !run(&["-C", CHECKOUT, "submodule", "update", "--init", "--recursive"])? {
        return Err(refused(format!("the submodules of {} cannot be cloned; see build.log", git.clone_url)));
    }
    Ok(())
}

/// The path of the only spec in `folder`, both in the target.
fn only_spec(folder: &str) -> Result<String, JobError> {
    let entries = fs::read_dir(home::outside(folder)).map_err(|error| refused(format!("{folder}: {error}")))?;
    let mut specs: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".spec"))
        .collect();
    specs.sort();
    match &specs[..] {
        [spec] => Ok(format!("{folder}/{spec}")),
        [] => Err(refused("there is no spec in that folder of the repository; name the spec")),
        [first, second, ..] => Err(refused(format!(
            "there are {} specs in that folder of the repository, {first}, {second}...; name one",
            specs.len()
        ))),
    }
}

/// `rpmbuild -bs`; sources that lack are downloaded if the machine has a network. `sources` is their folder if it is not
/// rpmbuild's.
fn rpmbuild(work: &Work<'_>, spec: &str, sources: Option<&str>) -> Result<i32, JobError> {
    let mut program = vec!["/usr/bin/rpmbuild", "-bs", "--nodeps", "--target", &work.job.arch];
    if work.job.network {
        program.extend(["--define", "_disable_source_fetch 0"]);
    }
    let define = sources.map(|folder| format!("_sourcedir {folder}"));
    if let Some(define) = &define {
        program.extend(["--define", define]);
    }
    program.push(spec);
    let code = work.as_user(&program)?;
    finish(work, &format!("{TOPDIR}/SRPMS"), "rpmbuild -bs", code)
}

/// `make -f .copr/Makefile srpm`, as Copr calls it: as root, in the folder of the spec.
fn makefile(work: &Work<'_>, folder: &str, spec: Option<&str>) -> Result<i32, JobError> {
    let file = format!("{CHECKOUT}/.copr/Makefile");
    if !home::outside(&file).is_file() {
        return Err(refused("the repository has no .copr/Makefile"));
    }
    let out = format!("{HOME}/srpm");
    fs::create_dir_all(home::outside(&out)).map_err(setup("the folder of the source package"))?;
    let spec = spec.map_or_else(|| folder.to_owned(), |spec| format!("{folder}/{spec}"));
    let (out_dir, spec) = (format!("outdir={out}"), format!("spec={spec}"));
    // git minds that the repository belongs to another user.
    let trust = ["GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"];
    let mut program = vec!["/usr/bin/env", "GIT_TERMINAL_PROMPT=0"];
    program.extend(trust);
    program.extend(["make", "-C", folder, "-f", &file, "srpm", &out_dir, &spec]);
    let code = work.run(Place::Root, LogStream::Build, &in_login_shell(&program))?;
    finish(work, &out, "make -f .copr/Makefile srpm", code)
}

fn finish(work: &Work<'_>, folder: &str, program: &str, code: i32) -> Result<i32, JobError> {
    work.channel.stage(Stage::Built);
    if code != 0 {
        let text = format!("the source package cannot be made ({program} ended with status {code}); see build.log");
        return Err(refused(text));
    }
    results::of_source(work, folder)?;
    Ok(0)
}
