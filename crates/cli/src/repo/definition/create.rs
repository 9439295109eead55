//! `createrepo_c` and `copr-repo create`.

use std::path::PathBuf;

use clap::Args;

use super::MoreOutput;

/// The options of `createrepo_c` 1.2, with its names, short forms and defaults.
#[derive(Debug, Clone, Default, Args)]
#[command(args_override_self = true)]
pub(in crate::repo) struct CreateOptions {
    /// Folder of the packages; folders below it count. Several only with --split.
    #[arg(value_name = "DIR")]
    pub dirs: Vec<PathBuf>,

    /// Print nothing but errors.
    #[arg(short, long)]
    pub quiet: bool,
    /// Print more.
    #[arg(short, long)]
    pub verbose: bool,
    /// Leave out packages whose name or relative path matches; `*` and `?` match slashes too. May be repeated.
    #[arg(short = 'x', long, value_name = "PATTERN")]
    pub excludes: Vec<String>,
    /// What a relative DIR is relative to.
    #[arg(long, value_name = "DIR")]
    pub basedir: Option<PathBuf>,
    /// Base URL of all packages (`xml:base`).
    #[arg(short = 'u', long, value_name = "URL")]
    pub baseurl: Option<String>,
    /// comps.xml to include: a path, relative to DIR, or a URL.
    #[arg(short, long, value_name = "FILE")]
    pub groupfile: Option<String>,
    /// Kind of the checksums of packages and in repomd.xml: md5, sha, sha1, sha224, sha256, sha384 or sha512
    /// [default: sha256].
    #[arg(short = 's', long, value_name = "TYPE")]
    pub checksum: Option<String>,
    /// Kind of the checksums in repomd.xml [default: that of --checksum].
    #[arg(long, value_name = "TYPE")]
    pub repomd_checksum: Option<String>,
    /// Elements on lines of their own (default).
    #[arg(short, long, overrides_with = "no_pretty")]
    pub pretty: bool,
    /// No line breaks between elements.
    #[arg(long, overrides_with = "pretty")]
    pub no_pretty: bool,
    /// Also make SQLite databases, for yum of EL 7 and before.
    #[arg(short, long)]
    pub database: bool,
    /// Make no SQLite databases (default).
    #[arg(long)]
    pub no_database: bool,
    /// Also write filelists-ext, which has the digests of files.
    #[arg(long)]
    pub filelists_ext: bool,

    /// Take over what the metadata before say of packages whose size and time have not changed.
    #[arg(long)]
    pub update: bool,
    /// With --update: take over from this repository, too; a path or a URL. May be repeated.
    #[arg(long, value_name = "REPOSITORY")]
    pub update_md_path: Vec<String>,
    /// With --update: believe that a file of the same name is the same file.
    #[arg(long)]
    pub skip_stat: bool,
    /// Take the list of packages from the metadata before, without walking through DIR.
    #[arg(long)]
    pub recycle_pkglist: bool,
    /// Several DIRs are volumes of a media set.
    #[arg(long)]
    pub split: bool,
    /// File with the packages to take, relative to DIR, one a line.
    #[arg(short = 'i', long, value_name = "FILE")]
    pub pkglist: Option<PathBuf>,
    /// One package to take, relative to DIR. May be repeated.
    #[arg(short = 'n', long, value_name = "PACKAGE")]
    pub includepkg: Vec<String>,
    /// Write OUT/repodata instead of DIR/repodata (locations stay relative to DIR).
    #[arg(short, long, alias = "output", value_name = "OUT")]
    pub outputdir: Option<PathBuf>,
    /// Leave out symbolic links.
    #[arg(short = 'S', long)]
    pub skip_symlinks: bool,
    /// How many of the newest changes of each package to take; -1 for all [default: 10].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub changelog_limit: Option<i64>,
    /// Files named by their checksum (default).
    #[arg(long)]
    pub unique_md_filenames: bool,
    /// Files with plain names.
    #[arg(long)]
    pub simple_md_filenames: bool,
    /// 0: remove the files before at once; any other number: keep them all. With --compatibility: keep so many
    /// generations [default: keep them for an hour].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub retain_old_md: Option<i64>,
    /// Remove all files in repodata/ that are older than this: 30m, 2h, 30d, or seconds.
    #[arg(long, value_name = "AGE")]
    pub retain_old_md_by_age: Option<String>,

    /// Distribution: `text` or `cpeid,text`. May be repeated, likewise --content and --repo.
    #[arg(long, value_name = "TAG")]
    pub distro: Vec<String>,
    /// What is in the repository.
    #[arg(long, value_name = "TAG")]
    pub content: Vec<String>,
    /// What the repository is.
    #[arg(long, value_name = "TAG")]
    pub repo: Vec<String>,
    /// Revision in repomd.xml [default: the time].
    #[arg(long, value_name = "REVISION")]
    pub revision: Option<String>,
    /// Take --revision, seconds since 1970, for all times in repomd.xml and of the files.
    #[arg(long)]
    pub set_timestamp_to_revision: bool,
    /// Write the locations of the packages that were read, not taken over, to this file.
    #[arg(long, value_name = "FILE")]
    pub read_pkgs_list: Option<PathBuf>,
    /// Threads, 1 to 100 [default: one a processor].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub workers: Option<i64>,

    /// xz for databases, comps and other additional files.
    #[arg(long)]
    pub xz: bool,
    /// Compression of databases, comps and other additional files: gz, bz2, xz, zstd or zck.
    #[arg(long, value_name = "TYPE")]
    pub compress_type: Option<String>,
    /// Compression of everything: gz, bz2, xz, zstd or zck [default: zstd; bz2 for databases].
    #[arg(long, visible_alias = "compress", value_name = "TYPE")]
    pub general_compress_type: Option<String>,
    /// Also write zchunk copies.
    #[arg(long)]
    pub zck: bool,
    /// Folder of dictionaries for --zck.
    #[arg(long, value_name = "DIR")]
    pub zck_dict_dir: Option<PathBuf>,
    /// With --update: keep metadata of other kinds, such as updateinfo (default).
    #[arg(long)]
    pub keep_all_metadata: bool,
    /// With --update: drop metadata of other kinds.
    #[arg(long)]
    pub discard_additional_metadata: bool,
    /// For yum of EL 7 and before: gzip, SQLite databases, comps.xml uncompressed.
    #[arg(long)]
    pub compatibility: bool,
    /// Folder of checksums that were computed before; one file a package.
    #[arg(short, long, value_name = "DIR")]
    pub cachedir: Option<PathBuf>,
    /// Accepted, without effect.
    #[arg(long)]
    pub local_sqlite: bool,
    /// Leave away so many leading folders of locations.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub cut_dirs: Option<i64>,
    /// Put this before every location.
    #[arg(long, value_name = "PREFIX")]
    pub location_prefix: Option<String>,
    /// Without effect: the exit code always is 2 when packages were left out.
    #[arg(long)]
    pub error_exit_val: bool,
    /// Packages of the same name, version and architecture: `keep` all, or `keep-last`, the one built last
    /// [default: keep].
    #[arg(long, value_name = "WHICH")]
    pub duplicated_nevra: Option<String>,
    /// Take no notice of a .repodata/ that another createrepo_c has left.
    #[arg(long)]
    pub ignore_lock: bool,

    /// Refused: delta RPMs are not made.
    #[arg(long, hide_short_help = true)]
    pub deltas: bool,
    /// Refused: delta RPMs are not made.
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub oldpackagedirs: Vec<PathBuf>,
    /// Refused: delta RPMs are not made.
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub num_deltas: Option<i64>,
    /// Refused: delta RPMs are not made.
    #[arg(long, value_name = "BYTES", hide_short_help = true)]
    pub max_delta_rpm_size: Option<i64>,
}

/// Write the metadata of a folder of packages, in place of any that are there.
///
/// Every *.rpm file under DIR is read, and DIR/repodata written, as `createrepo_c` does. The new metadata come into
/// force at once; the files of the metadata before stay for an hour, for clients that are still reading them.
#[derive(Debug, Args)]
#[command(args_override_self = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes:\n  0  done\n  1  nothing written: wrong arguments, DIR cannot be read, ...\n  \
    2  done, but packages that cannot be read were left out; each is named on standard error\n\n\
    Example:\n  copr-repo create --compress gz /srv/repo")]
pub(in crate::repo) struct Create {
    #[command(flatten)]
    pub stock: CreateOptions,
    #[command(flatten)]
    pub more: MoreOutput,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
}
