//! `copr-repo closure`, `solve`, `builddep`, `impact` and `query` on small real repositories.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod builddep;
mod closure;
mod impact;
mod place;
mod query;
mod repositories;
mod solve;
