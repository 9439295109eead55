//! One RPM file: its lead, signature and header, and versions and dependencies as rpm orders them.
//!
//! Pure and synchronous: nothing here reads the environment, the clock or the network. Every byte of a package is
//! taken as hostile: counts, sizes and offsets are bounded before they are believed, and bad input is an [`Error`].
//!
//! Layout: [`evr`] (versions), [`nevra`] (names of packages), [`dependency`], [`tag`] and [`header`] (the tagged store),
//! [`package`] (lead + signature + header), [`files`] and [`changelog`] (views of a header), [`payload`] (the archive),
//! [`seal`] (what signatures cover), [`sign`] (putting signatures in and taking them out), [`write`] (making a package).

pub mod changelog;
pub mod dependency;
pub mod error;
pub mod evr;
pub mod files;
pub mod header;
pub mod nevra;
pub mod package;
pub mod payload;
pub mod seal;
pub mod sign;
mod source;
mod stored;
pub mod tag;
mod text;
pub mod write;

pub use changelog::Changelog;
pub use dependency::{Comparison, Dependency, DependencyFlags, DependencyKind, DependencyText, DependencyTexts};
pub use error::{Error, ParseError};
pub use evr::{Evr, vercmp};
pub use files::{FileEntry, ListedFile, ListedFiles};
pub use header::{Header, Numbers, NumbersIter, Texts, Value};
pub use nevra::Nevra;
pub use package::{Lead, Package};
pub use payload::{Payload, PayloadEntry};
pub use tag::Tag;
