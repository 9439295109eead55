//! Mirrors of a real web server's repositories, through a proxy that does to answers what networks and liars do.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod faults;
mod keeping;
mod mirrors;
mod signatures;
mod support;
mod whole;
