//! `copr-repo create --update` beside `createrepo_c --update` on a whole distribution: with two new packages, and with
//! nothing new.
//!
//! "From createrepo_c's" starts from files of one frame, which have to be written anew as a whole; the others start
//! from what each program has published itself.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use copr_benches::{
    copy_repodata,
    data::{Data, Format},
    measure::{Bench, Contender, say},
    peers,
};

/// Our own contender.
const OURS: &str = "copr-repo";
/// Where the new packages are put in the tree while they are part of it.
const NEW: &str = "Packages/new";

fn main() -> Result<()> {
    let bench = Bench::new("update", env!("CARGO_BIN_EXE_copr-bench"))?;
    let data = Data::of(peers::tree()?);
    for format in [Format::Gzip, Format::Zstd] {
        let titles =
            ["nothing new", "2 new packages"].map(|what| format!("65,000 packages, {what}, {}", format.name()));
        if titles.iter().any(|title| bench.wanted(title)) {
            compare(&bench, &data, format, &titles)?;
        }
    }
    Ok(())
}

fn compare(bench: &Bench, data: &Data, format: Format, titles: &[String; 2]) -> Result<()> {
    let (tree, given) = (data.tree()?, data.repository(format)?);
    let out = data.scratch()?.join("update");
    let general = format!("--general-compress-type={}", format.name());
    let mut programs = vec![(OURS.to_owned(), peers::copr_repo()?, vec!["create"])];
    for suite in peers::createrepo_c()?.into_iter().filter(|suite| suite.zstd || format == Format::Gzip) {
        programs.push((suite.name.clone(), suite.program("createrepo_c"), vec!["--no-database"]));
    }
    remove_new(&tree)?;
    let mut own = Vec::new();
    for (number, (name, program, first)) in programs.iter().enumerate() {
        let mut args: Vec<String> = first.iter().map(|&word| word.to_owned()).collect();
        args.extend(["--update".to_owned(), "--workers=2".to_owned(), general.clone()]);
        let published = data.scratch()?.join(format!("update-own-{number}"));
        let update =
            Update { name: name.clone(), program: program.clone(), args, out: out.clone(), tree: tree.clone() };
        copy_repodata(&given, &published)?;
        match bench.prepare(update.command(&published)) {
            Ok(()) => own.push((update, published)),
            Err(error) => say(&format!("update: {name} is left out: {error:#}")),
        }
    }
    let started = || own.iter().map(|(update, published)| update.contender("", published));
    let [nothing, two] = titles;
    bench.compare(nothing, &started().collect::<Vec<_>>())?;
    add_new(&tree, &data.new_rpms()?)?;
    let foreign = own
        .first()
        .filter(|(update, _)| update.name == OURS)
        .map(|(update, _)| update.contender(" from createrepo_c's", &given));
    let result = bench.compare(two, &foreign.into_iter().chain(started()).collect::<Vec<_>>());
    remove_new(&tree)?;
    result
}

/// One program's way to update.
#[derive(Clone)]
struct Update {
    name: String,
    program: PathBuf,
    args: Vec<String>,
    out: PathBuf,
    tree: PathBuf,
}

impl Update {
    fn command(&self, out: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).arg("-o").arg(out).arg(&self.tree);
        command
    }

    /// Runs that each start with a copy of the repodata of `from`.
    fn contender(&self, suffix: &str, from: &Path) -> Contender {
        let (update, from) = (self.clone(), from.to_owned());
        Contender {
            name: format!("{}{suffix}", self.name),
            command: Box::new(move || {
                copy_repodata(&from, &update.out)?;
                Ok(update.command(&update.out))
            }),
            limit: None,
        }
    }
}

fn add_new(tree: &Path, rpms: &Path) -> Result<()> {
    fs_err::create_dir_all(tree.join(NEW))?;
    for path in copr_benches::floor::rpms(rpms)? {
        if let Some(name) = path.file_name() {
            fs_err::copy(&path, tree.join(NEW).join(name))?;
        }
    }
    Ok(())
}

fn remove_new(tree: &Path) -> Result<()> {
    match tree.join(NEW) {
        folder if folder.exists() => Ok(fs_err::remove_dir_all(folder)?),
        _ => Ok(()),
    }
}
