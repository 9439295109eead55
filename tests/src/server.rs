//! A `coprd serve` of one's own: started on a free loopback port, asked, killed, stopped.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    PATIENCE,
    programs::{Output, ours, run, run_ok},
};

/// The ports that servers get.
const FIRST_PORT: u16 = 16_384;
const PORTS: u32 = 16_384;

/// How a server is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder; made when it is not there.
    pub data: PathBuf,
    /// `COPR_MINIDISTRO`.
    pub minidistro: PathBuf,
    /// 0: any free one.
    pub port: u16,
}

impl Options {
    /// Makes a server that is yet to start offer more chroots than the minidistro. There are no packages to build for them
    /// with: projects can have them, and their repositories are empty.
    ///
    /// # Errors
    /// When the data folder cannot be written.
    pub fn offer(&self, chroots: &[&str]) -> Result<()> {
        let folder = self.data.join("chroots");
        fs_err::create_dir_all(&folder)?;
        for chroot in chroots {
            fs_err::write(folder.join(format!("{chroot}.toml")), "comment = \"empty\"\ndbpath = \"/var/lib/rpm\"\n")?;
        }
        Ok(fs_err::write(self.data.join("coprd.toml"), format!("[chroots]\nfolder = {:?}\n", folder.display()))?)
    }
}

/// A running server; dropping it stops it.
pub struct Server {
    child: Child,
    /// How it was started, with the real port.
    pub options: Options,
}

impl Server {
    /// Starts `coprd serve` and waits until `/healthz` answers 200.
    ///
    /// # Errors
    /// When it ends before it is ready, or is not ready within a minute; the message has its log.
    pub fn start(options: &Options) -> Result<Self> {
        Self::start_with(options, |_| {})
    }

    /// The same with a change of the command that starts it.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_with(options: &Options, change: impl FnOnce(&mut Command)) -> Result<Self> {
        let mut options = options.clone();
        if options.port == 0 {
            options.port = free_port()?;
        }
        fs_err::create_dir_all(&options.data)?;
        let log = fs_err::File::create(options.data.join("test-server.log"))?.into_parts().0;
        let mut command = serve(&options)?;
        change(&mut command);
        let child =
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn().context("cannot start coprd")?;
        let mut server = Self { child, options };
        let began = Instant::now();
        loop {
            if let Some(status) = server.child.try_wait()? {
                bail!("coprd ended with {status} before it was ready:\n{}", server.log());
            }
            if server.get("/healthz").is_ok_and(|answer| answer.status == 200) {
                return Ok(server);
            }
            if began.elapsed() > PATIENCE {
                bail!("coprd does not answer /healthz:\n{}", server.log());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Runs `coprd serve` where it is expected to refuse, and gives what it said.
    ///
    /// # Errors
    /// When it does not end within five minutes.
    pub fn refused(options: &Options, change: impl FnOnce(&mut Command)) -> Result<Output> {
        let mut command = serve(options)?;
        change(&mut command);
        // By its path: the change may be an empty PATH.
        let mut limited = Command::new("/usr/bin/timeout");
        limited.arg("300").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                limited.env(name, value);
            }
        }
        let output = run(&mut limited)?;
        if output.code == 124 {
            bail!("coprd serve ran on instead of refusing:\n{}", output.text());
        }
        Ok(output)
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.options.port)
    }

    /// What the server wrote so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs_err::read_to_string(self.options.data.join("test-server.log")).unwrap_or_default()
    }

    /// The process's number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Adds a user and writes the configuration file that `coprd admin` prints.
    ///
    /// # Errors
    /// When `coprd admin` fails.
    pub fn add_user(&self, name: &str, config: &Path) -> Result<()> {
        let added = run_ok(
            Command::new(ours("coprd")?).args(["admin", "--data"]).arg(&self.options.data).args(["user", "add", name]),
        )?;
        fs_err::write(config, added.stdout)?;
        Ok(())
    }

    /// Writes a configuration file for the administrator, who may add projects of groups.
    ///
    /// # Errors
    /// When `coprd admin` fails.
    pub fn admin(&self, config: &Path) -> Result<()> {
        let made = run_ok(
            Command::new(ours("coprd")?)
                .args(["admin", "--data"])
                .arg(&self.options.data)
                .args(["user", "token", "admin"]),
        )?;
        fs_err::write(config, made.stdout)?;
        Ok(())
    }

    /// `GET` of a path.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn get(&self, path: &str) -> Result<Answer> {
        let url = format!("{}{path}", self.url());
        block_on(async {
            let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
            let response = client.get(&url).send().await?;
            Ok(Answer { status: response.status().as_u16(), body: response.text().await? })
        })
    }

    /// `POST` of JSON to a path, as the user of a configuration file that [`Server::add_user`] wrote.
    ///
    /// # Errors
    /// When the file names no user, or the server does not answer.
    pub fn post(&self, config: &Path, path: &str, body: &Value) -> Result<Answer> {
        let text = fs_err::read_to_string(config)?;
        let word = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix('='));
            line.map(str::trim).with_context(|| format!("{} has no {key}", config.display()))
        };
        let (login, token, url) = (word("login")?, word("token")?, format!("{}{path}", self.url()));
        block_on(async {
            let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
            let request = client.post(&url).basic_auth(login, Some(token)).header("content-type", "application/json");
            let response = request.body(body.to_string()).send().await?;
            Ok(Answer { status: response.status().as_u16(), body: response.text().await? })
        })
    }

    /// `GET` of a path that must answer 200 with JSON.
    ///
    /// # Errors
    /// When it does not.
    pub fn json(&self, path: &str) -> Result<Value> {
        let answer = self.get(path)?;
        if answer.status != 200 {
            bail!("GET {path} answered {}: {}", answer.status, answer.body);
        }
        Ok(serde_json::from_str(&answer.body)?)
    }

    /// Waits until a build's state is one of `states`, and gives it.
    ///
    /// # Errors
    /// When it is in none of them after `limit`.
    pub fn wait_for_state(&self, build: i64, states: &[&str], limit: Duration) -> Result<String> {
        let began = Instant::now();
        loop {
            let state = self.json(&format!("/api_3/build/{build}"))?["state"].as_str().unwrap_or_default().to_owned();
            if states.contains(&state.as_str()) {
                return Ok(state);
            }
            if began.elapsed() > limit {
                bail!(
                    "build {build} is {state:?} after {limit:?}, wanted {states:?}; the server said:\n{}",
                    self.log()
                );
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// SIGKILL, as a power cut would.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub fn kill_9(mut self) -> Result<Options> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(self.options.clone())
    }

    /// SIGTERM, and the exit code.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn stop(mut self) -> Result<i32> {
        run_ok(Command::new("kill").arg("-TERM").arg(self.child.id().to_string()))?;
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code().unwrap_or(-1));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("coprd does not stop after SIGTERM:\n{}", self.log())
    }

    /// Leaves the server running after this program's end, for `make demo KEEP=1`.
    pub fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = run(Command::new("kill").arg("-TERM").arg(self.child.id().to_string()));
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(20) && matches!(self.child.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(50));
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Status and body of an answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

/// Runs one asynchronous piece to its end.
///
/// # Errors
/// The piece's own.
pub fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

fn serve(options: &Options) -> Result<Command> {
    let mut command = Command::new(ours("coprd")?);
    command
        .args(["serve", "--data"])
        .arg(&options.data)
        .args(["--listen", &format!("127.0.0.1:{}", options.port)])
        .env("COPR_MINIDISTRO", &options.minidistro);
    Ok(command)
}

/// A port of 127.0.0.1 that is free, and stays so while a server is down: it is below those that the kernel gives to connections,
/// one of which would take it sooner or later.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..PORTS {
        let place = std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        let port = FIRST_PORT + u16::try_from(place)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port from {FIRST_PORT} on is free")
}
