//! The user that works in the target: its home, its macros, and what else a job expects to find there.

use std::{
    io,
    os::unix::fs::chown,
    path::{Path, PathBuf},
};

use copr_vm::proto::Job;
use fs_err as fs;

use crate::{
    accounts,
    child::HOME,
    network,
    system::{self, TARGET},
};

/// rpmbuild's folder below the user's home.
pub(crate) const TOPDIR: &str = "/builddir/build";
/// Where a source package waits to be unpacked.
pub(crate) const ORIGINALS: &str = "/builddir/build/originals";

/// `path`, which is absolute in the target, as PID 1 sees it.
pub(crate) fn outside(path: &str) -> PathBuf {
    PathBuf::from(format!("{TARGET}{path}"))
}

/// The user, its home, its macros. Called before anything of the packager's runs.
pub(crate) fn make(job: &Job) -> io::Result<()> {
    accounts::ensure(Path::new(TARGET), job)?;
    let mut made = vec![outside(HOME), outside(TOPDIR)];
    for folder in ["BUILD", "BUILDROOT", "RPMS", "SOURCES", "SPECS", "SRPMS", "originals"] {
        made.push(outside(TOPDIR).join(folder));
    }
    for folder in &made {
        fs::create_dir_all(folder)?;
    }
    let macros = outside(HOME).join(".rpmmacros");
    fs::write(&macros, macros_text(job))?;
    made.push(macros);
    for path in made {
        chown(path, Some(job.uid), Some(job.gid))?;
    }
    for path in ["/tmp", "/var/tmp"] {
        fs::create_dir_all(outside(path))?;
        system::set_mode(&outside(path), 0o1777)?;
    }
    if !outside("/etc/hosts").exists() {
        system::put(&outside("/etc/hosts"), &format!("127.0.0.1 localhost {0}\n::1 localhost {0}\n", job.hostname))?;
    }
    if job.network {
        system::put(&outside("/etc/resolv.conf"), &network::resolver())?;
    }
    Ok(())
}

/// Copies a file of the input disk into the target, where it belongs to the job's user.
pub(crate) fn give(job: &Job, from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    chown(to, Some(job.uid), Some(job.gid))
}

fn macros_text(job: &Job) -> String {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut text = format!(
        "%_topdir {TOPDIR}\n\
         %_rpmfilename %%{{NAME}}-%%{{VERSION}}-%%{{RELEASE}}.%%{{ARCH}}.rpm\n\
         %_dbpath {}\n\
         %_buildhost {}\n\
         %_smp_build_ncpus {processors}\n\
         %_smp_mflags -j{processors}\n",
        job.dbpath, job.hostname
    );
    for (name, value) in &job.macros {
        text.push_str(&format!("%{name} {value}\n"));
    }
    text
}
