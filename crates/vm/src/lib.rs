//! One throw-away machine: assemble its disks, boot it, talk to it, bound it, kill it.
//!
//! A machine is one QEMU process that lives as long as one call of [`machine::run`]. What goes in goes in by read-only
//! disks, what comes out comes out as frames on one virtio-serial port (see [`proto`]), and the host treats every byte of
//! it as hostile. It has no network, or where the job needs one that of [`net`]. It boots, or goes on from a snapshot of a
//! machine that has booted; what it writes goes to a disk, or a layer over a base, that is thrown away.
//!
//! The guest's side of it is the program in `crates/guest`, which shares only [`proto`] with this crate (build it with
//! `default-features = false`).
//!
//! Everything here is synchronous: call it from a thread of its own.

pub mod net;
pub mod proto;
#[cfg(any(feature = "host", feature = "guest"))]
pub mod raw;

#[cfg(feature = "host")]
pub mod accel;
#[cfg(feature = "host")]
mod assemble;
#[cfg(feature = "host")]
mod cgroup;
#[cfg(feature = "host")]
pub mod confine;
#[cfg(feature = "host")]
mod deadline;
#[cfg(feature = "host")]
pub mod disk;
#[cfg(feature = "host")]
pub mod initramfs;
#[cfg(feature = "host")]
pub mod kernel;
#[cfg(feature = "host")]
pub mod kvm;
#[cfg(feature = "host")]
pub mod machine;
#[cfg(feature = "host")]
mod modules;
#[cfg(feature = "host")]
mod monitor;
#[cfg(feature = "host")]
pub mod qemu;
#[cfg(feature = "host")]
mod receive;
#[cfg(feature = "host")]
mod session;
#[cfg(feature = "host")]
mod snapshot;
#[cfg(feature = "host")]
mod unpack;

#[cfg(feature = "host")]
pub use accel::{Accel, AccelChoice, Accelerator, ProbeProgram, probe_accel};
#[cfg(feature = "host")]
pub use initramfs::Initramfs;
#[cfg(feature = "host")]
pub use kernel::{Kernel, KernelOptions};
#[cfg(feature = "host")]
pub use machine::{
    Answer, Confinement, Exit, Fault, Input, Limits, MachineError, MachineSpec, Network, Observer, Report, ResultFile,
    Root, run,
};
pub use proto::{Job, JobKind, LogStream, Stage};
#[cfg(feature = "host")]
pub use qemu::{find_qemu, qemu_version};
#[cfg(feature = "host")]
pub use snapshot::prune_snapshots;
