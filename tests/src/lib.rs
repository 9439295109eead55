//! What the stories and the demo share: the real programs, started, asked and stopped.
//!
//! Nothing here is faked: `coprd`, `copr` and `copr-repo` are the release binaries, builds run in QEMU, and the packages
//! are installed by the machine's own dnf.

use std::time::Duration;

/// How long is waited for what is certain to come, on a machine that may be busy with anything else: no story tells of speed.
pub const PATIENCE: Duration = Duration::from_secs(600);

pub mod builder;
pub mod dnf;
pub mod files;
pub mod journey;
pub mod leftovers;
pub mod packager;
pub mod programs;
pub mod report;
pub mod script;
pub mod server;
pub mod stock;
