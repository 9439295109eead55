//! End-to-end stories over the real programs: one test binary.
//!
//! They need what `make test` prepares: the release binaries, the minidistro, the plugin, QEMU, rpm and dnf.

#![allow(clippy::unwrap_used, reason = "a story ends where something fails")]

mod bad_input;
mod blame;
mod builder_daemon;
mod chain;
mod copr_cli_builds;
mod copr_cli_packages;
mod copr_cli_projects;
mod copr_cli_results;
mod dependencies;
mod dnf_copr;
mod drop_in;
mod full_disk;
mod hostile;
mod journey;
mod killed_server;
mod layering;
mod many_builds;
mod operation;
mod promotion;
mod proxy;
mod release_package;
mod requirements;
mod restart;
mod sign_in_elsewhere;
mod signing;
mod stock_client;
mod stock_plugin;
mod view;
