//! The data sets: each is made once and kept under `target/bench`, or where `COPR_BENCH_DATA` says.
//!
//! All but the folder of real RPMs come from Debian's package lists: real names, versions, dependencies, sizes,
//! checksums and file lists; descriptions, changes and times are made up, always the same ones. With the same lists
//! the same bytes come out.

mod apt;
mod debian;
mod random;
mod repository;
mod rpms;

use std::{
    cell::OnceCell,
    env,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, bail};

pub use debian::Lists;
pub use repository::Format;

/// How many RPM files [`Data::rpms`] has.
const RPMS: usize = 5_000;
/// Packages of the repositories that show how the cost of a publish grows, beside the 65,000 of the distribution.
pub const SIZES: [usize; 3] = [1_000, 10_000, 250_000];
/// The two repositories to merge have these of every [`DEALT`] packages: 40,000 of 65,000 each, 15,000 in both.
const HALVES: [(&str, std::ops::Range<usize>); 2] = [("half-a", 0..8), ("half-b", 5..13)];
/// See [`HALVES`].
const DEALT: usize = 13;

/// Where the data sets are, and what they are made of.
pub struct Data {
    root: PathBuf,
    lists: OnceCell<Lists>,
}

impl Data {
    /// The data sets of a source tree.
    #[must_use]
    pub fn of(tree: &Path) -> Self {
        let root = env::var_os("COPR_BENCH_DATA").filter(|folder| !folder.is_empty());
        Self { root: root.map_or_else(|| tree.join("target/bench"), PathBuf::from), lists: OnceCell::new() }
    }

    /// 5,000 RPM files, about 350 MB: a sample of the distribution, payloads scaled down from the real sizes.
    ///
    /// # Errors
    /// The lists are missing, or a file cannot be written.
    pub fn rpms(&self) -> Result<PathBuf> {
        self.once("rpms", |folder| rpms::write_sample(folder, self.lists()?, RPMS))
    }

    /// A repository of the whole distribution, 65,000 packages: the folder that holds its `repodata`.
    ///
    /// # Errors
    /// As [`Data::rpms`].
    pub fn repository(&self, format: Format) -> Result<PathBuf> {
        self.once(&format!("repository-{}", format.name()), |folder| {
            let lists = self.lists()?;
            repository::write(folder, format, lists.len(), (0..lists.len()).filter_map(|n| lists.record(n)))
        })
    }

    /// As [`Data::repository`] of the first so many packages; where that is more than there are, they are repeated under
    /// other names.
    ///
    /// # Errors
    /// As [`Data::rpms`].
    pub fn repository_of(&self, packages: usize, format: Format) -> Result<PathBuf> {
        self.once(&format!("repository-{}-{packages}", format.name()), |folder| {
            let lists = self.lists()?;
            if lists.is_empty() {
                bail!("the lists name no packages");
            }
            // Spread over the whole distribution, so that they are packages of all kinds.
            let places = lists.len().min(packages);
            let mut records: Vec<(usize, usize)> =
                (0..packages).map(|n| ((n % places) * lists.len() / places, n / places)).collect();
            records.sort_by_cached_key(|(number, copy)| lists.file_name(*number, *copy));
            let records = records.into_iter().filter_map(|(number, copy)| lists.copy(number, copy));
            repository::write(folder, format, packages, records)
        })
    }

    /// A hundred RPM files, in `Packages/new`, that are in none of the repositories.
    ///
    /// # Errors
    /// As [`Data::rpms`].
    pub fn hundred_rpms(&self) -> Result<PathBuf> {
        self.once("hundred-rpms", |folder| rpms::write_hundred(folder, self.lists()?))
    }

    /// Two repositories of 40,000 packages, gzip, 15,000 packages in both.
    ///
    /// # Errors
    /// As [`Data::rpms`].
    pub fn halves(&self) -> Result<Vec<PathBuf>> {
        let half = |(name, dealt): &(&str, std::ops::Range<usize>)| {
            self.once(name, |folder| {
                let lists = self.lists()?;
                let chosen: Vec<usize> = (0..lists.len()).filter(|n| dealt.contains(&(n % DEALT))).collect();
                let records = chosen.iter().filter_map(|n| lists.record(*n));
                repository::write(folder, Format::Gzip, chosen.len(), records)
            })
        };
        HALVES.iter().map(half).collect()
    }

    /// The packages of [`Data::repository`] as empty (sparse) files of the right size and time: what `--update` looks
    /// at, without 100 GB of packages.
    ///
    /// # Errors
    /// As [`Data::rpms`].
    pub fn tree(&self) -> Result<PathBuf> {
        self.once("tree", |folder| rpms::write_sparse(folder, self.lists()?))
    }

    /// Two RPM files that are not in [`Data::repository`].
    ///
    /// # Errors
    /// As [`Data::rpms`].
    pub fn new_rpms(&self) -> Result<PathBuf> {
        self.once("new-rpms", |folder| rpms::write_new(folder, self.lists()?))
    }

    /// A folder for what a benchmark writes; beside the data sets, so on the same file system.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn scratch(&self) -> Result<PathBuf> {
        let folder = self.root.join("scratch");
        fs_err::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// A folder that is filled once: under another name until it is complete.
    fn once(&self, name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let folder = self.root.join(name);
        if folder.is_dir() {
            return Ok(folder);
        }
        let began = Instant::now();
        let part = self.root.join(format!("{name}.part"));
        if part.exists() {
            fs_err::remove_dir_all(&part)?;
        }
        fs_err::create_dir_all(&part)?;
        fill(&part).with_context(|| format!("cannot make the data set {}", folder.display()))?;
        fs_err::rename(&part, &folder)?;
        eprintln!("made {} in {:.1} s", folder.display(), began.elapsed().as_secs_f64());
        Ok(folder)
    }

    fn lists(&self) -> Result<&Lists> {
        if let Some(lists) = self.lists.get() {
            return Ok(lists);
        }
        let lists = Lists::read(&apt::fetch(&self.root.join("apt"))?)?;
        Ok(self.lists.get_or_init(|| lists))
    }
}
