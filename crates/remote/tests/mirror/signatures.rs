//! Signatures of repositories and packages, made by gpg and rpmsign; rpmkeys is the judge beside us.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use copr_remote::{Keyring, mirror::MirrorError};
use copr_repodata::{Output, create};

use crate::support::{Nginx, complete, options, output, rpms, run, same_metadata};

/// A GnuPG home with keys.
struct Gpg(tempfile::TempDir);

impl Gpg {
    fn new() -> Self {
        let home = Self(tempfile::Builder::new().prefix("gpg").tempdir().unwrap());
        std::fs::set_permissions(home.0.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        home
    }

    fn gpg(&self) -> Command {
        let mut gpg = Command::new("gpg");
        gpg.env("GNUPGHOME", self.0.path()).args(["--batch", "--quiet", "--pinentry-mode=loopback", "--passphrase="]);
        gpg
    }

    /// Makes a key, and gives its public half, armoured.
    fn key(&self, name: &str, kind: &str) -> Vec<u8> {
        output(self.gpg().args(["--quick-gen-key", name, kind, "sign", "never"]));
        self.export(name)
    }

    fn export(&self, name: &str) -> Vec<u8> {
        output(self.gpg().args(["--armor", "--export", name])).into_bytes()
    }

    fn sign_index(&self, name: &str, source: &Path) {
        let index = source.join("repodata/repomd.xml");
        let _ = fs_err::remove_file(source.join("repodata/repomd.xml.asc"));
        output(self.gpg().args(["--armor", "--detach-sign", "-u", name]).arg(index));
    }

    fn sign_package(&self, name: &str, package: &Path) {
        output(
            Command::new("rpmsign")
                .env("GNUPGHOME", self.0.path())
                .env("HOME", self.0.path())
                .args(["--addsign", "--define"])
                .arg(format!("_gpg_name {name}"))
                // Debian's rpm does not know where gpg is.
                .args(["--define", "_gpg_digest_algo sha256", "--define", "__gpg /usr/bin/gpg"])
                .arg(package),
        );
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").env("GNUPGHOME", self.0.path()).args(["--kill", "all"]).status();
    }
}

fn keyring(files: &[&[u8]]) -> Keyring {
    let mut keys = Keyring::default();
    for file in files {
        keys.add(file).unwrap();
    }
    keys
}

/// What rpm itself says of a package with these keys.
fn rpmkeys(key: &[u8], package: &Path) -> bool {
    let database = tempfile::tempdir().unwrap();
    let file = database.path().join("key");
    fs_err::write(&file, key).unwrap();
    let rpmkeys = || {
        let mut rpmkeys = Command::new("rpmkeys");
        rpmkeys.arg("--dbpath").arg(database.path().join("db")).env("HOME", database.path());
        rpmkeys
    };
    output(rpmkeys().arg("--import").arg(&file));
    let done = rpmkeys().args(["--define", "_pkgverify_level all", "--checksig"]).arg(package).output().unwrap();
    done.status.success()
}

fn repository(packages: &[PathBuf], source: &Path) {
    for package in packages {
        fs_err::copy(package, source.join(package.file_name().unwrap())).unwrap();
    }
    let options = create::CreateOptions::new(Output::new(SystemTime::now()));
    create::create(&[source.to_owned()], &options, &|_| ()).unwrap();
}

#[test]
fn we_and_rpm_are_of_one_mind_about_packages() {
    let (gpg, scratch) = (Gpg::new(), tempfile::tempdir().unwrap());
    let packages = rpms(scratch.path());
    let package = &packages[0];
    let now = SystemTime::now();
    let (rsa, ed, other) = (gpg.key("rsa", "rsa2048"), gpg.key("ed", "ed25519"), gpg.key("other", "rsa2048"));
    assert!(keyring(&[&rsa]).verify_package(package, now).unwrap_err().to_string().contains("not signed"));

    for (name, key) in [("rsa", &rsa), ("ed", &ed)] {
        let signed = scratch.path().join(format!("{name}.rpm"));
        fs_err::copy(package, &signed).unwrap();
        gpg.sign_package(name, &signed);
        assert!(rpmkeys(key, &signed), "{name}: rpm takes it");
        keyring(&[&other, key]).verify_package(&signed, now).unwrap_or_else(|error| panic!("{name}: {error}"));
        let error = keyring(&[&other]).verify_package(&signed, now).unwrap_err().to_string();
        assert!(error.contains("not among those that count"), "{name}: {error}");
        assert!(!rpmkeys(&other, &signed));

        // Bytes of the header and of the payload, one at a time.
        let bytes = fs_err::read(&signed).unwrap();
        let parsed = copr_rpm::Package::open(&signed).unwrap();
        let (start, end) = (usize::try_from(parsed.header_start).unwrap(), usize::try_from(parsed.header_end).unwrap());
        let mut places: Vec<usize> = (start..end).step_by((end - start) / 40).collect();
        places.extend((end..bytes.len()).step_by((bytes.len() - end) / 10));
        places.push(bytes.len() - 1);
        let changed = scratch.path().join("changed.rpm");
        for (number, at) in places.into_iter().enumerate() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x10;
            fs_err::write(&changed, bytes).unwrap();
            assert!(keyring(&[key]).verify_package(&changed, now).is_err(), "{name}: byte {at} was changed");
            if number % 8 == 0 {
                assert!(!rpmkeys(key, &changed), "{name}: byte {at}: rpm says so too");
            }
        }
        for size in [0, 100, start, end - 1, end, bytes.len() - 1] {
            fs_err::write(&changed, &bytes[..size]).unwrap();
            assert!(keyring(&[key]).verify_package(&changed, now).is_err(), "{name}: cut to {size}");
        }
    }
}

#[test]
fn keys_that_must_not_sign_do_not() {
    let gpg = Gpg::new();
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    fs_err::write(&data, b"data").unwrap();
    let sign = |name: &str, more: &[&str]| {
        let to = scratch.path().join("signature");
        let _ = fs_err::remove_file(&to);
        output(gpg.gpg().args(more).args(["--detach-sign", "-u", name, "-o"]).arg(&to).arg(&data));
        fs_err::read(&to).unwrap()
    };
    let verify = |keys: &Keyring, signature: &[u8]| {
        keys.verify(signature, SystemTime::now(), || Ok(b"data".as_slice())).map_err(|error| error.to_string())
    };

    let good = gpg.key("good", "rsa2048");
    let signature = sign("good", &[]);
    verify(&keyring(&[&good]), &signature).unwrap();
    let weak = verify(&keyring(&[&good]), &sign("good", &["--digest-algo=SHA1"])).unwrap_err();
    assert!(weak.contains("can be forged"), "{weak}");

    // A subkey that signs, as large projects have it; and several keys in one file.
    output(gpg.gpg().args(["--quick-gen-key", "sub", "ed25519", "cert", "never"]));
    let listed = output(gpg.gpg().args(["--with-colons", "--list-keys", "sub"]));
    let fingerprint =
        listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).unwrap().trim_end_matches(':').to_owned();
    output(gpg.gpg().args(["--quick-add-key", &fingerprint, "ed25519", "sign", "never"]));
    let both = [good.clone(), gpg.export("sub")].concat();
    let signed_by_sub = sign("sub", &[]);
    assert_eq!(verify(&keyring(&[&both]), &signed_by_sub).unwrap(), fingerprint.to_lowercase());

    // A signature that ran out, and one that was made while its key, which ran out since, was good.
    let then = "--faked-system-time=20200101T000000!";
    output(gpg.gpg().args([then, "--quick-gen-key", "old", "rsa2048", "sign", "never"]));
    let old = keyring(&[&gpg.export("old")]);
    verify(&old, &sign("old", &["--faked-system-time=20200102T000000!"])).unwrap();
    let short = verify(&old, &sign("old", &["--faked-system-time=20200102T000000!", "--default-sig-expire=1d"]));
    assert!(short.unwrap_err().contains("has expired"));
    output(gpg.gpg().args([then, "--quick-gen-key", "brief", "rsa2048", "sign", "1d"]));
    let brief = keyring(&[&gpg.export("brief")]);
    verify(&brief, &sign("brief", &["--faked-system-time=20200101T120000!"])).unwrap();

    // Revoked.
    let revocation = gpg.0.path().join("openpgp-revocs.d");
    let listed = output(gpg.gpg().args(["--with-colons", "--list-keys", "good"]));
    let fingerprint =
        listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).unwrap().trim_end_matches(':').to_owned();
    let certificate = fs_err::read_to_string(revocation.join(format!("{fingerprint}.rev"))).unwrap();
    let file = scratch.path().join("revocation");
    fs_err::write(&file, certificate.replace(":-----BEGIN", "-----BEGIN")).unwrap();
    output(gpg.gpg().arg("--import").arg(&file));
    let error = Keyring::default().add(&gpg.export("good")).unwrap_err().to_string();
    assert!(error.contains("revoked"), "{error}");

    for bad in [b"".as_slice(), b"no key", &signature, b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n"] {
        assert!(Keyring::default().add(bad).is_err());
    }
    for bad in [b"".as_slice(), b"no signature", &good, &[0xff; 300]] {
        assert!(verify(&keyring(&[&both]), bad).is_err());
    }
}

#[tokio::test]
async fn a_signed_repository_is_mirrored_with_its_signature_and_an_unsigned_one_is_not() {
    let (gpg, scratch, source) = (Gpg::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let packages = rpms(scratch.path());
    let (key, other) = (gpg.key("us", "rsa2048"), gpg.key("them", "rsa2048"));
    packages.iter().for_each(|package| gpg.sign_package("us", package));
    repository(&packages, source.path());
    gpg.sign_index("us", source.path());
    fs_err::write(source.path().join("repodata/repomd.xml.key"), &key).unwrap();
    let nginx = Nginx::serve(source.path());
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), &nginx.url());
    options.check_repository = true;
    assert!(matches!(run(&options).await.unwrap_err(), MirrorError::Options(_)), "no key is no check");
    options.check_packages = true;
    options.keys = keyring(&[&key]);
    run(&options).await.unwrap();
    same_metadata(source.path(), dir.path());
    assert_eq!(complete(dir.path()).len(), 2);
    for name in ["repomd.xml.asc", "repomd.xml.key"] {
        let (from, to) = (source.path().join("repodata").join(name), dir.path().join("repodata").join(name));
        assert_eq!(fs_err::read(from).unwrap(), fs_err::read(to).unwrap(), "{name}");
    }
    let before = fs_err::read(dir.path().join("repodata/repomd.xml")).unwrap();

    // Signed by somebody else; not at all; a package that is not; another repomd.xml under the old signature.
    let asc = source.path().join("repodata/repomd.xml.asc");
    gpg.sign_index("them", source.path());
    assert!(matches!(run(&options).await.unwrap_err(), MirrorError::Signature { .. }));
    fs_err::remove_file(&asc).unwrap();
    assert!(matches!(run(&options).await.unwrap_err(), MirrorError::Signature { .. }));
    let unsigned = tempfile::tempdir().unwrap();
    let fresh = rpms(unsigned.path());
    fs_err::copy(&fresh[0], source.path().join("third-1-1.noarch.rpm")).unwrap();
    repository(&[], source.path());
    gpg.sign_index("us", source.path());
    let error = run(&options).await.unwrap_err();
    assert!(matches!(error, MirrorError::Incomplete { .. }) && error.to_string().contains("not signed"), "{error}");
    assert_eq!(fs_err::read(dir.path().join("repodata/repomd.xml")).unwrap(), before, "the mirror is as it was");
    assert!(!dir.path().join("third-1-1.noarch.rpm").exists());

    // What came without a check is checked when a check is asked for.
    options.check_packages = false;
    run(&options).await.unwrap();
    options.check_packages = true;
    assert!(run(&options).await.unwrap_err().to_string().contains("not signed"));
    options.keys = keyring(&[&other]);
    assert!(run(&options).await.is_err());
}

#[tokio::test]
async fn what_a_failed_run_without_checks_left_is_checked_later() {
    let (gpg, scratch, source) = (Gpg::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let packages = rpms(scratch.path());
    let key = gpg.key("us", "rsa2048");
    gpg.sign_package("us", &packages[0]);
    repository(&packages[..1], source.path());
    let nginx = Nginx::serve(source.path());
    let dir = tempfile::tempdir().unwrap();
    let mut checked = options(dir.path(), &nginx.url());
    checked.check_packages = true;
    checked.keys = keyring(&[&key]);
    run(&checked).await.unwrap();

    // An unsigned package, and one that cannot be had.
    let gone = source.path().join("gone.rpm");
    fs_err::copy(&packages[0], &gone).unwrap();
    repository(&packages[1..], source.path());
    fs_err::remove_file(&gone).unwrap();
    let unchecked = options(dir.path(), &nginx.url());
    // The content is that of a package that is here, under a name that is not.
    let error = run(&unchecked).await.unwrap_err();
    assert!(matches!(error, MirrorError::Incomplete { .. }), "{error}");
    assert!(dir.path().join("second-1-1.noarch.rpm").exists(), "it came");
    repository(&[], source.path());
    let error = run(&checked).await.unwrap_err();
    assert!(error.to_string().contains("second-1-1.noarch.rpm") && error.to_string().contains("not signed"), "{error}");
}
