//! `copr-repo view` over the minidistro: pages that a browser shows by itself, and links that lead somewhere.

use std::path::{Path, PathBuf};
use std::process::Command;

use copr_tests::programs::{minidistro, ours, run, run_ok, tree};

fn folder(name: &str) -> PathBuf {
    let folder = tree().join("target/stories/view").join(name);
    let _ = fs_err::remove_dir_all(&folder);
    fs_err::create_dir_all(&folder).unwrap();
    folder
}

fn view(repository: &Path, out: &Path, more: &[&str]) -> serde_json::Value {
    let mut command = Command::new(ours("copr-repo").unwrap());
    command.arg("view").arg(repository).arg("--out").arg(out).arg("--json").args(more);
    serde_json::from_str(&run_ok(&mut command).unwrap().stdout).unwrap()
}

/// The addresses that a page links to.
fn links(html: &str) -> Vec<&str> {
    html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn a_distribution_is_browsed_from_its_first_page_to_every_package() {
    let folder = folder("minidistro");
    let (distro, out) = (minidistro().unwrap(), folder.join("pages"));
    let made = view(&distro, &out, &["--title", "Minidistro", "--repo-url", "https://example.org/repo"]);
    let stats = run_ok(Command::new(ours("copr-repo").unwrap()).arg("stats").arg(&distro).arg("--json")).unwrap();
    let stats: serde_json::Value = serde_json::from_str(&stats.stdout).unwrap();
    assert_eq!((&made["packages"], &made["names"]), (&stats["packages"], &stats["names"]));

    // Walk as a reader does, from link to link.
    let mut todo = vec![PathBuf::from("index.html")];
    let mut seen: std::collections::BTreeSet<PathBuf> = todo.iter().cloned().collect();
    let mut linked = 0;
    while let Some(page) = todo.pop() {
        let html = fs_err::read_to_string(out.join(&page)).unwrap();
        for link in links(&html).into_iter().filter(|link| !link.contains("://") && !link.starts_with('#')) {
            linked += 1;
            let link = link.replace("%2B", "+").replace("%2C", ",").replace("%5E", "^");
            let mut place = page.parent().unwrap().to_owned();
            for part in link.split('/') {
                if part == ".." { assert!(place.pop(), "{link}") } else { place.push(part) }
            }
            assert!(out.join(&place).is_file(), "{link} in {} leads nowhere", page.display());
            if place.extension().is_some_and(|kind| kind == "html") && seen.insert(place.clone()) {
                todo.push(place);
            }
        }
    }
    assert_eq!(seen.len() as u64, made["pages"].as_u64().unwrap(), "every page is reached");
    assert!(linked > seen.len());

    let bash = fs_err::read_to_string(out.join("package/bash.html")).unwrap();
    assert!(bash.contains("/bin/bash\n") || bash.contains("/usr/bin/bash\n"), "its files stand there");
    assert!(bash.contains("href=\"https://example.org/repo/"), "its file can be fetched");
    assert!(bash.contains("<span class=\"from\">"), "somebody provides what it requires");
    assert!(bash.contains("<dt>Signature</dt>"), "its file is there, so its signature is told");
}

#[test]
fn pages_are_replaced_in_one_step_and_nothing_else_is() {
    let folder = folder("replaced");
    let program = ours("copr-repo").unwrap();
    let (distro, out) = (minidistro().unwrap(), folder.join("pages"));
    view(&distro, &out, &[]);
    fs_err::write(out.join("package/old.html"), "of another time").unwrap();
    view(&distro, &out, &["--with-json"]);
    assert!(!out.join("package/old.html").exists() && out.join("package/bash.json").is_file());

    let theirs = folder.join("theirs");
    fs_err::create_dir(&theirs).unwrap();
    fs_err::write(theirs.join("thesis.tex"), "years of work").unwrap();
    let refused = run(Command::new(&program).arg("view").arg(&distro).arg("-o").arg(&theirs)).unwrap();
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("there are files that copr-repo view has not written"), "{}", refused.text());
    assert!(theirs.join("thesis.tex").is_file());
    let left: Vec<_> = fs_err::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "nothing is left beside the pages: {left:?}");
}
