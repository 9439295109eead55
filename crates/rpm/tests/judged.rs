//! What rpm, rpmsign and gpg make of packages that we write and sign.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use copr_rpm::sign::{signable, signatures, write_signed};
use copr_rpm::write::{Builder, File};
use copr_rpm::{Changelog, Package};

/// A GnuPG home and an rpm database, each of our own.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::Builder::new().prefix("judged").tempdir().unwrap());
        fs_err::create_dir(place.path("gpg")).unwrap();
        fs_err::set_permissions(place.path("gpg"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("GNUPGHOME", self.path("gpg")).env("HOME", self.0.path()).env("LC_ALL", "C.UTF-8");
        command
    }

    fn gpg(&self) -> Command {
        let mut gpg = self.command("gpg");
        gpg.args(["--batch", "--quiet", "--pinentry-mode=loopback", "--passphrase=", "--digest-algo=sha256"]);
        gpg
    }

    /// Makes a key, and has rpm trust it.
    fn key(&self, name: &str, kind: &str) {
        run(self.gpg().args(["--quick-gen-key", name, kind, "sign", "never"]));
        let file = self.path(&format!("{name}.key"));
        fs_err::write(&file, run(self.gpg().args(["--armor", "--export", name])).stdout).unwrap();
        run(self.rpm("rpmkeys").arg("--import").arg(file));
    }

    fn rpm(&self, program: &str) -> Command {
        let mut rpm = self.command(program);
        rpm.arg("--dbpath").arg(self.path("db"));
        rpm
    }

    /// What `rpmkeys -K` says of a package when it asks for signatures of all of it, and whether it is content.
    fn verdict(&self, package: &Path) -> (bool, String) {
        let mut rpmkeys = self.rpm("rpmkeys");
        let done = rpmkeys.args(["--define", "_pkgverify_level all", "-Kv"]).arg(package).output().unwrap();
        let text = String::from_utf8_lossy(&done.stdout).lines().skip(1).fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "{}", line.trim());
            text
        });
        (done.status.success(), text)
    }

    /// A copy of a package that is signed by us, the signature made by gpg.
    fn sign(&self, key: &str, from: &Path, to: &Path) {
        let mut source = fs_err::File::open(from).unwrap();
        let signable = signable(&mut source).unwrap();
        fs_err::write(self.path("header"), signable.header()).unwrap();
        let signature = run(self.gpg().args(["--detach-sign", "-o", "-", "-u", key]).arg(self.path("header"))).stdout;
        let mut target = fs_err::File::create(to).unwrap();
        write_signed(&mut source, &signable, Some(&signature), &mut target).unwrap();
        assert_eq!(signatures(&mut fs_err::File::open(to).unwrap()).unwrap(), [signature]);
    }

    fn rpmsign(&self, key: &str, package: &Path) {
        let mut rpmsign = self.command("rpmsign");
        // Debian's rpm does not know where gpg is.
        rpmsign.args(["--addsign", "--define", "_gpg_digest_algo sha256", "--define", "__gpg /usr/bin/gpg"]);
        run(rpmsign.arg("--define").arg(format!("_gpg_name {key}")).arg(package));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.command("gpgconf").args(["--kill", "all"]).status();
    }
}

fn run(command: &mut Command) -> Output {
    let done = command.stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    done
}

fn out(command: &mut Command) -> String {
    String::from_utf8(run(command).stdout).unwrap()
}

fn release() -> Builder {
    let file = |path: &str, contents: &str, config| File {
        path: path.to_owned(),
        mode: 0o644,
        contents: contents.into(),
        config,
    };
    Builder {
        name: "chess-release".to_owned(),
        epoch: Some(1),
        version: "1".to_owned(),
        release: "2".to_owned(),
        summary: "Repository of the chess project".to_owned(),
        description: "Enables the repository.".to_owned(),
        license: "MIT".to_owned(),
        vendor: Some("Chess".to_owned()),
        bug_url: Some("https://example.org/bugs".to_owned()),
        build_time: 1_700_000_000,
        files: vec![
            file("/etc/yum.repos.d/chess.repo", "[chess]\nname=Chess\n", true),
            file("/etc/pki/rpm-gpg/RPM-GPG-KEY-chess", "key", false),
        ],
        provides: vec!["chess-repos = 1".parse().unwrap()],
        changelog: vec![Changelog {
            time: 1_699_963_200,
            author: "A <a@b> - 1-2".to_owned(),
            text: "- new".to_owned(),
        }],
        ..Builder::default()
    }
}

fn write(package: &Builder, to: &Path) {
    package.write(&mut fs_err::File::create(to).unwrap()).unwrap();
}

/// A package by rpmbuild.
fn built(place: &Place) -> PathBuf {
    let spec = "Name: greet\nVersion: 1\nRelease: 1\nSummary: Greets\nLicense: MIT\nBuildArch: noarch\n%description\nGreets.\n\
                %install\nmkdir -p %{buildroot}/etc\nhead -c 300000 /dev/urandom > %{buildroot}/etc/greet\n%files\n/etc/greet\n";
    fs_err::write(place.path("greet.spec"), spec).unwrap();
    let mut rpmbuild = place.command("rpmbuild");
    rpmbuild.args(["-bb", "--quiet", "--define"]).arg(format!("_topdir {}", place.path("build").display()));
    run(rpmbuild.arg(place.path("greet.spec")));
    place.path("build/RPMS/noarch/greet-1-1.noarch.rpm")
}

#[test]
fn rpm_takes_what_we_sign_as_it_takes_what_rpmsign_signs() {
    let place = Place::new();
    for (name, kind) in [("rsa", "rsa2048"), ("large", "rsa4096"), ("ed", "ed25519")] {
        place.key(name, kind);
    }
    let (by_rpm, by_us) = (built(&place), place.path("release.rpm"));
    write(&release(), &by_us);
    for package in [&by_rpm, &by_us] {
        assert!(!place.verdict(package).0, "not signed");
        for key in ["rsa", "large", "ed"] {
            let (ours, theirs) = (place.path("ours.rpm"), place.path("theirs.rpm"));
            place.sign(key, package, &ours);
            fs_err::copy(package, &theirs).unwrap();
            place.rpmsign(key, &theirs);
            let verdict = place.verdict(&ours);
            assert!(verdict.0, "{key}: {}", verdict.1);
            assert_eq!(verdict, place.verdict(&theirs), "{key}");
            assert_eq!(
                fs_err::metadata(&ours).unwrap().len(),
                fs_err::metadata(&theirs).unwrap().len(),
                "{key}: both stay within the space that was kept"
            );
            // One by rpmsign is replaced, too, and ours by rpmsign.
            place.sign(key, &theirs, &ours);
            assert!(place.verdict(&ours).0);
            let mut resign = place.command("rpmsign");
            resign.args(["--delsign"]).arg(&ours);
            run(&mut resign);
            let bare = signatures(&mut fs_err::File::open(&ours).unwrap()).unwrap();
            assert!(bare.is_empty(), "rpmsign takes ours out again");
        }
    }
}

#[test]
fn rpm_refuses_a_signed_package_with_one_byte_changed() {
    let place = Place::new();
    place.key("rsa", "rsa2048");
    let (plain, signed, changed) = (place.path("plain.rpm"), place.path("signed.rpm"), place.path("changed.rpm"));
    write(&release(), &plain);
    place.sign("rsa", &plain, &signed);
    assert!(place.verdict(&signed).0);
    let bytes = fs_err::read(&signed).unwrap();
    let package = Package::open(&signed).unwrap();
    let (start, end) = (usize::try_from(package.header_start).unwrap(), usize::try_from(package.header_end).unwrap());
    let in_signature = bytes.windows(3).position(|window| window == [4, 0, 1]).unwrap() + 40;
    for at in [start + 20, (start + end) / 2, end - 20, end + 30, bytes.len() - 3, in_signature] {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        fs_err::write(&changed, bytes).unwrap();
        assert!(!place.verdict(&changed).0, "byte {at} of {start}, {end}, {}", bytes_len(&signed));
    }
}

fn bytes_len(path: &Path) -> u64 {
    fs_err::metadata(path).unwrap().len()
}

#[test]
fn rpm_installs_what_we_make_and_finds_it_unchanged() {
    let place = Place::new();
    let package = place.path("chess-release-1-2.noarch.rpm");
    write(&release(), &package);
    let digests = out(place.rpm("rpmkeys").args(["-Kv", "--nosignature"]).arg(&package));
    for digest in ["Header SHA256 digest: OK", "Header SHA1 digest: OK", "Payload SHA256 digest: OK", "MD5 digest: OK"]
    {
        assert!(digests.contains(digest), "{digests}");
    }
    let said = out(place
        .rpm("rpm")
        .args(["-qp", "--qf", "%{nevra} %{bugurl} %{vendor} %{buildtime} %{sourcerpm}"])
        .arg(&package));
    assert_eq!(said, "chess-release-1:1-2.noarch https://example.org/bugs Chess 1700000000 chess-release-1-2.src.rpm");
    let list = "/etc/pki/rpm-gpg/RPM-GPG-KEY-chess\n/etc/yum.repos.d/chess.repo\n";
    assert_eq!(out(place.rpm("rpm").arg("-qlp").arg(&package)), list);
    assert_eq!(out(place.rpm("rpm").args(["-qp", "--configfiles"]).arg(&package)), "/etc/yum.repos.d/chess.repo\n");
    assert!(out(place.rpm("rpm").args(["-qpi", "--changelog"]).arg(&package)).contains("- new"));

    let root = place.path("root");
    fs_err::create_dir(&root).unwrap();
    let rpm = |words: &[&str]| {
        let mut rpm = place.command("rpm");
        rpm.args(["--root", root.to_str().unwrap(), "--dbpath", "/var/lib/rpm"]).args(words);
        rpm
    };
    run(rpm(&["-i", "--nosignature"]).arg(&package));
    let installed = root.join("etc/yum.repos.d/chess.repo");
    assert_eq!(fs_err::read_to_string(&installed).unwrap(), "[chess]\nname=Chess\n");
    assert_eq!(out(&mut rpm(&["-V", "chess-release"])), "");
    // What the administrator changes stays, and is told of.
    fs_err::write(&installed, "[chess]\nenabled=0\n").unwrap();
    let told = rpm(&["-V", "chess-release"]).output().unwrap();
    assert!(String::from_utf8_lossy(&told.stdout).contains("c /etc/yum.repos.d/chess.repo"));
    let next = place.path("next.rpm");
    let mut newer = Builder { release: "3".to_owned(), ..release() };
    newer.files[0].contents = b"[chess]\nname=Chess 2\n".to_vec();
    write(&newer, &next);
    run(rpm(&["-U", "--nosignature"]).arg(&next));
    assert_eq!(fs_err::read_to_string(&installed).unwrap(), "[chess]\nenabled=0\n");
    assert_eq!(
        fs_err::read_to_string(root.join("etc/yum.repos.d/chess.repo.rpmnew")).unwrap(),
        "[chess]\nname=Chess 2\n"
    );
    run(&mut rpm(&["-e", "chess-release"]));
    assert!(!root.join("etc/pki/rpm-gpg/RPM-GPG-KEY-chess").exists());
}
