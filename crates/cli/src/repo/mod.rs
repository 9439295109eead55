//! `copr-repo`, the repository toolkit.

mod create;
mod definition;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use definition::{Action, Arguments};

/// Runs the program: reads the command line, does what it says, tells the exit code (0 done, 1 failed or called
/// wrongly, 2 done but for packages that were skipped).
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    match run(arguments.action) {
        Ok(code) => code,
        Err(error) => {
            anstream::eprintln!("copr-repo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(action: Action) -> anyhow::Result<ExitCode> {
    match action {
        Action::Create(arguments) => create::run(&arguments),
        Action::Man => {
            let mut page = Vec::new();
            definition::man_page(&mut page)?;
            std::io::stdout().write_all(&page)?;
            Ok(ExitCode::SUCCESS)
        }
        Action::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "copr-repo", &mut script);
            std::io::stdout().write_all(&script)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
