//! The relay as its owner sees it.

use std::{
    io,
    net::Shutdown,
    os::unix::net::UnixStream,
    thread::{Builder, JoinHandle},
};

use super::gateway::Gateway;
use crate::machine::Network;

/// What stands between one machine and the world; it ends when QEMU closes its end, and when it is dropped.
#[derive(Debug)]
pub struct Relay {
    end: UnixStream,
    thread: Option<JoinHandle<Vec<String>>>,
}

impl Relay {
    /// Starts it, as a thread of its own. `socket` is the other end of QEMU's `-netdev socket,fd=` (or `stream`).
    ///
    /// # Errors
    /// When the socket cannot be shared, or no thread can be had.
    pub fn start(socket: UnixStream, network: Network) -> io::Result<Self> {
        let end = socket.try_clone()?;
        let gateway = Gateway::new(socket, network)?;
        let thread = Builder::new().name("network".to_owned()).spawn(|| gateway.run())?;
        Ok(Self { end, thread: Some(thread) })
    }

    /// Ends it; what the machine tried to reach and may not, one line each, at most twenty.
    #[must_use]
    pub fn finish(mut self) -> Vec<String> {
        self.end()
    }

    fn end(&mut self) -> Vec<String> {
        // It fails only when QEMU's end is closed already.
        let _ = self.end.shutdown(Shutdown::Both);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        time::{Duration, Instant},
    };

    use super::*;

    fn ends(relay: &Relay) -> bool {
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until {
            if relay.thread.as_ref().is_some_and(JoinHandle::is_finished) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    #[test]
    fn it_ends_with_the_machine() {
        let (machine, socket) = UnixStream::pair().unwrap();
        let relay = Relay::start(socket, Network::default()).unwrap();
        drop(machine);
        assert!(ends(&relay));
    }

    #[test]
    fn it_ends_when_what_comes_are_no_frames() {
        let (mut machine, socket) = UnixStream::pair().unwrap();
        let relay = Relay::start(socket, Network::default()).unwrap();
        machine.write_all(&[0xff; 100]).unwrap();
        assert!(ends(&relay));
    }
}
