//! Whether this host can run machines, before any build is taken.

use std::{fmt, path::PathBuf};

use copr_vm::{AccelChoice, Kernel, KernelOptions, MachineError, find_qemu, probe_accel, qemu_version};

use crate::EngineOptions;

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
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "QEMU {} ({})", self.qemu_version, self.qemu.display())?;
        writeln!(f, "kernel {}", self.kernel.version)?;
        writeln!(f, "acceleration: {} ({})", self.accel.accelerator, self.accel.reason)?;
        write!(f, "free in the work folder: {} MiB", self.free >> 20)
    }
}

/// Looks for QEMU, a kernel, acceleration and room, making the folders of `options` when they are missing. Takes up to
/// some seconds, more when the kernel is unpacked for the first time.
///
/// # Errors
/// The first thing that is missing, with what to do about it.
pub fn check(options: &EngineOptions) -> Result<Checked, CheckError> {
    let wrong = |option, value: String, rule| Err(CheckError::Option { option, value, rule });
    if options.memory_mib < 256 {
        return wrong("memory_mib", options.memory_mib.to_string(), "a machine needs 256 MiB at least");
    }
    if options.cpus == 0 {
        return wrong("cpus", "0".to_owned(), "it must be 1 at least");
    }
    if options.scratch_bytes < 1 << 30 {
        return wrong("scratch_bytes", options.scratch_bytes.to_string(), "a machine needs 1 GiB of disk at least");
    }
    let kernels = options.cache_dir.join("kernels");
    fs_err::create_dir_all(&kernels)?;
    fs_err::create_dir_all(&options.work_dir)?;
    // A name without a folder is looked for where programs are.
    let bare = options.qemu.components().count() < 2;
    let qemu = match (bare, options.qemu.to_str()) {
        (true, Some("" | "qemu-system-x86_64")) => find_qemu(None)?,
        (true, _) => ["/usr/bin", "/usr/local/bin", "/usr/libexec"]
            .into_iter()
            .map(|dir| PathBuf::from(dir).join(&options.qemu))
            .find(|path| path.is_file())
            .ok_or_else(|| MachineError::MissingQemu(options.qemu.clone()))?,
        (false, _) => find_qemu(Some(&options.qemu))?,
    };
    let qemu_version = qemu_version(&qemu)?;
    let kernel = Kernel::find(&KernelOptions {
        image: options.kernel.clone(),
        modules: options.modules.clone(),
        cache: kernels,
    })?;
    let stat = rustix::fs::statvfs(&options.work_dir).map_err(std::io::Error::from)?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free < LEAST_SPACE {
        return Err(CheckError::Space {
            dir: options.work_dir.clone(),
            free_mib: free >> 20,
            needed_mib: LEAST_SPACE >> 20,
        });
    }
    let accel = probe_accel(options.accel, &options.probe);
    Ok(Checked { qemu, qemu_version, kernel, accel, free })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(dir: &std::path::Path) -> EngineOptions {
        EngineOptions::new(dir.join("cache"), dir.join("work"))
    }

    #[test]
    fn a_missing_qemu_is_named_with_the_package_that_has_it() {
        let dir = tempfile::tempdir().unwrap();
        for qemu in [dir.path().join("no-qemu"), PathBuf::from("no-such-qemu")] {
            let error = check(&EngineOptions { qemu: qemu.clone(), ..options(dir.path()) }).unwrap_err().to_string();
            assert!(error.contains(&qemu.display().to_string()), "{error}");
            assert!(error.contains("apt install qemu-system-x86"), "{error}");
        }
    }

    #[test]
    fn options_that_no_machine_can_have_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let usual = options(dir.path());
        for (options, name) in [
            (EngineOptions { memory_mib: 64, ..usual.clone() }, "memory_mib"),
            (EngineOptions { cpus: 0, ..usual.clone() }, "cpus"),
            (EngineOptions { scratch_bytes: 1, ..usual.clone() }, "scratch_bytes"),
        ] {
            let error = check(&options).unwrap_err().to_string();
            assert!(error.starts_with(name), "{error}");
        }
    }
}
