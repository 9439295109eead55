//! QEMU's monitor (QMP), and what QEMU says on standard error, which comes by the same socket.

use std::{
    io::{BufRead, BufReader, IoSlice, Read},
    mem::MaybeUninit,
    os::{fd::BorrowedFd, unix::net::UnixStream},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde_json::{Value, json};

use crate::machine::MachineError;

/// Longest line that is read, and most that is kept of what is no message, in bytes.
const MOST_TEXT: u64 = 64 << 10;
/// How long QEMU may take for an answer; it takes a millisecond.
const PATIENCE: Duration = Duration::from_secs(30);
/// Answers that nobody waits for any more.
const WAITING: usize = 64;

/// What the listener has heard.
#[derive(Debug, Default)]
struct Heard {
    /// Why the machine went off.
    reason: Option<String>,
    /// Lines that are no messages.
    complaints: String,
}

/// The monitor of one QEMU.
#[derive(Debug)]
pub(crate) struct Monitor {
    stream: UnixStream,
    heard: Arc<Mutex<Heard>>,
    answers: Receiver<Value>,
    listener: Option<JoinHandle<()>>,
    asked: u64,
}

impl Monitor {
    pub(crate) fn start(stream: UnixStream) -> Self {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let (sender, answers) = sync_channel(WAITING);
        let kept = Arc::clone(&heard);
        // Without a second handle we only learn less: the reason stays unknown.
        let listener = stream.try_clone().ok().map(|stream| std::thread::spawn(move || listen(stream, &kept, &sender)));
        let mut monitor = Self { stream, heard, answers, listener, asked: 0 };
        // Should QEMU stop reading, we must not.
        let _ = monitor.stream.set_write_timeout(Some(Duration::from_millis(200)));
        monitor.say("qmp_capabilities", &json!({}), None);
        monitor
    }

    /// Says a command; with `file`, hands that over.
    fn say(&mut self, command: &str, arguments: &Value, file: Option<BorrowedFd<'_>>) {
        self.asked += 1;
        let words = format!("{}\n", json!({"execute": command, "arguments": arguments, "id": self.asked}));
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let files: Vec<_> = file.into_iter().collect();
        if !files.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(&files));
        }
        // When it fails QEMU is gone, or is killed soon. So short a text goes out whole.
        let _ = sendmsg(&self.stream, &[IoSlice::new(words.as_bytes())], &mut control, SendFlags::NOSIGNAL);
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// When QEMU refuses, is gone, or takes too long.
    pub(crate) fn ask(&mut self, command: &str, arguments: &Value) -> Result<Value, MachineError> {
        self.say(command, arguments, None);
        self.answer(command)
    }

    /// Gives QEMU an open file, which has this name from then on.
    ///
    /// # Errors
    /// As [`Monitor::ask`].
    pub(crate) fn give(&mut self, name: &str, file: BorrowedFd<'_>) -> Result<(), MachineError> {
        self.say("getfd", &json!({"fdname": name}), Some(file));
        self.answer("getfd").map(drop)
    }

    fn answer(&mut self, command: &str) -> Result<Value, MachineError> {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let mut answer = self.answers.recv_timeout(left).map_err(|_| {
                // It is gone, and then its last words come before its end; or it hangs.
                MachineError::Qemu(format!("no answer to {command}: {}", self.heard().complaints.trim()))
            })?;
            if answer.get("id").and_then(Value::as_u64) != Some(self.asked) {
                continue;
            }
            if let Some(error) = answer.get("error") {
                return Err(MachineError::Qemu(format!("{command}: {error}")));
            }
            return Ok(answer.get_mut("return").map(Value::take).unwrap_or_default());
        }
    }

    /// Ends QEMU.
    pub(crate) fn quit(&mut self) {
        self.say("quit", &json!({}), None);
    }

    /// Why the machine went off; call it when QEMU has ended.
    pub(crate) fn reason(&mut self) -> Option<String> {
        self.join();
        self.heard().reason.clone()
    }

    /// What it said on standard error; call it when QEMU has ended.
    pub(crate) fn complaints(&mut self) -> String {
        self.join();
        self.heard().complaints.trim().to_owned()
    }

    fn join(&mut self) {
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listen(stream: UnixStream, heard: &Mutex<Heard>, answers: &SyncSender<Value>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        match stream.by_ref().take(MOST_TEXT).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(message) = serde_json::from_slice::<Value>(&line) else {
            if heard.complaints.len() as u64 + line.len() as u64 <= MOST_TEXT {
                heard.complaints.push_str(&String::from_utf8_lossy(&line));
            }
            continue;
        };
        if message.get("id").is_some() {
            // Nobody waits for so many.
            let _ = answers.try_send(message);
        } else if message.get("event").and_then(Value::as_str) == Some("SHUTDOWN") {
            let why = message.get("data").and_then(|data| data.get("reason")).and_then(Value::as_str);
            heard.reason = heard.reason.take().or_else(|| why.map(str::to_owned));
        }
    }
}
