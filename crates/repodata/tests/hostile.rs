//! Bad input: documents, files, folders and metadata as attackers, other tools and accidents make them.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

#[path = "../../rpm/tests/small_rpm/mod.rs"]
mod small_rpm;

mod shelf;

#[path = "hostile/bombs.rs"]
mod bombs;
#[path = "hostile/documents.rs"]
mod documents;
#[path = "hostile/folders.rs"]
mod folders;
#[path = "hostile/packages.rs"]
mod packages;
#[path = "hostile/properties.rs"]
mod properties;
#[path = "hostile/update.rs"]
mod update;
