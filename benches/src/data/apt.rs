//! Debian's package lists, through apt and whatever mirror it is configured for.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// apt's settings for one more list: which package has which files. As in the package apt-file.
const CONTENTS: [&str; 5] = [
    "MetaKey=$(COMPONENT)/Contents-$(ARCHITECTURE)",
    "flatMetaKey=Contents-$(ARCHITECTURE)",
    "ShortDescription=Contents-$(ARCHITECTURE)",
    "Description=$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Contents (deb)",
    "KeepCompressed=true",
];
/// apt's program that shows a list, however it is compressed.
const HELPER: &str = "/usr/lib/apt/apt-helper";

/// The files that apt fetched.
#[derive(Debug)]
pub(super) struct AptLists {
    /// Packages: names, dependencies, sizes, checksums.
    pub(super) packages: Vec<PathBuf>,
    /// Contents: files of packages.
    pub(super) contents: Vec<PathBuf>,
}

/// Fetches the lists into a folder of our own, which later runs use as it is; the system's lists stay as they are.
pub(super) fn fetch(folder: &Path) -> Result<AptLists> {
    let folder = std::path::absolute(folder)?;
    let found = find(&folder)?;
    if !found.packages.is_empty() && !found.contents.is_empty() {
        return Ok(found);
    }
    fs_err::create_dir_all(folder.join("lists/partial"))?;
    eprintln!("fetching Debian's lists of packages and files into {}", folder.display());
    let status = apt_get(&folder).arg("-q").arg("update").stdout(Stdio::null()).status();
    let status = status.context("cannot start apt-get; the data sets need a Debian system (or a copy of its lists)")?;
    let found = find(&folder)?;
    if found.packages.is_empty() || found.contents.is_empty() {
        bail!(
            "apt-get update ({status}) gave {} lists of packages and {} of files; look at apt's configuration, the \
             mirror must have Contents files",
            found.packages.len(),
            found.contents.len()
        );
    }
    Ok(found)
}

/// What of the lists lies there.
fn find(folder: &Path) -> Result<AptLists> {
    let files = |created_by: &str| -> Result<Vec<PathBuf>> {
        let mut command = apt_get(folder);
        command.args(["indextargets", "--format", "$(FILENAME)"]).arg(format!("Created-By: {created_by}"));
        let output =
            command.stderr(Stdio::null()).output().context("cannot start apt-get; is this a Debian system?")?;
        let mut files: Vec<PathBuf> = String::from_utf8(output.stdout)?.lines().map(PathBuf::from).collect();
        files.retain(|file| file.is_file());
        files.sort();
        Ok(files)
    };
    Ok(AptLists { packages: files("Packages")?, contents: files("Contents-deb")? })
}

fn apt_get(folder: &Path) -> Command {
    let mut command = Command::new("apt-get");
    command.arg("-o").arg(format!("Dir::State::lists={}", folder.join("lists").display()));
    // Whoever runs the benchmark writes the lists, not apt's own user.
    command.args(["-o", "APT::Sandbox::User=", "-o", "Acquire::Languages=none"]);
    for setting in CONTENTS {
        command.arg("-o").arg(format!("Acquire::IndexTargets::deb::Contents-deb::{setting}"));
    }
    command
}

/// Gives each line of a list to `each`. Bytes that are not UTF-8 become U+FFFD.
pub(super) fn lines(list: &Path, mut each: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let mut command = Command::new(HELPER);
    command.arg("cat-file").arg(list).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child: Child = command.spawn().with_context(|| format!("cannot start {HELPER}"))?;
    let mut from = BufReader::with_capacity(1 << 18, child.stdout.take().context("no pipe")?);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        each(String::from_utf8_lossy(&line).trim_end_matches('\n'))?;
        line.clear();
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{HELPER} cat-file {} ended with {status}", list.display());
    }
    Ok(())
}
