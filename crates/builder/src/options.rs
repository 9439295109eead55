//! What a builder is told when it is started.

use std::path::PathBuf;

use copr_api::names::Secret;
use copr_vm::{Accel, ProbeProgram};

/// How to reach the server, where to work, and what machines to make.
#[derive(Debug, Clone)]
pub struct BuilderOptions {
    /// Base URL of the server, e.g. `http://127.0.0.1:5000`; `/builder/v1` is added.
    pub server_url: String,
    /// The builder token that the server expects.
    pub token: Secret,
    /// The builder's own name, for pages and logs.
    pub name: String,
    /// How many machines may run at once; 1 at least.
    pub workers: usize,
    /// Folder of the shared cache: verified packages and metadata, tool roots, unpacked kernels. Kept between runs.
    pub cache_dir: PathBuf,
    /// Folder for the work of running builds. One builder process owns it, by a lock; what it finds there is deleted.
    pub work_dir: PathBuf,
    /// The QEMU program, a path or a name to look for in `$PATH`'s usual folders, e.g. `qemu-system-x86_64`.
    pub qemu: PathBuf,
    /// Hardware virtualisation, emulation, or whichever works.
    pub accel: Accel,
    /// The program that [`crate::probe_main`] runs in, in a process of its own; used when `accel` is [`Accel::Auto`].
    pub probe: ProbeProgram,
    /// Kernel image for machines (`vmlinuz`, or an uncompressed `vmlinux`); `None` takes the newest cloud kernel in `/boot`.
    pub kernel: Option<PathBuf>,
    /// Folder of that kernel's modules (`/lib/modules/VERSION`); `None` derives it from the kernel's name.
    pub modules: Option<PathBuf>,
    /// Memory of a machine, in MiB.
    pub memory_mib: u32,
    /// Virtual CPUs of a machine.
    pub cpus: u32,
    /// Size of a machine's scratch disk in bytes; it is sparse.
    pub scratch_bytes: u64,
}

impl BuilderOptions {
    /// Options with the usual machine: one worker, 2 GiB of memory, one CPU, 20 GiB of scratch disk.
    /// The KVM probe is the running program with the argument `kvm-probe`.
    #[must_use]
    pub fn new(server_url: impl Into<String>, token: Secret, cache_dir: PathBuf, work_dir: PathBuf) -> Self {
        Self {
            server_url: server_url.into(),
            token,
            name: "builder".to_owned(),
            workers: 1,
            cache_dir,
            work_dir,
            qemu: PathBuf::from("qemu-system-x86_64"),
            accel: Accel::Auto,
            probe: ProbeProgram {
                program: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("coprd")),
                args: vec!["kvm-probe".into()],
            },
            kernel: None,
            modules: None,
            memory_mib: 2048,
            cpus: 1,
            scratch_bytes: 20 << 30,
        }
    }
}
