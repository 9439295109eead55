//! One machine from its disks to its death: [`run`].

use std::{
    io,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use crate::{
    accel::Accelerator,
    kernel::Kernel,
    net::{Host, Outside},
    proto::{ErrorKind, Heartbeat, Job, LogStream, ProtoError, Stage},
};

/// Every limit but that of the boot is multiplied by this under TCG: gcc was measured 12.6 times slower than native.
pub const TCG_FACTOR: u32 = 15;
/// The boot's limit is multiplied by this under TCG: a boot takes about two seconds there, on a busy host ten.
pub const TCG_BOOT_FACTOR: u32 = 6;

/// One file for the read-only input disk.
#[derive(Debug, Clone)]
pub struct Input {
    /// Where it lies on the disk, `/`-separated, relative, e.g. `rpms/bash-5.2-1.x86_64.rpm`.
    pub path_in_disk: String,
    /// The file; must not change while the disk is written.
    pub source: PathBuf,
}

impl Input {
    /// A binary package that is installed before the build.
    pub fn package(file_name: &str, source: impl Into<PathBuf>) -> Self {
        Self { path_in_disk: format!("{}/{file_name}", crate::proto::PACKAGES_DIR), source: source.into() }
    }

    /// The source package of a build, or a file of a source job.
    pub fn source(file_name: &str, source: impl Into<PathBuf>) -> Self {
        Self { path_in_disk: format!("{}/{file_name}", crate::proto::SOURCE_DIR), source: source.into() }
    }
}

/// What the scratch disk holds when the machine starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// Nothing: the buildroot is installed from its first package on.
    Fresh,
    /// What is in this image, which a machine with [`Root::Keep`] has left; writes go to a layer that is thrown away.
    Over(PathBuf),
    /// Nothing, and when the job ends well the image appears here, whole and read-only, for others to be [`Root::Over`] it.
    /// It must be on the file system of [`MachineSpec::work_dir`].
    Keep(PathBuf),
    /// A copy of an image that is [`Root::Over`]'s, and when the job ends well it appears as another one.
    Grow {
        /// The image that is copied.
        from: PathBuf,
        /// As of [`Root::Keep`].
        image: PathBuf,
    },
}

impl Root {
    /// The image that is to be left.
    pub(crate) fn left(&self) -> Option<&std::path::Path> {
        match self {
            Self::Fresh | Self::Over(_) => None,
            Self::Keep(image) | Self::Grow { image, .. } => Some(image),
        }
    }

    /// The image that must be there.
    pub(crate) fn needed(&self) -> Option<&std::path::Path> {
        match self {
            Self::Fresh | Self::Keep(_) => None,
            Self::Over(image) | Self::Grow { from: image, .. } => Some(image),
        }
    }
}

/// The addresses that a machine with a network card may reach: public ones, and those that the admin names. See
/// [`Network::permits`].
#[derive(Debug, Clone)]
pub struct Network {
    /// Networks that may be reached although they are not public, `(address, prefix length)`.
    pub allow: Vec<(std::net::IpAddr, u8)>,
    /// How they are reached: normally by [`crate::net::Host`].
    pub outside: Arc<dyn Outside>,
}

impl Default for Network {
    fn default() -> Self {
        Self { allow: Vec::new(), outside: Arc::new(Host) }
    }
}

/// What the host does to keep QEMU itself in bounds; each where it may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confinement {
    /// A folder of the cgroup tree below which each machine gets a group of its own: of version 2, where memory, threads and
    /// processors are bounded, or of one controller of version 1 (memory or pids).
    pub cgroup: Option<PathBuf>,
    /// User and group that QEMU runs as; needs root. Kernel, tool root, snapshots and bases must be readable for it, and the
    /// folders on the way to them and to [`MachineSpec::work_dir`] open.
    pub uid: Option<u32>,
}

/// What came of the guest's question for more packages, see [`Observer::requires`].
#[derive(Debug, Clone)]
pub enum Answer {
    /// All is installed already.
    Nothing,
    /// Install these too.
    Install(Vec<Input>),
    /// They cannot be had: the packager's fault, with why.
    Impossible(String),
    /// They cannot be had now: ours, with why.
    Failed(String),
}

/// What a machine may take. Times are for hardware virtualisation; under TCG they are multiplied by [`TCG_FACTOR`] or
/// [`TCG_BOOT_FACTOR`].
#[derive(Debug, Clone)]
pub struct Limits {
    /// From QEMU's start to the guest's hello.
    pub boot: Duration,
    /// From the hello until the packages are installed.
    pub install: Duration,
    /// From there until rpmbuild has ended.
    pub build: Duration,
    /// From there until the machine is off.
    pub results: Duration,
    /// The longest time without a word from the guest, which says every few seconds that it is alive.
    pub silence: Duration,
    /// Most bytes of all logs together.
    pub log_bytes: u64,
    /// Largest result, in bytes.
    pub file_bytes: u64,
    /// Most bytes of all results together.
    pub total_bytes: u64,
    /// Most results.
    pub files: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            boot: Duration::from_secs(20),
            install: Duration::from_secs(600),
            build: Duration::from_secs(5 * 3600),
            results: Duration::from_secs(300),
            silence: Duration::from_secs(120),
            log_bytes: 64 << 20,
            file_bytes: 4 << 30,
            total_bytes: 16 << 30,
            files: 500,
        }
    }
}

/// All that one machine is made of.
#[derive(Debug, Clone)]
pub struct MachineSpec {
    /// QEMU's program, see [`crate::find_qemu`].
    pub qemu: PathBuf,
    /// What to run with, see [`crate::probe_accel`]. A KVM machine that says no hello is tried once more with TCG.
    pub accelerator: Accelerator,
    /// CPU model under TCG: `qemu64`, `Nehalem` or `max`, by the distribution's baseline. KVM uses `host`.
    pub cpu: String,
    /// Virtual processors.
    pub cpus: u32,
    /// Memory in MiB; at least 256.
    pub memory_mib: u32,
    /// The kernel and its modules.
    pub kernel: Kernel,
    /// The tool root (the closure of `rpm`), as written by [`crate::Initramfs`] and kept by the caller from build to build.
    /// The guest and the kernel's modules are put behind it for each machine.
    pub initramfs: PathBuf,
    /// The guest program, a static executable.
    pub guest_binary: &'static [u8],
    /// Files for the input disk.
    pub inputs: Vec<Input>,
    /// What to do. Its nonce and limits are set from here.
    pub job: Job,
    /// Size of the scratch disk in bytes; it is sparse. Of [`Root::Over`] and [`Root::Grow`]: that of the image.
    pub scratch_bytes: u64,
    /// What the scratch disk holds.
    pub root: Root,
    /// A network card, and what may be reached by it.
    pub network: Option<Network>,
    /// Bounds of QEMU itself.
    pub confinement: Confinement,
    /// Folder of snapshots of booted machines, ours to fill; `None`: every machine boots.
    pub snapshots: Option<PathBuf>,
    /// An existing folder for the results; files of the same name must not exist.
    pub results_dir: PathBuf,
    /// An existing folder on a disk with room; the machine makes one folder in it and removes it.
    pub work_dir: PathBuf,
    /// What it may take.
    pub limits: Limits,
}

/// Told what happens, from the thread that called [`run`]. A slow observer slows the machine down, and loses nothing.
pub trait Observer: Send {
    /// A stage is reached, `uptime` seconds after the kernel started.
    fn stage(&mut self, stage: Stage, uptime: f64);
    /// A piece of a log, as the guest wrote it.
    fn log(&mut self, stream: LogStream, bytes: &[u8]);
    /// A result is complete and its sum is right; it lies in `results_dir`.
    fn file(&mut self, name: &str, size: u64);
    /// A remark for the builder's log: the accelerator, what the guest says of itself.
    fn note(&mut self, text: &str);
    /// The packages that are installed before rpmbuild starts, for `installed_pkgs.log`.
    fn installed(&mut self, _packages: &str) {}
    /// The guest asks what to install besides, for what the rebuilt source package requires. May take its time, which does not
    /// count against the guest's limits, but must itself look whether the job is cancelled.
    fn requires(&mut self, _round: u32, _dynamic: bool, _requires: &[String]) -> Answer {
        Answer::Nothing
    }
    /// The guest is alive.
    fn heartbeat(&mut self, _beat: &Heartbeat) {}
}

/// A result that arrived whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultFile {
    /// Its file name, checked by [`crate::proto::valid_result_name`].
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// SHA-256, lower-case hex.
    pub sha256: String,
    /// Length in bytes.
    pub size: u64,
}

/// How the job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// rpmbuild ended with this status. 0: all results arrived and the machine powered itself off.
    Built(i32),
    /// rpm's transaction that installs the buildroot failed; `root.log` tells why.
    InstallFailed(String),
    /// The package's own failure other than rpmbuild's status: limits, results, a source package that cannot be unpacked.
    Refused(String),
    /// A limit of time was passed.
    TimedOut {
        /// The last stage that was reached; `None` when the guest never said hello.
        after: Option<Stage>,
        /// The limit, in seconds, scaled.
        seconds: u64,
    },
    /// The package is not for this architecture.
    Skipped(String),
    /// Cancelled.
    Cancelled,
    /// The machine powered off early, panicked, reset, or spoke nonsense.
    Died {
        /// The last stage that was reached.
        after: Option<Stage>,
        /// What happened.
        message: String,
    },
    /// QEMU itself ended, by no doing of the guest's: it was killed, or it crashed.
    Lost {
        /// The last stage that was reached.
        after: Option<Stage>,
        /// What happened.
        message: String,
    },
    /// The guest could not set itself up.
    Setup(String),
}

/// Whose fault an [`Exit`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The package's: ends the build.
    User,
    /// Ours: build it again, elsewhere.
    Machine,
}

impl Exit {
    /// Whose fault it is; `None` for a success and for a cancelled job.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Built(0) | Self::Cancelled | Self::Skipped(_) => None,
            Self::Built(_) | Self::Refused(_) | Self::InstallFailed(_) => Some(Fault::User),
            Self::Setup(_) | Self::Lost { .. } => Some(Fault::Machine),
            // What happens while the packager's code runs is the packager's; before and behind it, only we are there.
            Self::TimedOut { after, .. } | Self::Died { after, .. } => Some(match after {
                Some(Stage::Installed | Stage::Unpacked) => Fault::User,
                None | Some(Stage::Ready | Stage::Hello | Stage::Mounted | Stage::Built | Stage::End) => Fault::Machine,
            }),
        }
    }

    pub(crate) fn from_guest(kind: ErrorKind, text: String) -> Self {
        match kind {
            ErrorKind::Setup => Self::Setup(text),
            ErrorKind::Transaction => Self::InstallFailed(text),
            ErrorKind::Source | ErrorKind::Limit | ErrorKind::Results => Self::Refused(text),
            ErrorKind::Skipped => Self::Skipped(text),
            ErrorKind::Cancelled => Self::Cancelled,
        }
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = |after: &Option<Stage>| match after {
            None => "while it booted".to_owned(),
            Some(stage) => format!("after the stage {stage}"),
        };
        match self {
            Self::Built(0) => write!(f, "rpmbuild succeeded"),
            Self::Built(code) => write!(f, "rpmbuild failed with exit status {code}"),
            Self::InstallFailed(text) => write!(f, "the buildroot cannot be installed: {text}"),
            Self::Refused(text) | Self::Skipped(text) => write!(f, "{text}"),
            Self::TimedOut { after, seconds } => {
                write!(f, "the machine passed its time limit of {seconds} s {}", place(after))
            }
            Self::Cancelled => write!(f, "cancelled"),
            Self::Died { after, message } => write!(f, "the machine died {}: {message}", place(after)),
            Self::Lost { after, message } => write!(f, "the machine was lost {}: {message}", place(after)),
            Self::Setup(text) => write!(f, "the machine could not be set up: {text}"),
        }
    }
}

/// What a machine leaves behind.
#[derive(Debug, Clone)]
pub struct Report {
    /// How the job ended.
    pub exit: Exit,
    /// The results, in the order of arrival; empty unless `exit` is `Built(0)`.
    pub results: Vec<ResultFile>,
    /// The end of the serial console, at most 16 KiB: kernel panics are here.
    pub console_tail: String,
    /// What it ran with in the end.
    pub accelerator: Accelerator,
}

/// Why a machine could not be run at all. Each is a machine fault.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// QEMU is not installed.
    #[error(
        "{0} is missing: install it (Debian: apt install qemu-system-x86, Fedora: dnf install qemu-system-x86-core)"
    )]
    MissingQemu(PathBuf),
    /// A helper program is not installed.
    #[error("{program} is missing: install it (package {package})")]
    MissingProgram {
        /// The program.
        program: &'static str,
        /// Debian's and Fedora's package of it.
        package: &'static str,
    },
    /// No kernel to boot.
    #[error("no kernel for build machines: {0}")]
    Kernel(String),
    /// A value of the specification that cannot be.
    #[error("the machine's specification: {0}")]
    Spec(String),
    /// A disk cannot be written.
    #[error("writing the disk {path}: {message}")]
    Disk {
        /// The image.
        path: PathBuf,
        /// What happened.
        message: String,
    },
    /// QEMU did not start, or complained.
    #[error("QEMU: {0}")]
    Qemu(String),
    /// A file or pipe.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The channel, on our side.
    #[error(transparent)]
    Proto(#[from] ProtoError),
}

/// Runs one machine to its end. `cancel` may be set from another thread and is obeyed within a second. When this
/// returns, and also when the process is killed meanwhile, no QEMU is left.
///
/// Call it from a thread that lives until it returns: QEMU is killed when the thread that started it dies.
///
/// # Errors
/// When the machine could not be run at all. What goes wrong inside is in [`Report::exit`].
pub fn run(spec: &MachineSpec, observer: &mut dyn Observer, cancel: &AtomicBool) -> Result<Report, MachineError> {
    crate::session::run(spec, observer, cancel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_happens_while_the_packagers_code_runs_is_the_packagers_fault() {
        let stages = [Stage::Hello, Stage::Mounted, Stage::Installed, Stage::Unpacked, Stage::Built, Stage::End];
        for after in stages.into_iter().map(Some).chain([None]) {
            let theirs = matches!(after, Some(Stage::Installed | Stage::Unpacked));
            let expected = Some(if theirs { Fault::User } else { Fault::Machine });
            assert_eq!(Exit::Died { after, message: String::new() }.fault(), expected, "{after:?}");
            assert_eq!(Exit::TimedOut { after, seconds: 1 }.fault(), expected, "{after:?}");
            assert_eq!(Exit::Lost { after, message: String::new() }.fault(), Some(Fault::Machine), "{after:?}");
        }
    }
}
