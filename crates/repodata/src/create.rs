//! The metadata of a folder of packages.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::output::Output;
use crate::workspace::Locking;
use crate::{ChecksumKind, Error, Published, Warning};

/// Which packages go into the metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Selection {
    /// All `*.rpm` files under the folders.
    #[default]
    Walk,
    /// These, relative to the folder. Module metadata among them (`*modules.yaml`, ...) are taken up.
    List(Vec<String>),
    /// Those that the metadata before have (`--recycle-pkglist`), and these.
    Recycle(Vec<String>),
}

/// What [`create`] takes over from metadata that are there already.
#[derive(Debug, Clone, Default)]
pub struct Update {
    /// More repositories whose metadata may be taken over, beside the one that is written.
    pub more: Vec<PathBuf>,
    /// Take over whatever has the same path, without looking at the file's time and size.
    pub skip_stat: bool,
    /// Whether metadata of other kinds (updateinfo, comps, ...) are dropped.
    pub discard_additional: bool,
}

/// What happens to packages with the same name, version, release and architecture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Duplicates {
    /// All stay, with a warning.
    #[default]
    Keep,
    /// Only the one built last stays; of those the one whose path is last.
    KeepLast,
}

/// How [`create`] works.
#[derive(Debug, Clone)]
pub struct CreateOptions {
    /// Where `repodata/` goes; `None` for the (first) folder of packages.
    pub output_dir: Option<PathBuf>,
    /// How metadata are written.
    pub output: Output,
    /// Kind of the packages' checksums.
    pub checksum: ChecksumKind,
    /// `xml:base` of every package.
    pub location_base: Option<String>,
    /// Put before every package's location.
    pub location_prefix: Option<String>,
    /// Leading folders to leave away from locations.
    pub cut_dirs: usize,
    /// Whether each folder is a volume of a media set (`media:#1`, ...).
    pub split: bool,
    /// Which packages.
    pub selection: Selection,
    /// Patterns of names and relative paths to leave out; `*` and `?` match slashes too.
    pub excludes: Vec<String>,
    /// Whether symbolic links are left out.
    pub skip_symlinks: bool,
    /// Take over what is known already; `None` to read every package.
    pub update: Option<Update>,
    /// What to do about duplicates.
    pub duplicates: Duplicates,
    /// comps.xml to include, as type `group`.
    pub groupfile: Option<PathBuf>,
    /// Whether comps.xml stays uncompressed, as `yum` of EL 7 needs it.
    pub plain_group: bool,
    /// Folder of checksums that have been computed before, one file a package, as `createrepo_c --cachedir` has it.
    pub checksum_cache: Option<PathBuf>,
    /// What to do about another writer.
    pub locking: Locking,
}

impl CreateOptions {
    /// All packages of the folder, read anew.
    pub fn new(output: Output) -> Self {
        Self {
            output_dir: None,
            output,
            checksum: ChecksumKind::Sha256,
            location_base: None,
            location_prefix: None,
            cut_dirs: 0,
            split: false,
            selection: Selection::Walk,
            excludes: Vec::new(),
            skip_symlinks: false,
            update: None,
            duplicates: Duplicates::Keep,
            groupfile: None,
            plain_group: false,
            checksum_cache: None,
            locking: Locking::Refuse,
        }
    }
}

/// What [`create`] tells while it works.
#[derive(Debug)]
pub enum Progress<'a> {
    /// So many packages were found, of which so many are read.
    Found {
        /// All.
        packages: usize,
        /// Those that are not taken over from the metadata before.
        to_read: usize,
    },
    /// One package was read.
    Read(&'a Path),
    /// One package could not be read and is left out.
    Skipped(&'a Skipped),
    /// Something is odd, but goes on.
    Warning(&'a Warning),
    /// Reading is done, metadata are being completed.
    Writing,
}

/// A package that could not be read.
#[derive(Debug)]
pub struct Skipped {
    /// Its file.
    pub path: PathBuf,
    /// Why.
    pub error: Error,
}

/// Packages with the same name, version, release and architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// What they share: `bash-0:5.2-1.x86_64`.
    pub nevra: String,
    /// Where each lies, and when it was built (seconds since 1970); whether it was left out.
    pub packages: Vec<(String, u64, bool)>,
}

/// What [`create`] made.
#[derive(Debug)]
pub struct Created {
    /// The publish.
    pub published: Published,
    /// Packages left out, by path.
    pub skipped: Vec<Skipped>,
    /// Locations of the packages that were read, not taken over; in the order of the metadata.
    pub read: Vec<String>,
    /// Packages that there are more than once.
    pub duplicates: Vec<Duplicate>,
}

/// Writes the metadata of the packages in `dirs` (one folder, unless `options.split`), in place of any that are there.
///
/// `progress` is called from several threads.
///
/// # Errors
/// A folder cannot be read, another writer is at work, or the metadata cannot be written. A package that cannot be read
/// is skipped, not an error.
pub fn create(
    dirs: &[PathBuf],
    options: &CreateOptions,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Created, Error> {
    todo!()
}
