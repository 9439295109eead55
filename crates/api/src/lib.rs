//! The words on the wire of a Copr hub.
//!
//! * [`v3`]: the Copr API version 3 as `copr-cli`, python-copr and both stock DNF plugins speak it.
//! * [`builder`]: the protocol between the server and its builders (ours alone).
//! * [`names`]: the names both sides parse once, at the edge.
//! * `client` (feature `client`): the typed HTTP client.

pub mod builder;
#[cfg(feature = "client")]
pub mod client;
pub mod names;
pub mod v3;
