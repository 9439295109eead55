//! A server's database with as many projects and builds as one likes, and what its process takes.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use copr_tests::{
    programs::run_ok,
    server::{Options, Server},
};
use rusqlite::{Connection, params};

/// The chroot that all is built for.
pub const CHROOT: &str = "fedora-44-x86_64";
/// Owners of the projects.
pub const OWNERS: i64 = 1_000;
/// Packages of a project.
pub const PACKAGES: i64 = 20;

/// Starts a server without a builder, whose data folder has its schema already after the first time.
///
/// # Errors
/// It cannot be started.
pub fn start(data: &Path) -> Result<Server> {
    let options = Options { data: data.to_owned(), minidistro: PathBuf::new(), port: 0 };
    fs_err::create_dir_all(data)?;
    options.offer(&[CHROOT])?;
    let file = data.join("coprd.toml");
    let chroots = fs_err::read_to_string(&file)?;
    fs_err::write(
        &file,
        format!(
            "{chroots}\n[builder]\nenabled = false\n[limits]\nfollowers_of_address = 5000\n\
             [limits.rate]\nread = 0\nwrite = 0\nupload = 0\n"
        ),
    )?;
    // There is no minidistro, and an empty name is none.
    Server::start_with(&options, |command| {
        command.env_remove("COPR_MINIDISTRO");
    })
}

/// The database below a data folder, while no server runs.
///
/// # Errors
/// It cannot be opened.
fn open(data: &Path) -> Result<Connection> {
    let connection = Connection::open(data.join("coprd.sqlite"))?;
    connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -400000;")?;
    Ok(connection)
}

/// Fills an empty database: projects of [`OWNERS`], each with [`PACKAGES`], and builds of them in turn, which have succeeded or,
/// with `pending`, wait.
///
/// # Errors
/// A statement fails.
pub fn fill(data: &Path, projects: i64, builds: i64, pending: bool) -> Result<()> {
    let mut connection = open(data)?;
    let transaction = connection.transaction()?;
    {
        let mut project = transaction
            .prepare("INSERT INTO projects (id, owner, name, description, created_ms) VALUES (?, ?, ?, ?, ?)")?;
        let mut chroot = transaction.prepare("INSERT INTO project_chroots (project_id, chroot) VALUES (?, ?)")?;
        let mut package =
            transaction.prepare("INSERT INTO packages (project_id, name, created_ms) VALUES (?, ?, ?)")?;
        for id in 1..=projects {
            project.execute(params![id, owner(id), name(id), "What this project is for, in a sentence or two.", id])?;
            chroot.execute(params![id, CHROOT])?;
            for number in 0..PACKAGES {
                package.execute(params![id, format!("package{number}"), id])?;
            }
        }
        let mut build = transaction.prepare(
            "INSERT INTO builds (id, project_id, dirname, submitter, source_name, source_sha256, source_size, package_name, \
             package_version, timeout, submitted_ms) VALUES (?, ?, ?, ?, ?, ?, 100000, ?, '1.0-1', 18000, ?)",
        )?;
        let mut job = transaction.prepare(
            "INSERT INTO build_chroots (id, build_id, chroot, arch, state, attempts, started_ms, ended_ms, owner) \
             VALUES (?, ?, ?, 'x86_64', ?, ?, ?, ?, ?)",
        )?;
        let mut result = transaction.prepare(
            "INSERT INTO results (build_chroot_id, file, size, sha256, name, epoch, version, release, arch) \
             VALUES (?, ?, 100000, ?, ?, 0, '1.0', '1', 'x86_64')",
        )?;
        let sha256 = "0".repeat(64);
        for id in 1..=builds {
            let of = (id - 1) % projects + 1;
            let named = format!("package{}", (id / projects) % PACKAGES);
            let source = format!("{named}-1.0-1.src.rpm");
            let at = 1_700_000_000_000 + id * 1_000;
            build.execute(params![id, of, name(of), owner(of), source, sha256, named, at])?;
            let (state, attempts) = if pending { ("pending", 0) } else { ("succeeded", 1) };
            let (started, ended) = ((!pending).then_some(at + 1_000), (!pending).then_some(at + 60_000));
            job.execute(params![id, id, CHROOT, state, attempts, started, ended, owner(of)])?;
            if !pending {
                result.execute(params![id, format!("{named}-1.0-1.x86_64.rpm"), sha256, named])?;
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

/// Owner of the project of that number.
#[must_use]
pub fn owner(project: i64) -> String {
    format!("owner{}", project % OWNERS)
}

/// Name of the project of that number.
#[must_use]
pub fn name(project: i64) -> String {
    format!("project{project}")
}

/// What wrk found out.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Answers a second.
    pub per_second: f64,
    /// Milliseconds that half of them took at most.
    pub p50: f64,
    /// The same of 99 in a hundred.
    pub p99: f64,
    /// Answers that were no success.
    pub bad: u64,
    /// Milliseconds of a processor that the server took for each.
    pub cpu: f64,
}

/// Calls what a Lua expression makes (`math.random` is there) for some seconds.
///
/// # Errors
/// wrk is not there, or prints something else than it should.
pub fn wrk(server: &Server, scratch: &Path, path: &str, connections: u32, seconds: u32) -> Result<Load> {
    let script = scratch.join("wrk.lua");
    fs_err::write(&script, format!("request = function() return wrk.format(\"GET\", {path}) end\n"))?;
    let mut command = Command::new("wrk");
    command.args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "--latency", "--timeout", "30s", "-s"]);
    let before = cpu(server.pid())?;
    let text = run_ok(command.arg(&script).arg(server.url()))?.stdout;
    let after = |word: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(word));
        line.map(str::trim).with_context(|| format!("wrk did not say {word:?}:\n{text}"))
    };
    let bad = after("Non-2xx or 3xx responses:").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let took = cpu(server.pid())? - before;
    let requests = text.lines().find_map(|line| line.split_once(" requests in")?.0.trim().parse::<f64>().ok());
    let requests = requests.with_context(|| format!("wrk did not say how many requests:\n{text}"))?;
    Ok(Load {
        cpu: took * 1e3 / requests.max(1.0),
        per_second: after("Requests/sec:")?.parse()?,
        p50: millis(after("50%")?)?,
        p99: millis(after("99%")?)?,
        bad,
    })
}

/// `1.20ms`, `350.00us`, `2.01s`.
fn millis(text: &str) -> Result<f64> {
    let (number, factor) = if let Some(number) = text.strip_suffix("us") {
        (number, 0.001)
    } else if let Some(number) = text.strip_suffix("ms") {
        (number, 1.0)
    } else {
        (text.strip_suffix('s').with_context(|| format!("{text} is no time"))?, 1_000.0)
    };
    Ok(number.parse::<f64>()? * factor)
}

/// One who follows a build on a connection of its own.
pub struct Follower(BufReader<TcpStream>);

impl Follower {
    /// Connects, and waits for the first event.
    ///
    /// # Errors
    /// It is refused.
    pub fn new(port: u16, path: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")?;
        let mut follower = Self(BufReader::with_capacity(1024, stream));
        follower.until("event: state")?;
        Ok(follower)
    }

    /// Reads until a line that has this text.
    ///
    /// # Errors
    /// The stream ends, or nothing comes for half a minute.
    pub fn until(&mut self, text: &str) -> Result<()> {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            ensure!(self.0.read_line(&mut line)? > 0, "the stream ended before {text:?}");
        }
        Ok(())
    }
}

/// Lets this process open as many files as it may.
///
/// # Errors
/// The system does not say how many.
pub fn many_files() -> Result<()> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, most, most)?)
}

/// MiB that a process has in memory now, and had at most since [`forget_peak`].
///
/// # Errors
/// The process has ended.
pub fn resident(pid: u32) -> Result<(f64, f64)> {
    let text = fs_err::read_to_string(format!("/proc/{pid}/status"))?;
    let mib = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        kib.map(|kib| kib / 1024.0).with_context(|| format!("no {key} of process {pid}"))
    };
    Ok((mib("VmRSS:")?, mib("VmHWM:")?))
}

/// Seconds of a processor that a process has taken.
///
/// # Errors
/// The process has ended.
pub fn cpu(pid: u32) -> Result<f64> {
    let text = fs_err::read_to_string(format!("/proc/{pid}/stat"))?;
    // Behind the name, which may have spaces; in hundredths of a second on every Linux that there is.
    let words: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |number: usize| words.get(number).and_then(|word| word.parse::<f64>().ok());
    let both = ticks(11).zip(ticks(12)).with_context(|| format!("no times of process {pid}"))?;
    Ok((both.0 + both.1) / 100.0)
}

/// Lets the peak be counted from now on.
///
/// # Errors
/// The process is not ours.
pub fn forget_peak(pid: u32) -> Result<()> {
    Ok(fs_err::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

/// A connection that stays open from call to call, as a builder's.
pub struct Client {
    stream: BufReader<TcpStream>,
    token: String,
}

impl Client {
    /// Connects as a builder.
    ///
    /// # Errors
    /// Nobody listens there.
    pub fn new(port: u16, token: &str) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), token: token.to_owned() })
    }

    /// POSTs JSON; status and body.
    ///
    /// # Errors
    /// The answer is no HTTP with a length.
    pub fn post(&mut self, path: &str, body: &str) -> Result<(u16, String)> {
        let call = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        self.stream.get_mut().write_all(call.as_bytes())?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.with_context(|| format!("{line:?} is no HTTP"))?;
        let mut length = 0;
        loop {
            line.clear();
            ensure!(self.stream.read_line(&mut line)? > 0, "the answer ended early");
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) =
                line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            {
                length = value.trim().parse().with_context(|| format!("{name} is {value:?}"))?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}
