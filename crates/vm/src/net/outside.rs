//! How the relay reaches the world.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
};

use rustix::net::{AddressFamily, SocketFlags, SocketType};

/// Most name servers that are asked, as in the C library's resolver.
const MOST_NAME_SERVERS: usize = 3;

/// The world as a relay sees it; what is asked of it is permitted already. Tests on a host without a network put their
/// own in its place.
pub trait Outside: std::fmt::Debug + Send + Sync {
    /// Begins a connection, and does not wait until it stands: the stream is non-blocking, and can be written when it does.
    ///
    /// # Errors
    /// When it is clear at once that it cannot be had.
    fn connect(&self, to: SocketAddr) -> io::Result<TcpStream>;

    /// The name servers that the guest's questions go to, the preferred one first.
    fn name_servers(&self) -> Vec<SocketAddr>;
}

/// This host's own network, and the name servers of its `/etc/resolv.conf`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Host;

impl Outside for Host {
    fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        match rustix::net::connect(&socket, &to) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(socket.into()),
            Err(error) => Err(error.into()),
        }
    }

    fn name_servers(&self) -> Vec<SocketAddr> {
        name_servers(&fs_err::read_to_string("/etc/resolv.conf").unwrap_or_default())
    }
}

/// Those of a resolv.conf(5); where it names none, this host's own.
fn name_servers(text: &str) -> Vec<SocketAddr> {
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let address = words.next().filter(|word| *word == "nameserver").and_then(|_| words.next())?;
        Some(SocketAddr::new(address.parse().ok()?, 53))
    });
    let found: Vec<SocketAddr> = lines.take(MOST_NAME_SERVERS).collect();
    if found.is_empty() { vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53)] } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read_as_the_c_library_reads_them() {
        let text = "# nameserver 1.1.1.1\nsearch example.org\nnameserver 192.0.2.1\n nameserver\t2001:db8::1 # near\n\
                    nameserver fe80::1%eth0\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n";
        let shown: Vec<String> = name_servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.3:53"]);
        assert_eq!(name_servers("options edns0\n"), ["127.0.0.1:53".parse().unwrap()]);
    }
}
