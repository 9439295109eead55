//! The network of a machine that has a network card: user-mode, without privileges, and to public addresses only.
//!
//! The machine's Ethernet frames come by a socket from QEMU to a [`Relay`], which is all that is on that network: it
//! answers for the gateway and the name server, takes the guest's TCP connections apart with a TCP of its own and
//! opens each anew as an ordinary client of this host. What [`Network::permits`] refuses is never opened, so a build
//! reaches neither this host nor what is near it. There is no way in, no UDP but for names, no ICMP and no IPv6.
//!
//! [`Network::permits`]: crate::Network::permits

pub mod address;

#[cfg(feature = "host")]
mod connection;
#[cfg(feature = "host")]
mod gateway;
#[cfg(feature = "host")]
mod link;
#[cfg(feature = "host")]
mod names;
#[cfg(feature = "host")]
mod outside;
#[cfg(feature = "host")]
mod pace;
#[cfg(feature = "host")]
mod policy;
#[cfg(feature = "host")]
mod relay;

#[cfg(feature = "host")]
pub use outside::{Host, Outside};
#[cfg(feature = "host")]
pub use policy::Refused;
#[cfg(feature = "host")]
pub use relay::Relay;

#[cfg(all(test, feature = "host"))]
mod tests;
