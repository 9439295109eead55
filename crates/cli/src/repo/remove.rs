//! `copr-repo remove`.

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use copr_repodata::{Delta, Published};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde_json::{Value, json};

use super::definition::Remove;
use super::repository::{Known, LEFT_OUT, Repository, inside};
use super::show::{RED, Styled, columns, complain, plain, say, size, some};

pub(super) fn run(arguments: &Remove) -> Result<ExitCode> {
    let repository = Repository::new(&arguments.dir, &arguments.writing)?;
    let mut patterns = Patterns::new(&arguments.packages)?;
    let known = repository.known()?;
    let known = known.with_context(|| format!("{}: there is no repository here", arguments.dir.display()))?;
    let (gone, kept): (Vec<&Known>, Vec<&Known>) = known.iter().partition(|package| patterns.match_one(package));
    let published = if arguments.dry_run || gone.is_empty() {
        None
    } else {
        let remove = gone.iter().map(|package| package.href.clone()).collect();
        Some(repository.publish(repository.output()?, &Delta { add: Vec::new(), remove })?)
    };
    let fates: Vec<Fate> = if arguments.delete_files && published.is_some() {
        let remover = Remover::new(&arguments.dir, &kept)?;
        gone.iter().map(|package| remover.remove(package)).collect()
    } else {
        vec![Fate::NotAsked; gone.len()]
    };
    let packages = published.as_ref().map_or(if arguments.dry_run { kept.len() } else { known.len() }, |p| p.packages);
    let unmatched = patterns.unmatched();
    if arguments.writing.json {
        say(object(arguments, &gone, &fates, packages, published.as_ref(), &unmatched))?;
    } else if !arguments.writing.quiet {
        show(arguments, &gone, packages)?;
    }
    let mut code = ExitCode::SUCCESS;
    for pattern in unmatched {
        complain(format_args!("no package matches `{}`", plain(pattern)));
        code = ExitCode::from(LEFT_OUT);
    }
    for (package, fate) in gone.iter().zip(&fates) {
        if let Fate::Left(reason) = fate {
            let place = arguments.dir.join(&package.href).display().to_string();
            complain(format_args!("{} is left: {}", plain(&place), plain(reason)));
            code = ExitCode::from(LEFT_OUT);
        }
    }
    Ok(code)
}

fn object(
    arguments: &Remove,
    gone: &[&Known],
    fates: &[Fate],
    packages: usize,
    published: Option<&Published>,
    unmatched: &[&str],
) -> Value {
    let removed = gone.iter().zip(fates).map(|(package, fate)| {
        let (file, reason) = match fate {
            Fate::NotAsked => ("kept", None),
            Fate::Removed => ("removed", None),
            Fate::Gone => ("gone", None),
            Fate::Left(reason) => ("left", Some(reason)),
        };
        let nevra = package.nevra.to_string();
        json!({ "nevra": nevra, "location": package.href, "size": package.size, "file": file, "reason": reason })
    });
    json!({
        "removed": removed.collect::<Vec<_>>(),
        "packages": packages,
        "revision": published.map(|published| published.revision.clone()),
        "changed": published.is_some_and(|published| published.changed),
        "dry_run": arguments.dry_run,
        "unmatched": unmatched,
    })
}

fn show(arguments: &Remove, gone: &[&Known], packages: usize) -> Result<()> {
    let rows: Vec<_> = gone.iter().map(|package| [plain(&package.href), size(package.size)]).collect();
    for row in columns(&rows, [false, true]) {
        say(format_args!("{} {row}", Styled(RED, '-')))?;
    }
    let bytes = gone.iter().fold(0u64, |sum, package| sum.saturating_add(package.size));
    let verb = if arguments.dry_run { "would go" } else { "removed" };
    let (gone, left) = (some(gone.len(), "package"), some(packages, "package"));
    say(format_args!("{}: {gone} ({}) {verb}, {left} left", arguments.dir.display(), size(bytes)))
}

/// What is asked for.
struct Patterns<'a> {
    written: &'a [String],
    set: GlobSet,
    seen: Vec<bool>,
}

impl<'a> Patterns<'a> {
    fn new(written: &'a [String]) -> Result<Self> {
        let mut builder = GlobSetBuilder::new();
        for pattern in written {
            let glob = GlobBuilder::new(pattern.strip_prefix("./").unwrap_or(pattern)).literal_separator(false).build();
            builder.add(glob.with_context(|| format!("`{pattern}` is no pattern"))?);
        }
        Ok(Self { written, set: builder.build()?, seen: vec![false; written.len()] })
    }

    /// Whether a package is meant, by one of the ways to write its name, or by its location.
    fn match_one(&mut self, package: &Known) -> bool {
        let place = package.href.strip_prefix("./").unwrap_or(&package.href);
        let spellings = package.nevra.spellings();
        let mut any = false;
        for text in spellings.iter().map(String::as_str).chain([place]) {
            for index in self.set.matches(text) {
                any = true;
                if let Some(seen) = self.seen.get_mut(index) {
                    *seen = true;
                }
            }
        }
        any
    }

    fn unmatched(&self) -> Vec<&'a str> {
        self.written.iter().zip(&self.seen).filter(|(_, seen)| !**seen).map(|(pattern, _)| pattern.as_str()).collect()
    }
}

/// What became of a package's file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    NotAsked,
    Removed,
    /// It was not there.
    Gone,
    Left(String),
}

/// Removes files of packages, and nothing outside the repository.
struct Remover<'a> {
    dir: &'a Path,
    /// The same without links.
    root: PathBuf,
    /// Files that packages have which stay, by the folder they really are in.
    kept: HashSet<PathBuf>,
}

impl<'a> Remover<'a> {
    fn new(dir: &'a Path, kept: &[&Known]) -> Result<Self> {
        let mut folders: HashMap<PathBuf, Option<PathBuf>> = HashMap::new();
        let real = kept.iter().filter(|package| !package.elsewhere).filter_map(|package| {
            let path = inside(dir, &package.href)?;
            let folder = path.parent()?.to_owned();
            let real = folders.entry(folder).or_insert_with_key(|folder| fs_err::canonicalize(folder).ok());
            Some(real.as_ref()?.join(path.file_name()?))
        });
        Ok(Self { dir, root: fs_err::canonicalize(dir)?, kept: real.collect() })
    }

    fn remove(&self, package: &Known) -> Fate {
        let left = |reason: &str| Fate::Left(reason.to_owned());
        let path = inside(self.dir, &package.href).filter(|_| !package.elsewhere);
        let Some(path) = path else { return left("its location leads out of the repository") };
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return left("its location names no file");
        };
        let failed = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound => Fate::Gone,
            _ => Fate::Left(error.to_string()),
        };
        // By the real folder from here on.
        let path = match fs_err::canonicalize(folder) {
            Ok(real) if real.starts_with(&self.root) => real.join(name),
            Ok(_) => return left("its folder leads out of the repository"),
            Err(error) => return failed(error),
        };
        if self.kept.contains(&path) {
            return left("a package that stays has it");
        }
        match fs_err::symlink_metadata(&path) {
            Err(error) => return failed(error),
            // Of a link the link goes.
            Ok(about) if about.is_symlink() => {}
            Ok(about) if !about.is_file() => return left("it is no file"),
            Ok(about) if about.len() != package.size => {
                return Fate::Left(format!("it has {} bytes, not {}: another package?", about.len(), package.size));
            }
            Ok(_) => {}
        }
        fs_err::remove_file(&path).map_or_else(failed, |()| Fate::Removed)
    }
}
