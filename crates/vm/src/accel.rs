//! KVM or TCG: what was asked for, and what this host can do.

use std::{ffi::OsString, path::PathBuf};

/// What the configuration asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Accel {
    /// KVM when the probe says that it is usable, else TCG.
    #[default]
    Auto,
    /// KVM, unprobed.
    Kvm,
    /// TCG: emulation, always works, roughly [`crate::machine::TCG_FACTOR`] times slower.
    Tcg,
}

impl std::str::FromStr for Accel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "kvm" => Ok(Self::Kvm),
            "tcg" => Ok(Self::Tcg),
            other => Err(format!("no such accelerator {other:?}: say auto, kvm or tcg")),
        }
    }
}

/// What a machine runs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// Hardware virtualisation.
    Kvm,
    /// Emulation.
    Tcg,
}

impl std::fmt::Display for Accelerator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        })
    }
}

/// The choice and why, for `hw_info.log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccelChoice {
    /// What to run with.
    pub accelerator: Accelerator,
    /// One sentence.
    pub reason: String,
}

/// The program that runs [`crate::kvm::probe_main`] when it is called with these arguments: normally the caller's own
/// (`std::env::current_exe()`) with a hidden argument. A probe can hang inside the kernel, so it has a process of its own.
#[derive(Debug, Clone)]
pub struct ProbeProgram {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

/// Decides what machines run with. Takes up to three seconds when `requested` is [`Accel::Auto`]; ask once and keep it.
pub fn probe_accel(requested: Accel, probe: &ProbeProgram) -> AccelChoice {
    let choice = |accelerator, reason: &str| AccelChoice { accelerator, reason: reason.to_owned() };
    match requested {
        Accel::Kvm => choice(Accelerator::Kvm, "the configuration says kvm"),
        Accel::Tcg => choice(Accelerator::Tcg, "the configuration says tcg"),
        Accel::Auto => match crate::kvm::probe(probe) {
            Ok(reason) => AccelChoice { accelerator: Accelerator::Kvm, reason },
            Err(reason) => AccelChoice { accelerator: Accelerator::Tcg, reason },
        },
    }
}
