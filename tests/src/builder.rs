//! A `coprd builder` of one's own, and a gate between it and its server at which it can be caught in the act.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    PATIENCE,
    programs::{Output, ours, run, run_ok},
    server::Server,
};

/// How a builder is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its name.
    pub name: String,
    /// Where it looks for the server.
    pub server: String,
    /// File with the token.
    pub token_file: PathBuf,
    /// What is kept between builds.
    pub cache: PathBuf,
    /// Where its builds work.
    pub work: PathBuf,
    /// Builds at once.
    pub jobs: usize,
    /// Its log.
    pub log: PathBuf,
}

/// A running builder; dropping it kills it.
pub struct Builder {
    child: Child,
    options: Options,
}

impl Builder {
    /// Starts `coprd builder`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(options: &Options) -> Result<Self> {
        if let Some(folder) = options.log.parent() {
            fs_err::create_dir_all(folder)?;
        }
        let log = fs_err::OpenOptions::new().create(true).append(true).open(&options.log)?.into_parts().0;
        let mut command = Command::new(ours("coprd")?);
        command.args(["builder", "--server", &options.server, "--name", &options.name]);
        command.args(["--jobs", &options.jobs.to_string(), "--token-file"]).arg(&options.token_file);
        command.arg("--cache").arg(&options.cache).arg("--work").arg(&options.work);
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn();
        Ok(Self { child: child.context("cannot start coprd builder")?, options: options.clone() })
    }

    /// The process's number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote so far, and those before it with the same log.
    #[must_use]
    pub fn log(&self) -> String {
        fs_err::read_to_string(&self.options.log).unwrap_or_default()
    }

    /// SIGKILL, as a power cut would; returns when no machine of it is left.
    ///
    /// # Errors
    /// When the process cannot be waited for, or a machine outlives it for half a minute.
    pub fn kill_9(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        if !no_machine_within(&self.options.work, PATIENCE)? {
            bail!("a machine outlived the builder that owned it:\n{}", self.log());
        }
        Ok(())
    }

    /// SIGTERM: no build is begun any more.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn drain(&self) -> Result<()> {
        run_ok(Command::new("kill").arg("-TERM").arg(self.child.id().to_string())).map(|_| ())
    }

    /// Waits for its end; the exit code.
    ///
    /// # Errors
    /// When it does not end within `limit`.
    pub fn ended(&mut self, limit: Duration) -> Result<i32> {
        let began = Instant::now();
        while began.elapsed() < limit {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code().unwrap_or(-1));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("the builder did not end within {limit:?}:\n{}", self.log())
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `coprd builder --check` says of this host, with more arguments.
///
/// # Errors
/// When it cannot be started.
pub fn check(folder: &Path, more: &[&str]) -> Result<Output> {
    let mut command = Command::new(ours("coprd")?);
    command.args(["builder", "--check", "--cache"]).arg(folder.join("cache"));
    run(command.arg("--work").arg(folder.join("work")).args(more))
}

/// Waits until no QEMU works below a folder; false when one does after `limit`.
///
/// # Errors
/// When `pgrep` is missing.
pub fn no_machine_within(folder: &Path, limit: Duration) -> Result<bool> {
    let pattern = format!("qemu-system.*{}", folder.display());
    let began = Instant::now();
    while run(Command::new("pgrep").args(["-f", &pattern]))?.code == 0 {
        if began.elapsed() > limit {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(true)
}

/// Stands between builders and a server, and passes everything on. When a builder says what it is waited for to say, its
/// connection is held, so that it can be killed right there.
pub struct Gate {
    /// What builders take for the server.
    pub url: String,
    watch: Arc<Mutex<Option<Watch>>>,
}

/// A text that builders are expected to send, and who waits for it.
struct Watch {
    text: Vec<u8>,
    seen: Sender<()>,
    release: Receiver<()>,
}

/// A builder that waits at the gate; it is let through when this is dropped.
pub struct Caught {
    _release: Sender<()>,
}

impl Gate {
    /// A gate to a server, open. It serves until the process ends; the server may be away meanwhile.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn open(server: &Server) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let address = format!("127.0.0.1:{}", server.options.port);
        let watch = Arc::new(Mutex::new(None));
        let shared = watch.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Without a server the connection ends here, as it would there.
                let Ok(server) = TcpStream::connect(&address) else { continue };
                let (Ok(from_client), Ok(from_server)) = (client.try_clone(), server.try_clone()) else { continue };
                let shared = shared.clone();
                std::thread::spawn(move || pass(from_client, server, &shared));
                std::thread::spawn(move || pass(from_server, client, &Mutex::new(None)));
            }
        });
        Ok(Self { url, watch })
    }

    /// From now on, until it is called again, waits for builders to send `text`; what it gives catches the first.
    pub fn expect(&self, text: &str) -> impl FnOnce(Duration) -> Result<Caught> + use<> {
        let (seen, seen_here) = channel();
        let (release, released) = channel();
        *lock(&self.watch) = Some(Watch { text: text.into(), seen, release: released });
        let text = text.to_owned();
        move |limit| match seen_here.recv_timeout(limit) {
            Ok(()) => Ok(Caught { _release: release }),
            Err(_) => bail!("no builder sent {text:?} within {limit:?}"),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Copies until one side ends.
fn pass(mut from: TcpStream, mut to: TcpStream, watch: &Mutex<Option<Watch>>) {
    let (mut piece, mut recent) = (vec![0; 16 << 10], Vec::new());
    while let Ok(length @ 1..) = from.read(&mut piece) {
        let bytes = piece.get(..length).unwrap_or_default();
        if to.write_all(bytes).is_err() {
            break;
        }
        let before = recent.len();
        recent.extend_from_slice(bytes);
        let caught = {
            let mut watch = lock(watch);
            // Only what ends in this piece: the rest was said before anybody waited for it.
            let here = watch.as_ref().is_some_and(|watch| {
                let first = (before + 1).saturating_sub(watch.text.len());
                recent.windows(watch.text.len()).skip(first).any(|window| window == watch.text)
            });
            if here { watch.take() } else { None }
        };
        if let Some(caught) = caught {
            // Until whoever waits has done what it came for; an error says that it has.
            if caught.seen.send(()).is_ok() {
                let _ = caught.release.recv();
            }
            recent.clear();
        }
        // A text may be cut in two by the pieces; none is longer than this.
        let keep = recent.len().saturating_sub(256);
        recent.drain(..keep);
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
