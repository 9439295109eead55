//! A repository, nginx in front of it, and a proxy with faults in front of that.

use std::{
    collections::BTreeMap,
    net::TcpListener as StdListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use copr_remote::{
    Timeouts,
    mirror::{MirrorError, MirrorOptions, Mirrored, Origin, mirror, unwatched},
};
use copr_repodata::{Checksum, ChecksumKind, Compression, Output, Publisher, Record};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A folder that is a repository. Packages are any bytes, but for those that tests make with rpmbuild.
pub(crate) struct Source {
    pub(crate) dir: tempfile::TempDir,
}

impl Source {
    /// With these packages: NEVRA, content.
    pub(crate) fn new(packages: &[(&str, &[u8])]) -> Self {
        let source = Self { dir: tempfile::tempdir().unwrap() };
        source.publish(packages);
        source
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Makes these packages all that there are.
    pub(crate) fn publish(&self, packages: &[(&str, &[u8])]) {
        let records: Vec<Record> = packages.iter().map(|(nevra, content)| record(nevra, content)).collect();
        for (record, (_, content)) in records.iter().zip(packages) {
            let path = self.path().join(&record.location_href);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, content).unwrap();
        }
        let output = Output {
            compression: Compression::Zstd,
            workers: 1,
            ..Output::new(UNIX_EPOCH + Duration::from_secs(1_600_000_000 + packages.len() as u64))
        };
        Publisher::new(self.path(), output).replace(&records).unwrap();
    }
}

pub(crate) fn record(nevra: &str, content: &[u8]) -> Record {
    let nevra: copr_rpm::Nevra = nevra.parse().unwrap();
    let (checksum, size_package) = Checksum::of(ChecksumKind::Sha256, content).unwrap();
    let location_href = format!("Packages/{}", nevra.file_name());
    Record { nevra, checksum, size_package, location_href, time_file: 1_500_000_000, ..Record::default() }
}

/// Bytes that do not repeat.
pub(crate) fn noise(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(step).take(size).collect()
}

/// nginx on a free port, with a folder as its root.
pub(crate) struct Nginx {
    child: Child,
    _folder: tempfile::TempDir,
    pub(crate) port: u16,
}

impl Nginx {
    pub(crate) fn serve(root: &Path) -> Self {
        for _ in 0..5 {
            let port = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().display();
            let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
            let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .iter()
                .map(|name| format!("{name}_temp_path {place}/{name};"))
                .collect();
            let configuration = format!(
                "{user} daemon off; master_process off; pid {place}/pid; error_log {place}/error.log;\n\
                 events {{ worker_connections 128; }}\n\
                 http {{ access_log off; {temp} server {{ listen 127.0.0.1:{port}; root {}; }} }}\n",
                root.display()
            );
            let file = folder.path().join("nginx.conf");
            fs_err::write(&file, configuration).unwrap();
            let child = Command::new("nginx")
                .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
                .args(["-e", "stderr", "-p"])
                .arg(folder.path())
                .arg("-c")
                .arg(&file)
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("nginx is needed: tests/deps test installs it");
            let mut nginx = Self { child, _folder: folder, port };
            for _ in 0..200 {
                if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return nginx;
                }
                if nginx.child.try_wait().unwrap().is_some() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        panic!("nginx does not start");
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the proxy does to one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The connection ends after so many bytes of the body.
    DropAt(usize),
    /// Another answer: status line and headers.
    Instead(String),
    /// No answer, ever.
    Hang,
    /// One byte of the body is another.
    Garble,
    /// More is announced than comes.
    Announce(usize),
    /// The server is not told of the range.
    NoRange,
    /// The server is asked for another range.
    OtherRange,
    /// The body is this.
    Body(Vec<u8>),
}

/// Chooses by path and by how often that was asked for, from 0.
type Choose = dyn Fn(&str, usize) -> Fault + Send + Sync;

/// A proxy in front of a server; it counts what it is asked for.
pub(crate) struct Proxy {
    pub(crate) url: String,
    asked: Arc<Mutex<BTreeMap<String, usize>>>,
    ranges: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub(crate) async fn before(nginx: &Nginx, choose: impl Fn(&str, usize) -> Fault + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, ranges) = (Arc::<Mutex<BTreeMap<String, usize>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (count, seen, choose, port) = (asked.clone(), ranges.clone(), Arc::new(choose), nginx.port);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (count, seen, choose) = (count.clone(), seen.clone(), choose.clone());
                tokio::spawn(async move {
                    let _ = answer(stream, port, &count, &seen, &*choose).await;
                });
            }
        });
        Self { url, asked, ranges }
    }

    /// How often paths with this in them were asked for.
    pub(crate) fn asked(&self, part: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|(path, _)| path.contains(part)).map(|(_, times)| times).sum()
    }

    /// All requests.
    pub(crate) fn requests(&self) -> usize {
        self.asked("")
    }

    /// The Range and If-Range headers that were sent.
    pub(crate) fn ranges(&self) -> Vec<String> {
        self.ranges.lock().unwrap().clone()
    }
}

async fn answer(
    mut client: TcpStream,
    port: u16,
    count: &Mutex<BTreeMap<String, usize>>,
    seen: &Mutex<Vec<String>>,
    choose: &Choose,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(client.read_u8().await?);
    }
    let text = String::from_utf8(request).unwrap();
    let path = text.split(' ').nth(1).unwrap().to_owned();
    let nth = {
        let mut count = count.lock().unwrap();
        let times = count.entry(path.clone()).or_default();
        *times += 1;
        *times - 1
    };
    let is_range = |line: &&str| {
        line.to_ascii_lowercase().starts_with("range:") || line.to_ascii_lowercase().starts_with("if-range:")
    };
    let ranges: Vec<String> = text.lines().filter(is_range).map(str::to_owned).collect();
    if !ranges.is_empty() {
        seen.lock().unwrap().push(ranges.join(" "));
    }
    let fault = choose(&path, nth);
    let mut lines: Vec<String> = text.trim_end().lines().map(str::to_owned).collect();
    lines.retain(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    match &fault {
        Fault::Instead(answer) => {
            return client
                .write_all(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes())
                .await;
        }
        Fault::Hang => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            return Ok(());
        }
        Fault::NoRange => lines.retain(|line| !is_range(&line.as_str())),
        Fault::OtherRange => {
            for line in lines.iter_mut().filter(|line| line.to_ascii_lowercase().starts_with("range:")) {
                *line = "range: bytes=1-".to_owned();
            }
        }
        _ => {}
    }
    lines.push("Connection: close".to_owned());
    let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
    server.write_all(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes()).await?;
    let mut bytes = Vec::new();
    server.read_to_end(&mut bytes).await?;
    let at = bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let mut body = bytes.split_off(at);
    let mut head = String::from_utf8(bytes).unwrap();
    let announce = |head: &str, size: usize| -> String {
        let lines = head.lines().map(|line| {
            if line.to_ascii_lowercase().starts_with("content-length:") {
                format!("Content-Length: {size}")
            } else {
                line.to_owned()
            }
        });
        lines.collect::<Vec<_>>().join("\r\n") + "\r\n"
    };
    match fault {
        Fault::DropAt(size) => body.truncate(size),
        Fault::Garble => {
            let middle = body.len() / 2;
            if let Some(byte) = body.get_mut(middle) {
                *byte ^= 1;
            }
        }
        Fault::Announce(more) => head = announce(&head, body.len() + more),
        Fault::Body(other) => {
            head = announce(&head, other.len());
            body = other;
        }
        _ => {}
    }
    client.write_all(head.as_bytes()).await?;
    client.write_all(&body).await?;
    client.shutdown().await
}

/// Options for tests: quick to give up.
pub(crate) fn options(dir: &Path, url: &str) -> MirrorOptions {
    MirrorOptions {
        timeouts: Timeouts {
            silence: Duration::from_millis(500),
            attempts: 3,
            first_pause: Duration::from_millis(1),
            ..Timeouts::default()
        },
        round_pause: Duration::from_millis(1),
        ..MirrorOptions::new(dir, Origin::Any(url.to_owned()), UNIX_EPOCH + Duration::from_secs(1_700_000_000))
    }
}

pub(crate) async fn run(options: &MirrorOptions) -> Result<Mirrored, MirrorError> {
    mirror(options, unwatched()).await
}

/// The packages that a folder names in its metadata, each checked to be there with its checksum; panics if one is not.
pub(crate) fn complete(dir: &Path) -> Vec<String> {
    let records = copr_repodata::read::load(dir).unwrap();
    let mut names = Vec::new();
    for record in records {
        let file = fs_err::File::open(dir.join(&record.location_href)).unwrap();
        let (found, _) = Checksum::of(record.checksum.kind, file).unwrap();
        assert_eq!(found, record.checksum, "{}", record.location_href);
        names.push(record.nevra.to_string());
    }
    names.sort();
    names
}

/// Asserts that every metadata file of `from` is in `to` byte for byte, and so is repomd.xml.
pub(crate) fn same_metadata(from: &Path, to: &Path) {
    let index = fs_err::read(from.join("repodata/repomd.xml")).unwrap();
    assert_eq!(index, fs_err::read(to.join("repodata/repomd.xml")).unwrap());
    for record in copr_repodata::Repomd::read(&index).unwrap().records {
        let href = &record.location_href;
        assert!(fs_err::read(from.join(href)).unwrap() == fs_err::read(to.join(href)).unwrap(), "{href}");
    }
}

/// A program's output; it has to end well.
pub(crate) fn output(command: &mut Command) -> String {
    let done = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{command:?}: {text}");
    text
}

/// Real packages: `first` and `second`, made by rpmbuild.
pub(crate) fn rpms(into: &Path) -> Vec<PathBuf> {
    let spec = into.join("pair.spec");
    let text = "Name: first\nVersion: 1\nRelease: 1\nSummary: s\nLicense: MIT\nBuildArch: noarch\n%description\nd\n\
                %package -n second\nSummary: s\n%description -n second\nd\n%install\nmkdir -p %{buildroot}/srv\n\
                head -c 100000 /dev/urandom >%{buildroot}/srv/one\necho two >%{buildroot}/srv/two\n%files\n/srv/one\n\
                %files -n second\n/srv/two\n";
    fs_err::write(&spec, text).unwrap();
    let top = into.join("top");
    output(
        Command::new("rpmbuild")
            .env("HOME", into)
            .args(["-bb", "--define"])
            .arg(format!("_topdir {}", top.display()))
            .args(["--define", "_binary_payload w3.gzdio"])
            .arg(&spec),
    );
    let folder = top.join("RPMS/noarch");
    ["first-1-1.noarch.rpm", "second-1-1.noarch.rpm"].iter().map(|name| folder.join(name)).collect()
}
