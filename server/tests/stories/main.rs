//! Stories of the server: calls on its router, with a builder that plays a part instead of building.
//!
//! Every story runs on SQLite, and on PostgreSQL too when `TEST_DATABASE_URL` names a server that one may make databases on; with
//! results in files, and in a bucket too when `TEST_S3_ENDPOINT` names a server of `tests/s3-server`.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

mod api;
mod bucket;
mod building;
mod database;
mod packages;
mod publishing;
mod recovery;
mod refusals;
mod settings;
mod sources;
mod support;
