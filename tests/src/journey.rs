//! The whole journey: source packages to programs that run, through every room of the house.
//!
//! The demo shows it, the stories assert it; both call [`travel`], so neither can drift from the other.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    dnf::{Dnf, remove_tree},
    programs::{Output, fixture_srpm, minidistro, ours, run_live},
    report::Report,
    server::{Options, Server},
};

/// The chroot of everything here.
pub const CHROOT: &str = "minidistro-12-x86_64";

/// Where the journey ended.
pub struct Arrived {
    /// The server, still running.
    pub server: Server,
    /// The page of bob's project.
    pub page: String,
    /// What the installed programs printed.
    pub printed: Vec<(String, String)>,
    /// dnf with both projects enabled and their packages installed.
    pub dnf: Dnf,
    /// Each build: its source and the seconds from submission to published.
    pub builds: Vec<(String, f64)>,
}

/// Travels it all below `folder`, which is emptied first.
///
/// # Errors
/// When any step does not do what it should; the message says which and has the program's output.
pub fn travel(folder: &Path, report: &mut Report) -> Result<Arrived> {
    crate::programs::run_ok(&mut remove_tree(folder))?;
    fs_err::create_dir_all(folder)?;

    let minidistro = report.step("minidistro: Debian packages made into a small RPM distribution", |report| {
        let found = minidistro()?;
        let packages = fs_err::read_dir(&found)?.count();
        report.line(&format!("{} ({packages} entries)", found.display()));
        ensure!(found.join("repodata/repomd.xml").is_file(), "{} has no repodata", found.display());
        Ok(found)
    })?;

    let server = report.step("server: coprd serve, with SQLite, local files and an embedded builder", |report| {
        let server = Server::start(&Options { data: folder.join("data"), minidistro: minidistro.clone(), port: 0 })?;
        report.line(&server.url());
        ensure!(folder.join("data/admin-token").is_file(), "the first start wrote no admin-token");
        Ok(server)
    })?;

    let (alice, bob) = report.step("people: alice/libs, and bob/app that needs it", |report| {
        let alice = folder.join("alice.conf");
        let bob = folder.join("bob.conf");
        server.add_user("alice", &alice)?;
        server.add_user("bob", &bob)?;
        copr(&alice, &["create", "libs", "--chroot", CHROOT, "--description", "Libraries that greet"], report)?;
        let needs = "copr://alice/libs";
        let create = ["create", "app", "--chroot", CHROOT, "--repo", needs, "--runtime-repo-dependency", needs];
        copr(&bob, &create, report)?;
        Ok((alice, bob))
    })?;

    let sources =
        report.step("sources: three SRPMs, one of them GNU hello from Debian's source archive", |report| {
            let mut sources = Vec::new();
            for name in ["greet-library", "greet-app", "hello"] {
                let srpm = fixture_srpm(name, &folder.join("srpms"))?;
                report.line(&srpm.display().to_string());
                sources.push(srpm);
            }
            Ok(sources)
        })?;

    let mut builds = Vec::new();
    for (config, project, source) in
        [(&alice, "libs", &sources[0]), (&bob, "app", &sources[1]), (&bob, "app", &sources[2])]
    {
        let name = source.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let step = format!("build: {name}, in a machine of its own");
        report.step(&step, |report| build(config, project, source, &server, report).map(|_| ()))?;
        let took = report.steps().last().map_or(0.0, |(_, took)| took.as_secs_f64());
        builds.push((name, took));
    }

    let dnf = Dnf::new(folder, &minidistro, &server.url())?;
    report.step("dnf copr enable demo/bob/app", |report| {
        let enabled = dnf_ok(&dnf, &["copr", "enable", "demo/bob/app"], report)?;
        let files: String = dnf.repo_files()?.into_iter().map(|(_, text)| text).collect();
        for id in ["127.0.0.1:bob:app]", "127.0.0.1:alice:libs]"] {
            ensure!(files.contains(id), "no section {id} was written; dnf said:\n{}\nfiles:\n{files}", enabled.text());
        }
        // Both sign by themselves, and dnf checks all that it installs from them.
        ensure!(files.matches("gpgcheck=1\ngpgkey=").count() == 2, "packages are not checked:\n{files}");
        Ok(())
    })?;
    report.step("dnf install app hello", |report| dnf_ok(&dnf, &["install", "app", "hello"], report).map(|_| ()))?;

    let printed = report.step("run: both programs, in a chroot of that root", |report| {
        let mut printed = Vec::new();
        for (program, expected) in [("app", "Hello, app, from libgreet"), ("hello", "Hello, world!")] {
            let output = dnf.run_installed(&[&format!("/usr/bin/{program}")])?;
            report.line(&format!("$ {program}"));
            output.text().lines().for_each(|line| report.line(line));
            ensure!(output.code == 0, "{program} ended with {}: {}", output.code, output.text());
            ensure!(output.stdout.contains(expected), "{program} printed {:?}, not {expected:?}", output.stdout);
            printed.push((program.to_owned(), output.stdout.trim().to_owned()));
        }
        Ok(printed)
    })?;

    let page = format!("{}/coprs/bob/app/", server.url());
    Ok(Arrived { server, page, printed, dnf, builds })
}

/// Runs our client as one user; every line of its output goes to the report.
///
/// # Errors
/// When it cannot be started or does not end with 0.
pub fn copr(config: &Path, args: &[&str], report: &Report) -> Result<Output> {
    let output =
        run_live(Command::new(ours("copr")?).arg("--config").arg(config).args(args), |line| report.line(line))?;
    if output.code != 0 {
        bail!("copr {} ended with {}:\n{}", args.join(" "), output.code, output.text());
    }
    Ok(output)
}

/// Submits an SRPM, follows its log to the end, and makes sure that it is published. Gives the build's number.
///
/// # Errors
/// When the build does not succeed or its packages cannot be found in the project's repository.
pub fn build(config: &Path, project: &str, srpm: &Path, server: &Server, report: &Report) -> Result<i64> {
    let output = copr(config, &["build", project, &srpm.display().to_string()], report)?;
    let id = created_build(&output)?;
    let state = server.json(&format!("/api_3/build/{id}"))?;
    ensure!(state["state"] == "succeeded", "build {id} is {} after copr ended with 0", state["state"]);
    let owner = state["ownername"].as_str().unwrap_or_default();
    let repository = server.options.data.join("store/results").join(owner).join(project).join(CHROOT);
    let records = copr_repodata::read::load(&repository)?;
    let source = state["source_package"]["name"].as_str().context("the build has no source package")?;
    ensure!(
        records.iter().any(|record| record.nevra.name == source && record.nevra.arch == "src"),
        "{} has no package made from {source}",
        repository.display()
    );
    Ok(id)
}

/// The number in copr's line `Created builds: N`.
///
/// # Errors
/// When there is none.
pub fn created_build(output: &Output) -> Result<i64> {
    output
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("Created builds: "))
        .and_then(|ids| ids.split_whitespace().next()?.parse().ok())
        .with_context(|| format!("copr named no build:\n{}", output.text()))
}

/// The folder of one build's logs and packages.
///
/// # Errors
/// When the project's chroot has no folder for it.
pub fn build_folder(server: &Server, owner: &str, project: &str, build: i64) -> Result<PathBuf> {
    let chroot = server.options.data.join("store/results").join(owner).join(project).join(CHROOT);
    let prefix = format!("{build:08}-");
    for entry in fs_err::read_dir(&chroot)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            return Ok(entry.path());
        }
    }
    bail!("{} has no folder {prefix}*", chroot.display())
}

fn dnf_ok(dnf: &Dnf, args: &[&str], report: &Report) -> Result<Output> {
    let output = dnf.run(args)?;
    output.text().lines().for_each(|line| report.line(line));
    ensure!(output.code == 0, "dnf {} ended with {}:\n{}", args.join(" "), output.code, output.text());
    Ok(output)
}
