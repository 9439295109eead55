//! What a project publishes is signed: stock dnf takes it with `gpgcheck=1` and `repo_gpgcheck=1`, refuses what somebody has changed
//! on the way, and goes on after the project's key was replaced. Machines are played, everything else is real.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use copr_rpm::write::{Builder, File};
use copr_tests::{
    PATIENCE,
    dnf::remove_tree,
    packager::Packager,
    programs::{Output, fixture_srpm, minidistro, privileged, run, run_ok, tree},
    script::{Script, rebuilt},
    server::{Options, Server},
};

const CHROOT: &str = "fedora-44-x86_64";
/// A server whose builder is played, and alice with a project.
struct Scene {
    folder: PathBuf,
    server: Server,
    alice: Packager,
    srpm: PathBuf,
}

impl Scene {
    fn set(name: &str, change: impl FnOnce(&mut Command)) -> Self {
        let folder = tree().join("target/stories").join(name);
        run_ok(&mut remove_tree(&folder)).unwrap();
        let options = Options { data: folder.join("data"), minidistro: minidistro().unwrap(), port: 0 };
        options.offer(&[CHROOT]).unwrap();
        let path = options.data.join("coprd.toml");
        let chroots = fs_err::read_to_string(&path).unwrap();
        let more = "[builder]\nenabled = false\n[signing]\nrepo_gpgcheck = true\n[publish]\ngather_ms = 0\n";
        fs_err::write(&path, format!("{chroots}{more}")).unwrap();
        let server = Server::start_with(&options, change).unwrap();
        let config = folder.join("alice.conf");
        server.add_user("alice", &config).unwrap();
        let alice = Packager::ours(&config).unwrap();
        alice.done(&["create", "libs", "--chroot", CHROOT]).unwrap();
        let srpm = fixture_srpm("small", &folder.join("srpms")).unwrap();
        Self { folder, server, alice, srpm }
    }

    /// Submits the source, and hands these in as what came of it.
    fn build(&self, packages: &[&Path]) -> i64 {
        let id = self.alice.submitted(&["build", "libs", &self.srpm.display().to_string()]).unwrap()[0];
        let builder = Script::of(&self.server).unwrap();
        let lease = builder.lease().unwrap();
        builder.made(&lease, packages).unwrap();
        self.server.wait_for_state(id, &["succeeded"], PATIENCE).unwrap();
        id
    }

    fn results(&self) -> PathBuf {
        self.server.options.data.join("store/results/alice/libs")
    }

    /// The public keys, when there are so many of them and the metadata have as many signatures.
    fn keys(&self, count: usize) -> String {
        let began = Instant::now();
        loop {
            let text = |path: &Path| fs_err::read_to_string(path).unwrap_or_default();
            let keys = text(&self.results().join("pubkey.gpg"));
            let signatures = text(&self.results().join(CHROOT).join("repodata/repomd.xml.asc"));
            if keys.matches("BEGIN PGP PUBLIC").count() == count && signatures.matches("BEGIN PGP SIG").count() == count
            {
                return keys;
            }
            assert!(began.elapsed() < PATIENCE, "never {count} keys:\n{keys}\n{signatures}\n{}", self.server.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// A scratch root with one repository, and dnf on it.
struct Client {
    folder: PathBuf,
}

impl Client {
    fn new(scene: &Scene, name: &str, repository: &str) -> Self {
        let folder = scene.folder.join(name);
        for below in ["root", "repos", "home"] {
            fs_err::create_dir_all(folder.join(below)).unwrap();
        }
        fs_err::write(folder.join("repos/libs.repo"), repository).unwrap();
        fs_err::write(folder.join("dnf.conf"), "[main]\ngpgcheck=1\ninstall_weak_deps=0\nplugins=0\n").unwrap();
        // Debian's rpm keeps its database in the home folder unless told otherwise.
        fs_err::write(folder.join("home/.rpmmacros"), "%_dbpath /var/lib/rpm\n").unwrap();
        Self { folder }
    }

    /// The repository changes: what is kept of it is forgotten.
    fn now_with(&self, repository: &str) {
        fs_err::write(self.folder.join("repos/libs.repo"), repository).unwrap();
    }

    fn dnf(&self, args: &[&str]) -> Output {
        let root = self.folder.join("root");
        let mut command = privileged("env");
        command
            .arg(format!("HOME={}", self.folder.join("home").display()))
            .args([
                "LC_ALL=C.UTF-8",
                "dnf",
                "-y",
                "--refresh",
                "--releasever=44",
                "--setopt=skip_if_unavailable=0",
                "--config",
            ])
            .arg(self.folder.join("dnf.conf"))
            .arg(format!("--installroot={}", root.display()))
            .arg(format!("--setopt=reposdir={}", self.folder.join("repos").display()))
            .arg(format!("--setopt=cachedir={}", self.folder.join("cache").display()))
            .args(args);
        run(&mut command).unwrap()
    }

    fn installs(&self, package: &str) {
        let output = self.dnf(&["install", package]);
        assert_eq!(output.code, 0, "{}", output.text());
        assert!(output.text().contains("Installed:"), "{}", output.text());
    }

    fn refuses(&self, package: &str, why: &str) {
        let output = self.dnf(&["install", package]);
        assert!(output.code != 0 && output.text().contains(why), "{}: {}", output.code, output.text());
    }
}

/// A repository of dnf's.
fn repository(baseurl: &str, key: &str, metadata: bool) -> String {
    format!(
        "[libs]\nname=libs\nbaseurl={baseurl}\ngpgcheck=1\ngpgkey={key}\nrepo_gpgcheck={}\nskip_if_unavailable=0\n",
        u8::from(metadata)
    )
}

fn file_url(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// A small package that the played builder made, too.
fn extra(folder: &Path) -> PathBuf {
    let package = Builder {
        name: "small-extra".to_owned(),
        version: "1.0".to_owned(),
        release: "1".to_owned(),
        summary: "One more".to_owned(),
        description: "One more package.".to_owned(),
        license: "MIT".to_owned(),
        source_rpm: Some("small-1.0-1.src.rpm".to_owned()),
        build_time: 1_700_000_000,
        files: vec![File {
            path: "/usr/share/small-extra".to_owned(),
            mode: 0o644,
            contents: b"x\n".to_vec(),
            config: false,
        }],
        ..Builder::default()
    };
    let path = folder.join("small-extra-1.0-1.noarch.rpm");
    let mut bytes = Vec::new();
    package.write(&mut bytes).unwrap();
    fs_err::write(&path, bytes).unwrap();
    path
}

#[test]
fn dnf_takes_what_is_signed_refuses_what_was_changed_and_either_key_is_good_after_a_rotation() {
    let scene = Scene::set("signing", |_| {});
    let built = rebuilt(&scene.srpm, &scene.folder.join("built")).unwrap();
    let binary = built.iter().find(|path| path.to_string_lossy().ends_with(".noarch.rpm")).unwrap();
    scene.build(&[binary, &scene.srpm]);
    let old_keys = scene.keys(1);

    // As the server's own file has it.
    let answer = scene.server.get("/coprs/alice/libs/repo/fedora-44/alice-libs.repo?arch=x86_64").unwrap();
    for line in ["gpgcheck=1\n", "repo_gpgcheck=1\n", "/results/alice/libs/pubkey.gpg\n"] {
        assert!(answer.body.contains(line), "{}", answer.body);
    }
    let stock = Client::new(&scene, "stock", &answer.body);
    stock.installs("small");

    // On the way somebody changes one byte of the metadata; or a package, and makes metadata to go with it.
    let mirror = scene.folder.join("mirror");
    let copy = || {
        run_ok(&mut remove_tree(&mirror)).unwrap();
        run_ok(Command::new("cp").arg("-r").arg(scene.results().join(CHROOT)).arg(&mirror)).unwrap();
    };
    let key = file_url(&scene.results().join("pubkey.gpg"));
    copy();
    Client::new(&scene, "mirrored", &repository(&file_url(&mirror), &key, true)).installs("small");
    let repomd = mirror.join("repodata/repomd.xml");
    let text = fs_err::read_to_string(&repomd).unwrap();
    fs_err::write(&repomd, text.replacen("<revision>1", "<revision>2", 1)).unwrap();
    assert_ne!(fs_err::read_to_string(&repomd).unwrap(), text);
    let output =
        Client::new(&scene, "metadata-changed", &repository(&file_url(&mirror), &key, true)).dnf(&["install", "small"]);
    assert!(output.code != 0 && output.text().to_lowercase().contains("signature"), "{}", output.text());
    copy();
    let package = walk(&mirror).into_iter().find(|path| path.to_string_lossy().ends_with(".noarch.rpm")).unwrap();
    let mut bytes = fs_err::read(&package).unwrap();
    let last = bytes.len() - 9;
    bytes[last] ^= 1;
    fs_err::write(&package, bytes).unwrap();
    run_ok(Command::new("createrepo_c").arg("--quiet").arg(&mirror)).unwrap();
    Client::new(&scene, "package-changed", &repository(&file_url(&mirror), &key, false))
        .refuses("small", "GPG check FAILED");

    // The key is replaced. Who had the old one goes on; whoever has only one of the two is not refused the metadata.
    scene.alice.done(&["key", "rotate", "--yes", "libs"]).unwrap();
    let both = scene.keys(2);
    scene.build(&[&extra(&scene.folder), &scene.srpm]);
    stock.installs("small-extra");
    let new_keys = both.replacen(&old_keys, "", 1);
    assert_ne!(new_keys, both);
    let only = |name: &str, keys: &str| {
        let path = scene.folder.join(name).with_extension("gpg");
        fs_err::write(&path, keys).unwrap();
        Client::new(&scene, name, &repository(&file_url(&scene.results().join(CHROOT)), &file_url(&path), true))
    };
    let old = only("old-key", &old_keys);
    old.installs("small");
    old.refuses("small-extra", "GPG check FAILED");
    let new = only("new-key", &new_keys);
    new.installs("small-extra");
    new.now_with(&repository(&file_url(&scene.results().join(CHROOT)), &key, true));
    new.installs("small");
    let shown = scene.alice.done(&["key", "show", "libs"]).unwrap();
    assert!(shown.stdout.contains("signs") && shown.stdout.contains("trusted until"), "{}", shown.text());
}

/// What Sequoia says of a detached signature: the library by which rpm checks on Fedora, with its rules for what is too weak.
fn sequoia(signature: &Path, file: &Path, keys: &Path) -> Output {
    run(Command::new("sqv").arg("--keyring").arg(keys).args([signature, file])).unwrap()
}

#[test]
fn the_library_by_which_rpm_checks_on_fedora_accepts_package_and_metadata() {
    let scene = Scene::set("signing-sequoia", |_| {});
    let built = rebuilt(&scene.srpm, &scene.folder.join("built")).unwrap();
    let binary = built.iter().find(|path| path.to_string_lossy().ends_with(".noarch.rpm")).unwrap();
    scene.build(&[binary, &scene.srpm]);
    scene.keys(1);
    let keys = scene.results().join("pubkey.gpg");
    let repodata = scene.results().join(CHROOT).join("repodata");
    let package = walk(&scene.results()).into_iter().find(|path| path.to_string_lossy().ends_with(".noarch.rpm"));
    let mut package = fs_err::File::open(package.unwrap()).unwrap();
    let header = scene.folder.join("header");
    let mut bytes = copr_rpm::sign::signable(&mut package).unwrap().header().to_vec();
    fs_err::write(&header, &bytes).unwrap();
    let of_header = copr_rpm::sign::signatures(&mut package).unwrap();
    let signature = scene.folder.join("header.sig");
    fs_err::write(&signature, of_header.first().unwrap()).unwrap();
    for (signature, file) in
        [(repodata.join("repomd.xml.asc"), repodata.join("repomd.xml")), (signature.clone(), header.clone())]
    {
        let said = sequoia(&signature, &file, &keys);
        assert_eq!(said.code, 0, "{}: {}", file.display(), said.text());
    }
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs_err::write(&header, &bytes).unwrap();
    assert_ne!(sequoia(&signature, &header, &keys).code, 0, "it accepts another header");
}

/// All files below a folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn a_signing_process_that_dies_between_two_packages_is_started_again_and_the_build_is_signed() {
    // It dies before it has given its second signature, again and again.
    let scene = Scene::set("signing-process-dies", |command| {
        command.env("COPRD_DIE_AT", "a signature made:2");
    });
    let built = rebuilt(&scene.srpm, &scene.folder.join("built")).unwrap();
    let binary = built.iter().find(|path| path.to_string_lossy().ends_with(".noarch.rpm")).unwrap();
    scene.build(&[binary, &scene.srpm]);
    assert!(scene.server.log().contains("the signing process has ended"), "{}", scene.server.log());
    let (keys, db) = (scene.results().join("pubkey.gpg"), scene.folder.join("rpmdb"));
    run_ok(Command::new("rpmkeys").arg("--dbpath").arg(&db).arg("--import").arg(&keys)).unwrap();
    let packages: Vec<PathBuf> = walk(&scene.results().join(CHROOT))
        .into_iter()
        .filter(|path| path.to_string_lossy().ends_with(".rpm"))
        .collect();
    assert_eq!(packages.len(), 2);
    run_ok(Command::new("rpmkeys").arg("--dbpath").arg(&db).arg("-K").args(&packages)).unwrap();
}

#[test]
fn a_server_without_its_key_says_so_and_does_not_start() {
    let scene = Scene::set("signing-key-missing", |_| {});
    scene.keys(1);
    let (folder, options) = (scene.folder.clone(), scene.server.kill_9().unwrap());
    let (key, aside) = (options.data.join("signing-key"), folder.join("signing-key"));
    fs_err::rename(&key, &aside).unwrap();
    let check = |options: &Options| {
        let coprd = copr_tests::programs::ours("coprd").unwrap();
        run(Command::new(coprd).args(["check-config", "--data"]).arg(&options.data)).unwrap()
    };
    let refused = Server::refused(&options, |_| {}).unwrap();
    assert!(refused.code != 0 && refused.stderr.contains("signing-key is missing"), "{}", refused.text());
    assert_eq!(refused.stderr.lines().filter(|line| line.starts_with("coprd:")).count(), 1, "{}", refused.text());
    let found = check(&options);
    assert!(found.code != 0 && found.text().contains("WRONG signing"), "{}", found.text());
    fs_err::copy(&aside, &key).unwrap();
    assert_eq!(
        fs_err::metadata(&key)
            .map(|about| std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o777)
            .unwrap(),
        0o600
    );
    let found = check(&options);
    assert!(found.text().contains("fits 1 keys"), "{}", found.text());
    Server::start(&options).unwrap();
}
