//! The command line of `copr-repo`: help, man page and completions all come from here.

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

/// Makes and keeps the metadata of RPM repositories.
#[derive(Debug, Parser)]
#[command(name = "copr-repo", version, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    Create(Create),
    /// Print the man page (roff).
    #[command(hide = true)]
    Man,
    /// Print completions for a shell.
    #[command(hide = true)]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Write the metadata of a folder of packages, in place of any that are there.
///
/// Every *.rpm file under DIR is read, and DIR/repodata written, as `createrepo_c` does. The new metadata come into
/// force at once; the files of the metadata before stay for an hour, for clients that are still reading them.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes:\n  0  done\n  1  nothing written: wrong arguments, DIR cannot be read, ...\n  \
    2  done, but packages that cannot be read were left out; each is named on standard error\n\n\
    Example:\n  copr-repo create --compress zstd /srv/repo")]
pub(super) struct Create {
    /// Folder of the packages; folders below it count.
    #[arg(value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// Write OUT/repodata instead of DIR/repodata (locations stay relative to DIR).
    #[arg(short, long, value_name = "OUT")]
    pub(super) output: Option<PathBuf>,
    /// Threads to use [default: one a processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) workers: Option<u16>,
    /// Compression of the metadata.
    #[arg(long, value_name = "TYPE", value_enum, default_value_t = Compress::Gz)]
    pub(super) compress: Compress,
    /// Take over unchanged packages.
    #[arg(long)]
    pub(super) update: bool,
    /// Print nothing but errors.
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Compress {
    /// gzip: every client reads it.
    Gz,
    /// zstd: smaller and faster; EL 8 and later.
    Zstd,
}

/// The program's page, then that of each command.
pub(super) fn man_page(to: &mut dyn std::io::Write) -> std::io::Result<()> {
    let command = Arguments::command();
    clap_mangen::Man::new(command.clone()).render(to)?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let title = format!("copr-repo-{}", sub.get_name());
        let called = format!("copr-repo {}", sub.get_name());
        clap_mangen::Man::new(sub.clone().display_name(title).bin_name(called)).render(to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_man_page_names_every_option() {
        let mut page = Vec::new();
        man_page(&mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        for word in ["create", "workers", "compress", "quiet", "json", "output"] {
            assert!(page.contains(word), "{word}");
        }
    }

    #[test]
    fn zero_workers_are_refused() {
        assert!(Arguments::try_parse_from(["copr-repo", "create", "--workers", "0", "."]).is_err());
    }
}
