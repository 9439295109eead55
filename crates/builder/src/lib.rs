//! A builder: leases build-chroots from a server over HTTP, and builds each in a throw-away machine of its own.
//!
//! One lease goes through these steps; each has a module:
//!
//! 1. [`client`]: the lease is taken; a heartbeat task keeps it and learns of cancellations (`heartbeat`);
//! 2. the SRPM, or what one is made of, is downloaded and checked against the lease's SHA-256 (`job`), and `engine` takes
//!    over, which knows no server (`local` builds by it without one);
//! 3. the repositories of the distribution, the project and its chain are found and read (`repositories`), and three sets
//!    of packages are chosen: tools, base and the whole (`buildroot`). What is fetched is verified, by checksum always
//!    and by signature where there are keys, into a shared cache (`cache` keeps it in bounds);
//! 4. the tools that install packages inside the machine are put together, once for each set of packages (`stage0`), and
//!    so is the base, in a machine of its own (`bases`);
//! 5. the machine starts on a layer over the base and installs the rest; what the source package turns out to require in
//!    its chroot is solved and fetched while it waits (`rounds`); its logs go to the server while it runs (`logs`);
//! 6. results are checked as what they are, bytes of strangers, in a confined process (`results`), compared with the
//!    distribution's (`shadows`), read by rpmlint in another machine (`lint`), uploaded, and the lease is finished.
//!
//! Source packages are made in machines of the same kind (`sources`), which reach public addresses. What chroots are is
//! told by [`definitions`].
//!
//! The package's own failure ends the build ([`copr_api::builder::Outcome::UserFault`]); a failure of ours gives the
//! lease back so that the build is tried again ([`copr_api::builder::Outcome::MachineFault`]). A builder that dies says
//! nothing: its leases run out, and its work folders are swept when it starts again.

mod bases;
mod buildroot;
mod cache;
mod check;
pub mod client;
pub mod definitions;
pub mod download;
mod engine;
mod heartbeat;
mod job;
mod lint;
mod local;
mod logs;
mod machine;
mod options;
mod repositories;
mod results;
mod rounds;
mod run;
mod shadows;
mod sources;
mod stage0;
mod workdir;

pub use check::{CheckError, Checked, Examination, Row, Verdict, check, examine};
pub use copr_vm::{Accel, Network, ProbeProgram, kvm::probe_main};
pub use local::{LocalBuild, LocalError, Progress, build_local};
pub use options::{BuilderOptions, EngineOptions, parse_network};
pub use repositories::external_repositories;
pub use results::check_results_main;
pub use run::{Ending, RunError, run};

/// The program that runs as PID 1 inside machines, linked statically, as this crate's build script made it.
pub static GUEST: &[u8] = include_bytes!(env!("COPR_GUEST_BINARY"));
