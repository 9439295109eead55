//! End-to-end stories over the real programs: one test binary.
//!
//! They need what `make test` prepares: the release binaries, the minidistro, the plugin, QEMU, rpm and dnf.

#![allow(clippy::unwrap_used, reason = "a story ends where something fails")]

mod bad_input;
mod builder_daemon;
mod chain;
mod dependencies;
mod dnf_copr;
mod drop_in;
mod full_disk;
mod hostile;
mod journey;
mod layering;
mod many_builds;
mod requirements;
mod restart;
mod stock_client;
mod stock_plugin;
