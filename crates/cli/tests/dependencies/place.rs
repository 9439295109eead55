//! A folder with repositories, and the program run in it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use copr_repodata::{Checksum, ChecksumKind, File, Output, Publisher, Record};
use copr_rpm::Dependency;
use serde_json::Value;

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What is on standard output, of a run that succeeded without a word.
    pub(crate) fn lines(&self) -> Vec<&str> {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:?}");
        self.out.lines().collect()
    }
}

pub(crate) struct Place(tempfile::TempDir);

impl Place {
    /// With repositories of packages, one a line: `NEVRA; requires a >= 1, b; files /a; ...`.
    pub(crate) fn new(repositories: &[(&str, &str)]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        repositories.iter().for_each(|(folder, lines)| place.publish(folder, lines));
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn publish(&self, folder: &str, lines: &str) {
        let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
        let records: Vec<Record> = lines.map(record).collect();
        let output = Output { workers: 1, ..Output::new(UNIX_EPOCH + Duration::from_secs(1_600_000_000)) };
        Publisher::new(&self.path(folder), output).replace(&records).unwrap();
    }

    /// Runs the program; words are what stands between blanks, or between quotes.
    pub(crate) fn run(&self, line: &str) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_copr-repo"));
        let mut words = Vec::new();
        for (number, part) in line.split('\'').enumerate() {
            match number % 2 {
                0 => words.extend(part.split_whitespace()),
                _ => words.push(part),
            }
        }
        command.args(words).current_dir(self.0.path()).stdin(Stdio::null());
        command.env("XDG_CACHE_HOME", self.path("cache")).env_remove("HOME");
        let done = command.output().unwrap();
        Ended {
            code: done.status.code(),
            out: String::from_utf8(done.stdout).unwrap(),
            err: String::from_utf8(done.stderr).unwrap(),
        }
    }

    /// Runs the program for machines of `x86_64`, wherever the test runs.
    pub(crate) fn ask(&self, line: &str) -> Ended {
        self.run(&format!("{line} --arch x86_64"))
    }

    /// Serves the folder by HTTP until the test ends; returns the address.
    pub(crate) fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let root = self.0.path().to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut first, mut line) = (String::new(), String::new());
                reader.read_line(&mut first).unwrap();
                while reader.read_line(&mut line).unwrap() > 2 {
                    line.clear();
                }
                let path = first.split(' ').nth(1).unwrap_or("/").trim_start_matches('/');
                let (status, body) = match fs_err::read(root.join(path)) {
                    Ok(bytes) => ("200 OK", bytes),
                    Err(_) => ("404 Not Found", Vec::new()),
                };
                let length = body.len();
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
            }
        });
        url
    }
}

/// A package whose file, if there were one, would have its name for content.
fn record(line: &str) -> Record {
    let mut parts = line.split(';').map(str::trim);
    let nevra: copr_rpm::Nevra = parts.next().unwrap().parse().unwrap();
    let content = nevra.to_string();
    let mut record = Record {
        checksum: Checksum::of(ChecksumKind::Sha256, line.as_bytes()).unwrap().0,
        location_href: nevra.file_name(),
        size_package: content.len() as u64,
        size_installed: 1000,
        sourcerpm: match nevra.arch.as_str() {
            "src" => String::new(),
            _ => format!("{}-{}-{}.src.rpm", nevra.name, nevra.version, nevra.release),
        },
        provides: vec![format!("{} = {}", nevra.name, nevra.evr()).parse().unwrap()],
        nevra,
        ..Record::default()
    };
    for part in parts {
        let (kind, list) = part.split_once(' ').unwrap();
        let words = list.split(',').map(str::trim);
        if kind == "files" {
            record.files.extend(words.map(|path| File { path: path.to_owned(), ..File::default() }));
            continue;
        }
        let target = match kind {
            "requires" => &mut record.requires,
            "provides" => &mut record.provides,
            "conflicts" => &mut record.conflicts,
            "obsoletes" => &mut record.obsoletes,
            "recommends" => &mut record.recommends,
            other => panic!("unknown kind {other}"),
        };
        target.extend(words.map(|text| text.parse::<Dependency>().unwrap()));
    }
    record
}
