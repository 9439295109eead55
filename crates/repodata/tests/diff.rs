//! What distinguishes two repositories.

use crate::shelf::{self, add_metadata, output, package, publish};
use copr_repodata::diff::{Change, Diff, KindChange, Side, diff};
use copr_repodata::{Checksum, Compression, Output, Publisher};

fn names(sides: &[Side]) -> Vec<String> {
    sides.iter().map(|side| side.nevra.to_string()).collect()
}

fn steps(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|change| format!("{} > {}", change.old.nevra, change.new.nevra)).collect()
}

#[test]
fn every_kind_of_change_is_told_apart() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let kept = package("kept-1-1.noarch");
    let (mut moved, mut rebuilt) = (package("moved-1-1.noarch"), package("rebuilt-1-1.noarch"));
    let plain = [package("up-1.9-1.noarch"), package("down-2-1.noarch"), package("gone-1-1.noarch")];
    let before: Vec<_> = plain.into_iter().chain([kept.clone(), moved.clone(), rebuilt.clone()]).collect();
    publish(old.path(), 1, &before);
    moved.location_href = "elsewhere/moved.rpm".to_owned();
    rebuilt.checksum = Checksum::new(rebuilt.checksum.kind, &"7".repeat(64)).unwrap();
    let plain = [package("up-1.10-1.noarch"), package("down-1:1-1.noarch"), package("new-1-1.src")];
    let after: Vec<_> = plain.into_iter().chain([kept, moved, rebuilt]).collect();
    publish(new.path(), 7, &after);

    let found = diff(old.path(), new.path()).unwrap();
    assert_eq!(
        (names(&found.added), names(&found.removed)),
        (vec!["new-1-1.src".into()], vec!["gone-1-1.noarch".into()])
    );
    let upgraded = ["down-2-1.noarch > down-1:1-1.noarch", "up-1.9-1.noarch > up-1.10-1.noarch"];
    assert_eq!(steps(&found.upgraded), upgraded, "an epoch outweighs every version");
    assert_eq!(steps(&found.changed), ["rebuilt-1-1.noarch > rebuilt-1-1.noarch"]);
    assert_eq!(found.moved[0].new.location_href, "elsewhere/moved.rpm");
    assert_eq!((found.unchanged, found.revisions.clone()), (1, ("1".to_owned(), "7".to_owned())));
    assert!(found.metadata.is_empty() && !found.is_empty());
    let back = diff(new.path(), old.path()).unwrap();
    assert_eq!((back.downgraded.len(), back.upgraded.len(), names(&back.added)), (2, 0, names(&found.removed)));
}

#[test]
fn a_new_version_beside_an_old_one_that_stays_is_added() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    publish(old.path(), 1, &[package("a-1-1.noarch"), package("b-1-1.noarch"), package("b-2-1.noarch")]);
    publish(new.path(), 1, &[package("a-1-1.noarch"), package("a-2-1.noarch"), package("b-3-1.noarch")]);
    let found = diff(old.path(), new.path()).unwrap();
    assert_eq!(
        (names(&found.added), names(&found.removed)),
        (vec!["a-2-1.noarch".into()], vec!["b-1-1.noarch".into()])
    );
    assert_eq!(steps(&found.upgraded), ["b-2-1.noarch > b-3-1.noarch"]);
}

#[test]
fn the_same_package_twice_is_counted_twice() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = package("a-1-1.noarch");
    let mut copy = one.clone();
    copy.location_href = "copy/a.rpm".to_owned();
    publish(old.path(), 1, &[one.clone(), copy]);
    publish(new.path(), 1, &[one]);
    let found = diff(old.path(), new.path()).unwrap();
    assert_eq!((found.unchanged, names(&found.removed)), (1, vec!["a-1-1.noarch".to_owned()]));
    assert_eq!(found.removed[0].location_href, "copy/a.rpm");
}

#[test]
fn two_moments_of_one_repository_are_compared_by_a_kept_repomd() {
    let dir = tempfile::tempdir().unwrap();
    publish(dir.path(), 1, &[package("a-1-1.noarch")]);
    let index = dir.path().join("repodata/repomd.xml");
    let (inside, outside) = (dir.path().join("repodata/repomd.xml.old"), tempfile::NamedTempFile::new().unwrap());
    fs_err::copy(&index, &inside).unwrap();
    fs_err::copy(&index, outside.path()).unwrap();
    publish(dir.path(), 2, &[package("a-2-1.noarch")]);
    for old in [inside.as_path(), outside.path()] {
        for new in [dir.path(), index.as_path()] {
            assert_eq!(steps(&diff(old, new).unwrap().upgraded), ["a-1-1.noarch > a-2-1.noarch"]);
        }
    }
    let error = diff(outside.path(), outside.path()).unwrap_err().to_string();
    assert!(error.contains("lies in no repodata/ folder"), "{error}");
}

#[test]
fn other_metadata_are_compared_by_their_text() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    publish(old.path(), 1, &[package("a-1-1.noarch")]);
    let zstd = Output { compression: Compression::Zstd, databases: Some(Compression::Gzip), ..output(1) };
    Publisher::new(new.path(), zstd).replace(&[package("a-1-1.noarch")]).unwrap();
    for (dir, comps) in [(old.path(), "<comps/>"), (new.path(), "<comps></comps>")] {
        add_metadata(dir, "group", "comps.xml", comps);
        add_metadata(dir, "productid", "productid", "the same");
    }
    add_metadata(old.path(), "updateinfo", "updateinfo.xml", "<updates/>");
    let changed = [
        ("filelists_db", KindChange::Added),
        ("group", KindChange::Changed),
        ("other_db", KindChange::Added),
        ("primary_db", KindChange::Added),
        ("updateinfo", KindChange::Removed),
    ];
    let found = diff(old.path(), new.path()).unwrap();
    assert_eq!(found.metadata, changed.map(|(kind, change)| (kind.to_owned(), change)));
    assert_eq!(
        diff(old.path(), old.path()).unwrap(),
        Diff { unchanged: 1, revisions: ("1".into(), "1".into()), ..Diff::default() }
    );
}

#[test]
fn a_damaged_primary_is_named_with_its_repository() {
    let dir = tempfile::tempdir().unwrap();
    publish(dir.path(), 1, &[package("a-1-1.noarch")]);
    fs_err::write(dir.path().join(&shelf::index(dir.path()).record("primary").unwrap().location_href), "x").unwrap();
    let error = diff(dir.path(), dir.path()).unwrap_err().to_string();
    assert!(error.contains(&dir.path().display().to_string()) && error.contains("1 bytes, not"), "{error}");
    assert!(diff(&dir.path().join("nowhere"), dir.path()).unwrap_err().to_string().contains("nowhere"));
}
