//! One TCP connection of the guest's: a socket of smoltcp's on its side, a stream of the host's on the other.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use rustix::event::PollFlags;
use smoltcp::{
    iface::SocketHandle,
    socket::tcp::{RecvError, SendError, Socket, State},
};

use super::{
    link::is_not_yet,
    names::{MAX_QUESTION, question_end},
};

/// How long a connection may take to come about. The guest itself waits for two minutes.
const OPENING: Duration = Duration::from_secs(30);
/// How long a connection may be silent.
const IDLE: Duration = Duration::from_secs(15 * 60);

/// A connection, from the guest's SYN on.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// It goes to the name server: only questions may pass.
    for_names: bool,
    /// When something last moved.
    moved: Instant,
    pub(super) side: Side,
}

/// The guest's side.
#[derive(Debug)]
pub(super) enum Side {
    /// The guest's SYN waits until the outside has answered, so that it gets the same answer.
    Opening(Vec<u8>),
    /// It stands.
    Open(Open),
}

#[derive(Debug)]
pub(super) struct Open {
    pub(super) handle: SocketHandle,
    /// The stream takes nothing more for now.
    full: bool,
    /// The guest has said all, and the stream was told.
    said: bool,
    /// The stream has said all, and the guest was told.
    heard: bool,
    /// It was broken off; nothing more passes.
    pub(super) broken: bool,
}

impl Connection {
    pub(super) fn begin(stream: TcpStream, for_names: bool, syn: Vec<u8>, now: Instant) -> Self {
        Self { stream, for_names, moved: now, side: Side::Opening(syn) }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// What is to be waited for at the stream; nothing while the guest has no room.
    pub(super) fn wanted(&self, socket: Option<&Socket<'_>>) -> PollFlags {
        let mut wanted = PollFlags::empty();
        match (&self.side, socket) {
            (Side::Opening(_), _) => wanted |= PollFlags::OUT,
            (Side::Open(open), Some(socket)) if !open.broken => {
                wanted.set(PollFlags::OUT, open.full);
                wanted.set(PollFlags::IN, !open.heard && socket.can_send());
            }
            (Side::Open(_), _) => {}
        }
        wanted
    }

    /// Whether an opening connection stands (`Ok(true)`), or does not yet.
    ///
    /// # Errors
    /// When it cannot be had.
    pub(super) fn stands(&self, ready: PollFlags, now: Instant) -> io::Result<bool> {
        if now.saturating_duration_since(self.moved) >= OPENING {
            return Err(ErrorKind::TimedOut.into());
        }
        if ready.is_empty() {
            return Ok(false);
        }
        match self.stream.take_error()? {
            Some(error) => Err(error),
            None => self.stream.peer_addr().map(|_| true),
        }
    }

    /// The guest's side stands too.
    pub(super) fn opened(&mut self, handle: SocketHandle, now: Instant) {
        self.moved = now;
        self.side = Side::Open(Open { handle, full: false, said: false, heard: false, broken: false });
    }

    /// Passes on what can be passed on, both ways.
    pub(super) fn pass(&mut self, socket: &mut Socket<'_>, ready: PollFlags, now: Instant) {
        let Side::Open(open) = &mut self.side else { return };
        if open.broken {
            return;
        }
        if !ready.is_empty() {
            open.full = false;
        }
        let mut moved = false;
        let passed = if self.for_names {
            questions_out(&self.stream, socket, &mut moved)
        } else {
            out(&self.stream, socket, open, &mut moved)
        };
        let passed = passed.and_then(|()| {
            let over = matches!(socket.state(), State::CloseWait | State::LastAck | State::Closing | State::TimeWait);
            if over && !socket.can_recv() && !open.said {
                open.said = true;
                self.stream.shutdown(Shutdown::Write)?;
            }
            // Unasked, a read could only say that nothing is there.
            if ready.is_empty() { Ok(()) } else { back(&self.stream, socket, open, &mut moved) }
        });
        if moved {
            self.moved = now;
        }
        if passed.is_err() || now.saturating_duration_since(self.moved) >= IDLE {
            open.broken = true;
            socket.abort();
        }
    }
}

/// From the guest to the world.
fn out(mut stream: &TcpStream, socket: &mut Socket<'_>, open: &mut Open, moved: &mut bool) -> io::Result<()> {
    while socket.can_recv() && !open.full {
        let written = socket.recv(|bytes| {
            let written = stream.write(bytes);
            (written.as_ref().copied().unwrap_or(0), written)
        });
        match written {
            Ok(Ok(0)) => return Err(ErrorKind::WriteZero.into()),
            Ok(Ok(_)) => *moved = true,
            Ok(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
            Ok(Err(error)) if is_not_yet(&error) => open.full = true,
            Ok(Err(error)) => return Err(error),
            Err(RecvError::Finished | RecvError::InvalidState) => return Ok(()),
        }
    }
    Ok(())
}

/// From the guest to a name server: whole questions, each behind its length (u16, big-endian).
fn questions_out(mut stream: &TcpStream, socket: &mut Socket<'_>, moved: &mut bool) -> io::Result<()> {
    loop {
        let mut length = [0; 2];
        if socket.peek_slice(&mut length) != Ok(length.len()) {
            return Ok(());
        }
        let length = usize::from(u16::from_be_bytes(length));
        if length > MAX_QUESTION {
            return Err(ErrorKind::InvalidData.into());
        }
        if socket.recv_queue() < 2 + length {
            return Ok(());
        }
        let mut message = vec![0; 2 + length];
        let taken = socket.recv_slice(&mut message).map_err(|_| io::Error::from(ErrorKind::NotConnected))?;
        if taken != message.len() || message.get(2..).and_then(question_end).is_none() {
            return Err(ErrorKind::InvalidData.into());
        }
        // A socket that has no room for so little has a server behind it that does not listen.
        stream.write_all(&message)?;
        *moved = true;
    }
}

/// From the world to the guest.
fn back(mut stream: &TcpStream, socket: &mut Socket<'_>, open: &mut Open, moved: &mut bool) -> io::Result<()> {
    while socket.can_send() && !open.heard {
        let read = socket.send(|room| {
            let read = stream.read(room);
            (read.as_ref().copied().unwrap_or(0), read)
        });
        match read {
            Ok(Ok(0)) => {
                open.heard = true;
                *moved = true;
                socket.close();
            }
            Ok(Ok(_)) => *moved = true,
            Ok(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
            Ok(Err(error)) if is_not_yet(&error) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(SendError::InvalidState) => return Ok(()),
        }
    }
    Ok(())
}
