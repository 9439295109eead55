//! `copr-repo add` and `remove` beside `createrepo_c --update --skip-stat --recycle-pkglist --pkglist`, which is how Copr
//! publishes, and beside reading, summing and writing the same files once; then how the cost grows with the repository.
//!
//! Each program starts from what it has published itself. The new packages lie in the repository already.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use copr_benches::{
    data::{Data, Format, SIZES},
    empty_folder, floor, link_repodata,
    measure::{Bench, Contender, say},
    peers,
};
use copr_repodata::read;

/// Our own contender.
const OURS: &str = "copr-repo";
/// The helper, for the floor.
const HELPER: &str = env!("CARGO_BIN_EXE_copr-bench");

fn main() -> Result<()> {
    let bench = Bench::new("publish", HELPER)?;
    let data = Data::of(peers::tree()?);
    for format in [Format::Zstd, Format::Gzip] {
        for change in Change::ALL {
            let title = format!("65,000 packages, {}, {}", change.title(), format.name());
            if bench.wanted(&title) {
                beside_others(&bench, &data, format, change, &title)?;
            }
        }
    }
    let title = "growth, add one, zstd";
    if bench.wanted(title) { growth(&bench, &data, title) } else { Ok(()) }
}

/// What happens to the repository.
#[derive(Debug, Clone, Copy)]
enum Change {
    AddOne,
    AddHundred,
    RemoveOne,
    ReplaceOne,
}

impl Change {
    const ALL: [Self; 4] = [Self::AddOne, Self::AddHundred, Self::RemoveOne, Self::ReplaceOne];

    fn title(self) -> &'static str {
        match self {
            Self::AddOne => "add one",
            Self::AddHundred => "add a hundred",
            Self::RemoveOne => "remove one",
            Self::ReplaceOne => "replace one",
        }
    }

    fn adds(self) -> usize {
        match self {
            Self::AddOne | Self::ReplaceOne => 1,
            Self::AddHundred => 100,
            Self::RemoveOne => 0,
        }
    }

    /// Whether a package that was there before goes.
    fn removes(self) -> bool {
        matches!(self, Self::RemoveOne | Self::ReplaceOne)
    }
}

fn beside_others(bench: &Bench, data: &Data, format: Format, change: Change, title: &str) -> Result<()> {
    let given = data.repository(format)?;
    let packages = floor::rpms(&data.hundred_rpms()?)?;
    let victim = middle(&given)?;
    let mut contenders = Vec::new();
    let ours = published_by_us(bench, data, &given, format)?;
    for (name, more) in [(OURS, None), ("copr-repo --open-checksum", Some("--open-checksum"))] {
        contenders.push(us(data, name, &ours, &packages, change, &victim, more)?);
    }
    contenders.push(floor_of(data, &ours)?);
    for (number, suite) in peers::createrepo_c()?.into_iter().enumerate() {
        if suite.zstd || format == Format::Gzip {
            let out = data.scratch()?.join(format!("publish-theirs-{number}"));
            contenders.push(them(data, &suite, out, &given, format, &packages, change, &victim)?);
        }
    }
    bench.compare(title, &contenders)
}

/// The cost of adding one package to repositories of several sizes; ours and the floor.
fn growth(bench: &Bench, data: &Data, title: &str) -> Result<()> {
    let packages = floor::rpms(&data.hundred_rpms()?)?;
    let mut repositories = vec![(65_000, data.repository(Format::Zstd)?)];
    for size in SIZES {
        repositories.push((size, data.repository_of(size, Format::Zstd)?));
    }
    repositories.sort();
    for (size, given) in repositories {
        let ours = published_by_us(bench, data, &given, Format::Zstd)?;
        let one = us(data, OURS, &ours, &packages, Change::AddOne, "", None)?;
        bench
            .compare(title, &[Contender { name: format!("{OURS}, {size} packages"), ..one }, floor_of(data, &ours)?])?;
    }
    Ok(())
}

/// The repository as we would have it: in segments.
fn published_by_us(bench: &Bench, data: &Data, given: &Path, format: Format) -> Result<PathBuf> {
    let name = given.file_name().context("a data set has no name")?.to_string_lossy().into_owned();
    let published = data.scratch()?.join(format!("publish-ours-{name}"));
    link_repodata(given, &published)?;
    let mut command = Command::new(peers::copr_repo()?);
    // Removing what is not there writes nothing; compressing anew as it is would neither. One package more, and less.
    let extra = floor::rpms(&data.new_rpms()?)?;
    let extra = extra.first().context("there are no new packages")?;
    command.args(["add", "-q", "--retain=0", "--compress", format.name()]).arg(&published).arg(extra);
    bench.prepare(command)?;
    Ok(published)
}

fn us(
    data: &Data,
    name: &str,
    published: &Path,
    packages: &[PathBuf],
    change: Change,
    victim: &str,
    more: Option<&'static str>,
) -> Result<Contender> {
    let (program, out) = (peers::copr_repo()?, data.scratch()?.join("publish-out"));
    let (published, packages, victim) = (published.to_owned(), packages.to_owned(), victim.to_owned());
    let command = move || {
        link_repodata(&published, &out)?;
        let placed = place(&packages, change, &victim, &out, true)?;
        let mut command = Command::new(&program);
        let verb = if placed.is_empty() { "remove" } else { "add" };
        command.args([verb, "-q", "--workers=2"]).args(more).arg(&out);
        if placed.is_empty() {
            command.arg(&victim);
        }
        command.args(placed);
        Ok(command)
    };
    Ok(Contender { name: name.to_owned(), command: Box::new(command), limit: None })
}

#[expect(clippy::too_many_arguments, reason = "what a run is made of")]
fn them(
    data: &Data,
    suite: &peers::Suite,
    out: PathBuf,
    given: &Path,
    format: Format,
    packages: &[PathBuf],
    change: Change,
    victim: &str,
) -> Result<Contender> {
    let (program, list) = (suite.program("createrepo_c"), data.scratch()?.join("publish-list"));
    let (given, packages, victim) = (given.to_owned(), packages.to_owned(), victim.to_owned());
    let general = format!("--general-compress-type={}", format.name());
    let command = move || {
        link_repodata(&given, &out)?;
        let placed = place(&packages, change, &victim, &out, false)?;
        let relative = placed.iter().filter_map(|path| path.strip_prefix(&out).ok()?.to_str());
        fs_err::write(&list, relative.map(|path| format!("{path}\n")).collect::<String>())?;
        let mut command = Command::new(&program);
        command.args(["-q", "--update", "--skip-stat", "--recycle-pkglist", "--no-database", "--workers=2"]);
        command.arg(&general).arg("--pkglist").arg(&list);
        if change.removes() {
            command.arg("--excludes").arg(&victim);
        }
        command.arg(&out);
        Ok(command)
    };
    Ok(Contender { name: suite.name.clone(), command: Box::new(command), limit: None })
}

/// Puts the new packages into the repository. A package that replaces another one has its place with us; `createrepo_c`,
/// which would not look at it, gets it under its own name and leaves the other one out.
fn place(packages: &[PathBuf], change: Change, victim: &str, out: &Path, ours: bool) -> Result<Vec<PathBuf>> {
    let mut placed = Vec::new();
    for package in packages.iter().take(change.adds()) {
        let name = package.file_name().context("a package has no name")?;
        let to = if ours && change.removes() { out.join(victim) } else { out.join("Packages/new").join(name) };
        fs_err::create_dir_all(to.parent().unwrap_or(out))?;
        fs_err::hard_link(package, &to)?;
        placed.push(to);
    }
    Ok(placed)
}

/// Reading, summing and writing the same files once.
fn floor_of(data: &Data, published: &Path) -> Result<Contender> {
    let (published, out) = (published.to_owned(), data.scratch()?.join("publish-floor"));
    let command = move || {
        empty_folder(&out)?;
        let mut command = Command::new(HELPER);
        command.arg("copy-metadata").arg(&published).arg(&out);
        Ok(command)
    };
    Ok(Contender { name: "floor: sum and copy".to_owned(), command: Box::new(command), limit: None })
}

/// The location of a package in the middle of a repository.
fn middle(repository: &Path) -> Result<String> {
    let repomd = copr_repodata::Repomd::open(&repository.join("repodata/repomd.xml"))?;
    let primary = repomd.record("primary").context("no primary")?;
    let mut hrefs = Vec::new();
    read::each_primary(read::open(&repository.join(&primary.location_href))?, |package| {
        hrefs.push(package.location_href.text().into_owned());
        Ok(())
    })?;
    say(&format!("  {} packages", hrefs.len()));
    let middle = hrefs.len() / 2;
    hrefs.into_iter().nth(middle).context("the repository is empty")
}
