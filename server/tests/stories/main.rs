//! Stories of the server: calls on its router, with a builder that plays a part instead of building.
//!
//! Every story runs on SQLite, and on PostgreSQL too when `TEST_DATABASE_URL` names a server that one may make databases on.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

mod api;
mod building;
mod database;
mod packages;
mod recovery;
mod refusals;
mod support;
