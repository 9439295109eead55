//! Several repositories as one, as `mergerepo_c` makes it.

mod choose;
mod extra;

use std::path::{Path, PathBuf};

use crate::assemble::{Item, nothing_fresh, pool};
use crate::output::Output;
use crate::source::Source;
use crate::workspace::{Locking, Workspace};
use crate::{Error, Published, Warning};

/// Which of several packages with the same name and architecture is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Method {
    /// The one of the first repository that has any.
    #[default]
    Repository,
    /// The one whose file is newest.
    Newest,
    /// The one with the highest version.
    HighestVersion,
    /// All versions; of the same version the one of the first repository (`--all`).
    AllVersions,
    /// All, even those of the same version (koji's `--simple`).
    Everything,
}

/// koji's additional rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Koji {
    /// Whether to take all builds: otherwise only those of the first repository that has the source package's name, and
    /// only of its newest build there.
    pub simple: bool,
    /// Names of source packages whose packages are left out.
    pub blocked: Vec<String>,
}

/// One repository that is merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Where it lies on this machine; remote metadata are fetched by the caller.
    pub dir: PathBuf,
    /// How it was named: what its packages get for `xml:base`, without a slash at the end.
    pub url: String,
}

/// How [`merge`] works.
#[derive(Debug, Clone)]
pub struct MergeOptions {
    /// How metadata are written.
    pub output: Output,
    /// Which of several packages are kept.
    pub method: Method,
    /// Architectures to take; empty for all. `noarch` is not added by itself.
    pub arches: Vec<String>,
    /// koji's rules, where wanted.
    pub koji: Option<Koji>,
    /// Whether to write the list of where packages come from (type `origin`).
    pub origins: bool,
    /// A repository whose noarch packages replace those of the same location.
    pub noarch: Option<Input>,
    /// Whether packages get no `xml:base`.
    pub omit_base: bool,
    /// Beginning of URLs to replace in `xml:base`, and by what.
    pub replace_prefix: Option<(String, String)>,
    /// comps.xml to include; `None` for that of the first repository that has one.
    pub groupfile: Option<PathBuf>,
    /// Whether to leave out comps.
    pub no_groups: bool,
    /// Whether to leave out updateinfo.
    pub no_updateinfo: bool,
    /// What to do about another writer.
    pub locking: Locking,
}

impl MergeOptions {
    /// All architectures, by the order of repositories.
    pub fn new(output: Output) -> Self {
        Self {
            output,
            method: Method::Repository,
            arches: Vec::new(),
            koji: None,
            origins: false,
            noarch: None,
            omit_base: false,
            replace_prefix: None,
            groupfile: None,
            no_groups: false,
            no_updateinfo: false,
            locking: Locking::Refuse,
        }
    }
}

/// What [`merge`] made.
#[derive(Debug)]
pub struct Merged {
    /// The publish.
    pub published: Published,
    /// Packages of each input, and how many of them were taken because no input before had their like. What took the place
    /// of another is not counted again.
    pub inputs: Vec<(usize, usize)>,
}

/// Merges repositories into `dir`.
///
/// # Errors
/// An input cannot be read or does not match its repomd.xml, another writer is at work, or the result cannot be written.
pub fn merge(
    inputs: &[Input],
    dir: &Path,
    options: &MergeOptions,
    warn: &mut dyn FnMut(Warning),
) -> Result<Merged, Error> {
    let pool = pool(options.output.workers)?;
    let workspace = Workspace::open(dir, options.locking)?;
    let current = workspace.repomd().unwrap_or(None);
    // The repository with noarch packages comes behind all others, and is not one of them.
    let places = inputs.iter().chain(&options.noarch);
    let sources =
        pool.install(|| places.map(|input| Source::open_as(&input.dir, &input.url)).collect::<Result<Vec<_>, _>>())?;
    let chosen = choose::choose(inputs, &sources, options, warn);
    let items: Vec<Item> = chosen
        .packages
        .into_iter()
        .map(|package| Item::Old { source: package.source, index: package.index, location: package.location })
        .collect();
    let output = &options.output;
    let fresh = nothing_fresh(&output.documents());
    let mut files = output.assemble(&sources, &items, workspace.folder(), &pool, fresh)?;
    files.extend(extra::gather(&workspace, inputs, &sources, &chosen.origins, options, warn)?);
    let repomd = workspace.commit(output, current.as_ref(), files, Vec::new(), &mut |_| Ok(()))?;
    let packages = items.len();
    let published =
        Published { packages, added: packages, changed: true, revision: repomd.revision, ..Published::default() };
    let taken = chosen.taken.into_iter().zip(&sources).map(|(taken, source)| (source.entries.len(), taken)).collect();
    Ok(Merged { published, inputs: taken })
}
