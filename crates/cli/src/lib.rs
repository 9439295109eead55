//! The two programs for the command line: [`copr`], the packager's client, and `copr-repo`, the repository toolkit.
//!
//! Only their `main` functions are of use to others.

pub mod copr;
pub mod repo;
