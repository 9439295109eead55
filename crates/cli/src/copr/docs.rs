//! The manual pages and the shells' completions, made from the command line's own definition.

use std::{io::Write, path::Path};

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use super::{args::Arguments, failure::Failure};

/// `copr man`: `copr.1` on standard output, or all pages into a folder.
pub(super) fn man(folder: Option<&Path>) -> Result<(), Failure> {
    match folder {
        Some(folder) => clap_mangen::generate_to(Arguments::command(), folder)?,
        None => {
            let mut page = Vec::new();
            Man::new(Arguments::command()).render(&mut page)?;
            std::io::stdout().write_all(&page)?;
        }
    }
    Ok(())
}

/// `copr completions`: the shell's script on standard output.
pub(super) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "copr", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(())
}
