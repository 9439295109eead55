//! Who is who on a machine's network. Nothing is negotiated: the guest sets its side up from these, those of QEMU's own
//! user-mode network, which people know.

use std::net::Ipv4Addr;

/// The guest's address.
pub const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
/// The way to everywhere.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
/// The name server, by UDP and TCP.
pub const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);
/// Length of the network's prefix, in bits.
pub const PREFIX: u8 = 24;
/// The guest's hardware address; QEMU gives it to the network card.
pub const GUEST_MAC: [u8; 6] = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];
/// The hardware address of the gateway and of the name server.
pub const GATEWAY_MAC: [u8; 6] = [0x52, 0x54, 0x00, 0x12, 0x35, 0x02];
