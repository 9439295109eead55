//! `modifyrepo_c` and `copr-repo modify`.

use std::path::PathBuf;

use clap::Args;

/// The options of `modifyrepo_c` 1.2, with its names, short forms and defaults.
#[derive(Debug, Clone, Default, Args)]
#[command(args_override_self = true)]
pub(in crate::repo) struct ModifyOptions {
    /// The file to add and the repodata folder; only the folder with --remove and --batchfile.
    #[arg(value_name = "FILE] [REPODATA")]
    pub paths: Vec<PathBuf>,
    /// The type in repomd.xml [default: the file's name up to its first dot].
    #[arg(long, value_name = "TYPE")]
    pub mdtype: Option<String>,
    /// Remove the file of this type.
    #[arg(long, value_name = "TYPE")]
    pub remove: Option<String>,
    /// Compress the file (default).
    #[arg(long)]
    pub compress: bool,
    /// Leave the file uncompressed.
    #[arg(long)]
    pub no_compress: bool,
    /// Compression: gz, bz2, xz, zstd or zck [default: zstd].
    #[arg(long, value_name = "TYPE")]
    pub compress_type: Option<String>,
    /// Kind of the checksum [default: sha256].
    #[arg(short = 's', long, value_name = "TYPE")]
    pub checksum: Option<String>,
    /// File named by its checksum (default).
    #[arg(long)]
    pub unique_md_filenames: bool,
    /// File with a plain name.
    #[arg(long)]
    pub simple_md_filenames: bool,
    /// Print more.
    #[arg(long)]
    pub verbose: bool,
    /// File of changes, an INI file: a section each, with path, type, remove, compress, compress-type, checksum,
    /// unique-md-filenames and new-name.
    #[arg(short = 'f', long, value_name = "FILE")]
    pub batchfile: Option<PathBuf>,
    /// Another name for the file.
    #[arg(long, value_name = "NAME")]
    pub new_name: Option<String>,
    /// Also add a zchunk copy.
    #[arg(long)]
    pub zck: bool,
    /// Folder of dictionaries for --zck.
    #[arg(long, value_name = "DIR")]
    pub zck_dict_dir: Option<PathBuf>,
}

/// Add a file to a repository's metadata, replace it or remove it.
#[derive(Debug, Args)]
#[command(args_override_self = true, arg_required_else_help = true)]
#[command(
    override_usage = "copr-repo modify [OPTIONS] FILE REPODATA\n       copr-repo modify [OPTIONS] --remove TYPE \
    REPODATA\n       copr-repo modify [OPTIONS] --batchfile FILE REPODATA"
)]
#[command(after_help = "Exit codes:\n  0  done\n  1  nothing changed\n\n\
    Example:\n  copr-repo modify updateinfo.xml /srv/repo/repodata")]
pub(in crate::repo) struct Modify {
    #[command(flatten)]
    pub stock: ModifyOptions,
    /// How long the file before stays: 30m, 2h, 30d, or seconds [default: 1h].
    #[arg(long, value_name = "TIME")]
    pub retain: Option<String>,
    /// Print nothing but errors.
    #[arg(short, long)]
    pub quiet: bool,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
}
