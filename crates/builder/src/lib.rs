//! A builder: leases build-chroots from a server over HTTP, and builds each in a throw-away machine of its own.
//!
//! One lease goes through these steps; each has a module:
//!
//! 1. [`client`]: the lease is taken; a heartbeat task keeps it and learns of cancellations (`heartbeat`);
//! 2. the SRPM is downloaded and checked against the lease's SHA-256 (`job`);
//! 3. the buildroot is solved from the distribution's repositories, the project and its chain, and every package is
//!    fetched and verified into a shared cache (`buildroot`);
//! 4. the tool root that installs these packages inside the machine is put together, once for each set of packages
//!    (`stage0`);
//! 5. the machine runs; its logs go to the server while it does (`logs`);
//! 6. results are checked as what they are, bytes of strangers (`results`), uploaded, and the lease is finished.
//!
//! The package's own failure ends the build ([`copr_api::builder::Outcome::UserFault`]); a failure of ours gives the
//! lease back so that the build is tried again ([`copr_api::builder::Outcome::MachineFault`]). A builder that dies says
//! nothing: its leases run out, and its work folders are swept when it starts again.

mod buildroot;
mod check;
pub mod client;
pub mod download;
mod heartbeat;
mod job;
mod logs;
mod machine;
mod options;
mod results;
mod run;
mod stage0;
mod workdir;

pub use check::{CheckError, Checked, check};
pub use copr_vm::{Accel, ProbeProgram, kvm::probe_main};
pub use options::BuilderOptions;
pub use run::{RunError, run};

/// The program that runs as PID 1 inside machines, linked statically, as this crate's build script made it.
pub static GUEST: &[u8] = include_bytes!(env!("COPR_GUEST_BINARY"));
