//! nginx before the server, with the file that is given to administrators.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use copr_tests::{
    PATIENCE,
    journey::CHROOT,
    programs::{Output, fixture_srpm, ours, run, run_ok, tree},
    server::{Options, Server, free_port},
};
use serde_json::Value;

/// One nginx; dropping it stops it.
struct Nginx {
    child: Child,
    folder: PathBuf,
    https: u16,
}

impl Nginx {
    /// Starts it with the example, whose names and paths are put in place of those of an installation.
    fn start(folder: &Path, upstream: u16) -> Self {
        let (http, https) = (free_port().unwrap(), free_port().unwrap());
        let mut text = fs_err::read_to_string(tree().join("plugin-conf/nginx.conf.example")).unwrap();
        let path = |name: &str| folder.join(name).display().to_string();
        for (old, new) in [
            ("127.0.0.1:8210".to_owned(), format!("127.0.0.1:{upstream}")),
            ("listen 80;".to_owned(), format!("listen 127.0.0.1:{http};")),
            ("listen 443 ssl;".to_owned(), format!("listen 127.0.0.1:{https} ssl;")),
            ("/etc/pki/tls/certs/copr.example.org.pem".to_owned(), path("server.pem")),
            ("/etc/pki/tls/private/copr.example.org.key".to_owned(), path("server.key")),
            ("/etc/pki/tls/certs/people-ca.pem".to_owned(), path("ca.pem")),
        ] {
            assert!(text.contains(&old), "the example has no {old:?} any more");
            text = text.replace(&old, &new);
        }
        fs_err::write(folder.join("site.conf"), text).unwrap();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {};\n", path(&format!("temp-{kind}"))))
            .collect();
        let user = if run_ok(Command::new("id").arg("-u")).unwrap().stdout.trim() == "0" { "user root;\n" } else { "" };
        let whole = format!(
            "{user}daemon off;\npid {};\nerror_log {};\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}include {};\n}}\n",
            path("nginx.pid"),
            path("nginx.log"),
            path("site.conf")
        );
        fs_err::write(folder.join("nginx.conf"), whole).unwrap();
        let child = Command::new("/usr/sbin/nginx")
            .args(["-p", &folder.display().to_string(), "-c", &path("nginx.conf")])
            .stdin(Stdio::null())
            .stderr(fs_err::File::create(folder.join("nginx.err")).unwrap().into_parts().0)
            .spawn()
            .unwrap();
        let nginx = Self { child, folder: folder.to_owned(), https };
        let began = Instant::now();
        while nginx.curl(&["/healthz"]).code != 0 {
            let log = fs_err::read_to_string(folder.join("nginx.err")).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "nginx does not answer: {log}");
            std::thread::sleep(Duration::from_millis(100));
        }
        nginx
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("curl");
        command.args(["-sS", "--max-time", "120", "--cacert"]).arg(self.folder.join("ca.pem"));
        command.args(["--resolve", &format!("copr.example.org:{}:127.0.0.1", self.https)]);
        let (path, options) = arguments.split_last().unwrap();
        command.args(options).arg(format!("https://copr.example.org:{}{path}", self.https));
        command
    }

    /// curl by the name in the certificate; the last argument is the path.
    fn curl(&self, arguments: &[&str]) -> Output {
        run(self.command(arguments).arg("--fail-with-body")).unwrap()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = run(Command::new("kill").arg("-TERM").arg(self.child.id().to_string()));
        let _ = self.child.wait();
    }
}

/// An authority, and what it has signed for copr.example.org.
pub(crate) fn certificates(folder: &Path) {
    authority(folder, "ca", "/CN=Test CA");
    signed(folder, "ca", "server", "/CN=copr.example.org", "subjectAltName=DNS:copr.example.org,IP:127.0.0.1");
}

fn openssl(folder: &Path, arguments: &[&str]) {
    run_ok(Command::new("openssl").args(arguments).current_dir(folder)).unwrap();
}

const NEW_KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/// Makes an authority: NAME.pem and NAME.key.
fn authority(folder: &Path, name: &str, subject: &str) {
    let (key, pem) = (format!("{name}.key"), format!("{name}.pem"));
    let new = ["req", "-x509", "-days", "30", "-subj", subject, "-keyout", &key, "-out", &pem];
    openssl(folder, &[&new[..], &NEW_KEY[..]].concat());
}

/// Makes NAME.pem and NAME.key, signed by an authority.
fn signed(folder: &Path, by: &str, name: &str, subject: &str, extension: &str) {
    let (key, csr, pem) = (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"));
    let (ca, ca_key) = (format!("{by}.pem"), format!("{by}.key"));
    let new = ["req", "-subj", subject, "-addext", extension, "-keyout", &key, "-out", &csr];
    openssl(folder, &[&new[..], &NEW_KEY[..]].concat());
    let sign = ["x509", "-req", "-days", "30", "-in", &csr, "-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial"];
    openssl(folder, &[&sign[..], &["-copy_extensions", "copy", "-out", &pem]].concat());
}

/// A server that offers no minidistro.
pub(crate) fn start(options: &Options) -> Server {
    let without = |command: &mut Command| {
        command.env_remove("COPR_MINIDISTRO");
    };
    Server::start_with(options, without).unwrap()
}

/// A server that trusts the proxy, and the proxy.
fn both(name: &str) -> (PathBuf, Server, Nginx) {
    let folder = tree().join("target/stories").join(name);
    let _ = fs_err::remove_dir_all(&folder);
    let data = folder.join("data");
    fs_err::create_dir_all(data.join("chroots")).unwrap();
    certificates(&folder);
    let definition = data.join("chroots").join(format!("{CHROOT}.toml"));
    fs_err::write(definition, "comment = \"empty\"\ndbpath = \"/var/lib/rpm\"\n").unwrap();
    let config = format!(
        "public_url = \"https://copr.example.org\"\ntrusted_proxies = [\"127.0.0.1\"]\n[log]\nformat = \"json\"\n[builder]\n\
         enabled = false\n[chroots]\nfolder = {:?}\n",
        data.join("chroots").display().to_string()
    );
    fs_err::write(data.join("coprd.toml"), config).unwrap();
    let server = start(&Options { data, minidistro: PathBuf::new(), port: 0 });
    let nginx = Nginx::start(&folder, server.options.port);
    (folder, server, nginx)
}

/// The words of a configuration file of copr-cli, as curl takes them.
fn login(config: &Path) -> String {
    let text = fs_err::read_to_string(config).unwrap();
    let word = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim().to_owned();
    format!("{}:{}", word("login ="), word("token ="))
}

/// Bytes of files that are being uploaded.
fn spooled(data: &Path) -> u64 {
    let mut sum = 0;
    let mut folders = vec![data.join("store")];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                Ok(metadata) => sum += metadata.len(),
                Err(_) => {}
            }
        }
    }
    sum
}

#[test]
fn packages_go_through_the_proxy_as_they_come_and_what_is_wrong_is_told_by_the_server() {
    const PIECE: usize = 1 << 20;
    const PIECES: usize = 192;
    let (folder, server, nginx) = both("proxy-uploads");
    let alice = folder.join("alice.conf");
    server.add_user("alice", &alice).unwrap();
    assert!(fs_err::read_to_string(&alice).unwrap().contains("copr_url = https://copr.example.org\n"));
    let user = login(&alice);
    let project = format!("{{\"name\": \"p\", \"chroots\": [\"{CHROOT}\"]}}");
    let json = "Content-Type: application/json";
    let made = nginx.curl(&["-u", &user, "-H", json, "-d", &project, "/api_3/project/add/alice"]);
    assert_eq!(made.code, 0, "{}", made.text());

    let srpm = fixture_srpm("greet-library", &folder.join("srpms")).unwrap();
    let options = "json={\"ownername\": \"alice\", \"projectname\": \"p\"};type=application/json";
    let file = format!("pkgs=@{}", srpm.display());
    let built = nginx.curl(&["-u", &user, "-F", &file, "-F", options, "/api_3/build/create/upload"]);
    assert_eq!(built.code, 0, "{}", built.text());
    assert_eq!(serde_json::from_str::<Value>(&built.stdout).unwrap()["ownername"], "alice");

    // A file of 192 MiB, of which half is with the server before the other half is sent.
    let mut upload = nginx
        .command(&[
            "-u",
            &user,
            "-X",
            "POST",
            "-T",
            "-",
            "-H",
            "Content-Type: multipart/form-data; boundary=B",
            "/api_3/build/create/upload",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut body = upload.stdin.take().unwrap();
    body.write_all(b"--B\r\nContent-Disposition: form-data; name=\"pkgs\"; filename=\"large-1-1.src.rpm\"\r\n\r\n")
        .unwrap();
    let piece = vec![b'x'; PIECE];
    let before = spooled(&server.options.data);
    for _ in 0..PIECES / 2 {
        body.write_all(&piece).unwrap();
    }
    let began = Instant::now();
    while spooled(&server.options.data) < before + ((PIECES as u64 / 4) << 20) {
        assert!(began.elapsed() < PATIENCE, "nothing of the upload is with the server yet");
        std::thread::sleep(Duration::from_millis(50));
    }
    for _ in 0..PIECES / 2 {
        body.write_all(&piece).unwrap();
    }
    body.write_all(b"\r\n--B\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{\"ownername\": \"alice\", \"projectname\": \"p\"}\r\n--B--\r\n").unwrap();
    drop(body);
    let answer = upload.wait_with_output().unwrap();
    let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert!(answer["error"].as_str().unwrap().contains("large-1-1.src.rpm"), "{answer}");
    assert!(
        spooled(&server.options.data) < before + ((PIECES as u64 / 4) << 20),
        "nothing of a refused upload is kept"
    );
    // What the proxy would keep if it took uploads in first.
    assert_eq!(fs_err::read_dir(folder.join("temp-client_body")).unwrap().count(), 0);
}

#[test]
fn the_callers_address_is_what_the_proxy_says_and_nobody_else() {
    let (_folder, server, nginx) = both("proxy-addresses");
    let through = nginx.curl(&[
        "--interface",
        "127.0.0.2",
        "-H",
        "X-Forwarded-For: 203.0.113.9",
        "-D",
        "-",
        "/api_3/project/list?a=secret",
    ]);
    assert_eq!(through.code, 0, "{}", through.text());
    let direct = run_ok(
        Command::new("curl")
            .args(["-sS", "--interface", "127.0.0.3", "-H", "X-Forwarded-For: 203.0.113.9"])
            .arg(format!("{}/api_3/project/list/", server.url())),
    )
    .unwrap();
    assert!(direct.stdout.contains("items"), "{}", direct.text());
    let log = server.log();
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |path: &str| {
        let found = lines.iter().find(|line| line["span"]["http.path"] == path);
        found.unwrap_or_else(|| panic!("no line of {path} in\n{log}")).clone()
    };
    assert_eq!(of("/api_3/project/list")["span"]["client.address"], "127.0.0.2");
    assert_eq!(of("/api_3/project/list/")["span"]["client.address"], "127.0.0.3");
    assert_eq!(of("/api_3/project/list")["http.status"], 200);
    // The proxy's number of the request is that of the log and of the answer.
    let id = of("/api_3/project/list")["span"]["request.id"].as_str().unwrap().to_owned();
    assert!(id.len() == 32 && through.stdout.contains(&format!("x-request-id: {id}")), "{id}: {}", through.stdout);
    assert!(!log.contains("secret") && !log.contains("203.0.113.9"), "{log}");
}

#[test]
fn who_has_a_certificate_of_the_authority_and_is_known_by_its_subject_needs_no_token() {
    let (folder, server, nginx) = both("proxy-certificates");
    let config = folder.join("alice.conf");
    server.add_user("alice", &config).unwrap();
    signed(&folder, "ca", "alice", "/O=People/CN=alice", "extendedKeyUsage=clientAuth");
    signed(&folder, "ca", "carol", "/O=People/CN=carol", "extendedKeyUsage=clientAuth");
    authority(&folder, "other-ca", "/CN=Other CA");
    signed(&folder, "other-ca", "false-alice", "/O=People/CN=alice", "extendedKeyUsage=clientAuth");
    let given =
        run_ok(Command::new(ours("coprd").unwrap()).args(["admin", "--data"]).arg(&server.options.data).args([
            "user",
            "identity",
            "alice",
            "--certificate",
            "CN=alice,O=People",
        ]))
        .unwrap();
    assert_eq!(given.stdout, "alice has the certificate CN=alice,O=People\n");
    let path = |name: &str| folder.join(name).display().to_string();
    let call = |who: &str, more: &[&str]| {
        let (pem, key) = (path(&format!("{who}.pem")), path(&format!("{who}.key")));
        let shown = ["--cert", &pem, "--key", &key];
        run(&mut nginx.command(&[&shown[..], more].concat())).unwrap()
    };

    let known = call("alice", &["/api_3/auth-check"]);
    assert_eq!(serde_json::from_str::<Value>(&known.stdout).unwrap()["name"], "alice", "{}", known.text());
    let unknown = call("carol", &["/api_3/auth-check"]);
    assert!(unknown.stdout.contains("CN=carol,O=People") && unknown.stdout.contains("no user"), "{}", unknown.text());
    // Another authority's is refused by the proxy; nobody's word replaces it.
    let subject = "X-SSL-Client-S-DN: CN=alice,O=People";
    let verify = "X-SSL-Client-Verify: SUCCESS";
    let forged = call("false-alice", &["-H", verify, "-H", subject, "/api_3/auth-check"]);
    assert!(!forged.stdout.contains("\"name\""), "{}", forged.text());
    let without = run(&mut nginx.command(&["-H", verify, "-H", subject, "/api_3/auth-check"])).unwrap();
    assert!(without.stdout.contains("Login invalid/expired"), "{}", without.text());
    let beside = run_ok(
        Command::new("curl")
            .args(["-sS", "--interface", "127.0.0.3", "-H", verify, "-H", subject])
            .arg(format!("{}/api_3/auth-check", server.url())),
    )
    .unwrap();
    assert!(beside.stdout.contains("Login invalid/expired"), "{}", beside.text());

    // A call that changes something shows that it is meant.
    let project = format!("{{\"name\": \"p\", \"chroots\": [\"{CHROOT}\"]}}");
    let form = call("alice", &["-d", &project, "/api_3/project/add/alice"]);
    assert!(form.stdout.contains("X-Copr-Client") || form.stdout.contains("x-copr-client"), "{}", form.text());
    let json = "Content-Type: application/json";
    let made = call("alice", &["-H", json, "-d", &project, "/api_3/project/add/alice"]);
    assert_eq!(serde_json::from_str::<Value>(&made.stdout).unwrap()["ownername"], "alice", "{}", made.text());
    let srpm = fixture_srpm("greet-library", &folder.join("srpms")).unwrap();
    let (file, options) =
        (format!("pkgs=@{}", srpm.display()), "json={\"ownername\": \"alice\", \"projectname\": \"p\"}");
    let upload = ["-H", "X-Copr-Client: curl", "-F", &file, "-F", options, "/api_3/build/create/upload"];
    let built = call("alice", &upload);
    assert_eq!(serde_json::from_str::<Value>(&built.stdout).unwrap()["submitter"], "alice", "{}", built.text());
    // A wrong token is wrong, whatever else is shown.
    let wrong = call("alice", &["-u", "a:b", "/api_3/auth-check"]);
    assert!(wrong.stdout.contains("Login invalid/expired"), "{}", wrong.text());
    assert!(server.log().contains("alice"));
}
