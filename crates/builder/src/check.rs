//! Whether this host can run machines, before any build is taken.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use copr_vm::{AccelChoice, Accelerator, Kernel, KernelOptions, MachineError, find_qemu, probe_accel, qemu_version};

use crate::{EngineOptions, results};

/// Bytes that must be free where builds work; a machine's disks are sparse, so this is for a small build.
const LEAST_SPACE: u64 = 2 << 30;

/// Why this host cannot build.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// An option has a value that cannot be.
    #[error("{option} is {value}: {rule}")]
    Option {
        /// Its name in the configuration.
        option: &'static str,
        /// What it is.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
    /// QEMU or the kernel is missing; the message names the package to install.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// Too little room.
    #[error("{dir} has {free_mib} MiB free, a builder needs {needed_mib} MiB: make room, or name another work folder")]
    Space {
        /// The folder.
        dir: PathBuf,
        /// Mebibytes free.
        free_mib: u64,
        /// Mebibytes needed.
        needed_mib: u64,
    },
    /// The process that reads results does not start.
    #[error("{0}")]
    Checker(String),
    /// A folder cannot be made or read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What machines of this host are made of. `Display` gives one line a fact.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The QEMU program.
    pub qemu: PathBuf,
    /// Its version.
    pub qemu_version: String,
    /// The kernel of the machines.
    pub kernel: Kernel,
    /// Hardware virtualisation or emulation, and why.
    pub accel: AccelChoice,
    /// Bytes free in the work folder.
    pub free: u64,
    /// How the process is confined that reads results, in words.
    pub checker: String,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "QEMU {} ({})", self.qemu_version, self.qemu.display())?;
        writeln!(f, "kernel {}", self.kernel.version)?;
        writeln!(f, "acceleration: {} ({})", self.accel.accelerator, self.accel.reason)?;
        writeln!(f, "results are read by a process that is {}", self.checker)?;
        write!(f, "free in the work folder: {} MiB", self.free >> 20)
    }
}

/// How well something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is there.
    Fine,
    /// Builds run without it, less well.
    Lacking,
    /// No build runs without it.
    Missing,
}

/// What a builder needs or would like, and how it is here.
#[derive(Debug, Clone)]
pub struct Row {
    /// What it is.
    pub what: &'static str,
    /// How well.
    pub verdict: Verdict,
    /// What was found, or what is missing and what to do about it.
    pub text: String,
}

/// All that a builder looks for on its host; `Display` gives a table.
#[derive(Debug, Clone, Default)]
pub struct Examination {
    /// In the order of importance.
    pub rows: Vec<Row>,
}

impl Examination {
    /// Whether builds can run here.
    #[must_use]
    pub fn can_build(&self) -> bool {
        self.rows.iter().all(|row| row.verdict != Verdict::Missing)
    }

    fn add(&mut self, what: &'static str, verdict: Verdict, text: impl Into<String>) {
        self.rows.push(Row { what, verdict, text: text.into() });
    }

    /// A row for something that no build runs without; gives it if it is there.
    fn need<T>(
        &mut self,
        what: &'static str,
        found: Result<T, CheckError>,
        text: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        match found {
            Ok(found) => {
                self.add(what, Verdict::Fine, text(&found));
                Some(found)
            }
            Err(error) => {
                self.add(what, Verdict::Missing, error.to_string());
                None
            }
        }
    }
}

impl fmt::Display for Examination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            let verdict = match row.verdict {
                Verdict::Fine => "ok",
                Verdict::Lacking => "could be better",
                Verdict::Missing => "MISSING",
            };
            writeln!(f, "{:<14} {verdict:<16} {}", row.what, row.text.trim_end().replace('\n', "; "))?;
        }
        let last = if self.can_build() { "This host can build." } else { "This host cannot build." };
        writeln!(f, "{last}")
    }
}

/// Looks for QEMU, a kernel, acceleration and room, making the folders of `options` when they are missing. Takes up to
/// some seconds, more when the kernel is unpacked for the first time.
///
/// # Errors
/// The first thing that is missing, with what to do about it.
pub fn check(options: &EngineOptions) -> Result<Checked, CheckError> {
    values(options)?;
    let (qemu, qemu_version) = qemu(options)?;
    setpriv()?;
    let kernel = kernel(options)?;
    let free = room(&options.work_dir)?;
    uid(options)?;
    let checker = checker(options)?;
    let accel = probe_accel(options.accel, &options.probe);
    Ok(Checked { qemu, qemu_version, kernel, accel, free, checker })
}

/// Looks at everything, also behind the first thing that is missing.
#[must_use]
pub fn examine(options: &EngineOptions) -> Examination {
    let mut table = Examination::default();
    table.need("options", values(options), |()| "their values can be".to_owned());
    table.need("QEMU", qemu(options), |(path, version)| format!("{version} ({})", path.display()));
    table.need("kernel", kernel(options), |kernel| format!("{} ({} modules)", kernel.version, kernel.modules.len()));
    table.need("setpriv", setpriv(), |path| path.display().to_string());
    let accel = probe_accel(options.accel, &options.probe);
    let verdict = if accel.accelerator == Accelerator::Kvm { Verdict::Fine } else { Verdict::Lacking };
    table.add("acceleration", verdict, format!("{}: {}", accel.accelerator, accel.reason));
    for (what, dir) in [("work folder", &options.work_dir), ("cache folder", &options.cache_dir)] {
        table.need(what, room(dir), |free| format!("{} MiB free in {}", free >> 20, dir.display()));
    }
    table.need("results", checker(options), |how| format!("read by a process that is {how}"));
    let (verdict, text) = snapshots(options);
    table.add("snapshots", verdict, text);
    match &options.confinement.cgroup {
        None => {
            table.add("cgroup", Verdict::Lacking, "none is named: QEMU's memory is bounded by what it is given");
        }
        Some(dir) => match cgroup(dir) {
            Ok(()) => table.add("cgroup", Verdict::Fine, dir.display().to_string()),
            Err(error) => table.add("cgroup", Verdict::Lacking, format!("no group can be made there: {error}")),
        },
    }
    match options.confinement.uid {
        None => table.add("user", Verdict::Lacking, "none is named: QEMU runs as the builder's own"),
        Some(id) => {
            table.need("user", uid(options), |()| format!("QEMU runs as {id}"));
        }
    }
    table
}

/// Whether the options' numbers can be.
fn values(options: &EngineOptions) -> Result<(), CheckError> {
    let at_least = |option, value: u64, least: u64, rule| {
        if value < least { Err(CheckError::Option { option, value: value.to_string(), rule }) } else { Ok(()) }
    };
    let (memory, cpus) = (options.memory_mib.into(), options.cpus.into());
    at_least("memory_mib", memory, 256, "a machine needs 256 MiB at least")?;
    at_least("most_memory_mib", options.most_memory_mib.into(), memory, "it must not be less than memory_mib")?;
    at_least("cpus", cpus, 1, "it must be 1 at least")?;
    at_least("most_cpus", options.most_cpus.into(), cpus, "it must not be less than cpus")?;
    at_least("scratch_bytes", options.scratch_bytes, 1 << 30, "a machine needs 1 GiB of disk at least")
}

/// The QEMU program and its version.
fn qemu(options: &EngineOptions) -> Result<(PathBuf, String), CheckError> {
    // A name without a folder is looked for where programs are.
    let bare = options.qemu.components().count() < 2;
    let qemu = match (bare, options.qemu.to_str()) {
        (true, Some("" | "qemu-system-x86_64")) => find_qemu(None)?,
        (true, _) => program(&options.qemu).ok_or_else(|| MachineError::MissingQemu(options.qemu.clone()))?,
        (false, _) => find_qemu(Some(&options.qemu))?,
    };
    let version = qemu_version(&qemu)?;
    Ok((qemu, version))
}

/// What starts QEMU so that it ends with us.
fn setpriv() -> Result<PathBuf, CheckError> {
    let missing = MachineError::MissingProgram { program: "setpriv", package: "util-linux" };
    program(Path::new("setpriv")).ok_or(missing.into())
}

fn program(name: &Path) -> Option<PathBuf> {
    let folders = ["/usr/bin", "/bin", "/usr/local/bin", "/usr/libexec"];
    folders.iter().map(|dir| Path::new(dir).join(name)).find(|path| path.is_file())
}

fn kernel(options: &EngineOptions) -> Result<Kernel, CheckError> {
    let cache = options.cache_dir.join("kernels");
    fs_err::create_dir_all(&cache)?;
    let (image, modules) = (options.kernel.clone(), options.modules.clone());
    Ok(Kernel::find(&KernelOptions { image, modules, cache })?)
}

/// Bytes free in a folder, which is made when it is missing.
fn room(dir: &Path) -> Result<u64, CheckError> {
    fs_err::create_dir_all(dir)?;
    let stat = rustix::fs::statvfs(dir).map_err(std::io::Error::from)?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free < LEAST_SPACE {
        return Err(CheckError::Space { dir: dir.to_owned(), free_mib: free >> 20, needed_mib: LEAST_SPACE >> 20 });
    }
    Ok(free)
}

/// Whether QEMU can get a user of its own, if it shall.
fn uid(options: &EngineOptions) -> Result<(), CheckError> {
    match options.confinement.uid {
        Some(id) if !rustix::process::geteuid().is_root() => Err(CheckError::Option {
            option: "uid",
            value: id.to_string(),
            rule: "only root can give QEMU another user; leave it out, or start the builder as root",
        }),
        _ => Ok(()),
    }
}

/// How the process is confined that reads results.
fn checker(options: &EngineOptions) -> Result<String, CheckError> {
    results::confinement(&options.checker).map_err(CheckError::Checker)
}

/// What became of the snapshots of booted machines that builds have made here; one that does not work is put aside by them.
fn snapshots(options: &EngineOptions) -> (Verdict, String) {
    if !options.snapshots {
        return (Verdict::Lacking, "they are off: every machine boots".to_owned());
    }
    let dir = options.cache_dir.join("snapshots");
    let (mut whole, mut bad) = (0, 0);
    for entry in fs_err::read_dir(&dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        bad += usize::from(name.ends_with(".condemned"));
        whole += usize::from(!name.starts_with('.') && entry.path().join("state").is_file());
    }
    match bad {
        0 => (Verdict::Fine, format!("{whole} of booted machines in {}", dir.display())),
        _ => (Verdict::Lacking, format!("{bad} did not work: such machines boot; {whole} work ({})", dir.display())),
    }
}

/// Tries to make a group, as each machine will.
fn cgroup(dir: &Path) -> std::io::Result<()> {
    let group = tempfile::Builder::new().prefix("copr-check-").tempdir_in(dir)?;
    fs_err::remove_dir(group.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(dir: &Path) -> EngineOptions {
        let options = EngineOptions::new(dir.join("cache"), dir.join("work"));
        EngineOptions { accel: copr_vm::Accel::Tcg, ..options }
    }

    #[test]
    fn a_missing_qemu_is_named_with_the_package_that_has_it() {
        let dir = tempfile::tempdir().unwrap();
        for qemu in [dir.path().join("no-qemu"), PathBuf::from("no-such-qemu")] {
            let options = EngineOptions { qemu: qemu.clone(), ..options(dir.path()) };
            let error = check(&options).unwrap_err().to_string();
            assert!(error.contains(&qemu.display().to_string()), "{error}");
            assert!(error.contains("apt install qemu-system-x86"), "{error}");
            let table = examine(&options);
            assert!(!table.can_build());
            assert!(table.to_string().contains(&error), "{table}");
        }
    }

    #[test]
    fn options_that_no_machine_can_have_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let usual = options(dir.path());
        for (options, name) in [
            (EngineOptions { memory_mib: 64, ..usual.clone() }, "memory_mib"),
            (EngineOptions { memory_mib: 16384, ..usual.clone() }, "most_memory_mib"),
            (EngineOptions { cpus: 0, ..usual.clone() }, "cpus"),
            (EngineOptions { cpus: 4096, ..usual.clone() }, "most_cpus"),
            (EngineOptions { scratch_bytes: 1, ..usual.clone() }, "scratch_bytes"),
        ] {
            let error = check(&options).unwrap_err().to_string();
            assert!(error.starts_with(name), "{error}");
        }
    }

    #[test]
    fn what_builds_run_without_keeps_nobody_from_building() {
        let mut table = Examination::default();
        table.add("QEMU", Verdict::Fine, "7.2");
        table.add("acceleration", Verdict::Lacking, "tcg");
        assert!(table.can_build());
        table.add("kernel", Verdict::Missing, "none");
        assert!(!table.can_build());
        assert_eq!(table.to_string().lines().count(), 4, "{table}");
    }
}
