//! Downloads from servers of this host, which each test allows or not.

use std::path::PathBuf;

use axum::{
    Router,
    body::{Body, Bytes},
    http::StatusCode,
    response::Redirect,
    routing::get,
};
use tempfile::TempDir;

use super::*;

const RPM: &[u8] = b"\xed\xab\xee\xdb and the rest";

/// A server at 127.0.0.1 and at `localhost`, and a folder to download to.
struct Place {
    port: u16,
    folder: TempDir,
}

impl Place {
    async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let redirect = move |to: &'static str| {
            get(move || async move { Redirect::temporary(&to.replace("PORT", &port.to_string())) })
        };
        let app = Router::new()
            .route("/a.src.rpm", get(|| async { RPM }))
            .route("/moved", redirect("/moved-again"))
            .route("/moved-again", redirect("http://127.0.0.1:PORT/a.src.rpm"))
            .route("/to-loopback", redirect("http://127.0.0.2:PORT/a.src.rpm"))
            .route("/to-metadata", redirect("http://169.254.169.254/latest"))
            .route("/to-file", redirect("file:///etc/passwd"))
            .route("/round", redirect("/round"))
            .route("/nowhere", get(|| async { StatusCode::FOUND }))
            .route("/broken", get(|| async { StatusCode::BAD_GATEWAY }))
            .route("/never", get(std::future::pending::<&'static str>))
            .route(
                "/endless",
                get(|| async {
                    let chunk = || Ok::<_, std::io::Error>(Bytes::from_static(&[7; 1000]));
                    Body::from_stream(futures_util::stream::repeat_with(chunk))
                }),
            );
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { port, folder: tempfile::tempdir().unwrap() }
    }

    fn to(&self) -> PathBuf {
        self.folder.path().join("source.rpm")
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// Downloads with 127.0.0.1 allowed, and nothing else of this host.
    async fn allowed(&self, url: &str) -> Result<Downloaded, DownloadError> {
        let network = Network { allow: vec![([127, 0, 0, 1].into(), 32)], ..Network::default() };
        download(url, &self.to(), &options(network)).await
    }

    /// The message of a download that fails, and leaves nothing.
    async fn message(&self, url: &str) -> String {
        let error = self.allowed(url).await.expect_err(url);
        assert!(!error.is_ours(), "{error}");
        assert!(!self.to().exists(), "{url} left a file");
        error.to_string()
    }
}

fn options(network: Network) -> DownloadOptions {
    DownloadOptions { network, proxy: None, bytes: 100_000, total: Duration::from_secs(120) }
}

#[tokio::test]
async fn a_file_is_downloaded_and_summed_also_by_redirects_and_by_name() {
    let place = Place::new().await;
    let by_name = format!("http://localhost:{}/a.src.rpm", place.port);
    for url in [place.url("a.src.rpm"), place.url("moved"), by_name] {
        let downloaded = place.allowed(&url).await.unwrap();
        assert_eq!(fs_err::read(place.to()).unwrap(), RPM, "{url}");
        let sha256 = hex::encode(Sha256::digest(RPM));
        assert_eq!(downloaded, Downloaded { sha256, size: RPM.len() as u64 });
    }
}

#[tokio::test]
async fn what_is_not_public_is_refused_however_it_is_written() {
    let place = Place::new().await;
    let port = place.port;
    let hosts = [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
        "LOCALHOST",
        "0.0.0.0",
        "[::]",
    ];
    for host in hosts {
        let url = format!("http://{host}:{port}/a.src.rpm");
        let error = download(&url, &place.to(), &options(Network::default())).await.expect_err(&url);
        assert!(matches!(error, DownloadError::Refused { .. }), "{url}: {error}");
        assert!(error.to_string().contains("builds may not reach"), "{error}");
        assert!(!place.to().exists());
    }
    for host in ["10.0.0.1", "192.168.1.1", "169.254.169.254", "[fd00::1]", "[64:ff9b::a00:1]"] {
        let message = place.message(&format!("https://{host}/a.src.rpm")).await;
        assert!(message.contains(host.trim_matches(['[', ']'])), "{message}");
    }
}

#[tokio::test]
async fn a_redirect_leads_nowhere_that_a_url_may_not() {
    let place = Place::new().await;
    let cases = [
        ("to-loopback", "127.0.0.2 is a loopback address"),
        ("to-metadata", "169.254.169.254 is a link-local address"),
        ("to-file", "file:///etc/passwd is not downloaded: only http"),
        ("round", "more than 10 redirects"),
        ("nowhere", "does not say where"),
    ];
    for (path, words) in cases {
        let message = place.message(&place.url(path)).await;
        assert!(message.contains(words), "{path}: {message}");
    }
}

#[tokio::test]
async fn only_urls_of_the_web_are_taken_and_their_passwords_are_not_shown() {
    let place = Place::new().await;
    for url in ["file:///etc/passwd", "ftp://example.org/a.src.rpm", "/etc/passwd", "a.src.rpm", "data:,a", "http://"] {
        let message = place.message(url).await;
        assert!(message.contains("is not downloaded"), "{url}: {message}");
    }
    let long = format!("http://example.org/{}", "a".repeat(MAX_URL));
    assert!(place.message(&long).await.len() < 400);
    for url in [format!("http://me:secret@127.0.0.1:{}/no", place.port), "http://me:secret@[no/".to_owned()] {
        let message = place.message(&url).await;
        assert!(!message.contains("secret"), "{message}");
    }
}

#[tokio::test]
async fn sizes_times_and_refusals_of_the_server_are_the_urls_fault() {
    let place = Place::new().await;
    assert!(place.message(&place.url("no")).await.contains("404 Not Found"));
    assert!(place.message(&place.url("broken")).await.contains("502 Bad Gateway"));
    assert!(place.message(&place.url("endless")).await.contains("more than 100000 bytes"));
    let network = Network { allow: vec![([127, 0, 0, 1].into(), 32)], ..Network::default() };
    let few = DownloadOptions { bytes: RPM.len() as u64 - 1, ..options(network.clone()) };
    let error = download(&place.url("a.src.rpm"), &place.to(), &few).await.unwrap_err();
    assert!(matches!(error, DownloadError::TooLong { .. }), "{error}");
    let hasty = DownloadOptions { total: Duration::from_millis(300), ..options(network) };
    let error = download(&place.url("never"), &place.to(), &hasty).await.unwrap_err();
    assert!(matches!(error, DownloadError::TooSlow { .. }), "{error}");
    assert!(!place.to().exists());
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_our_own_fault() {
    let place = Place::new().await;
    let network = Network { allow: vec![([127, 0, 0, 1].into(), 32)], ..Network::default() };
    let to = place.folder.path().join("no/such/folder");
    let error = download(&place.url("a.src.rpm"), &to, &options(network)).await.unwrap_err();
    assert!(error.is_ours(), "{error}");
}
