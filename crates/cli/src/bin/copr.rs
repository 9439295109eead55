//! The packager's client: see [`copr_cli::copr`].

use std::process::ExitCode;

fn main() -> ExitCode {
    copr_cli::copr::main()
}
