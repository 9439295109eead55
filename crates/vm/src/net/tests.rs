//! The relay, and a guest in its place: smoltcp again, on the other end of the wire.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where it stands")]

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::unix::net::UnixStream,
    sync::{Arc, Mutex},
    thread::{JoinHandle, spawn},
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use smoltcp::{
    iface::{Config, Interface, SocketHandle, SocketSet},
    phy::ChecksumCapabilities,
    socket::{
        tcp::{RecvError, Socket, SocketBuffer, State},
        udp,
    },
    wire::{
        HardwareAddress, IpAddress, IpCidr, IpEndpoint, IpProtocol, Ipv4Packet, Ipv4Repr, TcpControl, TcpPacket,
        TcpRepr, TcpSeqNumber, TcpTimestampRepr,
    },
};

use super::{
    Host, Outside, Relay,
    address::{GATEWAY, GATEWAY_MAC, GUEST, GUEST_MAC, NAME_SERVER, PREFIX},
    gateway::MOST_CONNECTIONS,
    link::{ARP, IPV4, Link},
};
use crate::machine::Network;

/// More than any of this takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// A public address; none of the tests sends anything there.
const PUBLIC: Ipv4Addr = Ipv4Addr::new(1, 1, 1, 1);
/// Asks for the address of `example.org`.
const QUESTION: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03org\0\0\x01\0\x01";

/// A world in which every address is one of this host's sockets.
#[derive(Debug)]
struct World {
    is: SocketAddr,
    names: Vec<SocketAddr>,
    asked: Mutex<Vec<SocketAddr>>,
}

impl World {
    fn new(is: SocketAddr) -> Arc<Self> {
        Arc::new(Self { is, names: vec![is], asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<SocketAddr> {
        self.asked.lock().unwrap().clone()
    }
}

impl Outside for World {
    fn connect(&self, to: SocketAddr) -> std::io::Result<TcpStream> {
        self.asked.lock().unwrap().push(to);
        Host.connect(self.is)
    }

    fn name_servers(&self) -> Vec<SocketAddr> {
        self.names.clone()
    }
}

/// A machine's side of the wire.
struct Guest {
    link: Link,
    interface: Interface,
    sockets: SocketSet<'static>,
    began: Instant,
    /// What came besides what smoltcp took: all frames, in order.
    seen: Vec<(u16, Vec<u8>)>,
    gone: bool,
}

impl Guest {
    fn new(world: &Arc<World>) -> (Self, Relay) {
        let (own, other) = UnixStream::pair().unwrap();
        let network = Network { outside: Arc::clone(world) as Arc<dyn Outside>, ..Network::default() };
        let relay = Relay::start(other, network).unwrap();
        let mut link = Link::new(own, GATEWAY_MAC, GUEST_MAC).unwrap();
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut link, smoltcp::time::Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(IpAddress::Ipv4(GUEST), PREFIX)).unwrap();
        });
        interface.routes_mut().add_default_ipv4_route(GATEWAY).unwrap();
        let sockets = SocketSet::new(Vec::new());
        (Self { link, interface, sockets, began: Instant::now(), seen: Vec::new(), gone: false }, relay)
    }

    fn time(&self) -> smoltcp::time::Instant {
        smoltcp::time::Instant::from_micros(i64::try_from(self.began.elapsed().as_micros()).unwrap())
    }

    fn turn(&mut self) {
        let mut fds = [PollFd::new(self.link.socket(), PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 5_000_000 })).unwrap();
        if !fds[0].revents().is_empty() {
            self.gone |= self.link.receive().is_err();
            for (kind, content) in self.link.frames().unwrap() {
                if kind == IPV4 {
                    self.link.offer(content.clone());
                    let now = self.time();
                    self.interface.poll_ingress_single(now, &mut self.link, &mut self.sockets);
                }
                self.seen.push((kind, content));
            }
        }
        let now = self.time();
        self.interface.poll(now, &mut self.link, &mut self.sockets);
        self.gone |= self.link.flush().is_err();
    }

    /// Works until there is an answer.
    fn until<T>(&mut self, what: &str, mut answer: impl FnMut(&mut Self) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            self.turn();
            if let Some(answer) = answer(self) {
                return answer;
            }
            assert!(Instant::now() < until, "{what} never came");
        }
    }

    fn connect(&mut self, to: Ipv4Addr, port: u16, from: u16) -> SocketHandle {
        let buffer = || SocketBuffer::new(vec![0; 16 << 10]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.connect(self.interface.context(), (IpAddress::Ipv4(to), port), from).unwrap();
        self.sockets.add(socket)
    }

    fn socket(&mut self, handle: SocketHandle) -> &mut Socket<'static> {
        self.sockets.get_mut(handle)
    }

    fn until_state(&mut self, handle: SocketHandle, state: State) {
        self.until(&format!("the state {state}"), |guest| (guest.socket(handle).state() == state).then_some(()));
    }

    /// Sends all of it, closes, and reads all that comes.
    fn talk(&mut self, handle: SocketHandle, mut say: &[u8]) -> Vec<u8> {
        let mut heard = Vec::new();
        self.until("the end of the connection", |guest| {
            let socket = guest.socket(handle);
            if socket.may_send() {
                say = &say[socket.send_slice(say).unwrap()..];
                if say.is_empty() {
                    socket.close();
                }
            }
            loop {
                match socket.recv(|bytes| (bytes.len(), bytes.to_vec())) {
                    Ok(bytes) if bytes.is_empty() => return None,
                    Ok(bytes) => heard.extend(bytes),
                    Err(RecvError::Finished) => return Some(()),
                    Err(RecvError::InvalidState) => {
                        assert_ne!(socket.state(), State::Closed, "the connection was reset");
                        return None;
                    }
                }
            }
        });
        heard
    }

    /// Sends a frame as it is.
    fn send(&mut self, kind: u16, content: &[u8]) {
        self.link.send(kind, content.len(), |room| room.copy_from_slice(content));
    }
}

/// A server for one connection.
fn serve<T: Send + 'static>(answer: impl FnOnce(TcpStream) -> T + Send + 'static) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (address, spawn(move || answer(listener.accept().unwrap().0)))
}

fn pattern(length: u32) -> Vec<u8> {
    (0..length).map(|n| u8::try_from(n.wrapping_mul(2_654_435_761) >> 24).unwrap()).collect()
}

#[test]
fn a_connection_carries_all_bytes_both_ways_and_each_side_may_end_first() {
    let (address, server) = serve(|mut stream| {
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        stream.write_all(&pattern(700_000)).unwrap();
        heard
    });
    let world = World::new(address);
    let (mut guest, _relay) = Guest::new(&world);
    let handle = guest.connect(PUBLIC, 443, 40000);
    assert!(guest.talk(handle, &pattern(300_000)) == pattern(700_000), "the answer came through changed");
    assert!(server.join().unwrap() == pattern(300_000), "the question came through changed");
    assert_eq!(world.asked(), [SocketAddr::from((PUBLIC, 443))]);

    let (address, server) = serve(|mut stream| stream.write_all(b"bye").unwrap());
    let (mut guest, _relay) = Guest::new(&World::new(address));
    let handle = guest.connect(PUBLIC, 80, 40000);
    let heard = guest.until("the server's end", |guest| {
        let socket = guest.socket(handle);
        let mut bytes = [0; 10];
        let over = socket.state() == State::CloseWait && socket.recv_queue() == 3;
        over.then(|| socket.recv_slice(&mut bytes).map(|length| bytes[..length].to_vec()).unwrap())
    });
    assert_eq!(heard, b"bye");
    server.join().unwrap();
    guest.socket(handle).close();
    guest.until_state(handle, State::Closed);
}

#[test]
fn a_port_of_the_guests_can_be_used_again_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            // Not all of them listen.
            let _ = stream.write_all(b"bye");
        }
    });
    let world = World::new(address);
    let (mut guest, _relay) = Guest::new(&world);
    // As a guest does that knows nothing of it any more.
    let handle = guest.connect(PUBLIC, 80, 40000);
    guest.until_state(handle, State::Established);
    guest.sockets.remove(handle);
    for _ in 0..3 {
        let handle = guest.connect(PUBLIC, 80, 40000);
        assert_eq!(guest.talk(handle, b""), b"bye");
        guest.until("the guest's end", |guest| (!guest.socket(handle).is_open()).then_some(()));
        guest.sockets.remove(handle);
    }
    assert!(world.asked().len() >= 4);
}

#[test]
fn what_may_not_be_reached_is_refused_at_once_and_never_asked_for() {
    let world = World::new(SocketAddr::from(([127, 0, 0, 1], 9)));
    let (mut guest, relay) = Guest::new(&world);
    let places = [
        (Ipv4Addr::LOCALHOST, "loopback"),
        (GATEWAY, "private"),
        (NAME_SERVER, "private"),
        (Ipv4Addr::new(192, 168, 1, 1), "private"),
        (Ipv4Addr::new(169, 254, 169, 254), "link-local"),
        (Ipv4Addr::new(100, 64, 0, 1), "NAT"),
    ];
    for (number, (to, _)) in (40000..).zip(places) {
        let handle = guest.connect(to, 80, number);
        guest.until_state(handle, State::Closed);
    }
    assert!(world.asked().is_empty());
    let refusals = relay.finish();
    assert_eq!(refusals.len(), places.len(), "{refusals:?}");
    for ((to, what), said) in places.iter().zip(&refusals) {
        assert!(said.contains(&to.to_string()) && said.contains(what) && said.contains("port 80"), "{said}");
    }
}

#[test]
fn where_nobody_listens_the_guest_is_refused_too() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = World::new(nobody);
    let (mut guest, _relay) = Guest::new(&world);
    let handle = guest.connect(PUBLIC, 80, 40000);
    guest.until_state(handle, State::Closed);
    assert_eq!(world.asked().len(), 1);
}

#[test]
fn a_guest_that_breaks_off_breaks_off_the_connection_to_the_world() {
    let (address, server) = serve(|mut stream| {
        stream.write_all(b"hello").unwrap();
        // The end or an error, but no waiting for ever.
        stream.read(&mut [0; 10]).unwrap_or_default()
    });
    let (mut guest, _relay) = Guest::new(&World::new(address));
    let handle = guest.connect(PUBLIC, 80, 40000);
    guest.until("the first word", |guest| guest.socket(handle).can_recv().then_some(()));
    guest.socket(handle).abort();
    guest.until("the server's end", |_| server.is_finished().then_some(()));
    assert_eq!(server.join().unwrap(), 0);
}

#[test]
fn a_guest_that_breaks_off_before_its_connection_stands_leaves_nothing_behind() {
    let (address, server) = serve(|mut stream| stream.read(&mut [0; 10]).unwrap_or_default());
    let world = World::new(address);
    let (mut guest, _relay) = Guest::new(&world);
    let (flags, number) = (TcpControl::Syn, TcpSeqNumber(7));
    guest.send(IPV4, &segment(PUBLIC, 80, 40000, flags, number, &[]));
    let answered = |guest: &mut Guest| {
        let found = guest.seen.iter().filter(|(kind, _)| *kind == IPV4).find_map(|(_, packet)| {
            let packet = Ipv4Packet::new_checked(packet).unwrap();
            let segment = TcpPacket::new_checked(packet.payload()).ok()?;
            (segment.syn() && segment.ack()).then_some(())
        });
        guest.seen.clear();
        found
    };
    // The guest's own smoltcp knows nothing of it, and answers the SYN's answer with a reset.
    guest.until("the answer", answered);
    guest.until("the server's end", |_| server.is_finished().then_some(()));
    // A second one is not taken for the first.
    guest.send(IPV4, &segment(PUBLIC, 80, 40001, flags, number, &[]));
    guest.until("the second attempt", |_| (world.asked().len() == 2).then_some(()));
}

#[test]
fn there_are_only_so_many_connections_and_one_more_waits() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    spawn(move || {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept() {
            held.push(stream);
        }
    });
    let world = World::new(address);
    let (mut guest, _relay) = Guest::new(&world);
    let all: Vec<SocketHandle> =
        (40000..).take(MOST_CONNECTIONS + 1).map(|from| guest.connect(PUBLIC, 80, from)).collect();
    let stand = |guest: &mut Guest| {
        let stands = |handle: &&SocketHandle| guest.sockets.get::<Socket<'_>>(**handle).state() == State::Established;
        all.iter().filter(stands).copied().collect::<Vec<_>>()
    };
    let first = guest.until("all that may stand", |guest| {
        let standing = stand(guest);
        (standing.len() >= MOST_CONNECTIONS).then_some(standing)
    });
    assert_eq!((first.len(), world.asked().len()), (MOST_CONNECTIONS, MOST_CONNECTIONS));
    guest.socket(first[5]).abort();
    guest.until("the one that waited", |guest| {
        (stand(guest).len() == MOST_CONNECTIONS && world.asked().len() == MOST_CONNECTIONS + 1).then_some(())
    });
}

#[test]
fn questions_for_names_go_to_the_hosts_name_server_and_nothing_else_does() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let world = World::new(server.local_addr().unwrap());
    let (mut guest, _relay) = Guest::new(&world);
    let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 8], vec![0; 8 << 10]);
    let mut socket = udp::Socket::new(buffer(), buffer());
    socket.bind(5000).unwrap();
    let handle = guest.sockets.add(socket);
    let mut update = QUESTION.to_vec();
    update[2] = 0x28;
    for message in [update.as_slice(), QUESTION] {
        let to = IpEndpoint::new(IpAddress::Ipv4(NAME_SERVER), 53);
        guest.sockets.get_mut::<udp::Socket<'_>>(handle).send_slice(message, to).unwrap();
    }
    server.set_nonblocking(true).unwrap();
    let (heard, from) = guest.until("the question", |_| {
        let mut bytes = [0; 600];
        server.recv_from(&mut bytes).ok().map(|(length, from)| (bytes[..length].to_vec(), from))
    });
    assert_eq!(heard, QUESTION, "the update came through");
    let mut answer = QUESTION.to_vec();
    answer[2] |= 0x80;
    server.send_to(&answer, from).unwrap();
    let (heard, from) = guest.until("the answer", |guest| {
        let (bytes, meta) = guest.sockets.get_mut::<udp::Socket<'_>>(handle).recv().ok()?;
        Some((bytes.to_vec(), meta.endpoint))
    });
    assert_eq!((heard, from), (answer, IpEndpoint::new(IpAddress::Ipv4(NAME_SERVER), 53)));

    // Elsewhere nobody listens, and the guest is told so: an ICMP packet of type 3, code 3.
    let to = IpEndpoint::new(IpAddress::Ipv4(PUBLIC), 443);
    guest.sockets.get_mut::<udp::Socket<'_>>(handle).send_slice(b"hello", to).unwrap();
    guest.until("the refusal", |guest| {
        let refused = |(_, packet): &(u16, Vec<u8>)| packet.get(9) == Some(&1) && packet.get(20..22) == Some(&[3, 3]);
        guest.seen.iter().any(refused).then_some(())
    });
    assert!(world.asked().is_empty());
}

#[test]
fn questions_for_names_may_come_by_tcp_and_nothing_else_may() {
    let framed = |message: &[u8]| [&u16::try_from(message.len()).unwrap().to_be_bytes(), message].concat();
    let mut update = QUESTION.to_vec();
    update[2] = 0x28;
    let (question, update) = (framed(QUESTION), framed(&update));
    let expected = question.clone();
    let (address, server) = serve(move |mut stream| {
        let mut heard = vec![0; expected.len()];
        stream.read_exact(&mut heard).unwrap();
        assert_eq!(heard, expected);
        stream.write_all(&[9; 3000]).unwrap();
        let mut rest = Vec::new();
        // It is broken off, in whatever way.
        let _ = stream.read_to_end(&mut rest);
        rest
    });
    let world = World::new(address);
    let (mut guest, _relay) = Guest::new(&world);
    let handle = guest.connect(NAME_SERVER, 53, 40000);
    guest.until_state(handle, State::Established);
    // In two pieces, which come apart.
    guest.socket(handle).send_slice(&question[..9]).unwrap();
    guest.until("the first piece", |guest| (guest.socket(handle).send_queue() == 0).then_some(()));
    guest.socket(handle).send_slice(&question[9..]).unwrap();
    guest.until("the answer", |guest| (guest.socket(handle).recv_queue() == 3000).then_some(()));
    guest.socket(handle).send_slice(&update).unwrap();
    guest.until_state(handle, State::Closed);
    assert_eq!(server.join().unwrap(), b"", "the update came through");
    assert_eq!(world.asked(), [address]);
}

#[test]
fn the_gateway_and_the_name_server_have_a_hardware_address_and_nobody_else_has() {
    let (mut guest, _relay) = Guest::new(&World::new(SocketAddr::from(([127, 0, 0, 1], 9))));
    let start = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &GUEST_MAC, &GUEST.octets(), &[0; 6]].concat();
    for asked in [Ipv4Addr::new(10, 0, 2, 99), GUEST, PUBLIC, GATEWAY, NAME_SERVER] {
        guest.send(ARP, &[start.as_slice(), &asked.octets()].concat());
    }
    guest.until("both answers", |guest| (guest.seen.len() == 2).then_some(()));
    for ((kind, answer), who) in guest.seen.iter().zip([GATEWAY, NAME_SERVER]) {
        let expected = [&[0, 1, 8, 0, 6, 4, 0, 2][..], &GATEWAY_MAC, &who.octets(), &GUEST_MAC, &GUEST.octets()];
        assert_eq!((*kind, answer), (ARP, &expected.concat()));
    }
}

#[test]
fn no_frame_whatsoever_ends_the_relay() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            // Half of them are gone by now.
            let _ = stream.write_all(b"bye");
        }
    });
    let (mut guest, _relay) = Guest::new(&World::new(address));
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for round in 0..20_000 {
        let controls = [TcpControl::None, TcpControl::Psh, TcpControl::Syn, TcpControl::Fin, TcpControl::Rst];
        let control = controls[usize::try_from(random(5)).unwrap()];
        let to = [PUBLIC, NAME_SERVER, GATEWAY, Ipv4Addr::new(9, 9, 9, 9)][usize::try_from(random(4)).unwrap()];
        let port = [53, 80][usize::try_from(random(2)).unwrap()];
        let payload = vec![7; usize::try_from(random(30)).unwrap()];
        let number = TcpSeqNumber(i32::try_from(random(3)).unwrap());
        let from = 41000 + u16::try_from(random(30)).unwrap();
        let mut content = segment(to, port, from, control, number, &payload);
        for _ in 0..random(4) {
            let at = usize::try_from(random(content.len() as u64)).unwrap();
            content[at] = u8::try_from(random(256)).unwrap();
        }
        if random(10) == 0 {
            content.truncate(usize::try_from(random(60)).unwrap());
        }
        let kinds = [IPV4, IPV4, IPV4, ARP, 0x86dd];
        guest.send(kinds[usize::try_from(random(5)).unwrap()], &content);
        if round % 50 == 0 {
            guest.turn();
            guest.seen.clear();
        }
    }
    let handle = guest.connect(Ipv4Addr::new(8, 8, 8, 8), 80, 50000);
    assert_eq!(guest.talk(handle, b""), b"bye");
    assert!(!guest.gone);
}

#[test]
fn the_wire_is_closed_when_the_relay_is_dropped() {
    let (mut guest, relay) = Guest::new(&World::new(SocketAddr::from(([127, 0, 0, 1], 9))));
    drop(relay);
    guest.until("the end", |guest| guest.gone.then_some(()));
}

/// A packet of the guest's that no socket of its has made.
fn segment(
    to: Ipv4Addr,
    port: u16,
    from: u16,
    control: TcpControl,
    seq_number: TcpSeqNumber,
    payload: &[u8],
) -> Vec<u8> {
    let tcp = TcpRepr {
        src_port: from,
        dst_port: port,
        control,
        seq_number,
        ack_number: (control != TcpControl::Syn).then_some(TcpSeqNumber(1)),
        window_len: 8000,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None::<TcpTimestampRepr>,
        payload,
    };
    let ip = Ipv4Repr {
        src_addr: GUEST,
        dst_addr: to,
        next_header: IpProtocol::Tcp,
        payload_len: tcp.buffer_len(),
        hop_limit: 64,
    };
    let sums = ChecksumCapabilities::default();
    let mut bytes = vec![0; ip.buffer_len() + ip.payload_len];
    let mut packet = Ipv4Packet::new_unchecked(&mut bytes);
    ip.emit(&mut packet, &sums);
    let (from, to) = (IpAddress::Ipv4(GUEST), IpAddress::Ipv4(to));
    tcp.emit(&mut TcpPacket::new_unchecked(packet.payload_mut()), &from, &to, &sums);
    bytes
}
