//! Pages about an RPM repository: what it holds by group and by name, one page for every package, the latest changes, a feed.
//!
//! A [`Repository`] is opened from a folder with `repodata/`; its [`Index`] is the little that all pages need, held in memory.
//! [`pages`] makes a [`Page`] of it, whose struct is also its JSON twin; where links lead is for the [`Links`] to say, so
//! that the same pages stand in a server and in files ([`site`]). [`Feed`] is an Atom feed of anything.
//!
//! Whatever metadata say is hostile: texts are cleaned ([`text::clean`]) and escaped, lists are bounded, addresses are checked
//! and encoded, and names of files are made of letters that are harmless everywhere.

mod error;
pub mod feed;
mod groups;
mod index;
mod links;
mod names;
pub mod pages;
mod read;
mod signature;
pub mod site;
mod table;
pub mod text;

pub use error::Error;
pub use feed::Feed;
pub use groups::Group;
pub use index::{About, Change, Index, Letter, Name, Package, TopChange};
pub use links::{BuildLink, Links, List, joined_url};
pub use pages::{PackageFacts, Page};
pub use read::Repository;
pub use signature::{Signature, SignedBy};

/// The style sheet of pages that stand by themselves: what every page has (`assets/base.css`), what is around them
/// (`assets/frame.css`), and what only they have (`assets/parts.css`). The first and the last are parts of the server's, too. It uses
/// the classes of the templates and nothing from anywhere else.
pub const STYLE: &str = concat!(
    include_str!("../assets/base.css"),
    include_str!("../assets/frame.css"),
    include_str!("../assets/parts.css")
);
