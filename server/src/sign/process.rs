//! The signing process as the server has it: started when it is needed, started again when it has ended, one question at a time.

use std::{io, path::PathBuf, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::Mutex,
    time::Instant,
};

use super::{
    Error,
    wire::{self, LENGTHS, Reply, Request},
};

/// The longest time for an answer: keys take a while on a busy machine.
const ANSWER: Duration = Duration::from_secs(300);
/// The pause before it is started again, doubled with each time that it ended.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How the process is started.
#[derive(Debug, Clone)]
pub struct Program {
    /// `coprd` itself.
    pub path: PathBuf,
    /// The file with the server key.
    pub key: PathBuf,
}

/// The process, running or not.
#[derive(Debug)]
pub(super) struct Process {
    program: Program,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: Option<Running>,
    /// How often it ended since it answered last.
    ended: u32,
    /// It is not started again before.
    not_before: Option<Instant>,
}

/// It dies when this is dropped, in the middle of an answer, too.
#[derive(Debug)]
struct Running {
    _child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Process {
    pub(super) fn new(program: Program) -> Self {
        Self { program, state: Mutex::default() }
    }

    /// Starts it, unless it runs; what confines it, in words. With `create` it makes the server key where there is none.
    pub(super) async fn start(&self, create: bool) -> Result<String, Error> {
        let mut state = self.state.lock().await;
        let (running, confined) = self.spawn(create).await?;
        *state = State { running: Some(running), ..State::default() };
        Ok(confined)
    }

    /// Asks; whoever asks first, is answered first.
    pub(super) async fn ask(&self, request: &Request, body: &[u8]) -> Result<Reply, Error> {
        let mut state = self.state.lock().await;
        // Taken out: when this call is dropped half-way, the process goes with it, and nobody gets the answer to another's question.
        let mut running = match state.running.take() {
            Some(running) => running,
            None => {
                if let Some(at) = state.not_before {
                    tokio::time::sleep_until(at).await;
                }
                match self.spawn(false).await {
                    Ok((running, _)) => running,
                    Err(error) => {
                        state.put_off();
                        return Err(error);
                    }
                }
            }
        };
        match running.exchange(request, body).await {
            Ok(reply) => {
                *state = State { running: Some(running), ..State::default() };
                match reply {
                    Reply::Refused { why } => Err(Error::Refused(why)),
                    reply => Ok(reply),
                }
            }
            Err(error) => {
                state.put_off();
                Err(Error::Ended(error))
            }
        }
    }

    async fn spawn(&self, create: bool) -> Result<(Running, String), Error> {
        let Program { path, key } = &self.program;
        let mut command = Command::new(path);
        command.arg("signer").arg("--key").arg(key);
        if create {
            command.arg("--create");
        }
        command.env_clear().kill_on_drop(true).current_dir("/");
        if let Some(point) = std::env::var_os("COPRD_DIE_AT") {
            command.env("COPRD_DIE_AT", point);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(Error::Ended)?;
        let gone = || Error::Ended(io::ErrorKind::BrokenPipe.into());
        let (input, output) = (child.stdin.take().ok_or_else(gone)?, child.stdout.take().ok_or_else(gone)?);
        let mut running = Running { _child: child, input, output };
        match running.read().await.map_err(Error::Ended)? {
            Reply::Ready { confined } => Ok((running, confined)),
            Reply::Refused { why } => Err(Error::Refused(why)),
            _ => Err(gone()),
        }
    }
}

impl State {
    fn put_off(&mut self) {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.ended.min(10)).min(LONGEST_PAUSE);
        self.ended = self.ended.saturating_add(1);
        self.not_before = Some(Instant::now() + pause);
    }
}

impl Running {
    async fn exchange(&mut self, request: &Request, body: &[u8]) -> io::Result<Reply> {
        self.input.write_all(&wire::begin(request, body.len())?).await?;
        self.input.write_all(body).await?;
        self.input.flush().await?;
        self.read().await
    }

    async fn read(&mut self) -> io::Result<Reply> {
        let answer = async {
            let mut lengths = [0; LENGTHS];
            self.output.read_exact(&mut lengths).await?;
            let (head, _) = wire::lengths(lengths)?;
            let mut bytes = vec![0; head];
            self.output.read_exact(&mut bytes).await?;
            wire::head(&bytes)
        };
        tokio::time::timeout(ANSWER, answer).await?
    }
}
