//! `copr-repo` under the names of createrepo_c's four commands, beside the real ones, on copies of the same folder.
//!
//! XML is the same byte by byte, so the checksums of decompressed files must be equal.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use copr_repodata::{Compression, Repomd};
use copr_tests::programs::{Output, minidistro, ours, run, run_ok, tree};

/// createrepo_c 1.2, from PyPI: what our defaults are those of.
fn newest() -> PathBuf {
    tree().join("target/venv/bin")
}

/// Debian's, an older one with other defaults: it gets the options that make them the same.
const OLDER: &str = "/usr/bin";

/// A folder for one story, with links to our program in `bin`.
struct Story {
    folder: PathBuf,
}

impl Story {
    fn new(name: &str) -> Self {
        let folder = tree().join("target/stories/drop-in").join(name);
        let _ = fs_err::remove_dir_all(&folder);
        fs_err::create_dir_all(folder.join("bin")).unwrap();
        let program = ours("copr-repo").unwrap();
        run_ok(Command::new(program).arg("compat").arg(folder.join("bin"))).unwrap();
        Self { folder }
    }

    /// A folder of some of the minidistro's packages: every `step`th from the `first`.
    fn packages(&self, name: &str, first: usize, step: usize) -> PathBuf {
        let folder = self.folder.join(name);
        fs_err::create_dir_all(folder.join("sub")).unwrap();
        for (number, path) in all_packages().iter().skip(first).step_by(step).take(40).enumerate() {
            let under = if number % 3 == 0 { folder.join("sub") } else { folder.clone() };
            run_ok(Command::new("cp").arg("-pL").arg(path).arg(under)).unwrap();
        }
        folder
    }

    /// A copy of a folder, times included; both tools then do the same in one each.
    fn copy(&self, of: &Path, name: &str) -> PathBuf {
        let copy = self.folder.join(name);
        let _ = fs_err::remove_dir_all(&copy);
        run_ok(Command::new("cp").arg("-a").arg(of).arg(&copy)).unwrap();
        copy
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs_err::write(&path, text).unwrap();
        path
    }

    /// Runs a command in copies of `of`, ours in one, the real one of `theirs` in another, which both are called `here` when
    /// they run. `@` in the words is the story's folder. Gives both folders and what both programs said.
    fn both(&self, theirs: &Path, of: &Path, words: &[&str]) -> [(PathBuf, Output); 2] {
        let here = self.folder.join("here");
        let at = self.folder.display().to_string();
        let (tool, words) = words.split_first().unwrap();
        [("ours", self.folder.join("bin")), ("theirs", theirs.to_owned())].map(|(name, bin)| {
            self.copy(of, "here");
            let program = bin.join(tool);
            let said = run(Command::new(program).args(words.iter().map(|word| word.replace('@', &at)))).unwrap();
            let kept = self.folder.join(name);
            let _ = fs_err::remove_dir_all(&kept);
            fs_err::rename(&here, &kept).unwrap();
            (kept, said)
        })
    }

    /// Runs the same with both; the exit codes and what repomd.xml says must be the same.
    fn same(&self, theirs: &Path, of: &Path, words: &[&str]) -> [(PathBuf, Output); 2] {
        let both = self.both(theirs, of, words);
        let [(our_folder, our), (their_folder, their)] = &both;
        assert_eq!(our.code, their.code, "{words:?}\nours: {}\ntheirs: {}", our.text(), their.text());
        assert_eq!(described(our_folder), described(their_folder), "{words:?}\n{}", our.text());
        both
    }
}

fn all_packages() -> Vec<PathBuf> {
    let mut folders = vec![minidistro().unwrap()];
    let mut packages = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|suffix| suffix == "rpm") {
                packages.push(path);
            }
        }
    }
    packages.sort();
    assert!(packages.len() > 20, "the minidistro has packages");
    packages
}

/// What repomd.xml says, but for what differs with each compression or run.
#[derive(Debug, PartialEq, Eq)]
struct Described {
    /// By type.
    files: BTreeMap<String, File>,
    content_tags: Vec<String>,
    repo_tags: Vec<String>,
    distro_tags: Vec<(Option<String>, String)>,
}

#[derive(Debug, PartialEq, Eq)]
struct File {
    /// Without the checksum.
    name: String,
    /// Whether there was one.
    named_by_checksum: bool,
    /// Checksum and size of the text; of databases nothing.
    text: Option<(String, u64)>,
}

fn repomd(folder: &Path) -> Repomd {
    Repomd::read(&fs_err::read(folder.join("repodata/repomd.xml")).unwrap()).unwrap()
}

fn described(folder: &Path) -> Described {
    let repomd = repomd(folder);
    let files = repomd.records.iter().map(|record| {
        let path = folder.join(&record.location_href);
        assert_eq!(path.metadata().unwrap().len(), record.size.unwrap(), "{}", path.display());
        let name = record.location_href.strip_prefix("repodata/").unwrap();
        let plain = name.strip_prefix(&format!("{}-", record.checksum.hex));
        let text = match (&record.open_checksum, record.open_size) {
            _ if record.kind.ends_with("_db") => None,
            (Some(sum), Some(size)) => Some((sum.to_string(), size)),
            _ => {
                assert_eq!(Compression::of_name(name), Compression::None, "{name} has no open-checksum");
                Some((record.checksum.to_string(), record.size.unwrap()))
            }
        };
        let file = File { name: plain.unwrap_or(name).to_owned(), named_by_checksum: plain.is_some(), text };
        (record.kind.clone(), file)
    });
    let files = files.collect();
    let Repomd { content_tags, repo_tags, distro_tags, .. } = repomd;
    Described { files, content_tags, repo_tags, distro_tags }
}

/// Lines of createrepo_c's that scripts look for.
fn steps(output: &Output) -> Vec<&str> {
    let known = ["Directory walk", "Pool started", "Pool finished", "Preparing sqlite", "Temporary output"];
    let lines = output.stdout.lines().filter(|line| known.iter().any(|start| line.starts_with(start)));
    // How many workers there are is up to each.
    lines.map(|line| line.split(" (with").next().unwrap_or(line)).collect()
}

const COMPS: &str = concat!(
    r#"<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">"#,
    "<comps><group><id>core</id><name>Core</name><packagelist><packagereq type=\"mandatory\">bash</packagereq>",
    "</packagelist></group></comps>\n"
);

const UPDATEINFO: &str = concat!(
    r#"<?xml version="1.0" encoding="UTF-8"?><updates><update from="a" status="final" type="security" version="1">"#,
    "<id>A-1</id><title>t</title><issued date=\"2026-01-01 00:00:00\"/><description>d</description></update></updates>\n"
);

#[test]
fn createrepo_c_is_told_apart_by_nothing_that_a_client_reads() {
    let story = Story::new("create");
    let packages = story.packages("packages", 0, 2);
    let comps = story.write("comps.xml", COMPS);
    let new = newest();

    let [(_, our), (_, their)] = story.same(&new, &packages, &["createrepo_c", "@/here"]);
    assert_eq!(steps(&our), steps(&their));
    for options in [
        "--simple-md-filenames --no-pretty --content c --repo r --distro cpe:/o:x,X --revision 17 --compress-type gz",
        "--general-compress-type xz -s sha512 --repomd-checksum sha224 --changelog-limit 1",
        "--compatibility -x *-devel* --skip-symlinks -u https://example.org/x/",
        "--compatibility --no-database --cut-dirs 1 --location-prefix p/ --changelog-limit -1",
        "--filelists-ext --workers 1 --duplicated-nevra keep-last --general-compress-type bz2 -g @/comps.xml",
    ] {
        let words: Vec<&str> = ["createrepo_c", "@/here"].into_iter().chain(options.split(' ')).collect();
        story.same(&new, &packages, &words);
    }
    // Of the older one's primary, requirements of scripts around a transaction lack that they come first.
    let words = ["createrepo_c", "--no-database", "--general-compress-type=gz", "@/here"];
    let [our, their] = story.both(Path::new(OLDER), &packages, &words).map(|(folder, said)| {
        let mut described = described(&folder);
        described.files.get_mut("primary").unwrap().text = None;
        (said.code, described)
    });
    assert_eq!(our, their);

    // koji: a list, comps, databases; then again with what has changed meanwhile.
    let list: Vec<String> = relative(&packages).into_iter().step_by(2).collect();
    story.write("pkglist", &(list.join("\n") + "\n"));
    let comps = comps.display().to_string();
    let koji = [
        "createrepo_c",
        "--error-exit-val",
        "-vd",
        "-o",
        "@/here",
        "-i",
        "@/pkglist",
        "-g",
        &comps,
        "--update",
        "--skip-stat",
        "@/here",
    ];
    let [(made, _), _] = story.same(&new, &packages, &koji);
    let index = repomd(&made);
    assert_eq!(index.record("primary_db").and_then(|record| record.database_version), Some(10));
    assert!(index.record("group").is_some());
    let made = story.copy(&made, "made");
    story.write("pkglist", &(relative(&packages).join("\n") + "\n"));
    story.same(&new, &made, &koji);

    // Copr: packages added under a list of those before, a build deleted.
    let copr = "createrepo_c @/here --no-database --ignore-lock --local-sqlite --cachedir @/cache/ --workers 8 \
                --general-compress-type=gz --update --skip-stat --recycle-pkglist --excludes */sub/* --excludes sub/* \
                --pkglist @/added --groupfile @/comps.xml";
    let words: Vec<&str> = copr.split_whitespace().collect();
    let all = relative(&packages);
    let (first, added) = all.split_at(all.len() / 2);
    story.write("added", &(first.join("\n") + "\n"));
    let start = ["createrepo_c", "@/here", "--pkglist", "@/added", "--general-compress-type=gz"];
    let [(made, _), _] = story.same(&new, &packages, &start);
    let made = story.copy(&made, "made");
    story.write("added", &(added.join("\n") + "\n"));
    story.same(&new, &made, &words);
}

/// Names of the packages in a folder, relative to it.
fn relative(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for (under, prefix) in [(folder.to_owned(), ""), (folder.join("sub"), "sub/")] {
        for entry in fs_err::read_dir(under).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".rpm") {
                names.push(format!("{prefix}{name}"));
            }
        }
    }
    names.sort();
    names
}

#[test]
fn createrepo_c_warns_about_the_same_packages_and_ends_with_the_same_code() {
    let story = Story::new("trouble");
    let packages = story.packages("packages", 1, 5);
    let one = packages.join(relative(&packages).first().unwrap());
    fs_err::copy(&one, packages.join("zz-the-same.rpm")).unwrap();
    // Less than a lead: of more the real one's librpm tells on its own, even with -q.
    fs_err::write(packages.join("broken.rpm"), &fs_err::read(&one).unwrap()[..50]).unwrap();
    let both = story.same(&newest(), &packages, &["createrepo_c", "@/here"]);
    for (_, said) in &both {
        assert_eq!(said.code, 2, "{}", said.text());
        let broken =
            format!("C_CREATEREPOLIB: Warning: Cannot read package: {}/here/broken.rpm: ", story.folder.display());
        assert!(said.stderr.contains(&broken), "{}", said.stderr);
        assert!(said.stderr.contains("has duplicate metadata entries, only one should exist"), "{}", said.stderr);
        assert!(
            said.stderr.contains("Warning:     Sourced from location: 'zz-the-same.rpm', build timestamp: "),
            "{}",
            said.stderr
        );
        assert!(said.stdout.contains("Pool finished with errors"), "{}", said.stdout);
    }
    let quiet = story.same(&newest(), &packages, &["createrepo_c", "-q", "@/here", "--duplicated-nevra=keep-last"]);
    for (_, said) in &quiet {
        assert_eq!((said.code, said.text()), (2, String::new()));
    }
    for words in [&["createrepo_c", "@/nowhere"][..], &["createrepo_c"], &["createrepo_c", "@/here", "-o", "@/none"]] {
        let [(_, our), (_, their)] = story.both(&newest(), &packages, words);
        assert_eq!((our.code, &our.stderr), (their.code, &their.stderr), "{words:?}");
    }
}

#[test]
fn mergerepo_c_takes_the_same_packages_of_the_same_repositories() {
    let story = Story::new("merge");
    let (a, b) = (story.packages("a", 0, 2), story.packages("b", 0, 3));
    let new = newest();
    story.write("comps.xml", COMPS);
    for (folder, comps) in [(&a, false), (&b, true)] {
        let mut command = Command::new(new.join("createrepo_c"));
        command.arg("-q").arg("--general-compress-type=gz").arg(folder);
        if comps {
            command.arg("-g").arg(story.folder.join("comps.xml"));
        }
        run_ok(&mut command).unwrap();
    }
    let (blocked, empty) = (story.write("blocked", "bash\nzlib\n\n"), story.folder.join("empty"));
    fs_err::create_dir(&empty).unwrap();
    let blocked = blocked.display().to_string();
    let lines = [
        "mergerepo_c -o @/here -r @/a -r @/b/ --noupdateinfo",
        "mergerepo_c -o @/here -r @/b -r @/a --all --noupdateinfo --compress-type gz",
        "mergerepo_c -o @/here -r @/b -r file://@/a --method nvr --noupdateinfo --omit-baseurl",
        "mergerepo_c -o @/here -r @/a -r @/b --method ts --noupdateinfo -a x86_64 \
         --repo-prefix-search @ --repo-prefix-replace https://example.org",
        "mergerepo_c --koji -b BLOCKED -a x86_64 -o @/here --arch-expand -g @/comps.xml -r @/a -r @/b --noupdateinfo",
        "mergerepo_c --koji --simple -a x86_64 -o @/here -r @/a -r @/b --noupdateinfo -d",
        "mergerepo_c --pkgorigins --all -o @/here -r @/a -r @/b --noupdateinfo",
    ];
    for line in lines {
        let words: Vec<&str> =
            line.split_whitespace().map(|word| if word == "BLOCKED" { blocked.as_str() } else { word }).collect();
        let [(our, _), (their, _)] = story.both(&new, &empty, &words);
        let records = [&our, &their].map(|folder| copr_repodata::read::load(folder).unwrap());
        assert!(records[0] == records[1] && !records[0].is_empty(), "{line}");
        let (mut our, mut their) = (described(&our), described(&their));
        if line.contains("--simple ") {
            // Theirs does not count the packages that are there twice (another number in the first line).
            for file in our.files.values_mut().chain(their.files.values_mut()) {
                file.text = file.text.take().map(|(_, size)| (String::new(), size));
            }
        }
        // The order of lines in the list of origins is that of a hash table there.
        let origins = |described: &mut Described| {
            described.files.get_mut("origin").map(|file| file.text.take().map(|(_, size)| size))
        };
        assert_eq!(origins(&mut our), origins(&mut their), "{line}");
        assert_eq!(our, their, "{line}");
    }
    let bad = ["mergerepo_c", "-o", "@/here", "-r", "@/nowhere"];
    let codes = story.both(&new, &empty, &bad).map(|(_, said)| said.code);
    assert_eq!(codes, [1, 1]);
}

#[test]
fn modifyrepo_c_adds_replaces_and_removes_the_same_files() {
    let story = Story::new("modify");
    let packages = story.packages("packages", 2, 9);
    let new = newest();
    run_ok(Command::new(new.join("createrepo_c")).arg("-q").arg(&packages)).unwrap();
    story.write("updateinfo.xml", UPDATEINFO);
    story.write("comps.xml", COMPS);
    for tools in [new.clone(), OLDER.into()] {
        let mut made = packages.clone();
        for line in [
            "modifyrepo_c @/updateinfo.xml @/here/repodata --compress-type gz",
            "modifyrepo_c --mdtype=group -s sha512 --no-compress --new-name other.xml @/comps.xml @/here/repodata",
            "modifyrepo_c @/here/../updateinfo.xml @/here/repodata --compress-type=bz2 --simple-md-filenames",
            "modifyrepo_c --remove group @/here/repodata",
            "modifyrepo_c -f @/batch @/here/repodata",
        ] {
            let at = story.folder.display();
            story.write(
                "batch",
                &format!("[{at}/comps.xml]\ntype=group\ncompress-type=xz\n\n[updateinfo]\nremove=true\n"),
            );
            let words: Vec<&str> = line.split(' ').collect();
            let [(our, _), _] = story.same(&tools, &made, &words);
            made = story.copy(&our, "made-before");
        }
    }
    for line in ["modifyrepo_c", "modifyrepo_c @/none @/here/repodata", "modifyrepo_c @/comps.xml @/here"] {
        let words: Vec<&str> = line.split(' ').collect();
        let codes = story.both(&new, &packages, &words).map(|(_, said)| said.code);
        assert_eq!(codes, [1, 1], "{line}");
    }
}

#[test]
fn sqliterepo_c_adds_the_same_databases() {
    let story = Story::new("sqlite");
    let packages = story.packages("packages", 3, 7);
    let new = newest();
    run_ok(Command::new(new.join("createrepo_c")).arg("-q").arg("--general-compress-type=gz").arg(&packages)).unwrap();
    let [(made, _), _] = story.same(&new, &packages, &["sqliterepo_c", "@/here"]);
    let made = story.copy(&made, "made");
    story.same(&new, &made, &["sqliterepo_c", "--force", "--compress-type", "gz", "@/here"]);
    story.same(Path::new(OLDER), &packages, &["sqliterepo_c", "--xz", "--local-sqlite", "@/here"]);
    // Without --force, databases that are there are left alone.
    let codes = story.both(&new, &made, &["sqliterepo_c", "@/here"]).map(|(_, said)| said.code);
    assert_eq!(codes, [1, 1]);
}
