//! The library as its users see it. One program: each more would be linked, and its generic code compiled, once more.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

#[path = "../../rpm/tests/small_rpm/mod.rs"]
mod small_rpm;

mod shelf;

mod check;
mod comps;
mod creating;
mod databases;
mod diff;
mod hostile;
mod modules;
mod prune;
mod reading;
mod records;
mod signed;
mod sqlite;
mod stats;
mod subset;
mod updateinfo;
mod zchunk;
