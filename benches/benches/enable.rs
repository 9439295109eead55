//! `dnf copr enable` over plain `dnf --version`: ours with a chain of 1, 5 and 20 repositories beside dnf's own plugin
//! with one, from an nginx of this machine. What ours reads of the repositories is measured fetched and kept from before.

use std::{
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use copr_benches::{
    data::Data,
    empty_folder,
    measure::{Bench, Contender},
    nginx::Nginx,
    peers,
};
use serde_json::json;

const CHROOT: &str = "fedora-44-x86_64";
/// Repositories of each chain, the project's own included.
const CHAINS: [usize; 3] = [1, 5, 20];
/// Packages of each repository.
const PACKAGES: usize = 20;

fn main() -> Result<()> {
    let bench = Bench::new("enable", env!("CARGO_BIN_EXE_copr-bench"))?;
    let data = Data::of(peers::tree()?);
    let scratch = data.scratch()?.join("enable");
    empty_folder(&scratch)?;
    let site = scratch.join("site");
    let nginx = Nginx::serve(&site, &scratch)?;
    let hub = format!("http://127.0.0.1:{}", nginx.port);
    write_site(&site, &hub, &data.rpms()?)?;
    let plugin = peers::tree()?.join("target/plugin");
    if !plugin.join("plugins").is_dir() {
        bail!("there is no {}; run `make plugin`", plugin.display());
    }
    let [one, some, many] = CHAINS;
    let ours = |length: usize, kept: bool| Contender {
        name: format!("chain of {length}{}", if kept { ", read before" } else { "" }),
        command: enable(&scratch, &hub, Some(&plugin), length, kept),
        limit: None,
    };
    let stock = || Contender {
        name: "dnf's own plugin, one".to_owned(),
        command: enable(&scratch, &hub, None, 1, false),
        limit: None,
    };
    let nothing = || Contender {
        name: "dnf --version".to_owned(),
        command: Box::new(|| {
            let mut command = Command::new("dnf");
            command.arg("--version");
            Ok(command)
        }),
        limit: None,
    };
    // The first is what the others are compared with.
    bench.compare("first time", &[stock(), nothing(), ours(one, false), ours(some, false), ours(many, false)])?;
    for length in CHAINS {
        // So that what the next comparison finds is there, whichever of them runs.
        if !(ours(length, true).command)()?.output()?.status.success() {
            bail!("a chain of {length} cannot be enabled");
        }
    }
    bench.compare("again", &[stock(), nothing(), ours(one, true), ours(some, true), ours(many, true)])?;
    drop(nginx);
    Ok(fs_err::remove_dir_all(scratch)?)
}

/// `dnf copr enable` in an installroot of its own for each length, with our plugin or dnf's own.
fn enable(
    scratch: &Path,
    hub: &str,
    plugin: Option<&Path>,
    length: usize,
    kept: bool,
) -> Box<dyn Fn() -> Result<Command>> {
    let root = scratch.join(format!("root-{}-{length}-{kept}", if plugin.is_some() { "ours" } else { "stock" }));
    let (hub, plugin) = (hub.to_owned(), plugin.map(Path::to_owned));
    Box::new(move || {
        if !kept {
            empty_folder(&root)?;
        }
        let repos: PathBuf = root.join("etc/yum.repos.d");
        empty_folder(&repos)?;
        let mut command = Command::new("dnf");
        command.arg(format!("--installroot={}", root.display())).args(["--releasever=44", "--forcearch=x86_64", "-y"]);
        command.arg(format!("--setopt=reposdir={}", repos.display()));
        if let Some(plugin) = &plugin {
            command.arg(format!("--setopt=pluginpath={}/plugins", plugin.display()));
            command.arg(format!("--setopt=pluginconfpath={}/conf", plugin.display()));
        }
        command.args(["copr", "enable", "--hub", &hub, &format!("x/chain{length}"), CHROOT]);
        Ok(command)
    })
}

/// A hub as files: projects that need all of p1, p2, ... as hubs tell it, of which each needs that of half its number.
fn write_site(site: &Path, hub: &str, rpms: &Path) -> Result<()> {
    let (mut packages, mut folders) = (Vec::new(), vec![rpms.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() { &mut folders } else { &mut packages }.push(entry.path());
        }
    }
    packages.sort();
    let longest = CHAINS.into_iter().max().unwrap_or(1);
    let below = (1..longest).map(|number| (format!("p{number}"), vec![number / 2]));
    let chains = CHAINS.into_iter().map(|length| (format!("chain{length}"), (1..length).collect()));
    if packages.len() < (longest + CHAINS.len()) * PACKAGES {
        bail!("{} has too few packages", rpms.display());
    }
    for ((name, needs), some) in below.chain(chains).zip(packages.chunks(PACKAGES)) {
        write_project(site, hub, &name, &needs, some).with_context(|| name.clone())?;
    }
    Ok(())
}

/// A project: its repository, and what both plugins ask the hub for. Number 0 is none.
fn write_project(site: &Path, hub: &str, name: &str, needs: &[usize], packages: &[PathBuf]) -> Result<()> {
    let results = site.join(format!("results/x/{name}/{CHROOT}"));
    fs_err::create_dir_all(&results)?;
    for package in packages {
        symlink(package, results.join(package.file_name().context("a file has a name")?))?;
    }
    let made = Command::new(peers::copr_repo()?).args(["create", "--quiet"]).arg(&results).status()?;
    if !made.success() {
        bail!("its repository cannot be made");
    }
    let needs: Vec<_> = needs
        .iter()
        .filter(|number| **number > 0)
        .map(|number| json!({"type": "copr", "opts": {}, "data": {"owner": "x", "projectname": format!("p{number}")}}))
        .collect();
    let facts = json!({
        "results_url": format!("{hub}/results"),
        "repos": {"fedora-44": {"arch": {"x86_64": {"opts": {}}}}},
        "directories": {name: {}},
        "dependencies": needs,
    });
    let answers = site.join(format!("api_3/rpmrepo/x/{name}"));
    fs_err::create_dir_all(&answers)?;
    fs_err::write(answers.join("fedora-44"), facts.to_string())?;
    let stock = site.join(format!("coprs/x/{name}/repo/fedora-44"));
    fs_err::create_dir_all(&stock)?;
    let text = format!(
        "[copr:127.0.0.1:x:{name}]\nname=Copr repo for {name} owned by x\n\
         baseurl={hub}/results/x/{name}/fedora-$releasever-$basearch/\ntype=rpm-md\nskip_if_unavailable=True\n\
         gpgcheck=1\ngpgkey={hub}/results/x/{name}/pubkey.gpg\nrepo_gpgcheck=0\nenabled=1\nenabled_metadata=1\n"
    );
    Ok(fs_err::write(stock.join("dnf.repo"), text)?)
}
