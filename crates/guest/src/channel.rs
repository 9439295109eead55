//! The guest's end of the channel.

use std::{
    fs::{File, OpenOptions},
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, sync_channel},
    },
    time::Duration,
};

use copr_vm::proto::{
    self, Begin, FromGuest, GuestExit, HEARTBEAT_SECONDS, Heartbeat, LogStream, MAX_FRAME, PORT, ProtoError, Stage,
    ToGuest, VERSION, read_frame, write_frame,
};
use fs_err as fs;
use nix::sys::statvfs::statvfs;

use crate::system::{self, TARGET};

/// How long the host may take to read what is left; its own deadline comes first.
const PARTING: Duration = Duration::from_secs(3600);

/// The port, shared by the job, the log readers and the heartbeat.
#[derive(Debug, Clone)]
pub(crate) struct Channel(Arc<Mutex<File>>);

/// What the host answers to questions: whether the spare disk holds more packages.
#[derive(Debug)]
pub(crate) struct Answers(Mutex<Receiver<bool>>);

impl Answers {
    /// Waits for the answer to the question just sent. That may take the host long: it solves and downloads.
    pub(crate) fn more(&self) -> bool {
        // The other end powers off before it lets go.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).recv().unwrap_or_default()
    }
}

/// Opens the port.
pub(crate) fn open() -> io::Result<Channel> {
    let path = system::port(PORT)?;
    let file = OpenOptions::new().read(true).write(true).open(&path)?;
    Ok(Channel(Arc::new(Mutex::new(file))))
}

impl Channel {
    /// Sends one frame. When that fails the host is gone, and with it everyone who could care.
    pub(crate) fn send(&self, frame: &FromGuest) {
        let (kind, payload) = frame.encode();
        let mut port = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = write_frame(&mut *port, kind, &payload) {
            println!("guest: the host does not listen: {error}");
            system::power_off();
        }
    }

    /// Says that the machine has booted, and waits for the word to begin. Here a snapshot is taken, and here machines go on
    /// that start from one: no disk may have been looked at before.
    pub(crate) fn ready(&self) -> Begin {
        self.send(&FromGuest::Ready { version: VERSION, uptime: system::uptime() });
        let port = self.0.lock().unwrap_or_else(PoisonError::into_inner).try_clone();
        let word = port.map_err(ProtoError::from).and_then(|mut port| read_frame(&mut port));
        match word.map(|frame| frame.map(|(kind, payload)| ToGuest::decode(kind, &payload))) {
            Ok(Some(Ok(ToGuest::Begin(begin)))) => begin,
            _ => system::power_off(),
        }
    }

    /// The first frame of the job.
    pub(crate) fn hello(&self, nonce: &str) {
        self.send(&FromGuest::Hello { nonce: nonce.to_owned(), uptime: system::uptime() });
    }

    /// A stage is reached.
    pub(crate) fn stage(&self, stage: Stage) {
        self.send(&FromGuest::Stage { stage, uptime: system::uptime() });
    }

    /// A piece of a log.
    pub(crate) fn log(&self, stream: LogStream, bytes: &[u8]) {
        for piece in bytes.chunks(MAX_FRAME / 2) {
            self.send(&FromGuest::Log(stream, piece.to_vec()));
        }
    }

    /// A remark for the builder's log.
    pub(crate) fn remark(&self, text: impl Into<String>) {
        self.send(&FromGuest::Diagnostic(text.into()));
    }

    /// Listens to the host from now on: answers come from what is returned. Powers off when the host says that it has
    /// received all or that the job is cancelled, and when it goes away.
    pub(crate) fn listen_to_host(&self) -> Answers {
        let (sender, answers) = sync_channel(1);
        let port = self.0.lock().unwrap_or_else(PoisonError::into_inner).try_clone();
        std::thread::spawn(move || {
            let Ok(mut port) = port else { system::power_off() };
            while let Ok(Some((kind, payload))) = read_frame(&mut port) {
                let more = match ToGuest::decode(kind, &payload) {
                    Ok(ToGuest::Go) => true,
                    Ok(ToGuest::Nothing) => false,
                    Ok(ToGuest::Begin(_) | ToGuest::Cancel | ToGuest::Received) | Err(_) => break,
                };
                // Nobody has asked, or somebody has panicked; what comes next tells.
                let _ = sender.try_send(more);
            }
            system::power_off()
        });
        Answers(Mutex::new(answers))
    }

    /// The last words, and then the wait for the host to have read them: a machine that goes off takes with it what lies
    /// in the port's queue. Returns only when the host keeps silent for very long; it normally powers off.
    pub(crate) fn end(&self, exit: GuestExit) {
        self.send(&FromGuest::Exit(exit));
        self.stage(Stage::End);
        std::thread::sleep(PARTING);
    }

    /// Says every few seconds that the machine is alive.
    pub(crate) fn start_heartbeat(&self) {
        let channel = self.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_secs(HEARTBEAT_SECONDS));
                channel.send(&FromGuest::Heartbeat(heartbeat()));
            }
        });
    }
}

fn heartbeat() -> Heartbeat {
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = memory.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    proto::Heartbeat {
        uptime: system::uptime(),
        memory_available_kib: available
            .and_then(|text| text.trim().trim_end_matches(" kB").parse().ok())
            .unwrap_or_default(),
        disk_free: statvfs(TARGET).map_or(0, |stat| stat.blocks_available().saturating_mul(stat.fragment_size())),
        load: load.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default(),
    }
}
