//! Stories of the server: calls on its router, with a builder that plays a part instead of building.
//!
//! Every story runs on SQLite, and on PostgreSQL too when `TEST_DATABASE_URL` names a server that one may make databases on; with
//! results in files, and in a bucket too when `TEST_S3_ENDPOINT` names a server of `tests/s3-server`.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

mod api;
mod bad_input;
mod batches;
mod blame;
mod bucket;
mod building;
mod builds;
mod database;
mod deletions;
mod dependents;
mod devel;
mod directories;
mod events;
mod forks;
mod happenings;
mod licences;
mod limits;
mod matrix;
mod openapi;
mod operation;
mod packages;
mod packages_of_projects;
mod pages_account;
mod pages_build;
mod pages_directory;
mod pages_pins;
mod pages_project;
mod pages_repository;
mod pages_status;
mod people_certificates;
mod people_groups;
mod people_tokens;
mod projects;
mod promotions;
mod prunes;
mod publishing;
mod queue;
mod quota;
mod races;
mod ready;
mod recovery;
mod refusals;
mod releases;
mod settings;
mod signing;
mod signing_in;
mod simulation;
mod sources;
mod support;
mod takedowns;
mod terms;
mod webhooks_in;
mod webhooks_out;
