//! Signing in at a real identity provider, oidc-provider: the story plays the browser, forms and cookies and all.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use copr_tests::{
    PATIENCE,
    programs::{Output, ours, run, run_ok, run_with_input, tree},
    server::{Options, Server, block_on, free_port},
};
use reqwest::{Method, header};
use serde_json::{Value, json};

/// The provider; dropping it stops it.
struct Provider {
    child: Child,
    port: u16,
}

impl Provider {
    /// Starts it for a server that browsers come back to at `redirect`.
    fn start(port: u16, redirect: &str) -> Self {
        run_ok(Command::new(tree().join("tests/deps")).arg("oidc")).unwrap();
        let mut child = Command::new("node")
            .arg(tree().join("tests/oidc/provider.mjs"))
            .args([&port.to_string(), redirect])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.find(|line| line.starts_with("http://")).expect("the provider tells its address");
        // It would not run on with nobody who reads.
        std::thread::spawn(move || lines.for_each(drop));
        assert_eq!(address, format!("http://127.0.0.1:{port}"));
        Self { child, port }
    }

    fn tell(&self, what: &str, body: &Value) {
        let (url, body) = (format!("http://127.0.0.1:{}/-/{what}", self.port), body.to_string());
        let answer = block_on(async { Ok(client().post(url).body(body).send().await?.status().as_u16()) });
        assert_eq!(answer.unwrap(), 200);
    }

    /// Says whom a login stands for from now on.
    fn person(&self, login: &str, name: &str, groups: &[&str]) {
        self.tell("person", &json!({ "login": login, "preferred_username": name, "groups": groups }));
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
    builder.redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// What a browser sees.
#[derive(Debug)]
struct Page {
    status: u16,
    url: reqwest::Url,
    /// Where it is sent on to.
    next: Option<String>,
    body: String,
}

/// A browser with one jar for all cookies.
struct Browser {
    client: reqwest::Client,
    cookies: BTreeMap<String, String>,
    home: String,
}

impl Browser {
    fn new(server: &Server) -> Self {
        Self { client: client(), cookies: BTreeMap::new(), home: server.url() }
    }

    fn send(&mut self, method: Method, url: &str, form: &[(&str, &str)]) -> Page {
        let url: reqwest::Url = url.parse().unwrap();
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = self.client.request(method.clone(), url.clone()).header(header::COOKIE, cookies.join("; "));
        if method == Method::POST {
            let fields = reqwest::Url::parse_with_params("http://form/", form).unwrap();
            let kind = "application/x-www-form-urlencoded";
            request = request.header(header::CONTENT_TYPE, kind).body(fields.query().unwrap_or_default().to_owned());
            request = request.header(header::ORIGIN, url.origin().ascii_serialization());
        }
        block_on(async {
            let answer = request.send().await?;
            for cookie in answer.headers().get_all(header::SET_COOKIE) {
                let (name, value) = cookie.to_str()?.split(';').next().unwrap().split_once('=').unwrap();
                self.cookies.insert(name.to_owned(), value.to_owned());
                if value.is_empty() {
                    self.cookies.remove(name);
                }
            }
            let next = answer.headers().get(header::LOCATION).map(|to| url.join(to.to_str().unwrap()).unwrap().into());
            Ok(Page { status: answer.status().as_u16(), url, next, body: answer.text().await? })
        })
        .unwrap()
    }

    fn get(&mut self, url: &str) -> Page {
        self.send(Method::GET, url, &[])
    }

    /// A page of the server.
    fn at_home(&mut self, path: &str) -> Page {
        self.get(&format!("{}{path}", self.home))
    }

    /// From the server's button to the provider's address.
    fn leave(&mut self, back: &str) -> String {
        let page = self.at_home(&format!("/login/oidc?next={back}"));
        assert_eq!(page.status, 303, "{}", page.body);
        page.next.unwrap()
    }

    /// Through all pages of the provider, with this login (or `None`: it is refused there), to the address that leads back.
    fn at_provider(&mut self, url: &str, login: Option<&str>) -> String {
        let mut page = self.get(url);
        for _ in 0..20 {
            if let Some(next) = &page.next {
                if next.starts_with(&self.home) {
                    return next.clone();
                }
                let next = next.clone();
                page = self.get(&next);
                continue;
            }
            let asks = |prompt: &str| page.body.contains(&format!("name=\"prompt\" value=\"{prompt}\""));
            let (_, action) = page.body.split_once("action=\"").unwrap_or_else(|| panic!("no form: {page:?}"));
            let action: String = page.url.join(action.split('"').next().unwrap()).unwrap().into();
            page = match login {
                None => self.get(&format!("{}/abort", page.url)),
                Some(login) if asks("login") => {
                    self.send(Method::POST, &action, &[("prompt", "login"), ("login", login), ("password", "x")])
                }
                Some(_) => self.send(Method::POST, &action, &[("prompt", "consent")]),
            };
        }
        panic!("the provider does not send the browser back: {page:?}");
    }

    /// The whole way; what the server answers at its end.
    fn sign_in(&mut self, login: &str) -> Page {
        let away = self.leave("%2Fapi");
        let back = self.at_provider(&away, Some(login));
        self.get(&back)
    }

    /// Who the server takes it for; empty: nobody.
    fn who(&mut self) -> String {
        let page = self.at_home("/api").body;
        page.split_once("<p>You are ").map(|(_, rest)| rest.split('.').next().unwrap().to_owned()).unwrap_or_default()
    }
}

/// An address with another value for a key of its query.
fn with(url: &str, key: &str, value: &str) -> String {
    let mut url: reqwest::Url = url.parse().unwrap();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(name, _)| name != key).collect();
    url.query_pairs_mut().clear().extend_pairs(pairs).append_pair(key, value);
    url.into()
}

fn query(url: &str, key: &str) -> String {
    let url: reqwest::Url = url.parse().unwrap();
    url.query_pairs().find(|(name, _)| name == key).unwrap_or_else(|| panic!("no {key} in {url}")).1.into_owned()
}

/// What the server's database says, a row a line.
fn sql(data: &Path, text: &str) -> String {
    let code = "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1], timeout=10) as db:\n    for row in db.execute(sys.argv[2]): print(*row)";
    run_ok(Command::new("/usr/bin/python3").args(["-c", code]).arg(data.join("coprd.sqlite")).arg(text)).unwrap().stdout
}

/// A server that knows a provider at that port.
fn options(folder: &Path, provider: u16) -> Options {
    fs_err::write(folder.join("secret"), "a secret between the two\n").unwrap();
    let config = format!(
        "[builder]\nenabled = false\n[limits.rate]\nsign_in = 0\n[sign_in.oidc]\nissuer = \"http://127.0.0.1:{provider}\"\n\
         client_id = \"copr\"\nclient_secret_file = \"{}\"\nscopes = [\"profile\", \"groups\"]\nbutton = \"Sign in at the test\"\n",
        folder.join("secret").display()
    );
    fs_err::write(folder.join("coprd.toml"), config).unwrap();
    Options { data: folder.to_owned(), minidistro: "".into(), port: free_port().unwrap() }
}

fn start(options: &Options) -> Server {
    let nothing_to_build_for = |command: &mut Command| {
        command.env_remove("COPR_MINIDISTRO");
    };
    Server::start_with(options, nothing_to_build_for).unwrap()
}

fn check_config(options: &Options) -> Output {
    run(Command::new(ours("coprd").unwrap()).args(["check-config", "--data"]).arg(&options.data)).unwrap()
}

#[test]
fn people_of_a_provider_become_users_by_their_identity_and_are_in_the_groups_that_it_tells() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().unwrap();
    let options = options(folder.path(), port);
    let callback = format!("http://127.0.0.1:{}/login/oidc/callback", options.port);
    let provider = Provider::start(port, &callback);
    let server = start(&options);
    let users = || sql(folder.path(), "SELECT name FROM users ORDER BY id");
    sql(
        folder.path(),
        "INSERT INTO user_groups (name, claim, created_ms) VALUES ('sig', 'python-sig', 0), ('ops', 'ops', 0)",
    );
    let groups =
        || sql(folder.path(), "SELECT g.name FROM user_groups g JOIN group_members m ON m.group_id = g.id ORDER BY 1");
    assert!(
        check_config(&options).text().contains("passwords, http://127.0.0.1:"),
        "{}",
        check_config(&options).text()
    );

    provider.person("one", "alice", &["python-sig", "others"]);
    let mut browser = Browser::new(&server);
    assert!(browser.at_home("/login?next=%2Fapi").body.contains("Sign in at the test"));
    let page = browser.sign_in("one");
    assert_eq!(
        (page.status, page.next.as_deref()),
        (303, Some(format!("{}/api", server.url()).as_str())),
        "{}",
        page.body
    );
    assert_eq!((browser.who().as_str(), users().as_str(), groups().as_str()), ("alice", "admin\nalice\n", "sig\n"));

    // Another browser, another name there, other groups: still the same user.
    provider.person("one", "alice-renamed", &["ops"]);
    let mut second = Browser::new(&server);
    second.sign_in("one");
    assert_eq!((second.who().as_str(), users().as_str(), groups().as_str()), ("alice", "admin\nalice\n", "ops\n"));
    assert_eq!(browser.who(), "alice", "the first browser's session goes on");

    // Names that are somebody else's, or nobody's.
    for (login, name, says) in [
        ("two", "alice", "coprd admin user identity alice"),
        ("three", "admin", "first start"),
        ("four", "a b", "name"),
    ] {
        provider.person(login, name, &["python-sig"]);
        let mut stranger = Browser::new(&server);
        let page = stranger.sign_in(login);
        assert!(page.status == 403 && page.body.contains(says), "{name}: {} {}", page.status, page.body);
        assert_eq!(stranger.who(), "");
    }
    assert_eq!((users().as_str(), groups().as_str()), ("admin\nalice\n", "ops\n"));
    // The administrator says that it is her.
    let identity = format!("http://127.0.0.1:{port} two");
    let mut says = Command::new(ours("coprd").unwrap());
    says.args(["admin", "--data"]).arg(folder.path()).args(["user", "identity", "alice", &identity]);
    run_ok(&mut says).unwrap();
    let mut stranger = Browser::new(&server);
    let page = stranger.sign_in("two");
    assert_eq!(page.status, 303, "{}", page.body);
    assert_eq!(
        (stranger.who().as_str(), browser.who().as_str()),
        ("alice", ""),
        "what began as somebody else has ended"
    );

    // The provider signs with another key from now on.
    provider.tell("rotate", &json!({}));
    let mut after = Browser::new(&server);
    after.sign_in("two");
    assert_eq!(after.who(), "alice");

    // Wherever the way began, it does not end elsewhere.
    let mut lured = Browser::new(&server);
    let away = lured.leave("%2F%2Fevil.example%2F");
    let back = lured.at_provider(&away, Some("two"));
    assert_eq!(lured.get(&back).next, Some(format!("{}/", server.url())));
}

#[test]
fn an_answer_that_is_not_for_this_sign_in_lets_nobody_in() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().unwrap();
    let options = options(folder.path(), port);
    let callback = format!("http://127.0.0.1:{}/login/oidc/callback", options.port);
    let provider = Provider::start(port, &callback);
    let server = start(&options);
    provider.person("one", "alice", &[]);
    let refused = |browser: &mut Browser, url: &str, status: u16, why: &str| {
        let page = browser.get(url);
        assert_eq!(page.status, status, "{why}: {}", page.body);
        assert!(page.body.contains("You are not signed in"), "{why}: {}", page.body);
        assert_eq!(browser.who(), "", "{why}");
    };
    let mut browser = Browser::new(&server);
    let back = |browser: &mut Browser| {
        let away = browser.leave("%2F");
        browser.at_provider(&away, Some("one"))
    };

    let url = back(&mut browser);
    refused(&mut Browser::new(&server), &url, 400, "another browser brings it, as one that an attacker has lured");
    refused(&mut browser, &with(&url, "state", &"0".repeat(64)), 400, "a state that nobody left with");
    refused(&mut browser, &format!("{callback}?code=x"), 400, "no state at all");
    let other = back(&mut browser);
    refused(&mut browser, &with(&url, "code", &query(&other, "code")), 403, "the code of another way: PKCE");
    refused(&mut browser, &with(&other, "iss", "https://evil.example"), 403, "another provider's answer");

    let away = browser.leave("%2F");
    let changed = with(&away, "nonce", "0123456789abcdef");
    let url = browser.at_provider(&changed, Some("one"));
    refused(&mut browser, &url, 403, "the ID token is for another nonce");
    assert!(server.log().contains("nonce mismatch"), "{}", server.log());

    // A browser that the provider does not know yet.
    let mut unwilling = Browser::new(&server);
    let away = unwilling.leave("%2F");
    let url = unwilling.at_provider(&away, None);
    assert!(unwilling.get(&url).body.contains("access_denied"), "who says no there is told so");
    assert_eq!(sql(folder.path(), "SELECT name FROM users"), "admin\n", "nobody was made");

    let url = back(&mut browser);
    assert_eq!(browser.get(&url).status, 303);
    assert_eq!(browser.who(), "alice");
    let mut replay = Browser::new(&server);
    replay.cookies.insert("copr-signing-in".to_owned(), browser.cookies["copr-signing-in"].clone());
    refused(&mut replay, &url, 400, "it has been used");
}

#[test]
fn while_the_provider_is_away_a_page_says_so_and_passwords_work() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().unwrap();
    let options = options(folder.path(), port);
    let callback = format!("http://127.0.0.1:{}/login/oidc/callback", options.port);
    let server = start(&options);
    let away = |page: &Page| {
        assert_eq!(page.status, 503, "{}", page.body);
        assert!(page.body.contains("a password works all the same"), "{}", page.body);
    };
    away(&Browser::new(&server).at_home("/login/oidc"));
    let checked = check_config(&options);
    assert!(checked.code == 1 && checked.text().contains("WRONG sign-in"), "{}", checked.text());

    run_ok(
        Command::new(ours("coprd").unwrap()).args(["admin", "--data"]).arg(folder.path()).args(["user", "add", "bob"]),
    )
    .unwrap();
    let mut set = Command::new(ours("coprd").unwrap());
    set.args(["admin", "--data"]).arg(folder.path()).args(["user", "password", "bob"]);
    let set = run_with_input(&mut set, "correct horse battery\n").unwrap();
    assert_eq!(set.code, 0, "{}", set.text());
    let mut browser = Browser::new(&server);
    let login = format!("{}/login", server.url());
    let page = browser.send(Method::POST, &login, &[("name", "bob"), ("password", "correct horse battery")]);
    assert_eq!((page.status, browser.who().as_str()), (303, "bob"), "{}", page.body);

    // It comes, and goes while somebody is there.
    let provider = Provider::start(port, &callback);
    let mut browser = Browser::new(&server);
    let left = loop {
        let page = browser.at_home("/login/oidc");
        match page.next {
            Some(left) => break left,
            None => std::thread::sleep(Duration::from_millis(200)),
        }
    };
    let back = browser.at_provider(&left, Some("one"));
    drop(provider);
    away(&browser.get(&back));
    assert_eq!(browser.who(), "");
}
