//! The repository toolkit: see [`copr_cli::repo`].

use std::process::ExitCode;

/// Many threads make and drop many small texts here, which the system's allocator takes twice as long for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    copr_cli::repo::main()
}
