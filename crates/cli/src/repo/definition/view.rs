//! The command line of `copr-repo view`.

use std::path::PathBuf;

use clap::Args;

/// Write pages about a repository: its packages by group and name, the latest changes, a feed.
///
/// The pages are files without scripts that link to each other, so any web server shows them, or a browser by itself. They say
/// of each package what the metadata say: dependencies with who provides them, changes, files, versions. Where the packages'
/// files are in DIR, their signatures are told, too. Nothing in DIR is changed.
///
/// OUT is replaced as a whole and in one step. It must not be there, be empty, or have been written by this command.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Exit codes:\n  0  done\n  1  nothing written\n\nExample:\n  copr-repo view /srv/repo -o /srv/repo/view \
    --title 'Apps for Example Linux' --base-url https://repo.example.com/view/"
)]
pub(in crate::repo) struct View {
    /// The folder that has repodata/.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// The folder for the pages.
    #[arg(short, long, value_name = "OUT")]
    pub out: PathBuf,
    /// What the repository is called [default: the name of DIR].
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// Where the pages will be: the feed then has absolute addresses.
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// Where the repository is, for links to packages [default: as it lies, where OUT is in DIR; else no links].
    #[arg(long, value_name = "URL")]
    pub repo_url: Option<String>,
    /// Write the data of every page beside it, as .json.
    #[arg(long)]
    pub with_json: bool,
    /// Print nothing but errors.
    #[arg(short, long)]
    pub quiet: bool,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
}
