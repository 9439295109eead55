//! The pages: what each says, and its HTML.
//!
//! A page's struct is its JSON twin. Its HTML is what belongs into a page's main part; whoever shows it puts a frame around it.

mod package;

use askama::Template;
use serde::Serialize;

pub use package::{
    ChangeEntry, Dependencies, DependencyLine, FileLine, PackageFacts, PackagePage, VersionLine, package,
};

use crate::text::{self, When, cut, line};
use crate::{About, Change, Error, Index, Links, List, TopChange};

/// Names on one page of a list.
pub const PER_PAGE: usize = 500;
/// Changes on the first page.
const FIRST_CHANGES: usize = 20;
/// Packages that a change names.
const CHANGE_NAMES: usize = 12;
/// Architectures that the first page names.
const ARCHES: usize = 12;
/// Characters of a group's description on the first page, and of a name anywhere.
const GROUP_LINE: usize = 160;
pub(crate) const NAME: usize = 256;

/// Any of the pages.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Page {
    /// The first.
    Index(Box<IndexPage>),
    /// A list of names.
    List(Box<ListPage>),
    /// A package.
    Package(Box<PackagePage>),
    /// What was built latest.
    Latest(Box<LatestPage>),
}

impl Page {
    /// What it is called.
    pub fn title(&self) -> &str {
        match self {
            Self::Index(page) => &page.about.title,
            Self::List(page) => &page.heading,
            Self::Package(page) => &page.name,
            Self::Latest(_) => "Latest changes",
        }
    }

    /// The repository's title.
    pub fn repository(&self) -> &str {
        match self {
            Self::Index(page) => &page.about.title,
            Self::List(page) => &page.up.text,
            Self::Package(page) => &page.up.text,
            Self::Latest(page) => &page.up.text,
        }
    }

    /// The HTML of its main part.
    ///
    /// # Errors
    /// None that is known.
    pub fn html(&self) -> Result<String, Error> {
        Ok(match self {
            Self::Index(page) => page.render()?,
            Self::List(page) => page.render()?,
            Self::Package(page) => page.render()?,
            Self::Latest(page) => page.render()?,
        })
    }
}

/// A text that leads somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// What it says.
    pub text: String,
    /// Where it leads.
    pub url: String,
}

impl Link {
    fn new(text: &str, url: String) -> Self {
        Self { text: line(text, NAME), url }
    }

    /// To a name's page.
    fn to_name(index: &Index, links: &dyn Links, name: u32) -> Option<Self> {
        let name = index.names().get(name as usize)?;
        Some(Self::new(&name.text, links.package(index, name.first as usize)))
    }
}

/// A link with the number of packages behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// What it says.
    pub text: String,
    /// Where it leads.
    pub url: String,
    /// Names there.
    pub count: usize,
    /// What it is about; may be empty.
    pub about: String,
}

/// The first page of a repository.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "index.html")]
pub struct IndexPage {
    /// The repository.
    pub about: About,
    /// All names.
    pub all: Link,
    /// By letter.
    pub letters: Vec<Counted>,
    /// By group.
    pub groups: Vec<Counted>,
    /// What was built latest.
    pub latest: Vec<ChangeLine>,
    /// All that was built latest.
    pub more: Link,
    /// The feed.
    pub feed: String,
}

/// What was built of one source package.
#[derive(Debug, Clone, Serialize)]
pub struct ChangeLine {
    /// The source package, without `.src.rpm`.
    pub source: String,
    /// Where the package that stands for it has its page.
    pub url: String,
    /// When.
    pub time: Option<When>,
    /// Packages that came of it.
    pub packages: Vec<Link>,
    /// How many more there are.
    pub more: usize,
    /// The build that it came from.
    pub build: Option<crate::BuildLink>,
    /// What the packager says of it.
    pub top: Option<TopChange>,
}

/// A page of a list of names.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "list.html")]
pub struct ListPage {
    /// The repository.
    pub up: Link,
    /// What the list is.
    pub heading: String,
    /// What it is for; may be empty.
    pub about: String,
    /// Names in the whole list.
    pub count: usize,
    /// The number of this page, from 1.
    pub page: usize,
    /// How many there are.
    pub pages: usize,
    /// The page before.
    pub previous: Option<String>,
    /// The page behind.
    pub next: Option<String>,
    /// All letters, for the way on.
    pub letters: Vec<Counted>,
    /// The names.
    pub names: Vec<NameLine>,
}

/// A name in a list.
#[derive(Debug, Clone, Serialize)]
pub struct NameLine {
    /// The name.
    pub name: String,
    /// Its page.
    pub url: String,
    /// One line about it.
    pub summary: String,
    /// The newest version.
    pub version: String,
    /// Packages of this name.
    pub count: u32,
}

/// What was built latest.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "latest.html")]
pub struct LatestPage {
    /// The repository.
    pub up: Link,
    /// The changes, the newest first.
    pub changes: Vec<ChangeLine>,
    /// The feed.
    pub feed: String,
}

impl IndexPage {
    fn packages(&self) -> String {
        text::some(self.about.packages, "package")
    }

    fn names(&self) -> String {
        text::some(self.about.names, "name")
    }

    fn size(&self) -> String {
        text::size(self.about.size)
    }

    fn sources(&self) -> String {
        text::some(self.about.sources, "source package")
    }

    /// `x86_64 1,200, noarch 300`.
    fn arches(&self) -> String {
        let arches = self.about.arches.iter().take(ARCHES);
        let shown: Vec<String> =
            arches.map(|(arch, packages)| format!("{arch} {}", text::count(*packages as u64))).collect();
        shown.join(", ")
    }
}

impl ChangeLine {
    /// Whether the packages say more than the source package does.
    fn tells_packages(&self) -> bool {
        match self.packages.as_slice() {
            [one] => self.more > 0 || !self.source.strip_prefix(&one.text).is_some_and(|rest| rest.starts_with('-')),
            _ => true,
        }
    }
}

impl Counted {
    fn shown(&self) -> String {
        text::count(self.count as u64)
    }
}

impl ListPage {
    fn shown(&self) -> String {
        text::some(self.count, "name")
    }
}

/// The first page.
pub fn index(index: &Index, links: &dyn Links) -> Page {
    let groups = index.groups().iter().enumerate().map(|(number, group)| Counted {
        text: group.name.clone(),
        url: links.list(index, List::Group(number), 1),
        count: group.names.len(),
        about: line(&group.description, GROUP_LINE),
    });
    Page::Index(Box::new(IndexPage {
        about: index.about().clone(),
        all: Link::new("All packages", links.list(index, List::All, 1)),
        letters: letters(index, links),
        groups: groups.collect(),
        latest: index
            .latest()
            .iter()
            .take(FIRST_CHANGES)
            .filter_map(|change| change_line(index, links, change))
            .collect(),
        more: Link::new("Latest changes", links.latest()),
        feed: links.feed(),
    }))
}

/// What was built latest.
pub fn latest(index: &Index, links: &dyn Links) -> Page {
    Page::Latest(Box::new(LatestPage {
        up: up(index, links),
        changes: index.latest().iter().filter_map(|change| change_line(index, links, change)).collect(),
        feed: links.feed(),
    }))
}

/// How many pages a list has.
pub fn pages_of(index: &Index, list: List) -> usize {
    index.members(list).len().div_ceil(PER_PAGE).max(1)
}

/// A page, counted from 1, of a list; `None` if there is no such page.
pub fn list(index: &Index, links: &dyn Links, list: List, page: usize) -> Option<Page> {
    let members = index.members(list);
    let pages = members.len().div_ceil(PER_PAGE).max(1);
    let start = page.checked_sub(1).filter(|before| *before < pages)?.checked_mul(PER_PAGE)?;
    let (heading, about) = match list {
        List::All => ("All packages".to_owned(), String::new()),
        List::Letter(letter) => {
            index.letters().iter().find(|(other, _)| *other == letter)?;
            (format!("Packages: {}", letter.shown()), String::new())
        }
        List::Group(number) => {
            let group = index.groups().get(number)?;
            (group.name.clone(), group.description.clone())
        }
    };
    let names = members.iter().skip(start).take(PER_PAGE).filter_map(|name| name_line(index, links, *name)).collect();
    let at = |page: usize| links.list(index, list, page);
    Some(Page::List(Box::new(ListPage {
        up: up(index, links),
        heading,
        about,
        count: members.len(),
        page,
        pages,
        previous: (page > 1).then(|| at(page - 1)),
        next: (page < pages).then(|| at(page + 1)),
        letters: letters(index, links),
        names,
    })))
}

fn up(index: &Index, links: &dyn Links) -> Link {
    Link::new(&index.about().title, links.index())
}

fn letters(index: &Index, links: &dyn Links) -> Vec<Counted> {
    let letter = |(letter, names): &(crate::Letter, std::ops::Range<usize>)| Counted {
        text: letter.shown(),
        url: links.list(index, List::Letter(*letter), 1),
        count: names.len(),
        about: String::new(),
    };
    index.letters().iter().map(letter).collect()
}

fn name_line(index: &Index, links: &dyn Links, number: u32) -> Option<NameLine> {
    let name = index.names().get(number as usize)?;
    let head = index.head(number)?;
    Some(NameLine {
        name: line(&name.text, NAME),
        url: links.package(index, name.first as usize),
        summary: head.summary.to_string(),
        version: line(&head.evr(), NAME),
        count: name.count,
    })
}

pub(crate) fn change_line(index: &Index, links: &dyn Links, change: &Change) -> Option<ChangeLine> {
    let package = index.packages().get(change.package as usize)?;
    let packages = change.names.iter().take(CHANGE_NAMES).filter_map(|name| Link::to_name(index, links, *name));
    let source = change.source.trim_end_matches(".rpm").trim_end_matches(".src").trim_end_matches(".nosrc");
    Some(ChangeLine {
        source: line(source, NAME),
        url: links.package(index, change.package as usize),
        time: When::new(change.time),
        packages: packages.collect(),
        more: change.names.len().saturating_sub(CHANGE_NAMES),
        build: links.build(package),
        top: change.top.as_ref().map(|top| TopChange { author: top.author.clone(), text: cut(&top.text, 600) }),
    })
}
