//! All that a machine's network has besides the machine: one thread's loop over QEMU's frames and the host's sockets.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, Hasher, RandomState},
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use smoltcp::{
    iface::{Config, Interface, SocketSet},
    phy::ChecksumCapabilities,
    socket::tcp::{Socket, SocketBuffer, State},
    wire::{HardwareAddress, IpAddress, IpCidr, IpProtocol, Ipv4Packet, Ipv4Repr, TcpPacket, UdpPacket, UdpRepr},
};

use super::{
    address::{GATEWAY, GATEWAY_MAC, GUEST, GUEST_MAC, NAME_SERVER, PREFIX},
    connection::{Connection, Side},
    link::{ARP, IPV4, Link},
    names::{self, Names},
    pace::Pace,
};
use crate::machine::Network;

/// Most connections at a time. One more waits: the guest tries again until one has ended.
pub(super) const MOST_CONNECTIONS: usize = 128;
/// New connections at once, and in a second.
const PACE: (u32, u32) = (MOST_CONNECTIONS as u32, 50);
/// Bytes of a connection that are on their way, in each direction.
const BUFFER: usize = 64 << 10;
/// Most refusals that are remembered.
const MOST_REFUSALS: usize = 20;
/// How often limits of time are looked at.
const TICK: Duration = Duration::from_secs(1);

/// The two ends of a connection; the guest's is always at its one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ends {
    guest: u16,
    outside: SocketAddrV4,
}

/// The network beside the machine.
pub(super) struct Gateway {
    network: Network,
    link: Link,
    interface: Interface,
    sockets: SocketSet<'static>,
    connections: BTreeMap<Ends, Connection>,
    names: Names,
    pace: Pace,
    began: Instant,
    refusals: Vec<String>,
}

impl Gateway {
    pub(super) fn new(socket: UnixStream, network: Network) -> io::Result<Self> {
        let mut link = Link::new(socket, GUEST_MAC, GATEWAY_MAC)?;
        let mut config = Config::new(HardwareAddress::Ip);
        // Sequence numbers must differ from machine to machine; the standard library's hashers begin at random.
        config.random_seed = RandomState::new().build_hasher().finish();
        let mut interface = Interface::new(config, &mut link, smoltcp::time::Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            // The list is empty and has room for two.
            let _ = addresses.push(IpCidr::new(IpAddress::Ipv4(GATEWAY), PREFIX));
        });
        // It stands for every address that the guest speaks to.
        interface.set_any_ip(true);
        let now = Instant::now();
        Ok(Self {
            names: Names::new(network.outside.name_servers(), now),
            network,
            link,
            interface,
            sockets: SocketSet::new(Vec::new()),
            connections: BTreeMap::new(),
            pace: Pace::new(PACE.0, PACE.1, now),
            began: now,
            refusals: Vec::new(),
        })
    }

    /// Works until the machine is gone; what it tried to reach and may not.
    pub(super) fn run(mut self) -> Vec<String> {
        // An error of the wire is its end, in whatever way.
        while self.turn().is_ok() {}
        self.refusals
    }

    fn turn(&mut self) -> io::Result<()> {
        let (from_link, ready) = self.wait()?;
        let now = Instant::now();
        for (port, answer) in self.names.answers(now) {
            self.answer(port, &answer);
        }
        if from_link {
            self.link.receive()?;
            for (kind, content) in self.link.frames()? {
                match kind {
                    ARP => self.arp(&content),
                    IPV4 => self.packet(content, now),
                    _ => {}
                }
            }
        }
        let mut settled = Vec::new();
        for (ends, connection) in &mut self.connections {
            let ready = ready.get(ends).copied().unwrap_or(PollFlags::empty());
            match &connection.side {
                Side::Opening(_) => settled.extend(
                    connection.stands(ready, now).map_or(Some(false), |up| up.then_some(true)).map(|up| (*ends, up)),
                ),
                Side::Open(open) => {
                    let handle = open.handle;
                    connection.pass(self.sockets.get_mut::<Socket<'_>>(handle), ready, now);
                }
            }
        }
        for (ends, stands) in settled {
            self.settle(ends, stands, now);
        }
        self.interface.poll(self.time(now), &mut self.link, &mut self.sockets);
        self.sweep();
        self.link.flush()
    }

    /// Waits until something can be done; whether something comes by the wire, and what can be done at which stream.
    fn wait(&mut self) -> io::Result<(bool, BTreeMap<Ends, PollFlags>)> {
        let now = self.time(Instant::now());
        // What smoltcp has to say it cannot say while the wire is full.
        let due = if self.link.has_room() { self.interface.poll_delay(now, &self.sockets) } else { None };
        let patience = due.map_or(TICK, |due| Duration::from(due).min(TICK));
        let mut fds = vec![{
            let mut wanted = PollFlags::empty();
            wanted.set(PollFlags::IN, self.link.has_room());
            wanted.set(PollFlags::OUT, self.link.is_waiting());
            PollFd::new(self.link.socket(), wanted)
        }];
        let mut watched = Vec::new();
        for (ends, connection) in &self.connections {
            let socket = match &connection.side {
                Side::Opening(_) => None,
                Side::Open(open) => Some(self.sockets.get::<Socket<'_>>(open.handle)),
            };
            let wanted = connection.wanted(socket);
            // A stream that is watched for nothing would still report its end, for ever.
            if !wanted.is_empty() {
                watched.push(*ends);
                fds.push(PollFd::new(connection.stream(), wanted));
            }
        }
        fds.extend(self.names.sockets().map(|socket| PollFd::new(socket, PollFlags::IN)));
        let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
        match poll(&mut fds, Some(&patience)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut found = fds.iter().map(PollFd::revents);
        let from_link = found.next().is_some_and(|found| found.intersects(!PollFlags::OUT));
        let ready = watched.into_iter().zip(found).filter(|(_, found)| !found.is_empty()).collect();
        Ok((from_link, ready))
    }

    fn time(&self, now: Instant) -> smoltcp::time::Instant {
        let passed = now.saturating_duration_since(self.began).as_micros();
        smoltcp::time::Instant::from_micros(i64::try_from(passed).unwrap_or(i64::MAX))
    }

    /// Tells the guest who has the gateway's and the name server's addresses (RFC 826).
    fn arp(&mut self, content: &[u8]) {
        // Ethernet, IPv4, lengths of their addresses, a request.
        const REQUEST: [u8; 8] = [0, 1, 0x08, 0, 6, 4, 0, 1];
        let Some(([kind, asker, asked], _)) = content
            .split_first_chunk::<28>()
            .map(|(request, rest)| ([&request[..8], &request[8..18], &request[24..28]], rest))
        else {
            return;
        };
        let known = [GATEWAY, NAME_SERVER].iter().any(|address| address.octets() == *asked);
        if kind != REQUEST || !known || asker[6..] != GUEST.octets() {
            return;
        }
        let answer = [&[0, 1, 0x08, 0, 6, 4, 0, 2], &GATEWAY_MAC[..], asked, asker].concat();
        self.link.send(ARP, answer.len(), |room| room.copy_from_slice(&answer));
    }

    fn packet(&mut self, mut content: Vec<u8>, now: Instant) {
        let Ok(packet) = Ipv4Packet::new_checked(content.as_slice()) else { return };
        let length = usize::from(packet.total_len());
        let fragment = packet.more_frags() || packet.frag_offset() != 0;
        let (from, to, protocol) = (packet.src_addr(), packet.dst_addr(), packet.next_header());
        // The guest's own kernel never cuts a packet on this wire, nor has it another address.
        if packet.version() != 4 || fragment || from != GUEST || !packet.verify_checksum() {
            return;
        }
        let all = Ipv4Addr::from_bits(GUEST.to_bits() | (u32::MAX >> PREFIX));
        if to.is_multicast() || to.is_broadcast() || to.is_unspecified() || to == all {
            return;
        }
        // Behind a short packet, Ethernet has padding.
        content.truncate(length);
        match protocol {
            IpProtocol::Tcp => self.tcp(to, content, now),
            IpProtocol::Udp => self.udp(to, content, now),
            _ => {}
        }
    }

    fn udp(&mut self, to: Ipv4Addr, content: Vec<u8>, now: Instant) {
        let Ok(packet) = Ipv4Packet::new_checked(content.as_slice()) else { return };
        let Ok(packet) = UdpPacket::new_checked(packet.payload()) else { return };
        if to != NAME_SERVER || packet.dst_port() != names::PORT {
            // Nobody listens there, and smoltcp says so.
            return self.feed(content, now);
        }
        if packet.verify_checksum(&IpAddress::Ipv4(GUEST), &IpAddress::Ipv4(to)) {
            self.names.ask(packet.src_port(), packet.payload(), now);
        }
    }

    /// Gives the guest a name server's answer.
    fn answer(&mut self, port: u16, answer: &[u8]) {
        if !self.link.has_room() {
            // Lost on the way; the guest asks again.
            return;
        }
        let udp = UdpRepr { src_port: names::PORT, dst_port: port };
        let ip = Ipv4Repr {
            src_addr: NAME_SERVER,
            dst_addr: GUEST,
            next_header: IpProtocol::Udp,
            payload_len: udp.header_len() + answer.len(),
            hop_limit: 64,
        };
        let sums = ChecksumCapabilities::default();
        self.link.send(IPV4, ip.buffer_len() + ip.payload_len, |room| {
            let mut packet = Ipv4Packet::new_unchecked(room);
            ip.emit(&mut packet, &sums);
            let (from, to) = (IpAddress::Ipv4(NAME_SERVER), IpAddress::Ipv4(GUEST));
            let mut packet = UdpPacket::new_unchecked(packet.payload_mut());
            udp.emit(&mut packet, &from, &to, answer.len(), |room| room.copy_from_slice(answer), &sums);
        });
    }

    fn tcp(&mut self, to: Ipv4Addr, content: Vec<u8>, now: Instant) {
        let Ok(packet) = Ipv4Packet::new_checked(content.as_slice()) else { return };
        let Ok(packet) = TcpPacket::new_checked(packet.payload()) else { return };
        let ends = Ends { guest: packet.src_port(), outside: SocketAddrV4::new(to, packet.dst_port()) };
        if ends.guest == 0 || ends.outside.port() == 0 {
            return;
        }
        let begins = packet.syn() && !packet.ack() && !packet.rst() && !packet.fin();
        if begins && !packet.verify_checksum(&IpAddress::Ipv4(GUEST), &IpAddress::Ipv4(to)) {
            return;
        }
        match self.connections.get(&ends).map(|connection| &connection.side) {
            None if begins => self.begin(ends, content, now),
            None => self.feed(content, now),
            // The guest has grown impatient, or means a connection of before; its first SYN is answered when the answer is known.
            Some(Side::Opening(_)) => {}
            Some(Side::Open(open)) => {
                let handle = open.handle;
                // The wire keeps the order: a SYN behind the first ACK means that the guest has begun anew. Its kernel would say
                // so with a reset when asked, but smoltcp does not ask.
                if begins && self.sockets.get::<Socket<'_>>(handle).state() != State::SynReceived {
                    self.remove(ends);
                    return self.begin(ends, content, now);
                }
                self.feed(content, now);
                // It was answered, and the guest wants it no more; smoltcp would take another in its place.
                if self.sockets.get::<Socket<'_>>(handle).state() == State::Listen {
                    self.remove(ends);
                }
            }
        }
    }

    /// Begins to open what the guest's SYN asks for, if it may be had.
    fn begin(&mut self, ends: Ends, syn: Vec<u8>, now: Instant) {
        if self.connections.len() >= MOST_CONNECTIONS || !self.pace.take(now) {
            // Lost on the way; the guest tries again.
            return;
        }
        let for_names = ends.outside == SocketAddrV4::new(NAME_SERVER, names::PORT);
        let to = if for_names {
            self.names.server()
        } else {
            match self.network.permits((*ends.outside.ip()).into()) {
                Ok(()) => Some(SocketAddr::V4(ends.outside)),
                Err(refused) => {
                    let refusal = format!("port {}: {refused}", ends.outside.port());
                    if self.refusals.len() < MOST_REFUSALS && !self.refusals.contains(&refusal) {
                        self.refusals.push(refusal);
                    }
                    None
                }
            }
        };
        match to.map(|to| self.network.outside.connect(to)) {
            Some(Ok(stream)) => {
                self.connections.insert(ends, Connection::begin(stream, for_names, syn, now));
            }
            // To a SYN that no socket waits for smoltcp says that nobody is there.
            Some(Err(_)) | None => self.feed(syn, now),
        }
    }

    /// Tells the guest what became of its connection, by the SYN that it has waited with.
    fn settle(&mut self, ends: Ends, stands: bool, now: Instant) {
        let Some(connection) = self.connections.get_mut(&ends) else { return };
        let Side::Opening(syn) = &mut connection.side else { return };
        let syn = std::mem::take(syn);
        let buffer = || SocketBuffer::new(vec![0; BUFFER]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_nagle_enabled(false);
        let listens = stands && socket.listen((IpAddress::Ipv4(*ends.outside.ip()), ends.outside.port())).is_ok();
        if !listens {
            self.connections.remove(&ends);
            return self.feed(syn, now);
        }
        let handle = self.sockets.add(socket);
        connection.opened(handle, now);
        self.feed(syn, now);
        if self.sockets.get::<Socket<'_>>(handle).state() == State::Listen {
            self.remove(ends);
        }
    }

    /// Has smoltcp take a packet.
    fn feed(&mut self, packet: Vec<u8>, now: Instant) {
        self.link.offer(packet);
        self.interface.poll_ingress_single(self.time(now), &mut self.link, &mut self.sockets);
    }

    /// Forgets the connections that are over, once all that they had to say is on the wire.
    fn sweep(&mut self) {
        if !self.link.has_room() {
            return;
        }
        let over = |connection: &Connection| match &connection.side {
            Side::Opening(_) => false,
            Side::Open(open) => {
                let socket = self.sockets.get::<Socket<'_>>(open.handle);
                !socket.is_open() && (open.broken || !socket.can_recv())
            }
        };
        let gone: Vec<Ends> =
            self.connections.iter().filter(|(_, connection)| over(connection)).map(|(ends, _)| *ends).collect();
        for ends in gone {
            self.remove(ends);
        }
    }

    fn remove(&mut self, ends: Ends) {
        if let Some(Connection { side: Side::Open(open), .. }) = self.connections.remove(&ends) {
            self.sockets.remove(open.handle);
        }
    }
}
