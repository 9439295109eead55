//! Signed repositories, whose judge is dnf: `repo_gpgcheck=1` for repomd.xml, `gpgcheck=1` for packages that we make and sign.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output as Done, Stdio};
use std::sync::Arc;

use copr_repodata::{Delta, Output, Publisher, Record, RecordOptions, RepomdSigner, read};
use copr_rpm::sign::{signable, write_signed};
use copr_rpm::write::{Builder, File};

use crate::shelf::output;

/// A folder with keys, a repository and what dnf writes.
struct Place(tempfile::TempDir);

/// Signs with keys of a GnuPG home, each in an armoured block of its own.
#[derive(Debug)]
struct Gpg {
    home: PathBuf,
    keys: Vec<&'static str>,
}

impl RepomdSigner for Gpg {
    fn sign(&self, repomd: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.keys.iter().flat_map(|key| detached(&self.home, key, true, repomd)).collect())
    }
}

fn gpg(home: &Path) -> Command {
    let mut gpg = Command::new("gpg");
    gpg.env("GNUPGHOME", home).args(["--batch", "--quiet", "--pinentry-mode=loopback", "--passphrase="]);
    gpg.arg("--digest-algo=sha256");
    gpg
}

/// A detached signature of `data`.
fn detached(home: &Path, key: &str, armor: bool, data: &[u8]) -> Vec<u8> {
    let mut gpg = gpg(home);
    gpg.args(["--detach-sign", "-u", key]).args(armor.then_some("--armor"));
    piped(&mut gpg, data)
}

fn piped(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{command:?}");
    done.stdout
}

impl Place {
    /// With the keys `one` and `two`.
    fn new() -> Self {
        let place = Self(tempfile::Builder::new().prefix("signed").tempdir().unwrap());
        fs_err::create_dir(place.path("gpg")).unwrap();
        fs_err::set_permissions(place.path("gpg"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        for key in ["one", "two"] {
            assert!(
                gpg(&place.path("gpg"))
                    .args(["--quick-gen-key", key, "rsa2048", "sign", "never"])
                    .status()
                    .unwrap()
                    .success()
            );
            let public = gpg(&place.path("gpg")).args(["--armor", "--export", key]).output().unwrap().stdout;
            fs_err::write(place.path(key), public).unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The release package `name`, signed with a key, in the repository.
    fn package(&self, name: &str, key: &str) -> PathBuf {
        let path = format!("/etc/yum.repos.d/{name}.repo");
        let package = Builder {
            name: name.to_owned(),
            version: "1".to_owned(),
            release: "1".to_owned(),
            summary: "A repository".to_owned(),
            description: "Enables it.".to_owned(),
            license: "MIT".to_owned(),
            files: vec![File { path, mode: 0o644, contents: format!("[{name}]\n").into(), config: true }],
            ..Builder::default()
        };
        let mut plain = std::io::Cursor::new(Vec::new());
        package.write(&mut plain).unwrap();
        let signable = signable(&mut plain).unwrap();
        let signature = detached(&self.path("gpg"), key, false, signable.header());
        let path = self.path("repo").join(package.nevra().file_name());
        fs_err::create_dir_all(self.path("repo")).unwrap();
        write_signed(&mut plain, &signable, Some(&signature), &mut fs_err::File::create(&path).unwrap()).unwrap();
        path
    }

    fn output(&self, keys: &[&'static str], seconds: u64) -> Output {
        let signer = Gpg { home: self.path("gpg"), keys: keys.to_vec() };
        Output { sign: Some(Arc::new(signer)), ..output(seconds) }
    }

    fn publish(&self, package: &Path, output: Output) {
        let name = package.file_name().unwrap().to_str().unwrap();
        let record = Record::from_file(package, name, &RecordOptions::default()).unwrap();
        let delta = Delta { add: vec![record], remove: Vec::new() };
        assert!(Publisher::new(&self.path("repo"), output).publish(&delta).unwrap().changed);
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path("repo/repodata").join(name)
    }

    /// dnf that knows the repository, has seen nothing of it, and trusts one key.
    fn dnf(&self, key: &str, words: &[&str]) -> Done {
        let folder = self.path("dnf");
        let _ = fs_err::remove_dir_all(&folder);
        for name in ["log", "root"] {
            fs_err::create_dir_all(folder.join(name)).unwrap();
        }
        let (repo, key, at) = (self.path("repo"), self.path(key), folder.display());
        let configuration = format!(
            "[main]\nreposdir=/nonexistent\ncachedir={at}/cache\nlogdir={at}/log\npersistdir={at}/persist\nplugins=0\n\
             module_platform_id=platform:el12\n[r]\nname=r\nbaseurl=file://{}\ngpgkey=file://{}\ngpgcheck=1\n\
             repo_gpgcheck=1\nskip_if_unavailable=0\n",
            repo.display(),
            key.display()
        );
        fs_err::write(folder.join("dnf.conf"), configuration).unwrap();
        let mut dnf = Command::new("dnf");
        dnf.env("HOME", &folder).env("LC_ALL", "C.UTF-8").args(["-q", "-y", "--releasever=12", "--forcearch=x86_64"]);
        dnf.arg("-c").arg(folder.join("dnf.conf")).arg(format!("--installroot={at}/root")).args(words);
        dnf.output().unwrap()
    }

    fn accepts(&self, key: &str) -> bool {
        let done = self.dnf(key, &["repoquery", "--qf=%{name}"]);
        let (said, complaint) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        let refused = complaint.contains("GPG signature verification error");
        assert!(done.status.success() != refused && (refused || said.contains("a-release")), "{said}{complaint}");
        !refused
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").env("GNUPGHOME", self.path("gpg")).args(["--kill", "all"]).status();
    }
}

#[test]
fn dnf_takes_a_signed_repository_and_refuses_it_with_one_byte_changed() {
    let place = Place::new();
    let package = place.package("a-release", "one");
    place.publish(&package, place.output(&["one"], 1));
    assert!(place.accepts("one"));
    assert!(!place.accepts("two"), "the key of somebody else");
    let installed = place.dnf("one", &["install", "a-release"]);
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    assert_eq!(fs_err::read_to_string(place.path("dnf/root/etc/yum.repos.d/a-release.repo")).unwrap(), "[a-release]\n");

    let index = fs_err::read(place.file("repomd.xml")).unwrap();
    let mut changed = index.clone();
    let at = index.windows(7).position(|window| window == b"primary").unwrap();
    changed[at] ^= 0x20;
    fs_err::write(place.file("repomd.xml"), changed).unwrap();
    assert!(!place.accepts("one"), "a byte of repomd.xml");
    fs_err::write(place.file("repomd.xml"), index).unwrap();
    assert!(place.accepts("one"));

    // A package by a key that the client does not know, in a repository by one that it does.
    let other = place.package("b-release", "two");
    place.publish(&other, place.output(&["one"], 2));
    assert!(place.accepts("one"));
    assert!(!place.dnf("one", &["install", "b-release"]).status.success());
}

#[test]
fn dnf_takes_signatures_of_two_keys_with_either_and_stops_at_the_first_that_does_not_fit() {
    let place = Place::new();
    let package = place.package("a-release", "one");
    place.publish(&package, place.output(&["one"], 1));
    let (before, old) =
        (fs_err::read(place.file("repomd.xml")).unwrap(), fs_err::read(place.file("repomd.xml.asc")).unwrap());
    for keys in [["one", "two"], ["two", "one"]] {
        place.publish(&place.package("a-release", "one"), place.output(&keys, 2));
        assert!(place.accepts("one") && place.accepts("two"), "{keys:?}, as blocks");
        // Both in one block: librepo takes that where it asks gpg; built with rpm's own OpenPGP it refuses (docs/publish.md).
        let index = fs_err::read(place.file("repomd.xml")).unwrap();
        let both: Vec<u8> = keys.iter().flat_map(|key| detached(&place.path("gpg"), key, false, &index)).collect();
        fs_err::write(place.file("repomd.xml.asc"), both).unwrap();
        assert!(place.accepts("one") && place.accepts("two"), "{keys:?}, in one");
    }
    // The signatures of the index before and of this one, in one file: only what comes first counts.
    place.publish(&place.package("c-release", "one"), place.output(&["one"], 3));
    let new = fs_err::read(place.file("repomd.xml.asc")).unwrap();
    fs_err::write(place.file("repomd.xml.asc"), [new.as_slice(), &old].concat()).unwrap();
    assert!(place.accepts("one"));
    fs_err::write(place.file("repomd.xml.asc"), [old.as_slice(), &new].concat()).unwrap();
    assert!(!place.accepts("one"), "gpg stops at the one that does not fit");
    fs_err::write(place.file("repomd.xml"), before).unwrap();
    assert!(place.accepts("one"), "as it does for whoever still has the index before");
}

#[test]
fn createrepo_c_and_we_say_the_same_of_a_package_that_we_made() {
    let place = Place::new();
    let package = place.package("a-release", "one");
    let theirs = place.path("theirs");
    fs_err::create_dir(&theirs).unwrap();
    fs_err::hard_link(&package, theirs.join(package.file_name().unwrap())).unwrap();
    assert!(Command::new("createrepo_c").arg("-q").arg(&theirs).status().unwrap().success());
    let name = package.file_name().unwrap().to_str().unwrap();
    let ours = Record::from_file(&package, name, &RecordOptions::default()).unwrap();
    assert_eq!(read::load(&theirs).unwrap(), [ours]);
}
