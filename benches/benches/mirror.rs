//! `copr-repo mirror` beside `dnf reposync`, from an nginx of this machine: the first sync, and one with nothing to do. The
//! packages are the generated RPMs of `create`.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Result, bail};
use copr_benches::{
    data::Data,
    empty_folder,
    measure::{Bench, Contender},
    nginx::Nginx,
    peers,
};

fn main() -> Result<()> {
    let bench = Bench::new("mirror", env!("CARGO_BIN_EXE_copr-bench"))?;
    let data = Data::of(peers::tree()?);
    let (rpms, scratch) = (data.rpms()?, data.scratch()?.join("mirror"));
    empty_folder(&scratch)?;
    let source = scratch.join("source");
    empty_folder(&source)?;
    std::os::unix::fs::symlink(&rpms, source.join("Packages"))?;
    let made = Command::new(peers::copr_repo()?).args(["create", "--quiet"]).arg(&source).status()?;
    if !made.success() {
        bail!("the source repository cannot be made");
    }
    let nginx = Nginx::serve(&source, &scratch)?;
    let url = format!("http://127.0.0.1:{}/", nginx.port);
    let (ours, theirs) = (scratch.join("ours"), scratch.join("theirs"));
    let first = [mirror(&url, &ours, true)?, reposync(&url, &theirs, &scratch, true)];
    bench.compare("first sync, 5,000 packages", &first)?;
    // Whatever was measured above: both are complete now.
    for contender in &first {
        if !(contender.command)()?.stdout(Stdio::null()).status()?.success() {
            bail!("{} fails", contender.name);
        }
    }
    bench.compare(
        "nothing to do, 5,000 packages",
        &[mirror(&url, &ours, false)?, reposync(&url, &theirs, &scratch, false)],
    )?;
    drop(nginx);
    Ok(fs_err::remove_dir_all(scratch)?)
}

fn mirror(url: &str, dir: &Path, anew: bool) -> Result<Contender> {
    let (program, url, dir) = (peers::copr_repo()?, url.to_owned(), dir.to_owned());
    Ok(Contender {
        name: "copr-repo mirror".to_owned(),
        command: Box::new(move || {
            if anew {
                empty_folder(&dir)?;
            }
            let mut command = Command::new(&program);
            command.args(["mirror", "--quiet", &url]).arg(&dir);
            Ok(command)
        }),
        limit: None,
    })
}

/// With the metadata, as a mirror needs them; its cache is emptied, because a mirror's next run is a day later.
fn reposync(url: &str, dir: &Path, scratch: &Path, anew: bool) -> Contender {
    let (url, dir, scratch) = (url.to_owned(), dir.to_owned(), scratch.to_owned());
    Contender {
        name: "dnf reposync".to_owned(),
        command: Box::new(move || {
            if anew {
                empty_folder(&dir)?;
            }
            let home = scratch.join("dnf");
            empty_folder(&home)?;
            let mut command = Command::new("dnf");
            command
                .env("HOME", &home)
                .args(["reposync", "-q", "--releasever=1", "--repo=bench", "--download-metadata", "--norepopath"])
                .arg(format!("--installroot={}", home.display()))
                .arg(format!("--setopt=cachedir={}", home.join("cache").display()))
                .arg(format!("--repofrompath=bench,{url}"))
                .arg("--setopt=bench.max_parallel_downloads=6")
                .arg("-p")
                .arg(&dir);
            Ok(command)
        }),
        limit: None,
    }
}
