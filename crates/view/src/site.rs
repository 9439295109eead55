//! The pages as files, for any web server or none.
//!
//! ```text
//! index.html  latest.html  feed.atom  style-HASH.css
//! all.html  all,2.html ...      letter-a.html ...      group/NAME.html ...
//! package/NAME.html             the package that stands for a name
//! package/NAME-VERSION.html     the others
//! ```
//! Links are relative, so the folder may stand anywhere. Names of files are made harmless and differ on file systems that take
//! `A` for `a`, too; a comma stands only before the number of a page.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::sync_channel;

use askama::Template;
use copr_repodata::{Record, read};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::names::FileNames;
use crate::text::encode;
use crate::{
    BuildLink, Error, Feed, Index, Links, List, Package, PackageFacts, Page, Repository, STYLE, Signature, joined_url,
    pages,
};

/// Packages that are held at a time, and files of theirs.
const BATCH: usize = 512;
const BATCH_FILES: usize = 200_000;

/// How the pages are written.
#[derive(Debug, Clone, Default)]
pub struct SiteOptions {
    /// Where the pages will stand, with a slash at the end: feeds are to say so. Without it they do not.
    pub base_url: Option<String>,
    /// Where the packages are, as seen from the first page, with a slash at the end (or empty): an address or a relative path.
    /// Without it there are no links to them.
    pub files: Option<String>,
    /// Whether every page's data are written beside it as JSON.
    pub json: bool,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Pages.
    pub pages: u64,
    /// Packages that have one.
    pub packages: u64,
    /// Bytes of all files.
    pub size: u64,
}

/// Writes all pages of a repository into the folder `to`, which is there and empty. Reads the metadata once, whatever the order
/// of packages; memory: the index, and some packages. `progress` is told how many packages have been written, by several threads.
///
/// # Errors
/// The metadata cannot be read, or a file cannot be written.
pub fn write(
    repository: &Repository,
    to: &Path,
    options: &SiteOptions,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Written, Error> {
    let names = Names::of(repository.index());
    let site = Site { repository, to, options, names: &names, pages: AtomicU64::new(0), size: AtomicU64::new(0) };
    ["package", "group"].into_iter().try_for_each(|folder| fs_err::create_dir(to.join(folder)))?;
    site.put(style_name(), STYLE.as_bytes())?;
    site.lists()?;
    let packages = site.packages(progress)?;
    Ok(Written { pages: site.pages.into_inner(), packages, size: site.size.into_inner() })
}

/// The style sheet's name, which changes with its content.
fn style_name() -> &'static str {
    static NAME: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    NAME.get_or_init(|| {
        let sum = hex::encode(Sha256::digest(STYLE.as_bytes()));
        format!("style-{}.css", sum.get(..12).unwrap_or_default())
    })
}

/// A page as a whole.
#[derive(Template)]
#[template(path = "frame.html")]
struct Frame<'a> {
    title: &'a str,
    repository: &'a str,
    root: &'a str,
    style: &'static str,
    body: String,
}

/// The files' names of everything that has a name of its own, without suffix.
struct Names {
    packages: Vec<String>,
    groups: Vec<String>,
}

impl Names {
    fn of(index: &Index) -> Self {
        let mut files = FileNames::default();
        let mut packages = vec![String::new(); index.packages().len()];
        // Names first: no version of something else takes what is theirs.
        for name in index.names() {
            if let Some(slot) = packages.get_mut(name.first as usize) {
                *slot = files.claim(&name.text);
            }
        }
        for (slot, package) in packages.iter_mut().zip(index.packages()).filter(|(slot, _)| slot.is_empty()) {
            *slot = files.claim(&format!("{}-{}", package.name, package.key()));
        }
        let mut files = FileNames::default();
        let groups = index.groups().iter().map(|group| files.claim(&group.id)).collect();
        Self { packages, groups }
    }

    /// The file of a list's page.
    fn list(&self, list: List, page: usize) -> Option<(&'static str, String)> {
        let (folder, name) = match list {
            List::All => ("", "all".to_owned()),
            List::Letter(letter) => ("", format!("letter-{}", letter.slug())),
            List::Group(number) => ("group/", self.groups.get(number)?.clone()),
        };
        Some((folder, if page > 1 { format!("{name},{page}") } else { name }))
    }
}

/// Links between files.
struct FileLinks<'a> {
    /// From the page to the folder of the first page.
    root: &'static str,
    names: &'a Names,
    files: Option<&'a str>,
}

impl Links for FileLinks<'_> {
    fn index(&self) -> String {
        format!("{}index.html", self.root)
    }

    fn list(&self, _: &Index, list: List, page: usize) -> String {
        let (folder, name) = self.names.list(list, page).unwrap_or(("", "index".to_owned()));
        format!("{}{folder}{}.html", self.root, encode(&name))
    }

    fn package(&self, _: &Index, package: usize) -> String {
        let name = self.names.packages.get(package).map(String::as_str).unwrap_or_default();
        format!("{}package/{}.html", self.root, encode(name))
    }

    fn latest(&self) -> String {
        format!("{}latest.html", self.root)
    }

    fn feed(&self) -> String {
        format!("{}feed.atom", self.root)
    }

    fn file(&self, package: &Package) -> Option<String> {
        let files = self.files?;
        let root = if files.contains("://") { files.to_owned() } else { format!("{}{files}", self.root) };
        joined_url(&root, package)
    }

    fn build(&self, _: &Package) -> Option<BuildLink> {
        None
    }
}

struct Site<'a> {
    repository: &'a Repository,
    to: &'a Path,
    options: &'a SiteOptions,
    names: &'a Names,
    pages: AtomicU64,
    size: AtomicU64,
}

impl Site<'_> {
    fn links(&self, root: &'static str) -> FileLinks<'_> {
        FileLinks { root, names: self.names, files: self.options.files.as_deref() }
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        fs_err::write(self.to.join(name), bytes)?;
        self.size.fetch_add(bytes.len() as u64, Relaxed);
        Ok(())
    }

    /// Writes a page, `name` without its suffix.
    fn page(&self, name: &str, root: &'static str, page: &Page) -> Result<(), Error> {
        let (title, repository) = (page.title(), page.repository());
        let html = Frame { title, repository, root, style: style_name(), body: page.html()? }.render()?;
        self.put(&format!("{name}.html"), html.as_bytes())?;
        if self.options.json {
            self.put(&format!("{name}.json"), &serde_json::to_vec(page)?)?;
        }
        self.pages.fetch_add(1, Relaxed);
        Ok(())
    }

    /// Everything but the pages of packages.
    fn lists(&self) -> Result<(), Error> {
        let index = self.repository.index();
        let top = self.links("");
        self.page("index", "", &pages::index(index, &top))?;
        self.page("latest", "", &pages::latest(index, &top))?;
        let base = self.options.base_url.as_deref();
        let self_url = base.map(|base| format!("{base}feed.atom"));
        let mut feed = Feed::of_repository(index, &top, &index.about().title, self_url);
        if let Some(base) = base {
            feed.page_url.insert_str(0, base);
            feed.entries.iter_mut().for_each(|entry| entry.url.insert_str(0, base));
        }
        self.put("feed.atom", feed.xml()?.as_bytes())?;
        let letters = index.letters().iter().map(|(letter, _)| List::Letter(*letter));
        let groups = (0..index.groups().len()).map(List::Group);
        let lists: Vec<List> = std::iter::once(List::All).chain(letters).chain(groups).collect();
        lists.into_par_iter().try_for_each(|list| {
            for page in 1..=pages::pages_of(index, list) {
                let Some((folder, name)) = self.names.list(list, page) else { continue };
                let root = if folder.is_empty() { "" } else { "../" };
                if let Some(made) = pages::list(index, &self.links(root), list, page) {
                    self.page(&format!("{folder}{name}"), root, &made)?;
                }
            }
            Ok(())
        })
    }

    /// The pages of all packages, in the order in which the metadata have them.
    fn packages(&self, progress: &(dyn Fn(u64) + Sync)) -> Result<u64, Error> {
        let index = self.repository.index();
        let mut numbers = vec![0; index.packages().len()];
        for (number, package) in index.packages().iter().enumerate() {
            if let Some(slot) = numbers.get_mut(package.number as usize) {
                *slot = number;
            }
        }
        let mut records = self.repository.records()?;
        let written = AtomicU64::new(0);
        // One thread reads while the others write.
        let (sender, receiver) = sync_channel::<Result<Vec<(usize, Record)>, Error>>(1);
        std::thread::scope(|scope| {
            let numbers = &numbers;
            scope.spawn(move || {
                let mut number = 0;
                loop {
                    let (mut batch, mut files) = (Vec::new(), 0);
                    while batch.len() < BATCH && files < BATCH_FILES {
                        match records.next() {
                            None => break,
                            Some(Err(error)) => {
                                let _ = sender.send(Err(error.into()));
                                return;
                            }
                            Some(Ok(record)) => {
                                files += record.files.len();
                                batch.extend(numbers.get(number).map(|place| (*place, record)));
                                number += 1;
                            }
                        }
                    }
                    if batch.is_empty() || sender.send(Ok(batch)).is_err() {
                        return;
                    }
                }
            });
            for batch in receiver {
                batch?.par_iter().try_for_each(|(number, record)| {
                    self.package(*number, record)?;
                    progress(written.fetch_add(1, Relaxed) + 1);
                    Ok::<_, Error>(())
                })?;
            }
            Ok::<_, Error>(())
        })?;
        Ok(written.into_inner())
    }

    fn package(&self, number: usize, record: &Record) -> Result<(), Error> {
        let facts = PackageFacts { signature: self.signature(record) };
        let page = pages::package(self.repository.index(), &self.links("../"), number, record, facts);
        match (page, self.names.packages.get(number)) {
            (Some(page), Some(name)) => self.page(&format!("package/{name}"), "../", &page),
            _ => Ok(()),
        }
    }

    /// What the package's signature says, if its file is in the repository's folder.
    fn signature(&self, record: &Record) -> Signature {
        let inside = record.location_base.is_none().then(|| read::inside(self.repository.dir(), &record.location_href));
        let open = inside
            .and_then(Result::ok)
            .and_then(|path| fs_err::symlink_metadata(&path).ok().map(|about| (path, about)));
        let Some((path, _)) = open.filter(|(_, about)| about.is_file()) else { return Signature::Unknown };
        match fs_err::File::open(path) {
            Ok(file) => Signature::of(BufReader::with_capacity(4096, File::from(file))),
            Err(_) => Signature::Unknown,
        }
    }
}
