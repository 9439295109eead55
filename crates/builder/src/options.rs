//! What a builder is told when it is started.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use copr_api::names::Secret;
use copr_vm::{Accel, Confinement, Limits, Network, ProbeProgram};

/// How to reach the server, which builds to take, and what to build with.
#[derive(Debug, Clone)]
pub struct BuilderOptions {
    /// Base URL of the server, e.g. `http://127.0.0.1:5000`; `/builder/v1` is added.
    pub server_url: String,
    /// The builder token that the server expects.
    pub token: Secret,
    /// The builder's own name, for pages and logs.
    pub name: String,
    /// How many builds may run at once; 1 at least.
    pub jobs: usize,
    /// Shell patterns of the chroots that it takes, e.g. `fedora-*-x86_64`; empty: all of its architecture.
    pub chroots: Vec<String>,
    /// What it offers, e.g. `powerful`: it takes builds that ask for no tag, or for tags that are all here.
    pub tags: Vec<String>,
    /// Where to work, and what machines to make.
    pub engine: EngineOptions,
}

impl BuilderOptions {
    /// Options with one job at a time, of any chroot, and the usual machine, see [`EngineOptions::new`].
    #[must_use]
    pub fn new(server_url: impl Into<String>, token: Secret, cache_dir: PathBuf, work_dir: PathBuf) -> Self {
        Self {
            server_url: server_url.into(),
            token,
            name: "builder".to_owned(),
            jobs: 1,
            chroots: Vec::new(),
            tags: Vec::new(),
            engine: EngineOptions::new(cache_dir, work_dir),
        }
    }
}

/// Where to work, and what machines to make: all that a build needs to know that no server tells.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Folder of the shared cache: verified packages and metadata, tool roots, bases, snapshots, unpacked kernels. Kept
    /// between runs; several processes may share it.
    pub cache_dir: PathBuf,
    /// Folder for the work of running builds. One builder process owns it, by a lock; what it finds there is deleted.
    pub work_dir: PathBuf,
    /// The QEMU program, a path or a name to look for in `$PATH`'s usual folders, e.g. `qemu-system-x86_64`.
    pub qemu: PathBuf,
    /// Hardware virtualisation, emulation, or whichever works.
    pub accel: Accel,
    /// The program that [`crate::probe_main`] runs in, in a process of its own; used when `accel` is [`Accel::Auto`].
    pub probe: ProbeProgram,
    /// The program that [`crate::check_results_main`] runs in, in a process of its own.
    pub checker: ProbeProgram,
    /// Kernel image for machines (`vmlinuz`, or an uncompressed `vmlinux`); `None` takes the newest cloud kernel in `/boot`.
    pub kernel: Option<PathBuf>,
    /// Folder of that kernel's modules (`/lib/modules/VERSION`); `None` derives it from the kernel's name.
    pub modules: Option<PathBuf>,
    /// Memory of a machine in MiB, where a build asks for no other.
    pub memory_mib: u32,
    /// Most memory of a machine in MiB, whatever a build asks for.
    pub most_memory_mib: u32,
    /// Virtual CPUs of a machine, where a build asks for no other number.
    pub cpus: u32,
    /// Most virtual CPUs of a machine, whatever a build asks for.
    pub most_cpus: u32,
    /// Size of a machine's scratch disk in bytes; it is sparse.
    pub scratch_bytes: u64,
    /// What a machine may take. Of these, `build` is the most time that a build may ask for.
    pub limits: Limits,
    /// What machines with a network card reach besides public addresses; what source packages are downloaded from, and what
    /// repositories that users have named by URL are read from, too.
    pub network: Network,
    /// What keeps QEMU itself in bounds.
    pub confinement: Confinement,
    /// Whether machines start from snapshots of booted ones; without, each boots.
    pub snapshots: bool,
    /// Most bytes of the cache. What was not used for the longest time goes; what a running build uses stays.
    pub cache_bytes: u64,
}

impl EngineOptions {
    /// Options with the usual machine: 2 GiB of memory (8 at most), one CPU (all of the host's at most), 20 GiB of scratch
    /// disk, started from a snapshot; 50 GiB of cache. Its children are the running program with the
    /// arguments `kvm-probe` and `check-results`.
    #[must_use]
    pub fn new(cache_dir: PathBuf, work_dir: PathBuf) -> Self {
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("coprd"));
        let child = |argument: &str| ProbeProgram { program: program.clone(), args: vec![argument.into()] };
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            cache_dir,
            work_dir,
            qemu: PathBuf::from("qemu-system-x86_64"),
            accel: Accel::Auto,
            probe: child("kvm-probe"),
            checker: child("check-results"),
            kernel: None,
            modules: None,
            memory_mib: 2048,
            most_memory_mib: 8192,
            cpus: 1,
            most_cpus: u32::try_from(cpus).unwrap_or(1),
            scratch_bytes: 20 << 30,
            limits: Limits { build: Duration::from_secs(48 * 3600), ..Limits::default() },
            network: Network::default(),
            confinement: Confinement::default(),
            snapshots: true,
            cache_bytes: 50 << 30,
        }
    }
}

/// A network as `ADDRESS` or `ADDRESS/LENGTH`, e.g. `10.1.0.0/16`.
///
/// # Errors
/// One sentence that says what is wrong with it.
pub fn parse_network(text: &str) -> Result<(IpAddr, u8), String> {
    let wrong = || format!("{text:?} is no network: say ADDRESS or ADDRESS/LENGTH, e.g. 10.1.0.0/16");
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let length = length.map_or(Ok(longest), |length| length.parse::<u8>().map_err(|_| wrong()))?;
    if length > longest { Err(wrong()) } else { Ok((address, length)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_addresses_with_lengths_that_fit() {
        assert_eq!(parse_network("10.1.0.0/16"), Ok(([10, 1, 0, 0].into(), 16)));
        assert_eq!(parse_network("127.0.0.1"), Ok(([127, 0, 0, 1].into(), 32)));
        assert_eq!(parse_network("fd00::/8").map(|(_, length)| length), Ok(8));
        for text in ["", "10.1", "10.1.0.0/33", "10.1.0.0/", "localhost", "::/129"] {
            assert!(parse_network(text).is_err_and(|error| error.contains("ADDRESS/LENGTH")), "{text}");
        }
    }
}
