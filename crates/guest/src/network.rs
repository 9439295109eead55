//! The network card, set up by rtnetlink(7). There is no DHCP: the addresses are always the same.

use std::{io, os::fd::AsRawFd};

use copr_vm::net::address::{GATEWAY, GUEST, NAME_SERVER, PREFIX};
use fs_err as fs;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};

const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_CREATE: u16 = 0x400;
const NLMSG_ERROR: u16 = 2;
const AF_INET: u8 = 2;
const IFF_UP: u32 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const RTA_GATEWAY: u16 = 5;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_STATIC: u8 = 4;
const RTN_UNICAST: u8 = 1;
/// The loopback interface's number.
const LOOPBACK: u32 = 1;

/// Sets the loopback interface up; test suites want it.
pub(crate) fn loopback_up() -> io::Result<()> {
    ask(RTM_NEWLINK, 0, &up_message(LOOPBACK))
}

/// Sets up the machine's card.
pub(crate) fn up() -> io::Result<()> {
    let card = card()?;
    ask(RTM_NEWLINK, 0, &up_message(card))?;
    // struct ifaddrmsg: family, prefix length, flags, scope, index.
    let mut address = vec![AF_INET, PREFIX, 0, 0];
    address.extend(card.to_ne_bytes());
    attribute(&mut address, IFA_LOCAL, GUEST.octets());
    attribute(&mut address, IFA_ADDRESS, GUEST.octets());
    ask(RTM_NEWADDR, NLM_F_CREATE, &address)?;
    // struct rtmsg: family, lengths of destination and source, tos, table, protocol, scope, kind, flags.
    let mut route = vec![AF_INET, 0, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, 0, RTN_UNICAST, 0, 0, 0, 0];
    attribute(&mut route, RTA_GATEWAY, GATEWAY.octets());
    ask(RTM_NEWROUTE, NLM_F_CREATE, &route)
}

/// The target's `/etc/resolv.conf`.
pub(crate) fn resolver() -> String {
    format!("nameserver {NAME_SERVER}\n")
}

/// The number of the interface that is not the loopback's.
fn card() -> io::Result<u32> {
    for entry in fs::read_dir("/sys/class/net")?.flatten() {
        let index = fs::read_to_string(entry.path().join("ifindex"))?;
        match index.trim().parse() {
            Ok(LOOPBACK) | Err(_) => {}
            Ok(index) => return Ok(index),
        }
    }
    Err(io::Error::other("the machine has none, or its kernel has no driver for it (virtio_net)"))
}

/// `struct ifinfomsg`: family, type, index, flags, and which of these to change.
fn up_message(index: u32) -> Vec<u8> {
    let mut message = vec![0; 4];
    message.extend(index.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    message
}

fn attribute(message: &mut Vec<u8>, kind: u16, value: [u8; 4]) {
    message.extend(8u16.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(value);
}

/// Sends one message and waits for the kernel's word on it.
fn ask(kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(16 + body.len()).map_err(io::Error::other)?;
    let mut message = Vec::with_capacity(16 + body.len());
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend((NLM_F_REQUEST | NLM_F_ACK | flags).to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    let netlink = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    send(netlink.as_raw_fd(), &message, MsgFlags::empty())?;
    let mut answer = [0; 1024];
    let read = recv(netlink.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    // A header, whose type is an error's even when there is none, and the error's number, negative.
    let answer = answer.get(..read).unwrap_or_default();
    let kind = answer.get(4..6).and_then(|bytes| bytes.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes)));
    let error = answer.get(16..20).and_then(|bytes| bytes.first_chunk().map(|bytes| i32::from_ne_bytes(*bytes)));
    match (kind, error) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(number)) => Err(io::Error::from_raw_os_error(-number)),
        _ => Err(io::Error::other("the kernel gave no answer")),
    }
}
