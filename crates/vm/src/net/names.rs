//! The guest's questions for names. They go to this host's name servers as the guest has written them, once they are seen
//! to be questions: what else that protocol can do (updates, notices, whole zones) a build has no use for.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use super::{
    link::{MTU, is_not_yet},
    pace::Pace,
};

/// The protocol's port.
pub(super) const PORT: u16 = 53;
/// Longest question, in bytes; a name has 255 at most.
pub(super) const MAX_QUESTION: usize = 1024;
/// Longest answer that fits into one packet, in bytes; a guest asks again by TCP for a longer one.
const MAX_ANSWER: usize = MTU - 20 - 8;
/// Most questions by UDP that wait for an answer.
const MOST_WAITING: usize = 64;
/// Questions at once, and in a second.
const PACE: (u32, u32) = (200, 50);
/// How long one name server may take before the next is asked.
const PATIENCE: Duration = Duration::from_secs(5);
/// In the third byte: this is an answer.
const ANSWER: u8 = 0x80;
/// In the third byte: there is more than this.
const CUT: u8 = 0x02;
/// Kinds of questions whose answer is a whole zone: IXFR and AXFR.
const ZONES: [u16; 2] = [251, 252];

/// Questions that wait for an answer.
#[derive(Debug)]
pub(super) struct Names {
    servers: Vec<SocketAddr>,
    waiting: Vec<Question>,
    pace: Pace,
}

impl Names {
    pub(super) fn new(servers: Vec<SocketAddr>, now: Instant) -> Self {
        Self { servers, waiting: Vec::new(), pace: Pace::new(PACE.0, PACE.1, now) }
    }

    /// The name server that is asked first.
    pub(super) fn server(&self) -> Option<SocketAddr> {
        self.servers.first().copied()
    }

    /// The sockets that answers come by.
    pub(super) fn sockets(&self) -> impl Iterator<Item = &UdpSocket> {
        self.waiting.iter().map(|question| &question.socket)
    }

    /// Takes a question from a port of the guest's. One too many is dropped: the guest asks again.
    pub(super) fn ask(&mut self, port: u16, text: &[u8], now: Instant) {
        if self.waiting.len() >= MOST_WAITING || question_end(text).is_none() || !self.pace.take(now) {
            return;
        }
        self.waiting.extend(Question::ask(port, text.to_vec(), &self.servers, now));
    }

    /// The answers that have come, each with the guest's port.
    pub(super) fn answers(&mut self, now: Instant) -> Vec<(u16, Vec<u8>)> {
        let mut answers = Vec::new();
        let mut waiting = Vec::new();
        for question in std::mem::take(&mut self.waiting) {
            match question.answer() {
                Ok(Some(answer)) => answers.push((question.port, answer)),
                Ok(None) if now < question.until => waiting.push(question),
                // Nobody is there, or nobody answers: the next.
                Ok(None) | Err(_) => waiting.extend(Question::ask(question.port, question.text, &question.others, now)),
            }
        }
        self.waiting = waiting;
        answers
    }
}

/// A question that one name server was asked.
#[derive(Debug)]
struct Question {
    port: u16,
    text: Vec<u8>,
    socket: UdpSocket,
    until: Instant,
    others: Vec<SocketAddr>,
}

impl Question {
    /// Asks the first of the servers that can be asked.
    fn ask(port: u16, text: Vec<u8>, servers: &[SocketAddr], now: Instant) -> Option<Self> {
        let (server, others) = servers.split_first()?;
        let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        // A port of its own for each question, and ears for this server only: others cannot answer in its place.
        let sent = UdpSocket::bind((any, 0)).and_then(|socket| {
            socket.set_nonblocking(true)?;
            socket.connect(server)?;
            socket.send(&text)?;
            Ok(socket)
        });
        match sent {
            Ok(socket) => Some(Self { port, text, socket, until: now + PATIENCE, others: others.to_vec() }),
            Err(_) => Self::ask(port, text, others, now),
        }
    }

    fn answer(&self) -> io::Result<Option<Vec<u8>>> {
        let mut answer = vec![0; usize::from(u16::MAX)];
        match self.socket.recv(&mut answer) {
            Ok(length) => {
                answer.truncate(length);
                let mine =
                    answer.get(..2) == self.text.get(..2) && answer.get(2).is_some_and(|flags| flags & ANSWER != 0);
                Ok(mine.then(|| shortened(&self.text, answer)))
            }
            Err(error) if is_not_yet(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// An answer that fits into a packet: where it does not, it says only that there is more.
fn shortened(question: &[u8], mut answer: Vec<u8>) -> Vec<u8> {
    if answer.len() <= MAX_ANSWER {
        return answer;
    }
    let [first, second, third, fourth, ..] = answer.as_slice() else { return answer };
    let mut short = vec![*first, *second, third | CUT, *fourth, 0, 1, 0, 0, 0, 0, 0, 0];
    short.extend_from_slice(question_end(question).and_then(|end| question.get(12..end)).unwrap_or_default());
    answer.clear();
    answer.append(&mut short);
    answer
}

/// Where the question for one name ends in a message that is such a question and nothing else (RFC 1035, 4.1).
pub(super) fn question_end(message: &[u8]) -> Option<usize> {
    let header = message.first_chunk::<12>().filter(|_| message.len() <= MAX_QUESTION)?;
    // No answer, and of the kinds of messages only the query; one question, no answers, no authorities.
    if header[2] & (ANSWER | 0x78) != 0 || header[4..10] != [0, 1, 0, 0, 0, 0] {
        return None;
    }
    let mut end = header.len();
    loop {
        match *message.get(end)? {
            0 => break,
            length @ 1..64 => end += 1 + usize::from(length),
            _ => return None,
        }
    }
    let name = end + 1 - header.len();
    let kind = message.get(end + 1..end + 3)?.first_chunk().copied().map(u16::from_be_bytes)?;
    let end = end + 5;
    (name <= 255 && end <= message.len() && !ZONES.contains(&kind)).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for the address of `example.org`.
    const QUESTION: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03org\0\0\x01\0\x01";

    fn changed(at: usize, byte: u8) -> Vec<u8> {
        let mut message = QUESTION.to_vec();
        message[at] = byte;
        message
    }

    #[test]
    fn only_a_question_for_one_name_is_passed_on() {
        assert_eq!(question_end(QUESTION), Some(QUESTION.len()));
        let mut with_edns = changed(11, 1);
        with_edns.extend_from_slice(b"\0\0\x29\x05\xdc\0\0\0\0\0\0");
        assert_eq!(question_end(&with_edns), Some(QUESTION.len()));
        let bad = [
            ("an answer", changed(2, 0x81)),
            ("an update", changed(2, 0x28)),
            ("a notice", changed(2, 0x20)),
            ("two questions", changed(5, 2)),
            ("no question", changed(5, 0)),
            ("an answer inside", changed(7, 1)),
            ("an authority inside", changed(9, 1)),
            ("a pointer", changed(12, 0xc0)),
            ("a name that runs out", changed(20, 60)),
            ("a whole zone", changed(QUESTION.len() - 3, 252)),
            ("cut", QUESTION[..QUESTION.len() - 1].to_vec()),
            ("nothing", Vec::new()),
            ("a name too long", [&QUESTION[..12], &[1, b'a'].repeat(128), &[0, 0, 1, 0, 1]].concat()),
            ("too long", [QUESTION, &[0; MAX_QUESTION]].concat()),
        ];
        for (what, message) in bad {
            assert_eq!(question_end(&message), None, "{what}");
        }
    }

    #[test]
    fn an_answer_that_is_too_long_says_that_there_is_more() {
        let mut answer = changed(2, 0x81);
        assert_eq!(shortened(QUESTION, answer.clone()), answer);
        answer.resize(4000, 7);
        let short = shortened(QUESTION, answer);
        assert_eq!(short[2] & CUT, CUT);
        assert_eq!((&short[..2], &short[4..]), (&QUESTION[..2], &QUESTION[4..]));
    }

    #[test]
    fn where_the_first_name_server_is_away_the_next_is_asked() {
        let away = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        server.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut names = Names::new(vec![away, server.local_addr().unwrap()], Instant::now());
        names.ask(4000, QUESTION, Instant::now());
        // The first one's refusal comes back at once; should it get lost, patience ends.
        let later = Instant::now() + PATIENCE;
        assert!(names.answers(later).is_empty());
        let mut heard = [0; 600];
        let (length, from) = server.recv_from(&mut heard).unwrap();
        assert_eq!(&heard[..length], QUESTION);
        server.send_to(&changed(0, 0x13), from).unwrap();
        server.send_to(&changed(2, 0x81), from).unwrap();
        let mut answers = Vec::new();
        for _ in 0..6000 {
            answers.extend(names.answers(later));
            if !answers.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(answers, [(4000, changed(2, 0x81))], "what answers another question is none");
    }
}
