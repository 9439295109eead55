//! Places that repositories are written to, on real servers; and servers that lie, hang, and redirect.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod servers;

use std::{
    path::Path,
    sync::{Arc, LazyLock},
    time::{Duration, SystemTime},
};

use copr_remote::{
    Error, RemotePublisher, Target, TargetOptions, Timeouts,
    target::{Put, S3Options, no_progress},
};
use copr_repodata::{Checksum, ChecksumKind, Delta, Output, Record, Repomd};
use servers::{Gate, Nginx, S3, Sshd};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const INDEX: &str = "repodata/repomd.xml";

fn options() -> TargetOptions {
    let (silence, first_pause) = (Duration::from_secs(5), Duration::from_millis(1));
    let timeouts = Timeouts { attempts: 3, silence, first_pause, ..Timeouts::default() };
    TargetOptions { timeouts, ..TargetOptions::default() }
}

/// The servers, and a place on each.
struct Places {
    nginx: Nginx,
    sshd: Sshd,
    _s3: S3,
    options: TargetOptions,
}

/// Started once, for all tests: each has folders of its own.
static PLACES: LazyLock<Places> = LazyLock::new(Places::start);

impl Places {
    fn start() -> Self {
        let (nginx, sshd, s3) = (Nginx::start(), Sshd::start(), S3::start());
        let settings = S3::environment().map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let options = TargetOptions {
            s3: S3Options { settings, endpoint: Some(s3.endpoint()) },
            ssh: sshd.options(),
            stale_lock: Duration::from_secs(4),
            ..options()
        };
        Self { nginx, sshd, _s3: s3, options }
    }

    fn all(&self, name: &str) -> Vec<Target> {
        let urls = [
            self.nginx.url(name),
            self.nginx.url(&format!("plain/{name}")),
            self.sshd.url(name),
            format!("s3://bucket/{name}"),
        ];
        urls.iter().map(|url| Target::open(url, &self.options).unwrap()).collect()
    }
}

fn sum(bytes: &[u8]) -> Checksum {
    Checksum::of(ChecksumKind::Sha256, bytes).unwrap().0
}

fn file(dir: &Path, bytes: &[u8]) -> std::path::PathBuf {
    let path = dir.join("local");
    fs_err::write(&path, bytes).unwrap();
    path
}

fn record(name: &str) -> Record {
    let mut record = Record { location_href: format!("{name}.rpm"), size_package: 1, ..Record::default() };
    record.nevra = format!("{name}-1-1.noarch").parse().unwrap();
    record.checksum = sum(name.as_bytes());
    record
}

fn adding(name: &str) -> Delta {
    Delta { add: vec![record(name)], ..Delta::default() }
}

fn output() -> Output {
    Output { workers: 1, ..Output::new(SystemTime::now()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_up_come_down_and_go_away_on_every_server() {
    let (places, dir) = (&*PLACES, tempfile::tempdir().unwrap());
    let bytes: Vec<u8> = (0..6_000_000_u32).map(|at| (at % 251) as u8).collect();
    let (path, right, size) = (file(dir.path(), &bytes), sum(&bytes), bytes.len() as u64);
    for place in places.all("files") {
        let name = "p/a-1^2~rc+1.rpm";
        assert!(!place.holds(name, &right, size).await.unwrap(), "{place}");
        place.put(&path, name, &right, size, &no_progress()).await.unwrap();
        assert!(place.holds(name, &right, size).await.unwrap(), "{place}");
        assert!(!place.holds(name, &sum(b"x"), size).await.unwrap(), "{place}");
        let to = dir.path().join("fetched");
        place.fetch(name, &right, None, size, &to).await.unwrap();
        assert_eq!(sum(&fs_err::read(&to).unwrap()), right, "{place}");
        let short = place.fetch(name, &right, Some(size - 1), size, &to).await.unwrap_err();
        assert!(matches!(short, Error::TooLong { .. }), "{place}: {short}");
        if let Some(entries) = place.list("p").await.unwrap() {
            let entries: Vec<_> = entries.into_iter().map(|entry| (entry.name, entry.size)).collect();
            assert_eq!(entries, [(name.to_owned(), size)], "{place}");
        }
        if !place.to_string().contains("/plain/") {
            place.delete(name).await.unwrap();
            place.delete(name).await.unwrap();
            assert!(!place.holds(name, &right, size).await.unwrap(), "{place}");
        }
    }
    assert!(places.nginx.root.join("files/p").read_dir().unwrap().next().is_none(), "nothing is left beside");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_exchanged_only_if_nobody_else_did_on_every_server() {
    let places = &*PLACES;
    for place in places.all("index") {
        assert!(place.read(INDEX, 100).await.unwrap().is_none(), "{place}");
        assert_eq!(place.put_index(INDEX, b"one".into(), None).await.unwrap(), Put::Done, "{place}");
        assert_eq!(place.put_index(INDEX, b"two".into(), None).await.unwrap(), Put::Changed, "{place}");
        let one = place.read(INDEX, 100).await.unwrap().unwrap();
        assert_eq!(place.put_index(INDEX, b"two".into(), Some(&one.tag)).await.unwrap(), Put::Done, "{place}");
        assert_eq!(place.put_index(INDEX, b"three".into(), Some(&one.tag)).await.unwrap(), Put::Changed, "{place}");
        assert_eq!(place.read(INDEX, 100).await.unwrap().unwrap().bytes, b"two", "{place}");
    }
    for root in [&places.nginx.root, &places.sshd.root] {
        let left: Vec<_> = root.join("index/repodata").read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["repomd.xml"], "the lock is gone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_exchange_an_index_at_once_one_is_first() {
    let places = &*PLACES;
    for place in places.all("race") {
        // A server that can neither lock nor compare cannot promise this.
        if place.to_string().contains("/plain/") {
            continue;
        }
        place.put_small(INDEX, b"old".into()).await.unwrap();
        let tag = Arc::new(place.read(INDEX, 100).await.unwrap().unwrap().tag);
        let writers: Vec<_> = (0..5)
            .map(|number: u32| {
                let (place, tag) = (place.clone(), tag.clone());
                tokio::spawn(
                    async move { place.put_index(INDEX, number.to_string().into(), Some(&tag)).await.unwrap() },
                )
            })
            .collect();
        let mut first = 0;
        for writer in writers {
            first += u32::from(writer.await.unwrap() == Put::Done);
        }
        assert_eq!(first, 1, "{place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_whose_holder_crashed_is_broken() {
    let places = &*PLACES;
    for (root, url) in [(&places.nginx.root, places.nginx.url("stale")), (&places.sshd.root, places.sshd.url("stale"))]
    {
        let lock = root.join("stale/repodata/copr-repo.lock");
        fs_err::create_dir_all(&lock).unwrap();
        fs_err::write(lock.join("owner"), "somebody who is gone").unwrap();
        let place = Target::open(&url, &places.options).unwrap();
        assert_eq!(place.put_index(INDEX, b"one".into(), None).await.unwrap(), Put::Done, "{place}");
        let left: Vec<_> = root.join("stale/repodata").read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["repomd.xml"], "{place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_are_published_on_every_server() {
    let (places, dir) = (&*PLACES, tempfile::tempdir().unwrap());
    for (number, place) in places.all("published").into_iter().enumerate() {
        let publisher = |cache: &str| RemotePublisher::new(place.clone(), dir.path().join(format!("{number}-{cache}")));
        publisher("one").publish(adding("a"), &output()).await.unwrap();
        let (one, other) = (publisher("one"), publisher("other"));
        let output = output();
        let (b, c) = tokio::join!(one.publish(adding("b"), &output), other.publish(adding("c"), &output));
        let plain = place.to_string().contains("/plain/");
        assert!(plain || (b.is_ok() && c.is_ok()), "{place}: {b:?} {c:?}");
        let index = place.read(INDEX, 1 << 20).await.unwrap().unwrap();
        let primary = Repomd::read(&index.bytes).unwrap().record("primary").unwrap().clone();
        let to = dir.path().join("primary.xml.gz");
        place.fetch(&primary.location_href, &primary.checksum, primary.size, 1 << 20, &to).await.unwrap();
        let packages = copr_repodata::read::primary(copr_repodata::read::open(&to).unwrap()).count();
        assert!(plain || packages == 3, "{place}: {packages}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_broke_off_over_ssh_is_continued() {
    let (places, dir) = (&*PLACES, tempfile::tempdir().unwrap());
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    let (path, right) = (file(dir.path(), &bytes), sum(&bytes));
    let place = Target::open(&places.sshd.url("again"), &places.options).unwrap();
    let partial = places.sshd.root.join(format!("again/a.rpm.{}.part", &right.hex[..16]));
    fs_err::create_dir_all(partial.parent().unwrap()).unwrap();
    // What is there of an earlier run: the right beginning; something else; too much.
    for before in [&bytes[..2_000_000], &[7; 1000][..], &[bytes.as_slice(), b"more"].concat()] {
        fs_err::write(&partial, before).unwrap();
        place.put(&path, "a.rpm", &right, bytes.len() as u64, &no_progress()).await.unwrap();
        assert_eq!(sum(&fs_err::read(places.sshd.root.join("again/a.rpm")).unwrap()), right);
        assert!(!partial.exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_do_not_let_one_write_are_understood() {
    let (places, dir) = (&*PLACES, tempfile::tempdir().unwrap());
    let bytes = [7; 1000];
    let (path, right) = (file(dir.path(), &bytes), sum(&bytes));
    let wrong_key = TargetOptions { ssh: places.options.ssh[1..].to_vec(), ..places.options.clone() };
    fs_err::write(places.sshd.root.join("file"), "no folder").unwrap();
    let nginx = &places.nginx;
    for (url, options, why) in [
        (nginx.url("locked"), &places.options, "403: no permission"),
        (nginx.url("secret"), &places.options, "401: it wants a user name"),
        (nginx.url("secret").replace("//", "//me:wr0ng@"), &places.options, "401: it wants a user name"),
        (nginx.url("small"), &places.options, "413: the file is too large"),
        (places.sshd.url("x"), &wrong_key, "Permission denied"),
        (places.sshd.url("file"), &places.options, "there is no such place"),
        ("s3://nobucket/x".to_owned(), &places.options, "NoSuchBucket"),
        ("http://127.0.0.1:1/x".to_owned(), &places.options, "cannot connect"),
        ("ssh://127.0.0.1:1/x".to_owned(), &places.options, "Connection refused"),
    ] {
        let place = Target::open(&url, options).unwrap();
        let error = place.put(&path, "a.rpm", &right, 1000, &no_progress()).await.unwrap_err().to_string();
        assert!(error.contains(why), "{url}: {error}");
        assert!(!error.contains("s3cr3t") && !error.contains("wr0ng"), "{error}");
    }
    let place = Target::open(&nginx.url("secret").replace("//", "//me:s3cr3t@"), &places.options).unwrap();
    place.put(&path, "a.rpm", &right, 1000, &no_progress()).await.unwrap();
}

/// A server that has an answer to every request line.
async fn serve(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/r", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    request.push(byte);
                }
                let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
                let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                let mut body = vec![0; length.unwrap_or(0)];
                let _ = stream.read_exact(&mut body).await;
                let line = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
                let answer = answer(&line);
                if answer == "silence" {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    url
}

fn status(line: &str) -> String {
    format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

/// What a server answers to a request, by the request's first line.
type Answer = Box<dyn Fn(&str) -> String + Send + Sync>;

fn body(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_lie_are_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), b"the package");
    let right = sum(b"the package");
    let cases: [(&str, &str, Answer); 7] = [
        (
            "it took it, and has something else",
            "is not what was sent",
            Box::new(|line| match line.split(' ').next() {
                Some("PUT") => status("201 Created"),
                _ => body("the pAckage"),
            }),
        ),
        (
            "it took it, and has more",
            "is not what was sent",
            Box::new(|line| match line.split(' ').next() {
                Some("PUT") => status("201 Created"),
                _ => body("the package, and more"),
            }),
        ),
        ("its disk is full", "507: no space is left", Box::new(|_| status("507 Insufficient Storage"))),
        (
            "it leads away from writing",
            "a redirect is refused",
            Box::new(|_| status("302 Found\r\nLocation: http://127.0.0.1:1/elsewhere")),
        ),
        (
            "it leads to a file",
            "a redirect",
            Box::new(|line| match line.split(' ').next() {
                Some("PUT") => status("201 Created"),
                _ => status("302 Found\r\nLocation: file:///etc/passwd"),
            }),
        ),
        ("it says nothing", "nothing moved", Box::new(|_| "silence".to_owned())),
        ("it does not speak HTTP", "", Box::new(|_| "SSH-2.0-OpenSSH\r\n".to_owned())),
    ];
    for (what, why, answer) in cases {
        let url = serve(answer).await;
        let timeouts = Timeouts { silence: Duration::from_millis(300), attempts: 2, ..options().timeouts };
        let place = Target::open(&url, &TargetOptions { timeouts, ..options() }).unwrap();
        let error = place.put(&path, "a.rpm", &right, 11, &no_progress()).await.unwrap_err().to_string();
        assert!(error.contains(why), "{what}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_of_yesterday_behind_the_url_that_is_read_are_passed_over() {
    let (places, dir) = (&*PLACES, tempfile::tempdir().unwrap());
    let place = Target::open(&places.nginx.url("today"), &places.options).unwrap();
    RemotePublisher::new(place.clone(), dir.path().join("one")).publish(adding("a"), &output()).await.unwrap();
    // A cache in between: the same names, what is in them is older, longer, or never comes to an end.
    for lie in [body("yesterday"), body(&"x".repeat(100_000)), status("200 OK\r\nTransfer-Encoding: chunked")] {
        let read = Target::open(&serve(move |_| lie.clone()).await, &options()).unwrap();
        let cache = tempfile::tempdir().unwrap();
        let publisher = RemotePublisher::new(place.clone(), cache.path()).reading_from(read);
        publisher.publish(adding("b"), &output()).await.unwrap();
    }
    // Where the place itself is like that, nothing is published.
    let index = place.read(INDEX, 1 << 20).await.unwrap().unwrap().bytes;
    let index = String::from_utf8(index).unwrap();
    let url = serve(move |line| if line.contains("repomd.xml") { body(&index) } else { body("yesterday") }).await;
    let cache = tempfile::tempdir().unwrap();
    let liar = RemotePublisher::new(Target::open(&url, &options()).unwrap(), cache.path());
    let error = liar.publish(adding("c"), &output()).await.unwrap_err();
    assert!(matches!(error, Error::TooShort { .. } | Error::WrongChecksum { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_at_any_byte_leaves_the_old_repository_or_the_new_one() {
    let (places, dir) = (&*PLACES, tempfile::tempdir().unwrap());
    let settled = |url: String| Target::open(&url, &places.options).unwrap();
    let (nginx, sshd) = (&places.nginx, &places.sshd);
    for (url, port) in [(nginx.url("cut"), nginx.port), (sshd.url("cut"), sshd.port)] {
        let place = settled(url.clone());
        RemotePublisher::new(place.clone(), dir.path().join("first")).publish(adding("a"), &output()).await.unwrap();
        for (round, budget) in [1, 150, 400, 700, 1000, 2000, 4000, 8000, 16000].into_iter().enumerate() {
            let gate = Gate::before(port, budget, false);
            let through = settled(url.replace(&port.to_string(), &gate.port.to_string()));
            let name = format!("p{round}");
            let cache = tempfile::tempdir().unwrap();
            let published = RemotePublisher::new(through, cache.path()).publish(adding(&name), &output()).await;
            // What is in force is whole, whatever became of this one.
            let look = tempfile::tempdir().unwrap();
            let again =
                RemotePublisher::new(place.clone(), look.path()).publish(adding(&name), &output()).await.unwrap();
            assert!(!(published.is_ok() && again.changed), "{url} {budget}: it was said to be in force");
        }
    }
}
