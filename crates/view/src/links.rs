//! Where the links of pages lead.

use serde::Serialize;

use crate::{Index, Letter, Package, text};

/// A list of packages that pages lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum List {
    /// All of them.
    All,
    /// Those whose names begin with a letter.
    Letter(Letter),
    /// Those of a group, by its number in the index.
    Group(usize),
}

/// The build that a package came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BuildLink {
    /// Its number.
    pub id: u64,
    /// Its page.
    pub url: String,
}

/// Where pages stand, as seen from the page that links to them.
pub trait Links: Sync {
    /// The repository's first page.
    fn index(&self) -> String;
    /// A page, counted from 1, of a list.
    fn list(&self, index: &Index, list: List, page: usize) -> String;
    /// The page of a package, by its number in the index.
    fn package(&self, index: &Index, package: usize) -> String;
    /// The latest changes.
    fn latest(&self) -> String;
    /// The feed.
    fn feed(&self) -> String;
    /// The package's file, where there is an address for it.
    fn file(&self, package: &Package) -> Option<String>;
    /// The build that the package came from, where that is known.
    fn build(&self, package: &Package) -> Option<BuildLink>;
}

/// The address of a package's file in the repository at `root`, which ends with a slash (or is empty: the page is in the
/// repository's folder); `None` if the metadata say an address that pages do not link to.
pub fn joined_url(root: &str, package: &Package) -> Option<String> {
    let href = &*package.location;
    let inside = href.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if !inside || href.len() > 2000 {
        return None;
    }
    let href = text::encode_path(href);
    match &package.base {
        None => Some(format!("{root}{href}")),
        Some(base) => {
            let base = text::web_address(base)?;
            Some(format!("{}/{href}", base.trim_end_matches('/')))
        }
    }
}
