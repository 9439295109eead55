//! `mergerepo_c` and `copr-repo merge`.

use std::path::PathBuf;

use clap::Args;

/// The options of `mergerepo_c` 1.2, with its names, short forms and defaults.
#[derive(Debug, Clone, Default, Args)]
#[command(args_override_self = true)]
pub(in crate::repo) struct MergeOptions {
    /// A repository: a path or a URL. Repeated; of the same packages those of the first count.
    #[arg(short, long = "repo", value_name = "REPOSITORY")]
    pub repos: Vec<String>,
    /// Beginning of repositories' names to replace in `xml:base`.
    #[arg(long, value_name = "PREFIX")]
    pub repo_prefix_search: Option<String>,
    /// What to replace it by.
    #[arg(long, value_name = "PREFIX")]
    pub repo_prefix_replace: Option<String>,
    /// Architectures to take, separated by `,` or `;`; noarch is taken, too [default: all].
    #[arg(short, long, value_name = "ARCHES")]
    pub archlist: Option<String>,
    /// Also make SQLite databases.
    #[arg(short, long)]
    pub database: bool,
    /// Make no SQLite databases (default).
    #[arg(long)]
    pub no_database: bool,
    /// Also write filelists-ext, which has the digests of files.
    #[arg(long)]
    pub filelists_ext: bool,
    /// Print more.
    #[arg(short, long)]
    pub verbose: bool,
    /// Where to write repodata/ [default: merged_repo].
    #[arg(short, long, value_name = "OUT")]
    pub outputdir: Option<PathBuf>,
    /// Leave out comps.
    #[arg(long)]
    pub nogroups: bool,
    /// Leave out updateinfo.
    #[arg(long)]
    pub noupdateinfo: bool,
    /// Compression of everything: gz, bz2, xz, zstd or zck [default: zstd; bz2 for databases].
    #[arg(long, value_name = "TYPE")]
    pub compress_type: Option<String>,
    /// Also write zchunk copies.
    #[arg(long)]
    pub zck: bool,
    /// Folder of dictionaries for --zck.
    #[arg(long, value_name = "DIR")]
    pub zck_dict_dir: Option<PathBuf>,
    /// Of packages with the same name and architecture keep that of the first repository (`repo`), the newest file
    /// (`ts`) or the highest version (`nvr`) [default: repo].
    #[arg(long, value_name = "METHOD")]
    pub method: Option<String>,
    /// Keep all versions; of the same version that of the first repository.
    #[arg(long)]
    pub all: bool,
    /// A repository whose noarch packages replace those of the same location.
    #[arg(long, value_name = "REPOSITORY")]
    pub noarch_repo: Option<String>,
    /// Files named by their checksum (default).
    #[arg(long)]
    pub unique_md_filenames: bool,
    /// Files with plain names.
    #[arg(long)]
    pub simple_md_filenames: bool,
    /// Give packages no `xml:base`.
    #[arg(long)]
    pub omit_baseurl: bool,
    /// As koji merges: builds of the first repository that has their source package, and the list of origins.
    #[arg(short, long)]
    pub koji: bool,
    /// With --koji: keep everything, even packages that are the same.
    #[arg(long)]
    pub simple: bool,
    /// Write the list of where packages come from.
    #[arg(long)]
    pub pkgorigins: bool,
    /// With --archlist: take the architectures' variants and 32-bit counterparts, too.
    #[arg(long)]
    pub arch_expand: bool,
    /// comps.xml to include; a path or a URL [default: that of the first repository that has one].
    #[arg(short, long, value_name = "FILE")]
    pub groupfile: Option<String>,
    /// With --koji: file with names of source packages to leave out, one a line.
    #[arg(short, long, value_name = "FILE")]
    pub blocked: Option<PathBuf>,
}

/// Write the metadata of several repositories as one.
///
/// The packages stay where they are: the metadata say so (`xml:base`). Remote repositories' metadata are fetched and
/// verified first.
#[derive(Debug, Args)]
#[command(args_override_self = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes:\n  0  done\n  1  nothing written\n\n\
    Example:\n  copr-repo merge -r /srv/a -r https://example.org/b -o /srv/merged")]
pub(in crate::repo) struct Merge {
    #[command(flatten)]
    pub stock: MergeOptions,
    #[command(flatten)]
    pub more: super::MoreOutput,
    /// Print nothing but errors.
    #[arg(short, long)]
    pub quiet: bool,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
}
