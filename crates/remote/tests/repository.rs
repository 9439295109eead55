//! Repositories that lie, break off, never end, or send one elsewhere; and one that is as it should be.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use copr_remote::{Error, Guard, Limits, Remote, RemoteOptions, RepoUrl, Timeouts};
use copr_repodata::{Checksum, ChecksumKind, Record};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// What the server does with one request: bytes to send, and whether more follow for ever.
struct Answer {
    bytes: Vec<u8>,
    endless: bool,
}

fn ok(body: &[u8]) -> Answer {
    sized(body, body.len())
}

/// An answer that announces `length` bytes, whatever it has.
fn sized(body: &[u8], length: usize) -> Answer {
    let mut bytes = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    Answer { bytes, endless: false }
}

fn status(line: &str, headers: &str) -> Answer {
    let bytes = format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n{headers}\r\n").into_bytes();
    Answer { bytes, endless: false }
}

fn endless() -> Answer {
    Answer { bytes: b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec(), endless: true }
}

/// Serves on a free port; `answer` gets the path and the number of the request, from 0.
async fn serve(answer: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> (RepoUrl, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/r", listener.local_addr().unwrap()).parse().unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    let (count, answer) = (requests.clone(), Arc::new(answer));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (count, answer) = (count.clone(), answer.clone());
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    request.push(byte);
                }
                let text = String::from_utf8_lossy(&request);
                let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
                let answer = answer(&path, count.fetch_add(1, Ordering::SeqCst));
                let mut sent = stream.write_all(&answer.bytes).await;
                while answer.endless && sent.is_ok() {
                    sent = stream.write_all(&[b'x'; 65536]).await;
                }
            });
        }
    });
    (url, requests)
}

fn remote(cache: &Path) -> Remote {
    let timeouts = Timeouts { attempts: 3, first_pause: Duration::from_millis(1), ..Timeouts::default() };
    let limits = Limits { repomd: 4096, ..Limits::default() };
    Remote::new(RemoteOptions { timeouts, limits, ..RemoteOptions::new(cache) }).unwrap()
}

/// A record of a package with this content, at `href`.
fn record(content: &[u8], href: &str) -> Record {
    let (checksum, size_package) = Checksum::of(ChecksumKind::Sha256, content).unwrap();
    Record { checksum, size_package, location_href: href.to_owned(), ..Record::default() }
}

/// Asserts that nothing is left in the cache, finished or half.
fn assert_empty(cache: &Path) {
    let mut waiting = vec![cache.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in fs_err::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                panic!("{} was left in the cache", path.display());
            }
        }
    }
}

/// Fetches a package that a server with these answers has; the cache must stay empty.
async fn refusal(answer: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> (Error, usize) {
    let cache = tempfile::tempdir().unwrap();
    let (url, requests) = serve(answer).await;
    let error = remote(cache.path()).package(&url, &record(b"the package", "a.rpm")).await.unwrap_err();
    assert_empty(cache.path());
    (error, requests.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_package_is_fetched_once_and_found_in_the_cache_afterwards() {
    let cache = tempfile::tempdir().unwrap();
    let (url, requests) = serve(|path, _| match path {
        "/r/p/a-1+2~3.rpm" => ok(b"the package"),
        _ => status("404 Not Found", ""),
    })
    .await;
    let record = record(b"the package", "p/a-1+2~3.rpm");
    for _ in 0..2 {
        let path = remote(cache.path()).package(&url, &record).await.unwrap();
        assert_eq!(fs_err::read(&path).unwrap(), b"the package");
        assert!(path.ends_with(format!("sha256/{}/{}", &record.checksum.hex[..2], record.checksum.hex)));
    }
    assert_eq!(requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn bytes_with_another_checksum_are_refused_and_not_kept() {
    let (error, requests) = refusal(|_, _| ok(b"the pAckage")).await;
    assert!(matches!(error, Error::WrongChecksum { kind: "sha256", .. }), "{error}");
    assert_eq!(requests, 1, "trying again cannot help");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_tried_again_and_then_refused() {
    let (error, requests) = refusal(|_, _| sized(b"the pack", 11)).await;
    assert!(error.is_transient(), "{error}");
    assert_eq!(requests, 3);
}

#[tokio::test]
async fn an_answer_that_is_whole_but_too_short_is_refused() {
    let (error, _) = refusal(|_, _| ok(b"the pack")).await;
    assert!(matches!(error, Error::TooShort { expected: 11, got: 8, .. }), "{error}");
}

#[tokio::test]
async fn a_body_that_never_ends_is_refused_at_the_first_byte_too_many() {
    let (error, requests) = refusal(|_, _| endless()).await;
    assert!(matches!(error, Error::TooLong { limit: 11, .. }), "{error}");
    assert_eq!(requests, 1);
}

#[tokio::test]
async fn a_repomd_that_never_ends_is_refused() {
    let cache = tempfile::tempdir().unwrap();
    let (url, _) = serve(|_, _| endless()).await;
    let error = remote(cache.path()).metadata(&url).await.unwrap_err();
    assert!(matches!(error, Error::TooLong { limit: 4096, .. }), "{error}");
}

#[tokio::test]
async fn a_missing_file_is_named_and_not_tried_again() {
    let (error, requests) = refusal(|_, _| status("404 Not Found", "")).await;
    assert!(matches!(error, Error::Status { status: 404, .. }), "{error}");
    assert!(error.to_string().contains("/r/a.rpm"), "{error}");
    assert_eq!(requests, 1);
}

#[tokio::test]
async fn a_server_in_trouble_is_tried_again_until_it_answers() {
    let cache = tempfile::tempdir().unwrap();
    let (url, requests) = serve(|_, n| if n < 2 { status("503 Busy", "") } else { ok(b"the package") }).await;
    remote(cache.path()).package(&url, &record(b"the package", "a.rpm")).await.unwrap();
    assert_eq!(requests.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_redirect_to_a_file_of_this_machine_is_refused() {
    let (error, requests) = refusal(|_, _| status("302 Found", "Location: file:///etc/passwd\r\n")).await;
    assert!(matches!(error, Error::Transport { transient: false, .. }), "{error}");
    assert_eq!(requests, 1);
}

#[tokio::test]
async fn a_redirect_to_another_place_of_the_web_is_followed() {
    let cache = tempfile::tempdir().unwrap();
    let (url, _) = serve(|path, _| match path {
        "/r/a.rpm" => status("302 Found", "Location: /mirror/a.rpm\r\n"),
        "/mirror/a.rpm" => ok(b"the package"),
        _ => status("404 Not Found", ""),
    })
    .await;
    remote(cache.path()).package(&url, &record(b"the package", "a.rpm")).await.unwrap();
}

#[tokio::test]
async fn redirects_that_go_in_circles_end() {
    let (error, requests) = refusal(|_, _| status("302 Found", "Location: /r/a.rpm\r\n")).await;
    assert!(matches!(error, Error::Transport { .. }), "{error}");
    assert!(requests < 20);
}

#[tokio::test]
async fn locations_that_climb_and_bases_of_another_scheme_are_refused_without_a_request() {
    let cache = tempfile::tempdir().unwrap();
    let (url, requests) = serve(|_, _| ok(b"the package")).await;
    let remote = remote(cache.path());
    for href in ["../a.rpm", "%2e%2e/a.rpm", "/a.rpm", "http://127.0.0.1:1/a.rpm"] {
        let error = remote.package(&url, &record(b"the package", href)).await.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{href}: {error}");
    }
    let based = Record { location_base: Some("file:///etc".to_owned()), ..record(b"x", "passwd") };
    let error = remote.package(&url, &based).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    assert_eq!(requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn tasks_that_want_the_same_package_share_one_download() {
    let cache = tempfile::tempdir().unwrap();
    let content = vec![b'p'; 1 << 20];
    let record = Arc::new(record(&content, "a.rpm"));
    let (url, requests) = serve(move |_, _| ok(&content)).await;
    let remote = remote(cache.path());
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (remote, url, record) = (remote.clone(), url.clone(), record.clone());
            tokio::spawn(async move { remote.package(&url, &record).await.unwrap() })
        })
        .collect();
    for task in tasks {
        assert_eq!(fs_err::metadata(task.await.unwrap()).unwrap().len(), 1 << 20);
    }
    assert_eq!(requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn processes_that_want_the_same_package_do_not_disturb_each_other() {
    let cache = tempfile::tempdir().unwrap();
    let (url, _) = serve(|_, _| ok(b"the package")).await;
    let record = record(b"the package", "a.rpm");
    let (one, other) = (remote(cache.path()), remote(cache.path()));
    let (one, other) = tokio::join!(one.package(&url, &record), other.package(&url, &record));
    assert_eq!(one.unwrap(), other.unwrap());
}

#[tokio::test]
async fn a_folder_is_read_only_where_that_is_allowed_and_copied() {
    let (cache, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs_err::write(folder.path().join("a b.rpm"), b"the package").unwrap();
    let url: RepoUrl = format!("file://{}", folder.path().display()).parse().unwrap();
    let record = record(b"the package", "a b.rpm");
    let error = remote(cache.path()).package(&url, &record).await.unwrap_err();
    assert!(matches!(error, Error::FileNotAllowed { .. }), "{error}");

    let remote = Remote::new(RemoteOptions { allow_file: true, ..RemoteOptions::new(cache.path()) }).unwrap();
    let path = remote.package(&url, &record).await.unwrap();
    fs_err::write(folder.path().join("a b.rpm"), b"changed").unwrap();
    assert_eq!(fs_err::read(path).unwrap(), b"the package");
}

#[tokio::test]
async fn records_are_those_of_the_metadata_that_the_index_names() {
    let primary = concat!(
        r#"<?xml version="1.0" encoding="UTF-8"?>"#,
        r#"<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="1">"#,
        r#"<package type="rpm"><name>a</name><arch>noarch</arch><version epoch="0" ver="1" rel="2"/>"#,
        r#"<checksum type="sha256" pkgid="YES">0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef</checksum>"#,
        r#"<summary>s</summary><description>d</description><packager/><url/><time file="1" build="1"/>"#,
        r#"<size package="11" installed="1" archive="1"/><location href="a.rpm"/><format><rpm:license>MIT</rpm:license>"#,
        r#"<rpm:vendor/><rpm:group>g</rpm:group><rpm:buildhost>h</rpm:buildhost><rpm:sourcerpm>a-1-2.src.rpm</rpm:sourcerpm>"#,
        r#"<rpm:header-range start="0" end="1"/></format></package></metadata>"#
    );
    let index = |content: &str| {
        let (checksum, size) = Checksum::of(ChecksumKind::Sha256, content.as_bytes()).unwrap();
        format!(
            concat!(
                r#"<?xml version="1.0" encoding="UTF-8"?><repomd xmlns="http://linux.duke.edu/metadata/repo">"#,
                r#"<revision>1</revision><data type="primary"><checksum type="sha256">{}</checksum>"#,
                r#"<location href="repodata/primary.xml"/><timestamp>1</timestamp><size>{}</size></data></repomd>"#
            ),
            checksum.hex, size
        )
    };
    let right = index(primary);
    let (url, _) = serve(move |path, _| match path {
        "/r/repodata/repomd.xml" => ok(right.as_bytes()),
        "/r/repodata/primary.xml" => ok(primary.as_bytes()),
        _ => status("404 Not Found", ""),
    })
    .await;
    let cache = tempfile::tempdir().unwrap();
    let records = remote(cache.path()).records(&url).await.unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].nevra.to_string(), "a-1-2.noarch");

    let wrong = index(&primary.replace("noarch", "x86_64"));
    let (url, _) = serve(move |path, _| match path {
        "/r/repodata/repomd.xml" => ok(wrong.as_bytes()),
        _ => ok(primary.as_bytes()),
    })
    .await;
    let cache = tempfile::tempdir().unwrap();
    let error = remote(cache.path()).records(&url).await.unwrap_err();
    assert!(matches!(error, Error::WrongChecksum { .. }), "{error}");
}

/// A repomd.xml that names these files: type, href, content.
fn index_of(files: &[(&str, &str, &str)]) -> String {
    let data = files.iter().map(|(kind, href, content)| {
        let (checksum, size) = Checksum::of(ChecksumKind::Sha256, content.as_bytes()).unwrap();
        format!(
            r#"<data type="{kind}"><checksum type="sha256">{}</checksum><location href="{href}"/><timestamp>1</timestamp><size>{size}</size></data>"#,
            checksum.hex
        )
    });
    let data: String = data.collect();
    format!(r#"<?xml version="1.0"?><repomd xmlns="http://linux.duke.edu/metadata/repo">{data}</repomd>"#)
}

/// Mirrors a repository that has these files, under a repomd.xml that says `index`.
async fn mirror(index: String, files: Vec<(String, String)>) -> (tempfile::TempDir, Result<usize, Error>) {
    let (url, _) = serve(move |path, _| match files.iter().find(|(href, _)| path == format!("/r/{href}")) {
        Some((_, content)) => ok(content.as_bytes()),
        None if path == "/r/repodata/repomd.xml" => ok(index.as_bytes()),
        None => status("404 Not Found", ""),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let remote = remote(&folder.path().join("cache"));
    let into = folder.path().join("into");
    let mirrored = remote.mirror_metadata(&url, &into, |kind| !kind.ends_with("_db")).await;
    (folder, mirrored.map(|repomd| repomd.records.len()))
}

#[tokio::test]
async fn a_mirror_has_the_wanted_metadata_files_where_the_index_says() {
    let named = [
        ("primary", "repodata/a-primary.xml", "<metadata/>"),
        ("group", "./repodata/sub//a b.xml", "<comps/>"),
        ("group_gz", "repodata/sub/a b.xml", "<comps/>"),
        ("primary_db", "repodata/p.sqlite", "not wanted"),
    ];
    let index = index_of(&named);
    let files = vec![
        ("repodata/a-primary.xml".to_owned(), "<metadata/>".to_owned()),
        ("repodata/sub/a%20b.xml".to_owned(), "<comps/>".to_owned()),
    ];
    let (folder, mirrored) = mirror(index.clone(), files).await;
    assert_eq!(mirrored.unwrap(), 4);
    let read = |name: &str| fs_err::read_to_string(folder.path().join("into/repodata").join(name)).unwrap();
    assert_eq!(read("repomd.xml"), index);
    assert_eq!(read("a-primary.xml"), "<metadata/>");
    assert_eq!(read("sub/a b.xml"), "<comps/>");
    assert!(!folder.path().join("into/repodata/p.sqlite").exists());
}

#[tokio::test]
async fn a_mirror_without_all_its_files_has_no_index() {
    let index = index_of(&[("primary", "repodata/p.xml", "right"), ("other", "repodata/o.xml", "right, too")]);
    let wrong =
        vec![("repodata/p.xml".to_owned(), "right".to_owned()), ("repodata/o.xml".to_owned(), "wrong, too".to_owned())];
    let (folder, mirrored) = mirror(index, wrong).await;
    let error = mirrored.unwrap_err();
    assert!(matches!(error, Error::WrongChecksum { .. }), "{error}");
    assert!(!folder.path().join("into/repodata/repomd.xml").exists());
}

#[tokio::test]
async fn an_index_cannot_lead_a_mirror_out_of_its_folder_or_make_it_fetch_without_end() {
    for href in ["../x", "repodata/%2e%2e/x", "/etc/x", "repodata/repomd.xml", "repodata/./repomd.xml", "."] {
        let files = vec![("repodata/repomd.xml".to_owned(), index_of(&[("primary", href, "x")]))];
        let (folder, mirrored) = mirror(String::new(), files).await;
        let error = mirrored.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{href}: {error}");
        assert!(!folder.path().join("into").exists(), "{href}");
    }
    let data = index_of(&[("x", "repodata/x", "x")]).replace("<size>1</size>", "<size>999999999</size>");
    let (start, end) = (data.find("<data").unwrap(), data.find("</repomd>").unwrap());
    let index = format!("{}{}</repomd>", &data[..start], data[start..end].repeat(18));
    let (_, mirrored) = mirror(index, Vec::new()).await;
    let error = mirrored.unwrap_err();
    assert!(error.to_string().contains("it names files of"), "{error}");
}

#[tokio::test]
async fn a_file_of_unknown_checksum_is_bounded() {
    let cache = tempfile::tempdir().unwrap();
    let (url, _) = serve(|_, _| ok(b"<comps/>")).await;
    let url = url.join("comps.xml").unwrap();
    assert_eq!(remote(cache.path()).download(&url, 8).await.unwrap(), b"<comps/>");
    let error = remote(cache.path()).download(&url, 7).await.unwrap_err();
    assert!(matches!(error, Error::TooLong { limit: 7, .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_a_stranger_may_not_name_is_not_asked_by_address_by_name_or_by_a_redirect() {
    let cache = tempfile::tempdir().unwrap();
    let (inner, inner_requests) = serve(|_, _| ok(b"secret")).await;
    let to = format!("Location: {inner}/repodata/repomd.xml\r\n").replace("127.0.0.1", "127.0.0.2");
    let (outer, _) = serve(move |_, _| status("302 Found", &to)).await;
    // 127.0.0.1 stands for what is public.
    let rule = |address: std::net::IpAddr| {
        (address.to_string() == "127.0.0.1").then_some(()).ok_or_else(|| format!("{address} is not public"))
    };
    let guarded =
        |rule| Remote::new(RemoteOptions { guard: Some(Guard::new(rule)), ..RemoteOptions::new(cache.path()) });
    let remote = guarded(rule).unwrap();
    let by_address: RepoUrl = inner.to_string().replace("127.0.0.1", "127.0.0.2").parse().unwrap();
    for url in [by_address, outer] {
        let error = remote.metadata(&url).await.unwrap_err();
        assert!(error.to_string().contains("127.0.0.2 is not public") && !error.is_transient(), "{error}");
    }
    // Whether by IPv4 or IPv6, a name leads nowhere when nothing may be asked.
    let nowhere = Remote::new(RemoteOptions {
        guard: Some(Guard::new(|address| Err(format!("{address} is not public")))),
        ..RemoteOptions::new(cache.path())
    });
    let by_name: RepoUrl = inner.to_string().replace("127.0.0.1", "localhost").parse().unwrap();
    let error = nowhere.unwrap().metadata(&by_name).await.unwrap_err();
    assert!(error.to_string().contains("is not public") && !error.is_transient(), "{error}");
    assert_eq!(inner_requests.load(Ordering::SeqCst), 0);
    assert!(remote.metadata(&inner).await.is_err_and(|error| matches!(error, Error::Metadata { .. })), "it is asked");
    assert_empty(cache.path());
}
