//! The repository toolkit: see [`copr_cli::repo`].

use std::process::ExitCode;

fn main() -> ExitCode {
    copr_cli::repo::main()
}
