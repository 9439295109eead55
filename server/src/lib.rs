//! The Copr server as a library: what the program `coprd` runs.
//!
//! Modules import downwards only: `serve` → `http`, `web` → `queue` → `publish` → `store`, `db` → `config`.

pub mod admin;
pub mod chain;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod folder;
pub mod http;
pub mod publish;
pub mod queue;
pub mod serve;
pub mod settings;
pub mod source;
pub mod state;
pub mod store;
pub mod web;
