//! Dependencies over a whole distribution: loading it, solving, closure; beside libsolv, set up as dnf does it, and dnf.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use copr_benches::{
    data::{Data, Format},
    empty_folder,
    measure::{Bench, Contender, say},
    peers, resolve,
};

/// What is installed for a package that is built with debhelper, with weak dependencies: 250 packages.
const BUILDROOT: &str = "debhelper";
const SINGLES: usize = 200;

fn main() -> Result<()> {
    let bench = Bench::new("resolve", env!("CARGO_BIN_EXE_copr-bench"))?;
    let data = Data::of(peers::tree()?);
    let case = Case::new(data.repository(Format::Zstd)?, data.scratch()?.join("resolve"))?;
    let (repository, cache, solv) = (path(&case.repository), path(&case.file("cache")), path(&case.file("solv")));

    let primary = fs_err::read_dir(case.repository.join("repodata"))?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().contains("-primary.xml"))
        .unwrap_or_default();
    let pipe = format!("zstd -dc {} | rpmmd2solv > {}", path(&primary), path(&case.file("rpmmd2solv")));
    bench.compare(
        "load a distribution from primary.xml.zst and write a cache",
        &[
            ours(&["resolve", "cold", &repository, &cache]),
            case.libsolv("libsolv (Python)", &["cold", &repository, &solv])?,
            program("zstd | rpmmd2solv", vec!["sh".into(), "-c".into(), pipe]),
        ],
    )?;

    // What the others begin with, whatever was asked for above.
    resolve::cold(&case.repository, &case.file("cache"))?;
    bench.prepare(case.libsolv_command(&["cold", &repository, &solv])?)?;
    bench.prepare(case.dnf("makecache", &[]))?;
    bench.compare(
        "load it from the cache and get ready to solve, 10 times",
        &[
            ours(&["resolve", "cached", "10", &cache]),
            case.libsolv("libsolv (Python)", &["cached", "10", &solv])?,
            case.libsolv(
                "and file lists, as dnf",
                &["cached", "10", &case.dnf_cache(".solv"), &case.dnf_cache("-filenames.solvx")],
            )?,
            case.libsolv("only starting Python", &["nothing"])?,
        ],
    )?;

    let (singles, buildroot) = (case.file("singles"), case.file("buildroot"));
    resolve::write_requests(&case.file("cache"), &singles, SINGLES)?;
    fs_err::write(&buildroot, BUILDROOT)?;
    for (title, weak, file, times) in [
        (format!("solve {SINGLES} single packages, weak dependencies on"), "weak", &singles, "1"),
        (format!("solve {SINGLES} single packages, weak dependencies off"), "strict", &singles, "1"),
        ("solve a buildroot of 250 packages, 20 times".to_owned(), "weak", &buildroot, "20"),
    ] {
        let words = |cache: &str| ["solve", weak, cache, &path(file), times].map(ToOwned::to_owned);
        let ours_words: Vec<String> = std::iter::once("resolve".to_owned()).chain(words(&cache)).collect();
        let theirs = words(&solv);
        bench.compare(
            &title,
            &[
                ours(&ours_words.iter().map(String::as_str).collect::<Vec<_>>()),
                case.libsolv("libsolv (Python)", &theirs.each_ref().map(String::as_str))?,
            ],
        )?;
    }

    let copr_repo = path(&peers::copr_repo()?);
    let toolkit = |words: &[&str]| {
        let options = ["--repo", &format!("distribution={repository}"), "--cache", &path(&case.file("copr-repo"))]
            .map(ToOwned::to_owned);
        let words = [copr_repo.clone()].into_iter().chain(words.iter().map(|w| (*w).to_owned())).chain(options);
        whatever_it_ends_with("copr-repo", words.collect())
    };
    bench.prepare((toolkit(&["closure"]).command)()?)?;
    let dnf = |command: &str, words: &[&str]| {
        let command = case.dnf(command, words);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        whatever_it_ends_with("dnf", words.map(|word| word.to_string_lossy().into_owned()).collect())
    };
    bench
        .compare("closure of the whole distribution, from caches", &[toolkit(&["closure"]), dnf("repoclosure", &[])])?;
    bench.compare(
        "the programs: install one buildroot, from caches",
        &[toolkit(&["solve", BUILDROOT]), dnf("install", &["--assumeno", BUILDROOT])],
    )?;
    say("A ratio is to the first program of a table; Python's start is part of libsolv's times.");
    Ok(())
}

/// The data and the files that are made of it.
struct Case {
    repository: PathBuf,
    scratch: PathBuf,
}

impl Case {
    fn new(repository: PathBuf, scratch: PathBuf) -> Result<Self> {
        empty_folder(&scratch)?;
        fs_err::create_dir_all(scratch.join("dnf/logdir"))?;
        fs_err::write(scratch.join("dnf/dnf.conf"), "[main]\n")?;
        Ok(Self { repository, scratch })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    fn libsolv_command(&self, words: &[&str]) -> Result<Command> {
        let mut command = Command::new("/usr/bin/python3");
        command.arg(peers::tree()?.join("benches/benches/libsolv.py")).args(words);
        Ok(command)
    }

    fn libsolv(&self, name: &str, words: &[&str]) -> Result<Contender> {
        let command = self.libsolv_command(words)?;
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        Ok(program(name, words.map(|word| word.to_string_lossy().into_owned()).collect()))
    }

    /// dnf with that one repository and an installroot, cache and plugins of its own.
    fn dnf(&self, name: &str, words: &[&str]) -> Command {
        let folder = self.file("dnf");
        let mut command = Command::new("dnf");
        command.arg(name).args(words).args(["--releasever=12", "--forcearch=x86_64"]);
        command.arg(format!("--config={}/dnf.conf", folder.display()));
        command.arg(format!("--installroot={}/root", folder.display()));
        command.args(["--disableplugin=*", "--enableplugin=repoclosure"]);
        command.arg("--setopt=reposdir=/nonexistent").arg("--setopt=module_platform_id=platform:el12");
        command.arg("--setopt=metadata_expire=never");
        for setting in ["cachedir", "logdir", "persistdir"] {
            command.arg(format!("--setopt={setting}={}/{setting}", folder.display()));
        }
        command.arg(format!("--repofrompath=distribution,file://{}", self.repository.display()));
        command
    }

    fn dnf_cache(&self, suffix: &str) -> String {
        path(&self.file("dnf").join(format!("cachedir/distribution{suffix}")))
    }
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

/// `copr-bench` with these words.
fn ours(words: &[&str]) -> Contender {
    let words = [env!("CARGO_BIN_EXE_copr-bench")].iter().chain(words);
    program("copr_resolve", words.map(|word| (*word).to_owned()).collect())
}

fn program(name: &str, words: Vec<String>) -> Contender {
    Contender {
        name: name.to_owned(),
        command: Box::new(move || {
            let mut command = Command::new(words.first().map(String::as_str).unwrap_or_default());
            command.args(words.iter().skip(1));
            Ok(command)
        }),
        limit: None,
    }
}

/// A program that tells by its status what it found.
fn whatever_it_ends_with(name: &str, words: Vec<String>) -> Contender {
    let shell = ["sh", "-c", "\"$@\" || [ $? = 1 ]", "sh"].map(ToOwned::to_owned);
    program(name, shell.into_iter().chain(words).collect())
}
