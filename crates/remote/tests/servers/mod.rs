//! Real servers for tests: nginx with WebDAV, sshd, an S3 server. Each is on a free port and gone when it is dropped.
#![allow(dead_code, reason = "every test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
    time::Duration,
};

/// A program that ends with the test, however that ends: a shell waits for the end of its input, kills it, and removes its
/// folder. The shell lets go of the output, so that whoever reads it sees the end of a program that did not start.
struct Program(Child);

impl Program {
    fn start(dir: &Path, program: &str, arguments: &[&str], output: Stdio) -> Self {
        let shell = |script: &str| {
            let mut shell = Command::new("sh");
            shell.args(["-c", script]).arg(dir).arg(program);
            shell
        };
        let there = shell("command -v \"$1\"").stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
        assert!(there.success(), "{program} is missing; run tests/deps test and tests/deps venv");
        let mut waiting = shell("\"$@\" & exec > /dev/null; cat; kill $!; wait; rm -rf \"$0\"");
        waiting.args(arguments).stdin(Stdio::piped()).stdout(output).stderr(Stdio::null());
        Self(waiting.spawn().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Below the ports that the kernel gives to connections, one of which would take it before the server does.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 8192 + u16::try_from(std::process::id() % 4096).unwrap();
    let mut ports = std::iter::repeat_with(|| first + NEXT.fetch_add(1, Ordering::Relaxed));
    ports.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).unwrap()
}

/// Waits until somebody listens.
fn wait_for(port: u16, what: &str) {
    for _ in 0..6000 {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{what} does not listen");
}

/// nginx: everything below `/` may be written by WebDAV, `/locked/` is forbidden, `/plain/` knows PUT alone, `/secret/`
/// wants `me` and `s3cr3t`, `/small/` takes 100 bytes.
pub(crate) struct Nginx {
    /// What it serves.
    pub(crate) root: PathBuf,
    pub(crate) port: u16,
    _program: Program,
}

impl Nginx {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap().keep();
        let (root, port) = (dir.join("root"), free_port());
        for folder in ["root/locked", "root/plain", "root/secret", "root/small", "temp"] {
            fs_err::create_dir_all(dir.join(folder)).unwrap();
        }
        fs_err::write(dir.join("users"), "me:{PLAIN}s3cr3t\n").unwrap();
        let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {}/temp/{kind};\n", dir.display()))
            .concat();
        let dav = "dav_methods PUT DELETE MKCOL COPY MOVE;";
        let config = format!(
            "daemon off; master_process off; pid {dir}/pid; error_log {dir}/log;\nevents {{}}\nhttp {{\n{temp}\
             access_log off; client_max_body_size 0;\nserver {{ listen 127.0.0.1:{port}; root {dir}/root;\n\
             location / {{ {dav} }}\n\
             location /locked/ {{ {dav} limit_except GET {{ deny all; }} }}\n\
             location /plain/ {{ dav_methods PUT; create_full_put_path on; }}\n\
             location /secret/ {{ {dav} auth_basic x; auth_basic_user_file {dir}/users; }}\n\
             location /small/ {{ {dav} client_max_body_size 100; }}\n}}\n}}\n",
            dir = dir.display(),
        );
        fs_err::write(dir.join("nginx.conf"), config).unwrap();
        let (log, prefix, config) = (dir.join("log"), dir.as_path(), dir.join("nginx.conf"));
        let [log, prefix, config] = [&log, prefix, &config].map(|path| path.to_str().unwrap());
        let program = Program::start(&dir, "nginx", &["-e", log, "-p", prefix, "-c", config], Stdio::null());
        wait_for(port, "nginx");
        Self { root, port, _program: program }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }
}

/// sshd as the user of the test, with keys of its own.
pub(crate) struct Sshd {
    pub(crate) root: PathBuf,
    pub(crate) port: u16,
    _program: Program,
    dir: PathBuf,
}

impl Sshd {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap().keep();
        let (root, port) = (dir.join("root"), free_port());
        fs_err::create_dir_all(&root).unwrap();
        for name in ["host", "user"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(dir.join(name));
            assert!(keygen.stdin(Stdio::null()).status().unwrap().success());
        }
        fs_err::copy(dir.join("user.pub"), dir.join("authorized")).unwrap();
        let host = fs_err::read_to_string(dir.join("host.pub")).unwrap();
        fs_err::write(dir.join("known"), format!("test {host}")).unwrap();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {dir}/host\nPidFile none\nAuthorizedKeysFile {dir}/authorized\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin yes\nSubsystem sftp internal-sftp\n",
            dir = dir.display(),
        );
        fs_err::write(dir.join("sshd.conf"), config).unwrap();
        // Where it must be, as root; others need none.
        let _ = fs_err::create_dir_all("/run/sshd");
        let config = dir.join("sshd.conf");
        let program =
            Program::start(&dir, "/usr/sbin/sshd", &["-D", "-e", "-f", config.to_str().unwrap()], Stdio::null());
        wait_for(port, "sshd");
        Self { root, port, _program: program, dir }
    }

    pub(crate) fn url(&self, folder: &str) -> String {
        format!("ssh://127.0.0.1:{}{}/{folder}", self.port, self.root.display())
    }

    /// Options of `ssh -o`.
    pub(crate) fn options(&self) -> Vec<String> {
        let dir = self.dir.display();
        [
            format!("IdentityFile={dir}/user"),
            format!("UserKnownHostsFile={dir}/known"),
            "GlobalKnownHostsFile=/dev/null".to_owned(),
            "HostKeyAlias=test".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            "IdentityAgent=none".to_owned(),
            "BatchMode=yes".to_owned(),
        ]
        .to_vec()
    }
}

/// An S3 server with one bucket, `bucket`, which anyone may read at [`S3::read_url`].
pub(crate) struct S3 {
    pub(crate) port: u16,
    _program: Program,
}

impl S3 {
    pub(crate) fn start() -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tree = here.ancestors().find(|folder| folder.join("tests/deps").is_file()).unwrap();
        let (python, script) = (tree.join("target/venv/bin/python"), tree.join("crates/remote/tests/servers/s3.py"));
        let dir = tempfile::tempdir().unwrap().keep();
        let mut program = Program::start(&dir, python.to_str().unwrap(), &[script.to_str().unwrap()], Stdio::piped());
        let mut line = String::new();
        BufReader::new(program.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { port: line.trim().parse().expect("the S3 server did not start; run tests/deps venv"), _program: program }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn read_url(&self, prefix: &str) -> String {
        format!("{}/bucket/{prefix}", self.endpoint())
    }

    /// What the environment of a program that writes to it has.
    pub(crate) fn environment() -> [(&'static str, &'static str); 3] {
        [("AWS_ACCESS_KEY_ID", "somebody"), ("AWS_SECRET_ACCESS_KEY", "s3cr3t"), ("AWS_REGION", "us-east-1")]
    }
}

/// What stands between a client and a server: each connection lets so many bytes through to the server, and then breaks
/// or goes silent.
pub(crate) struct Gate {
    pub(crate) port: u16,
    /// Bytes that went through in all.
    pub(crate) passed: Arc<AtomicU64>,
}

impl Gate {
    pub(crate) fn before(port: u16, budget: u64, then_silent: bool) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let passed = Arc::new(AtomicU64::new(0));
        let gate = Self { port: listener.local_addr().unwrap().port(), passed: passed.clone() };
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect((Ipv4Addr::LOCALHOST, port))) else {
                    continue;
                };
                let (mut back, mut out) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut back, &mut out));
                let passed = passed.clone();
                std::thread::spawn(move || pass(client, server, budget, then_silent, &passed));
            }
        });
        gate
    }
}

fn pass(mut client: TcpStream, mut server: TcpStream, budget: u64, then_silent: bool, passed: &AtomicU64) {
    let (mut left, mut buffer) = (budget, [0; 4096]);
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let Ok(got @ 1..) = client.read(&mut buffer[..most]) else { break };
        if server.write_all(&buffer[..got]).is_err() {
            break;
        }
        passed.fetch_add(got as u64, Ordering::SeqCst);
        left -= got as u64;
    }
    // Nobody answers any more; the server, which can do one thing at a time, waits only as long as the client does.
    while then_silent && left == 0 && matches!(client.read(&mut buffer), Ok(1..)) {}
    let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
}
