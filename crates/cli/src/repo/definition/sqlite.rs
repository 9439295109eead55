//! `sqliterepo_c` and `copr-repo sqlite`.

use std::path::PathBuf;

use clap::Args;

/// The options of `sqliterepo_c` 1.2, with its names, short forms and defaults.
#[derive(Debug, Clone, Default, Args)]
#[command(args_override_self = true)]
pub(in crate::repo) struct SqliteOptions {
    /// The folder that has repodata/.
    #[arg(value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// Print nothing but errors.
    #[arg(short, long)]
    pub quiet: bool,
    /// Print more.
    #[arg(short, long)]
    pub verbose: bool,
    /// Replace databases that are there.
    #[arg(short, long)]
    pub force: bool,
    /// With --force: keep the files of the databases before.
    #[arg(long)]
    pub keep_old: bool,
    /// xz for the databases.
    #[arg(long)]
    pub xz: bool,
    /// Compression of the databases: gz, bz2, xz or zstd [default: bz2].
    #[arg(long, value_name = "TYPE")]
    pub compress_type: Option<String>,
    /// Kind of the checksums in repomd.xml [default: that of the primary file].
    #[arg(long, value_name = "TYPE")]
    pub checksum: Option<String>,
    /// Build the databases in the folder for temporary files (TMPDIR), for network file systems without locks.
    #[arg(long)]
    pub local_sqlite: bool,
}

/// Add SQLite databases to a repository's metadata, for yum of EL 7 and before.
#[derive(Debug, Args)]
#[command(args_override_self = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes:\n  0  done\n  1  nothing changed\n\nExample:\n  copr-repo sqlite /srv/repo")]
pub(in crate::repo) struct Sqlite {
    #[command(flatten)]
    pub stock: SqliteOptions,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
}
