//! Bad input: documents, files, folders and metadata as attackers, other tools and accidents make them.

use crate::{shelf, small_rpm};

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
