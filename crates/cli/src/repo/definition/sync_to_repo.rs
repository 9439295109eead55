//! `copr-repo sync-to-repo`.

use std::path::PathBuf;

use clap::Args;

/// Bring local packages into a repository elsewhere.
///
/// The repository's metadata are taken down, packages that are not there as they are here go up, then the metadata, and
/// repomd.xml last. If somebody else publishes meanwhile, the merge is done again on top of theirs. A run that broke off is
/// continued by the next one. Packages that are only there stay, unless --delete is given.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "URLs:\n  /path, file:///path        a folder\n  s3://BUCKET/PREFIX         S3 and what speaks like it; \
    credentials from the usual environment (AWS_ACCESS_KEY_ID, ...)\n  http://, https://          read by GET, written by \
    PUT (WebDAV, where the server has it)\n  ssh://USER@HOST/PATH       by the system's ssh, with its keys and \
    configuration; sftp:// is the same, /~/PATH begins in the home\n\nExit codes:\n  0  done\n  1  failed; the repository \
    is as it was, and the next run goes on from here\n\nExamples:\n  copr-repo sync-to-repo ./results \
    https://repo.example.com/el9 ssh://repo.example.com/srv/www/el9\n  copr-repo sync-to-repo --dry-run ./results \
    https://bucket.example.com/el9 s3://bucket/el9"
)]
pub(in crate::repo) struct SyncToRepo {
    /// The packages: a folder, which is searched for .rpm files, or one file.
    #[arg(value_name = "LOCALPKGS")]
    pub packages: PathBuf,
    /// Where the repository is read.
    #[arg(value_name = "READ-URL")]
    pub read: String,
    /// Where it is written; usually the same place by another way.
    #[arg(value_name = "WRITE-URL")]
    pub write: String,
    /// Start a new repository where there is none.
    #[arg(long)]
    pub init: bool,
    /// Remove packages that are there and not in LOCALPKGS: from the metadata, and then their files.
    #[arg(long)]
    pub delete: bool,
    /// Change nothing, only tell what would be done.
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Packages that go up at the same time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,
    /// Keep a copy of the metadata here, so that the next run need not take them down again.
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// URL of the S3 server, if it is not Amazon's [default: AWS_ENDPOINT_URL].
    #[arg(long, value_name = "URL")]
    pub s3_endpoint: Option<String>,
    /// An option of ssh, as of its -o. May be given several times.
    #[arg(short = 'o', long = "ssh-option", value_name = "KEY=VALUE")]
    pub ssh_options: Vec<String>,
    /// How long the files of the metadata before stay: 30m, 2h, 30d, or seconds [default: 1h].
    #[arg(long, value_name = "TIME")]
    pub retain: Option<String>,
    /// Print nothing but errors.
    #[arg(short, long)]
    pub quiet: bool,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
}
