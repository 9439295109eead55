//! Folders that are not as one thinks, and more than one at work in them.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use copr_repodata::create::{CreateOptions, Created, Duplicates, Selection, Update, create};
use copr_repodata::modify::{Addition, Change, modify};
use copr_repodata::{Checksum, Compression, Error, Locking, Output, Record, RecordOptions, Repomd, read};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::small_rpm::{archive, entries, rpm, text};

/// Writes a package.
pub(crate) fn put(path: &Path, name: &str) {
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    let mut all = entries();
    all.retain(|(tag, _)| *tag != 1000);
    all.push((1000, text(name)));
    fs_err::write(path, rpm(&all, &archive())).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(1_600_000_000)).unwrap();
}

/// The text of a metadata file.
pub(crate) fn text_of(dir: &Path, kind: &str) -> String {
    let repomd = Repomd::open(&dir.join("repodata/repomd.xml")).unwrap();
    let path = dir.join(&repomd.record(kind).unwrap().location_href);
    std::io::read_to_string(read::open(&path).unwrap()).unwrap()
}

fn options(seconds: u64) -> CreateOptions {
    let output = Output { workers: 2, ..Output::new(UNIX_EPOCH + Duration::from_secs(seconds)) };
    CreateOptions::new(output)
}

/// Files have no checksums in their names: the whole folder is exchanged.
fn simple(seconds: u64) -> CreateOptions {
    let options = options(seconds);
    CreateOptions { output: Output { unique_names: false, ..options.output.clone() }, ..options }
}

fn run(dir: &Path, options: &CreateOptions) -> Result<Created, Error> {
    create(&[dir.to_owned()], options, &|_| ())
}

fn hrefs(dir: &Path) -> Vec<String> {
    read::load(dir).unwrap().into_iter().map(|record| record.location_href).collect()
}

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).unwrap();
}

#[test]
fn what_is_named_as_a_package_and_is_none_is_never_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    put(&dir.path().join("good.rpm"), "good");
    put(&dir.path().join("folder.rpm/inner.rpm"), "inner");
    fifo(&dir.path().join("pipe.rpm"));
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket.rpm")).unwrap();
    symlink("/dev/null", dir.path().join("null.rpm")).unwrap();
    symlink("missing", dir.path().join("dangling.rpm")).unwrap();
    symlink("missing", dir.path().join("dangling")).unwrap();
    symlink("loop.rpm", dir.path().join("loop.rpm")).unwrap();
    symlink(".", dir.path().join("around")).unwrap();
    symlink("good.rpm", dir.path().join("link.rpm")).unwrap();
    let created = run(dir.path(), &options(1)).unwrap();
    assert_eq!(hrefs(dir.path()), ["good.rpm", "folder.rpm/inner.rpm", "link.rpm"]);
    let mut skipped: Vec<_> = created.skipped.iter().map(|s| s.path.file_name().unwrap().to_str().unwrap()).collect();
    skipped.sort_unstable();
    // A link to nowhere, and one to a folder above, are passed over as createrepo_c does.
    assert_eq!(skipped, ["loop.rpm"]);

    // Asked for by name they are told of, each by itself.
    let names = ["good.rpm", "folder.rpm", "pipe.rpm", "socket.rpm", "null.rpm", "dangling.rpm", "loop.rpm", "no.rpm"];
    for skip_stat in [false, true] {
        for duplicates in [Duplicates::Keep, Duplicates::KeepLast] {
            let selection = Selection::List(names.map(str::to_owned).to_vec());
            let update = Some(Update { skip_stat, ..Update::default() });
            let created = run(dir.path(), &CreateOptions { selection, duplicates, update, ..options(2) }).unwrap();
            assert_eq!(created.skipped.len(), 7, "{:?}", created.skipped);
            assert_eq!(hrefs(dir.path()), ["good.rpm"]);
        }
    }
}

#[test]
fn names_that_xml_cannot_hold_are_told_and_others_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a\u{1b}[2J.rpm", "a\nb\t&<\"'é🚀.rpm", "-rf.rpm", "\u{FFFE}.rpm"] {
        put(&dir.path().join(name), "a");
    }
    use std::os::unix::ffi::OsStrExt;
    put(&dir.path().join(std::ffi::OsStr::from_bytes(b"\xFF.rpm")), "a");
    let created = run(dir.path(), &options(1)).unwrap();
    assert_eq!(hrefs(dir.path()), ["-rf.rpm", "a\nb\t&<\"'é🚀.rpm"]);
    assert_eq!(created.skipped.len(), 3);
    let messages: Vec<String> = created.skipped.iter().map(|skipped| skipped.error.to_string()).collect();
    assert!(
        messages.iter().all(|message| message.contains("rename it") && !message.contains('\u{1b}')),
        "{messages:?}"
    );
}

#[test]
fn a_file_that_changes_while_it_is_read_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.rpm");
    for grow in [true, false] {
        put(&path, "a");
        let changed = Record::from_file_trusting(&path, "a.rpm", &RecordOptions::default(), |_| {
            let mut bytes = fs_err::read(&path).unwrap();
            match grow {
                true => bytes.extend([0; 100_000]),
                false => bytes.truncate(bytes.len() - 5),
            }
            fs_err::write(&path, bytes).unwrap();
            None
        });
        let message = changed.unwrap_err().to_string();
        assert!(message.contains("a.rpm") && message.contains("changed while it was read"), "{message}");
    }
}

#[test]
fn of_two_at_once_one_is_refused_or_comes_later() {
    for options in [options(1), simple(1)] {
        let dir = tempfile::tempdir().unwrap();
        (0..20).for_each(|n| put(&dir.path().join(format!("{n}.rpm")), &format!("p{n}")));
        run(dir.path(), &options).unwrap();
        let one = || (0..8).map(|_| run(dir.path(), &options).map(|created| created.published.packages));
        let results: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| one().collect::<Vec<_>>())).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert!(results.iter().any(Result::is_ok));
        for result in results {
            match result {
                Ok(packages) => assert_eq!(packages, 20),
                Err(error) => {
                    let message = error.to_string();
                    assert!(matches!(error, Error::Locked { .. }) && message.contains("another process"), "{message}");
                }
            }
        }
        assert_eq!(hrefs(dir.path()).len(), 20);
        let left: Vec<_> = fs_err::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left.len(), 21, "{left:?}");
    }
}

#[test]
fn waiting_writers_lose_no_update() {
    let dir = tempfile::tempdir().unwrap();
    let publish = |n: usize, unique_names: bool| {
        let output = Output { unique_names, ..options(n as u64).output };
        let mut record = super::shelf::package(&format!("p{n}-1-1.noarch"));
        record.location_href = format!("{n}.rpm");
        let delta = copr_repodata::Delta { add: vec![record], remove: Vec::new() };
        copr_repodata::Publisher::new(dir.path(), output).publish(&delta).unwrap();
    };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let publish = &publish;
            scope.spawn(move || (0..6).for_each(|n| publish(thread * 6 + n, n % 2 == 0)));
        }
    });
    assert_eq!(hrefs(dir.path()).len(), 24);
}

#[test]
fn simple_names_keep_what_is_others_and_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    put(&dir.path().join("a.rpm"), "a");
    run(dir.path(), &simple(1)).unwrap();
    let repodata = dir.path().join("repodata");
    fs_err::write(repodata.join("notes.txt"), "mine").unwrap();
    fs_err::write(repodata.join("repomd.xml.asc"), "signature").unwrap();
    symlink("../comps.xml", repodata.join("comps.xml")).unwrap();
    symlink("nowhere", repodata.join("dangling")).unwrap();
    put(&dir.path().join("b.rpm"), "b");
    run(dir.path(), &simple(2)).unwrap();
    assert_eq!(hrefs(dir.path()), ["a.rpm", "b.rpm"]);
    assert_eq!(fs_err::read_to_string(repodata.join("notes.txt")).unwrap(), "mine");
    assert!(!repodata.join("repomd.xml.asc").exists(), "it was of the repomd.xml before");
    for (name, target) in [("comps.xml", "../comps.xml"), ("dangling", "nowhere")] {
        assert_eq!(fs_err::read_link(repodata.join(name)).unwrap(), Path::new(target));
    }
    assert!(!dir.path().join(".repodata").exists());

    let lock = std::fs::File::options().write(true).open(repodata.join(".copr-repo.lock")).unwrap();
    lock.try_lock().unwrap();
    assert!(matches!(run(dir.path(), &simple(3)), Err(Error::Locked { .. })));
    assert!(matches!(
        run(dir.path(), &CreateOptions { locking: Locking::Ignore, ..simple(3) }),
        Err(Error::Locked { .. })
    ));
    drop(lock);
    run(dir.path(), &simple(3)).unwrap();
}

#[test]
fn a_folder_that_is_exchanged_is_old_or_new() {
    let dir = tempfile::tempdir().unwrap();
    put(&dir.path().join("a.rpm"), "a");
    run(dir.path(), &simple(1)).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 2..30 {
                put(&dir.path().join("b.rpm"), &format!("b{n}"));
                run(dir.path(), &simple(n)).unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            // Files opened one after the other out of the same folder belong together, or the folder is going already.
            let folder = std::fs::File::open(dir.path().join("repodata")).unwrap();
            let at = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&folder));
            let Ok(repomd) = Repomd::open(&Path::new(&at).join("repomd.xml")) else { continue };
            for record in &repomd.records {
                let name = record.location_href.strip_prefix("repodata/").unwrap();
                let Ok(file) = std::fs::File::open(Path::new(&at).join(name)) else { break };
                assert_eq!(Checksum::of(record.checksum.kind, file).unwrap().0, record.checksum, "{name}");
            }
            drop(folder);
        }
    });
}

#[test]
fn the_lock_of_createrepo_c_is_respected_and_our_leftovers_are_cleared() {
    for options in [options(1), simple(1)] {
        let dir = tempfile::tempdir().unwrap();
        put(&dir.path().join("a.rpm"), "a");
        run(dir.path(), &options).unwrap();
        put(&dir.path().join("b.rpm"), "b");
        let work = dir.path().join(".repodata");
        for half_written in [false, true] {
            fs_err::create_dir(&work).unwrap();
            if half_written {
                fs_err::write(work.join("primary.xml.gz"), "half").unwrap();
            }
            for locking in [Locking::Refuse, Locking::Wait] {
                let refused = run(dir.path(), &CreateOptions { locking, ..options.clone() }).unwrap_err();
                assert!(matches!(&refused, Error::Locked { path } if *path == work), "{refused}");
            }
            assert_eq!(hrefs(dir.path()), ["a.rpm"]);
            assert_eq!(work.join("primary.xml.gz").exists(), half_written, "it is not ours to touch");
            fs_err::remove_dir_all(&work).unwrap();
        }
        // We crashed at work, before it, and behind it.
        for (name, mark) in [(".repodata", true), (".repodata.copr-repo", false), (".repodata.copr-repo", true)] {
            let left = dir.path().join(name);
            fs_err::create_dir_all(left.join("next")).unwrap();
            fs_err::write(left.join("next/primary.xml.gz"), "half").unwrap();
            if mark {
                fs_err::write(left.join(".copr-repo"), "").unwrap();
            }
            run(dir.path(), &options).unwrap();
            assert!(!left.exists());
        }
        assert_eq!(hrefs(dir.path()), ["a.rpm", "b.rpm"]);
        fs_err::create_dir(&work).unwrap();
        fs_err::write(work.join("primary.xml.gz"), "half").unwrap();
        run(dir.path(), &CreateOptions { locking: Locking::Ignore, ..options.clone() }).unwrap();
        assert!(!work.exists());
    }
}

#[test]
fn two_files_of_one_name_are_refused_and_nothing_is_changed() {
    let dir = tempfile::tempdir().unwrap();
    put(&dir.path().join("a.rpm"), "a");
    run(dir.path(), &simple(1)).unwrap();
    let repodata = dir.path().join("repodata");
    let files = tempfile::tempdir().unwrap();
    let addition = |kind: &str, name: &str, text: &str| {
        let path = files.path().join(kind);
        fs_err::write(&path, text).unwrap();
        Change::Add(Addition {
            path,
            kind: Some(kind.to_owned()),
            name: Some(name.to_owned()),
            compression: Compression::None,
            checksum: copr_repodata::ChecksumKind::Sha256,
            unique_name: false,
            zchunk: false,
            zchunk_dictionaries: None,
        })
    };
    let before = fs_err::read(repodata.join("repomd.xml")).unwrap();
    let output = options(2).output;
    for changes in [
        vec![addition("x", "same", "1"), addition("y", "same", "2")],
        vec![addition("x", "primary.xml.gz", "not primary")],
        vec![addition("x", "repomd.xml", "not the index")],
    ] {
        let refused = modify(&repodata, &changes, &output, Locking::Refuse, &mut |_| ()).unwrap_err().to_string();
        assert!(refused.contains("name"), "{refused}");
        assert_eq!(fs_err::read(repodata.join("repomd.xml")).unwrap(), before);
        assert_eq!(hrefs(dir.path()), ["a.rpm"]);
    }
    let changes = [addition("x", "x", "1"), addition("y", "y", "2")];
    modify(&repodata, &changes, &output, Locking::Refuse, &mut |_| ()).unwrap();
    assert_eq!(hrefs(dir.path()), ["a.rpm"]);
}
