//! Installing packages into the target, with the tool root's rpm.

use std::path::{Path, PathBuf};

use copr_vm::proto::{ErrorKind, FromGuest, LogStream, PACKAGES_DIR, SPARE_SERIAL};
use fs_err as fs;

use crate::{
    accounts,
    child::Place,
    job::{JobError, Work, setup},
    system::{self, SPARE, TARGET},
};

/// One transaction with every package of `folder`; none is fine. The host has verified signatures and digests already, and
/// the disk is ours, so rpm need not; under emulation that saves a third of the time.
pub(crate) fn packages(work: &Work<'_>, folder: &Path) -> Result<usize, JobError> {
    let mut packages: Vec<PathBuf> = match fs::read_dir(folder) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(setup("the packages to install")(error)),
    };
    packages.sort();
    if packages.is_empty() {
        return Ok(0);
    }
    fs::create_dir_all(format!("{TARGET}{}", work.job.dbpath)).map_err(setup("the rpm database"))?;
    let mut program = rpm(work);
    // Without the first, rpm fails on what is mounted there, and every scriptlet with it.
    for define in
        ["_netsharedpath /proc:/sys:/dev", "__transaction_selinux %{nil}", "__transaction_systemd_inhibit %{nil}"]
    {
        program.extend(["--define", define]);
    }
    // What the base holds in another version is exchanged, whichever is newer: the host has chosen.
    program.extend(["--nosignature", "--nodigest", "--nofiledigest", "--ignoresize", "-Uv", "--oldpackage"]);
    let paths: Vec<_> = packages.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    program.extend(paths.iter().map(String::as_str));
    work.channel.log(LogStream::Root, format!("Installing {} packages\n", packages.len()).as_bytes());
    let code = work.run(Place::Tools, LogStream::Root, &program)?;
    if code != 0 {
        let text = format!("rpm ended with status {code} when it installed {} packages; see root.log", packages.len());
        return Err(JobError::new(ErrorKind::Transaction, text));
    }
    Ok(packages.len())
}

/// Installs what the host has put on the spare disk. It is mounted only here: between two rounds the host writes it anew,
/// and the kernel forgets what it has read of a disk when the last user lets go of it.
pub(crate) fn spare(work: &Work<'_>) -> Result<(), JobError> {
    let disk = system::disk(SPARE_SERIAL).map_err(setup("the spare disk"))?;
    system::mount_read_only(&disk, SPARE).map_err(setup("the spare disk"))?;
    let installed = packages(work, &Path::new(SPARE).join(PACKAGES_DIR));
    system::unmount(SPARE).map_err(setup("the spare disk"))?;
    if installed? == 0 {
        return Err(JobError::new(ErrorKind::Setup, "the spare disk holds no packages"));
    }
    // A package may have written the account files anew.
    accounts::ensure(Path::new(TARGET), work.job).map_err(setup("the build's user"))
}

/// Tells the host what is installed.
pub(crate) fn tell(work: &Work<'_>) -> Result<(), JobError> {
    let mut program = rpm(work);
    program.extend(["-qa", "--qf", "%{nevra} %{buildtime} %{size} installed\\n"]);
    let asking = setup("asking rpm what is installed");
    let (code, text) = work.captured(Place::Tools, &program).map_err(&asking)?;
    if code != 0 {
        return Err(JobError::new(
            ErrorKind::Setup,
            format!("asking rpm what is installed: it ended with status {code}"),
        ));
    }
    let mut packages: Vec<_> = text.lines().collect();
    packages.sort_unstable();
    work.channel.send(&FromGuest::Installed(packages.join("\n") + "\n"));
    Ok(())
}

/// The tool root's rpm, working on the target.
fn rpm<'a>(work: &Work<'a>) -> Vec<&'a str> {
    vec!["/usr/bin/rpm", "--root", TARGET, "--dbpath", &work.job.dbpath]
}

/// The usual packages of programs that jobs run.
const PACKAGES: [(&str, &str); 7] = [
    ("bash", "bash"),
    ("git", "git-core"),
    ("make", "make"),
    ("rpm", "rpm"),
    ("rpmbuild", "rpm-build"),
    ("rpmlint", "rpmlint"),
    ("curl", "curl"),
];

/// Says which program the target lacks, before the attempt to run it says "no such file or directory".
pub(crate) fn check_programs(programs: &[&str]) -> Result<(), JobError> {
    // Of the entry itself: an absolute link leads elsewhere when it is seen from outside the target.
    let has = |program: &str| {
        let at = |folder: &&str| fs::symlink_metadata(Path::new(TARGET).join(folder).join(program)).is_ok();
        ["usr/bin", "bin"].iter().any(at)
    };
    let Some(missing) = programs.iter().find(|program| !has(program)) else { return Ok(()) };
    let package = PACKAGES.iter().find(|(program, _)| program == missing).map_or(*missing, |(_, package)| *package);
    let text = format!(
        "it has no {missing}, which this job needs; the chroot's buildroot list must name a package that brings it, \
         usually {package}"
    );
    Err(JobError::new(ErrorKind::Transaction, text))
}
