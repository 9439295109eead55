//! The metadata of RPM repositories: records of packages, the XML files that hold them, and publishing.
//!
//! A [`Record`] is everything repodata says about one package. It is made from an RPM ([`Record::from_file`]) or read
//! from metadata ([`read`]), and rendered as three [`Fragments`], byte for byte as `createrepo_c` writes them.
//! [`publish::Publisher`] applies a delta of records to a repository, atomically; [`create()`](create::create) makes
//! the metadata of a folder of packages. Nothing here reads the clock, the environment or the network.

mod assemble;
pub mod check;
pub mod checksum;
pub mod compression;
pub mod comps;
pub mod create;
pub mod databases;
pub mod diff;
mod document;
pub mod error;
pub mod merge;
mod metadata_file;
pub mod modify;
pub mod modules;
mod ordered;
pub mod output;
pub mod prune;
pub mod publish;
pub mod read;
pub mod record;
mod render;
pub mod repomd;
mod requires;
mod segments;
mod source;
pub mod sqlite;
pub mod stats;
pub mod subset;
pub mod updateinfo;
pub mod warning;
mod workspace;
mod xml;
pub mod zchunk;

pub use checksum::{Checksum, ChecksumKind};
pub use compression::Compression;
pub use copr_rpm::Changelog;
pub use document::Document;
pub use error::Error;
pub use output::{Groups, Output, RepomdSigner, Retain};
pub use publish::{Delta, Published, Publisher};
pub use record::{File, FileKind, Fragments, Record, RecordOptions};
pub use render::RenderOptions;
pub use repomd::{Repomd, RepomdRecord};
pub use segments::DEFAULT_SEGMENT;
pub use warning::Warning;
pub use workspace::Locking;
