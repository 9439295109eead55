//! A whole builder against a server that the tests play.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod leases;
mod machine;
mod server;
mod srpm;
