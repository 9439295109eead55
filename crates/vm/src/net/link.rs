//! The wire between QEMU and the relay: Ethernet frames, each behind its length (u32, big-endian), as QEMU's
//! `-netdev socket` and `-netdev stream` write them. To smoltcp it is a device that carries bare IP packets.

use std::{
    io::{self, ErrorKind, Read, Write},
    os::unix::net::UnixStream,
};

use smoltcp::{
    phy::{self, Device, DeviceCapabilities, Medium},
    time::Instant,
};

/// Largest IP packet, in bytes.
pub(super) const MTU: usize = 1500;
/// An Ethernet header: to, from, type.
const HEADER: usize = 14;
/// Largest frame that QEMU passes on.
const MAX_FRAME: usize = (4 << 10) + (64 << 10);
/// Most that is read at a time, in bytes.
const CHUNK: usize = 64 << 10;
/// Most that waits for QEMU, in bytes; then nothing is made for it and nothing is taken from it.
const MOST_WAITING: usize = 256 << 10;

/// Type of a frame with an IPv4 packet.
pub(super) const IPV4: u16 = 0x0800;
/// Type of a frame with a question for, or answer with, a hardware address.
pub(super) const ARP: u16 = 0x0806;

/// One end of the wire.
#[derive(Debug)]
pub(super) struct Link {
    socket: UnixStream,
    /// The other end's hardware address, then this one's.
    hardware: [[u8; 6]; 2],
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    /// The packet that smoltcp takes next.
    packet: Option<Vec<u8>>,
}

impl Link {
    pub(super) fn new(socket: UnixStream, other: [u8; 6], own: [u8; 6]) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket, hardware: [other, own], incoming: Vec::new(), outgoing: Vec::new(), packet: None })
    }

    pub(super) fn socket(&self) -> &UnixStream {
        &self.socket
    }

    /// Whether there is something that QEMU has not taken yet.
    pub(super) fn is_waiting(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Whether more may be made for QEMU.
    pub(super) fn has_room(&self) -> bool {
        self.outgoing.len() < MOST_WAITING
    }

    /// Takes what has come. All frames of before must have been taken.
    ///
    /// # Errors
    /// When the wire is at its end.
    pub(super) fn receive(&mut self) -> io::Result<()> {
        let known = self.incoming.len();
        self.incoming.resize(known + CHUNK, 0);
        let read = self.socket.read(self.incoming.get_mut(known..).unwrap_or_default());
        self.incoming.truncate(known + read.as_ref().copied().unwrap_or(0));
        match read {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(()),
            Err(error) if is_not_yet(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The frames that have come whole, each its type and its content.
    ///
    /// # Errors
    /// When something else than frames comes.
    pub(super) fn frames(&mut self) -> io::Result<Vec<(u16, Vec<u8>)>> {
        let mut frames = Vec::new();
        let mut rest = self.incoming.as_slice();
        while let Some((length, behind)) = rest.split_first_chunk() {
            let length = u32::from_be_bytes(*length) as usize;
            if length > MAX_FRAME {
                return Err(ErrorKind::InvalidData.into());
            }
            let Some((frame, behind)) = behind.split_at_checked(length) else { break };
            rest = behind;
            // A guest that sends longer ones than it was told to speaks to nobody.
            if let Some((&[.., high, low], content)) = frame.split_first_chunk::<HEADER>()
                && content.len() <= MTU
            {
                frames.push((u16::from_be_bytes([high, low]), content.to_vec()));
            }
        }
        let done = self.incoming.len() - rest.len();
        self.incoming.drain(..done);
        Ok(frames)
    }

    /// Puts a packet before smoltcp.
    pub(super) fn offer(&mut self, packet: Vec<u8>) {
        self.packet = Some(packet);
    }

    /// Makes a frame of `length` bytes of content, which `fill` writes.
    pub(super) fn send<R>(&mut self, kind: u16, length: usize, fill: impl FnOnce(&mut [u8]) -> R) -> R {
        put(&mut self.outgoing, &self.hardware, kind, length, fill)
    }

    /// Gives QEMU as much as it takes.
    ///
    /// # Errors
    /// When the wire is at its end.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while self.is_waiting() {
            match self.socket.write(&self.outgoing) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(taken) => drop(self.outgoing.drain(..taken)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_not_yet(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Whether it is to be tried again later.
pub(super) fn is_not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn put<R>(
    outgoing: &mut Vec<u8>,
    hardware: &[[u8; 6]; 2],
    kind: u16,
    length: usize,
    fill: impl FnOnce(&mut [u8]) -> R,
) -> R {
    let whole = u32::try_from(HEADER + length).unwrap_or(u32::MAX);
    outgoing.extend_from_slice(&whole.to_be_bytes());
    outgoing.extend_from_slice(hardware.as_flattened());
    outgoing.extend_from_slice(&kind.to_be_bytes());
    let from = outgoing.len();
    outgoing.resize(from + length, 0);
    fill(outgoing.get_mut(from..).unwrap_or_default())
}

impl Device for Link {
    type RxToken<'a> = Packet;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Packet, Room<'_>)> {
        let packet = self.packet.take()?;
        Some((Packet(packet), Room(&mut self.outgoing, &self.hardware)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Room<'_>> {
        self.has_room().then_some(Room(&mut self.outgoing, &self.hardware))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        capabilities
    }
}

/// A packet for smoltcp.
#[derive(Debug)]
pub(super) struct Packet(Vec<u8>);

impl phy::RxToken for Packet {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

/// Room for a packet of smoltcp's.
#[derive(Debug)]
pub(super) struct Room<'a>(&'a mut Vec<u8>, &'a [[u8; 6]; 2]);

impl phy::TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        put(self.0, self.1, IPV4, length, fill)
    }
}
