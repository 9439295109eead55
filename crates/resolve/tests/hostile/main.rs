//! Bad input: repositories, requests and cache files as attackers, other tools and accidents make them. Each ends in the
//! right answer or in an error in words, after bounded work.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod cache;
mod dependencies;
mod documents;
#[path = "properties.rs"]
mod properties;
mod random;
