//! A whole builder against a server that the tests play.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod leases;
mod machine;
mod server;
mod srpm;

/// Reads results as the builders of the other tests ask for it.
#[test]
#[ignore = "it is a child of the others"]
fn the_process_that_reads_results() {
    std::process::exit(copr_builder::check_results_main());
}
