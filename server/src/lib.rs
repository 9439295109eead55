//! The Copr server as a library: what the program `coprd` runs.
//!
//! Modules import downwards only: `serve` → `http`, `web` → `queue` → `publish` → `sign` → `store`, `db` → `config`.

pub mod admin;
pub mod blame;
pub mod chain;
pub mod check_config;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod die;
pub mod events;
pub mod expiry;
pub mod folder;
pub mod follow;
pub mod fork;
pub mod http;
pub mod licence;
pub mod metrics;
pub mod password;
pub mod promotion;
pub mod prune;
pub mod publish;
pub mod queue;
pub mod serve;
pub mod settings;
pub mod sign;
pub mod source;
pub mod state;
pub mod store;
pub mod takedown;
pub mod telemetry;
pub mod terms;
pub mod tls;
pub mod web;
