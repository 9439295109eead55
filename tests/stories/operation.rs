//! The administrator's work with the program itself.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use copr_tests::{
    PATIENCE,
    programs::{Output, ours, run, run_ok, tree},
    server::{Options, free_port},
};
use serde_json::{Value, json};

use crate::proxy::{certificates, start};

fn folder(name: &str) -> PathBuf {
    let folder = tree().join("target/stories").join(name);
    let _ = fs_err::remove_dir_all(&folder);
    fs_err::create_dir_all(&folder).unwrap();
    folder
}

fn coprd(data: &Path, words: &[&str]) -> Output {
    let (first, rest) = words.split_first().unwrap();
    run(Command::new(ours("coprd").unwrap()).arg(first).arg("--data").arg(data).args(rest)).unwrap()
}

fn configure(data: &Path, text: &str) {
    fs_err::create_dir_all(data).unwrap();
    fs_err::write(data.join("coprd.toml"), text).unwrap();
}

#[test]
fn check_config_says_all_that_is_wrong_at_once_and_nothing_is_made() {
    let data = folder("operation-check").join("data");
    configure(&data, "listen = \"127.0.0.1:0\"\n[builder]\nenabled = false\n");
    let fine = coprd(&data, &["check-config"]);
    assert_eq!(fine.code, 0, "{}", fine.text());
    assert!(fine.stdout.lines().all(|line| line.starts_with("ok ")), "{}", fine.stdout);
    configure(
        &data,
        "listen = \"192.0.2.1:1\"\n[builder]\nenabled = false\n[tls]\ncertificate = \"/none.pem\"\nkey = \"/none.key\"\n[database]\nurl = \
         \"postgres://nobody:hunter2@127.0.0.1:1/none\"\n",
    );
    let wrong = coprd(&data, &["check-config", "--json"]);
    assert_eq!(wrong.code, 1, "{}", wrong.text());
    let found: Value = serde_json::from_str(&wrong.stdout).unwrap();
    let names: Vec<&str> = found["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["ok"] == false)
        .map(|line| line["what"].as_str().unwrap())
        .collect();
    assert_eq!((&found["ok"], names), (&json!(false), vec!["database", "signing", "tls", "listen"]), "{found}");
    assert!(!wrong.text().contains("hunter2"), "a password is not told");
    assert!(!data.join("coprd.sqlite").exists());
}

#[test]
fn a_backup_of_a_running_server_makes_another_one_that_knows_its_users_and_their_tokens() {
    let folder = folder("operation-backup");
    let (data, other) = (folder.join("data"), folder.join("other"));
    configure(&data, "[builder]\nenabled = false\n");
    let options = Options { data: data.clone(), minidistro: PathBuf::new(), port: 0 };
    let server = start(&options);
    let config = folder.join("alice.conf");
    server.add_user("alice", &config).unwrap();
    let made = coprd(&data, &["admin", "backup", &folder.join("b").display().to_string()]);
    assert_eq!(made.code, 0, "{}", made.text());
    let refused = coprd(&data, &["admin", "restore", "--force", &folder.join("b").display().to_string()]);
    assert!(refused.code == 1 && refused.stderr.contains("stop the server first"), "{}", refused.text());
    assert_eq!(server.stop().unwrap(), 0);

    let restored = coprd(&other, &["admin", "restore", &folder.join("b").display().to_string()]);
    assert_eq!(restored.code, 0, "{}", restored.text());
    for file in ["coprd.toml", "admin-token", "builder-token"] {
        let same = |data: &Path| fs_err::read(data.join(file)).unwrap();
        assert_eq!(same(&data), same(&other), "{file}");
    }
    let server = start(&Options { data: other, ..options });
    let answer = server.post(&config, "/api_3/project/add/alice", &json!({ "name": "p", "chroots": [] })).unwrap();
    assert_eq!(answer.status, 400, "the token is known, the project has no chroots: {}", answer.body);
}

/// A server that speaks TLS; dropping it stops it.
struct Secure {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl Secure {
    fn start(folder: &Path) -> Self {
        let port = free_port().unwrap();
        let log = fs_err::File::create(folder.join("server.log")).unwrap().into_parts().0;
        let child = Command::new(ours("coprd").unwrap())
            .args(["serve", "--data"])
            .arg(folder.join("data"))
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, folder: folder.to_owned(), port }
    }

    fn curl(&self, ca: &str, more: &[&str]) -> Output {
        let mut command = Command::new("curl");
        command.args(["-sS", "--fail", "--max-time", "30", "--cacert"]).arg(self.folder.join(ca)).args(more);
        run(command.arg(format!("https://127.0.0.1:{}/healthz", self.port))).unwrap()
    }

    fn wait(&self, ca: &str) {
        let began = Instant::now();
        while self.curl(ca, &[]).code != 0 {
            let log = fs_err::read_to_string(self.folder.join("server.log")).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "no answer with {ca}:\n{log}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = run(Command::new("kill").arg("-TERM").arg(self.child.id().to_string()));
        let _ = self.child.wait();
    }
}

#[test]
fn the_server_speaks_tls_itself_and_takes_a_new_certificate_while_it_runs_but_no_broken_one() {
    let folder = folder("operation-tls");
    certificates(&folder);
    let path = |name: &str| folder.join(name).display().to_string();
    let tls = format!("[tls]\ncertificate = {:?}\nkey = {:?}\n", path("server.pem"), path("server.key"));
    configure(&folder.join("data"), &format!("[builder]\nenabled = false\n{tls}"));
    let server = Secure::start(&folder);
    server.wait("ca.pem");
    assert_eq!(server.curl("ca.pem", &["--http2"]).stdout, "ok\n");
    assert_eq!(server.curl("ca.pem", &["--http1.1", "--tls-max", "1.2"]).stdout, "ok\n");
    assert_ne!(server.curl("ca.pem", &["--tls-max", "1.1"]).code, 0);
    let plain = run(Command::new("curl").args(["-sS", &format!("http://127.0.0.1:{}/healthz", server.port)])).unwrap();
    assert_ne!(plain.code, 0, "no plain HTTP: {}", plain.text());

    let hangup = || run_ok(Command::new("kill").arg("-HUP").arg(server.child.id().to_string())).unwrap();
    fs_err::copy(folder.join("ca.pem"), folder.join("old-ca.pem")).unwrap();
    let whole = fs_err::read(folder.join("server.pem")).unwrap();
    fs_err::write(folder.join("server.pem"), "broken").unwrap();
    hangup();
    let began = Instant::now();
    while !fs_err::read_to_string(folder.join("server.log")).unwrap().contains("the certificate stays what it was") {
        assert!(began.elapsed() < PATIENCE, "the server says nothing of a broken certificate");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(server.curl("ca.pem", &[]).stdout, "ok\n");
    fs_err::write(folder.join("server.pem"), whole).unwrap();

    certificates(&folder);
    hangup();
    server.wait("ca.pem");
    assert_ne!(server.curl("old-ca.pem", &[]).code, 0, "the new certificate is of another authority");
}
