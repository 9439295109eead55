//! A disk that is full: one clear message, the old repository as it was, and all is well once there is space again.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use copr_tests::programs::{Output, fixture_srpm, ours, privileged, run, tree};

/// A file system of its own in memory, gone with the story.
struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// Mounts one of 4 MiB.
    fn mount(name: &str) -> Self {
        let at = tree().join("target/stories").join(name);
        let _ = run(privileged("umount").arg("-l").arg(&at));
        fs_err::create_dir_all(&at).unwrap();
        let mounted =
            run(privileged("mount").args(["-t", "tmpfs", "-o", "size=4m,mode=0777", "copr-small-disk"]).arg(&at));
        match mounted {
            Ok(done) if done.code == 0 => Self { at },
            other => panic!(
                "this story needs a file system that it can fill: run it as root, or allow `sudo -n mount` and \
                 `sudo -n umount` ({other:?})"
            ),
        }
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut file = fs_err::File::create(self.at.join("filler")).unwrap();
        for size in [64 << 10, 4096, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = run(privileged("umount").arg("-l").arg(&self.at));
    }
}

fn create(dir: &Path, more: &[&str]) -> Output {
    run(Command::new(ours("copr-repo").unwrap()).arg("create").arg(dir).args(more)).unwrap()
}

/// Every file of the metadata, byte for byte.
fn metadata(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs_err::read_dir(dir.join("repodata")).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.clone(), fs_err::read(&path).unwrap())).collect()
}

#[test]
fn a_full_disk_costs_no_metadata_and_is_told_once() {
    let disk = SmallDisk::mount("full-disk");
    let packages = tree().join("target/stories/full-disk-packages");
    let library = fixture_srpm("greet-library", &packages).unwrap();
    let dir = disk.at.join("repository");
    fs_err::create_dir(&dir).unwrap();
    fs_err::copy(&library, dir.join("a.src.rpm")).unwrap();
    assert_eq!(create(&dir, &[]).code, 0);
    fs_err::copy(&library, dir.join("b.src.rpm")).unwrap();
    let before = metadata(&dir);
    disk.fill();
    for more in [&[][..], &["--update"], &["--database"], &["--simple-md-filenames"], &["--zck"]] {
        let failed = create(&dir, more);
        assert_eq!(failed.code, 1, "{more:?}: {}", failed.text());
        let said: Vec<&str> = failed.stderr.lines().filter(|line| line.contains("No space left on device")).collect();
        assert_eq!(said.len(), 1, "one message that tells the cause, {more:?}:\n{}", failed.stderr);
        assert!(said[0].contains(&disk.at.display().to_string()), "it must name the file, {more:?}: {}", said[0]);
        assert!(!failed.text().contains("panicked"), "{}", failed.text());
        assert_eq!(metadata(&dir), before, "the old metadata must stay, {more:?}");
        assert!(!dir.join(".repodata").exists(), "what was begun must be cleared away, {more:?}");
    }
    assert_eq!(copr_repodata::read::load(&dir).unwrap().len(), 1);

    fs_err::remove_file(disk.at.join("filler")).unwrap();
    let again = create(&dir, &["--update"]);
    assert_eq!(again.code, 0, "{}", again.text());
    assert_eq!(copr_repodata::read::load(&dir).unwrap().len(), 2);
}
