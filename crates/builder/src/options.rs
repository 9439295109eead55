//! What a builder is told when it is started.

use std::path::PathBuf;

use copr_api::names::Secret;
use copr_vm::{Accel, Confinement, Network, ProbeProgram};

/// How to reach the server, which builds to take, and what machines to make of them.
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
    /// This host.
    pub host: HostOptions,
}

impl BuilderOptions {
    /// One job at a time, of any chroot, without tags.
    #[must_use]
    pub fn new(server_url: impl Into<String>, token: Secret, host: HostOptions) -> Self {
        Self {
            server_url: server_url.into(),
            token,
            name: "builder".to_owned(),
            jobs: 1,
            chroots: Vec::new(),
            tags: Vec::new(),
            host,
        }
    }
}

/// Where this host works and what machines it makes; also for builds without a server.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// Folder of the shared cache: verified packages and metadata, tool roots, bases, snapshots, unpacked kernels. Kept
    /// between runs, and shared by all builders of this user.
    pub cache_dir: PathBuf,
    /// Most bytes of packages, tool roots and bases in the cache; those that were not used for longest go first.
    pub cache_bytes: u64,
    /// Most bytes of snapshots of booted machines in the cache; 0: every machine boots.
    pub snapshot_bytes: u64,
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
    /// Memory of a machine, in MiB, where the build asks for nothing else.
    pub memory_mib: u32,
    /// Most memory that a build gets which asks for more, in MiB; not less than `memory_mib`.
    pub most_memory_mib: u32,
    /// Virtual CPUs of a machine, where the build asks for nothing else.
    pub cpus: u32,
    /// Most virtual CPUs that a build gets which asks for more; not less than `cpus`.
    pub most_cpus: u32,
    /// Size of a machine's scratch disk in bytes; it is sparse.
    pub scratch_bytes: u64,
    /// What machines with a network card may reach besides public addresses.
    pub network: Network,
    /// Bounds of QEMU itself.
    pub confinement: Confinement,
}

impl HostOptions {
    /// The usual machine: 2 GiB of memory, one CPU, 20 GiB of scratch disk; twice as much memory and CPUs for who asks.
    /// The children are the running program with the arguments `kvm-probe` and `check-results`.
    #[must_use]
    pub fn new(cache_dir: PathBuf, work_dir: PathBuf) -> Self {
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("coprd"));
        let child = |argument: &str| ProbeProgram { program: program.clone(), args: vec![argument.into()] };
        Self {
            cache_dir,
            cache_bytes: 50 << 30,
            snapshot_bytes: 10 << 30,
            work_dir,
            qemu: PathBuf::from("qemu-system-x86_64"),
            accel: Accel::Auto,
            probe: child("kvm-probe"),
            checker: child("check-results"),
            kernel: None,
            modules: None,
            memory_mib: 2048,
            most_memory_mib: 4096,
            cpus: 1,
            most_cpus: 2,
            scratch_bytes: 20 << 30,
            network: Network::default(),
            confinement: Confinement::default(),
        }
    }
}
