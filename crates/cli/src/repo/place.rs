//! Packages are found, and those from elsewhere brought into the repository.
//!
//! What comes from elsewhere is first copied or linked under another name, and read there; so what gets its name is
//! whole, and is what its record says.

mod incoming;

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Result, bail};
use copr_repodata::{Record, RecordOptions};
use indicatif::ProgressBar;
use rayon::prelude::*;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::definition::Placing;
use super::repository::{LeftOut, cause};
use incoming::Incoming;
pub(super) use incoming::sweep;

/// Packages that are in their places.
#[derive(Debug, Default)]
pub(super) struct Placed {
    pub(super) records: Vec<Record>,
    pub(super) left_out: Vec<LeftOut>,
    /// Those that were brought here, for [`Placed::remove_sources`].
    sources: Vec<(PathBuf, u64, u64)>,
}

/// A place for packages.
#[derive(Debug)]
pub(super) struct Places<'a> {
    dir: &'a Path,
    /// The same, so that paths below it are known by how they are written, and by where they really are.
    absolute: PathBuf,
    real: PathBuf,
    placing: &'a Placing,
    /// Change nothing if one is left out.
    strict: bool,
}

/// Several files that are to have one name. Usually it is one.
struct Group {
    href: String,
    /// Whether it lies in the repository already.
    here: bool,
    sources: Vec<PathBuf>,
}

/// A package that was read.
struct Ready {
    record: Record,
    source: PathBuf,
    /// Where it is now; `None` where it has its place already.
    part: Option<PathBuf>,
    /// Size and time of what was brought from elsewhere: another file than the one that is here, perhaps.
    brought: Option<(u64, u64)>,
}

impl<'a> Places<'a> {
    /// Makes the repository's folder, if need be.
    pub(super) fn new(dir: &'a Path, placing: &'a Placing, strict: bool) -> Result<Self> {
        if let Some(into) = &placing.into
            && !into.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        {
            bail!("--into {}: name a folder below the repository, such as x86_64", into.display());
        }
        fs_err::create_dir_all(dir)?;
        let (absolute, real) = (std::path::absolute(dir)?, fs_err::canonicalize(dir)?);
        Ok(Self { dir, absolute, real, placing, strict })
    }

    /// Reads packages and gives those from elsewhere their places.
    ///
    /// Files that are left out are no error unless `strict`; then nothing is changed.
    pub(super) fn place(&self, files: &[PathBuf], options: &RecordOptions, bar: &ProgressBar) -> Result<Placed> {
        let mut placed = Placed::default();
        let groups = self.groups(files, &mut placed.left_out);
        bar.set_length(groups.len() as u64);
        let incoming = if groups.iter().all(|group| group.here) { None } else { Some(Incoming::open(self.dir)?) };
        let work = |group: &Group| {
            let result = self.read(group, options, incoming.as_ref());
            bar.inc(1);
            result
        };
        let read: Vec<(Option<Ready>, Vec<LeftOut>)> = groups.par_iter().map(work).collect();
        let mut ready = Vec::new();
        for (one, left_out) in read {
            ready.extend(one);
            placed.left_out.extend(left_out);
        }
        if self.strict && !placed.left_out.is_empty() {
            LeftOut::tell(&placed.left_out);
            bail!("nothing is changed, because of --strict");
        }
        let mut folders = BTreeSet::new();
        for one in ready {
            match self.put(one, options, &mut folders, &mut placed) {
                Ok(()) => {}
                Err(left_out) => placed.left_out.push(left_out),
            }
        }
        for folder in folders {
            fs_err::File::open(folder)?.sync_all()?;
        }
        placed.left_out.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(placed)
    }

    /// Files by the names that they are to have.
    fn groups(&self, files: &[PathBuf], left_out: &mut Vec<LeftOut>) -> Vec<Group> {
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for file in files {
            match self.location(file) {
                Ok((href, here)) => {
                    let new = || Group { href: href.clone(), here, sources: Vec::new() };
                    let group = groups.entry(href.clone()).or_insert_with(new);
                    // The one that lies there already comes first.
                    if here && !group.here {
                        group.here = true;
                        group.sources.insert(0, file.clone());
                    } else {
                        group.sources.push(file.clone());
                    }
                }
                Err(reason) => left_out.push(LeftOut::new(file, reason)),
            }
        }
        groups.into_values().collect()
    }

    /// Where a file lies or will lie, relative to the repository; and whether it lies there already.
    fn location(&self, file: &Path) -> Result<(String, bool), String> {
        let name = file.file_name().filter(|_| is_package(file)).ok_or("its name does not end in .rpm")?;
        let (relative, here) = match self.below(file).map_err(|error| error.to_string())? {
            Some(relative) => (relative, true),
            None => (self.placing.into.as_deref().unwrap_or(Path::new("")).join(name), false),
        };
        Ok((href(&relative)?, here))
    }

    /// The path of a file relative to the repository, if it is below it.
    fn below(&self, file: &Path) -> std::io::Result<Option<PathBuf>> {
        let absolute = std::path::absolute(file)?;
        let plain = !absolute.components().any(|part| part == Component::ParentDir);
        if let Ok(relative) = absolute.strip_prefix(&self.absolute)
            && plain
        {
            return Ok(Some(relative.to_owned()));
        }
        // By another spelling. The last name stays as it is: a link to a package is a package of its own.
        let (Some(folder), Some(name)) = (absolute.parent(), absolute.file_name()) else { return Ok(None) };
        let real = fs_err::canonicalize(folder)?;
        Ok(real.strip_prefix(&self.real).ok().map(|relative| relative.join(name)))
    }

    /// Reads the package of a group, and tells what becomes of the others.
    fn read(
        &self,
        group: &Group,
        options: &RecordOptions,
        incoming: Option<&Incoming>,
    ) -> (Option<Ready>, Vec<LeftOut>) {
        let (mut ready, mut left_out): (Option<Ready>, _) = (None, Vec::new());
        for source in &group.sources {
            let one = match &ready {
                None => self.read_one(group, source, options, incoming).map(|one| ready = Some(one)),
                Some(first) => match Record::from_file(source, &group.href, options) {
                    Ok(record) if record.checksum == first.record.checksum => Ok(()),
                    Ok(_) => Err(format!("{} has this name too, and another content", first.source.display())),
                    Err(error) => Err(cause(&error)),
                },
            };
            if let Err(reason) = one {
                left_out.push(LeftOut::new(source, reason));
            }
        }
        (ready, left_out)
    }

    fn read_one(
        &self,
        group: &Group,
        source: &Path,
        options: &RecordOptions,
        incoming: Option<&Incoming>,
    ) -> Result<Ready, String> {
        let href = &group.href;
        let read = |path: &Path| Record::from_file(path, href, options).map_err(|error| cause(&error));
        let Some(incoming) = incoming.filter(|_| !group.here) else {
            return Ok(Ready { record: read(source)?, source: source.to_owned(), part: None, brought: None });
        };
        let place = self.dir.join(href);
        if place.symlink_metadata().is_ok() {
            let record = read(source)?;
            if let Some(there) = self.same_there(&record, options) {
                let brought = Some((record.size_package, record.time_file));
                return Ok(Ready { record: there, source: source.to_owned(), part: None, brought });
            }
            if !self.placing.replace {
                return Err(self.taken(href));
            }
        }
        let link = self.placing.link || self.placing.move_files;
        let part = incoming.bring(source, link).map_err(|error| error.to_string())?;
        let record = read(&part)?;
        let brought = Some((record.size_package, record.time_file));
        Ok(Ready { record, source: source.to_owned(), part: Some(part), brought })
    }

    fn taken(&self, href: &str) -> String {
        let place = self.dir.join(href);
        format!("{} is there already, with another content; use --replace to replace it", place.display())
    }

    /// The record of the file that has a package's place, if it is the same package.
    fn same_there(&self, record: &Record, options: &RecordOptions) -> Option<Record> {
        let href = &record.location_href;
        let there = Record::from_file(&self.dir.join(href), href, options).ok()?;
        (there.checksum == record.checksum).then_some(there)
    }

    /// Gives a package its place.
    fn put(
        &self,
        ready: Ready,
        options: &RecordOptions,
        folders: &mut BTreeSet<PathBuf>,
        placed: &mut Placed,
    ) -> Result<(), LeftOut> {
        let Ready { mut record, source, part, brought } = ready;
        if let Some(part) = part {
            let place = self.dir.join(&record.location_href);
            let folder = place.parent().unwrap_or(self.dir);
            let io = |error: std::io::Error| LeftOut::new(&source, error.to_string());
            make_folder(folder, self.dir, folders).map_err(io)?;
            if self.placing.replace {
                fs_err::rename(&part, &place).map_err(io)?;
            } else if !rename_new(&part, &place).map_err(io)? {
                // Somebody else was faster.
                let taken = || LeftOut::new(&source, self.taken(&record.location_href));
                record = self.same_there(&record, options).ok_or_else(taken)?;
            }
            folders.insert(folder.to_owned());
        }
        if let Some((size, time)) = brought {
            placed.sources.push((source, size, time));
        }
        placed.records.push(record);
        Ok(())
    }
}

impl Placed {
    /// Removes what was brought here from where it was, for `--move`: only once it is published. What changed meanwhile
    /// stays. Gives back what could not be removed.
    pub(super) fn remove_sources(&self) -> Vec<LeftOut> {
        let mut left = Vec::new();
        for (source, size, time) in &self.sources {
            let same = about(source).is_ok_and(|about| about == (*size, *time));
            let removed = if same {
                fs_err::remove_file(source).map_err(|error| error.to_string())
            } else {
                Err("it changed while it was added".to_owned())
            };
            if let Err(reason) = removed {
                left.push(LeftOut::new(source, format!("it is added, but was not removed: {reason}")));
            }
        }
        left
    }
}

/// The packages that are named, and those in folders that are named; each once, sorted.
pub(super) fn find(named: &[PathBuf], left_out: &mut Vec<LeftOut>) -> Vec<PathBuf> {
    let mut found = BTreeSet::new();
    for path in named {
        match fs_err::metadata(path) {
            Ok(about) if about.is_dir() => found.extend(walk(path, left_out)),
            Ok(_) => {
                found.insert(path.clone());
            }
            Err(error) => {
                let reason =
                    if error.kind() == ErrorKind::NotFound { "it is not there".to_owned() } else { error.to_string() };
                left_out.push(LeftOut::new(path, reason));
            }
        }
    }
    found.into_iter().collect()
}

/// Everything under a folder that is named as a package, as `createrepo_c` finds it: links are followed, but not into a
/// loop, and those that lead nowhere are passed over.
pub(super) fn walk(folder: &Path, left_out: &mut Vec<LeftOut>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(folder).follow_links(true) {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => found.extend(Some(entry.into_path()).filter(|path| is_package(path))),
            Err(error) => {
                let path = error.path().unwrap_or(folder).to_owned();
                // What is gone again has gone while we looked.
                let nowhere = error.io_error().is_some_and(|error| error.kind() == ErrorKind::NotFound);
                if !nowhere && error.loop_ancestor().is_none() && (is_package(&path) || path.is_dir()) {
                    left_out.push(LeftOut::new(&path, std::io::Error::from(error).to_string()));
                }
            }
        }
    }
    found
}

/// Whether it is named as a package.
pub(super) fn is_package(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rpm")
}

/// A path relative to the repository as metadata have it.
pub(super) fn href(relative: &Path) -> Result<String, String> {
    let parts: Option<Vec<&str>> =
        relative.components().filter(|part| *part != Component::CurDir).map(|part| part.as_os_str().to_str()).collect();
    let href = parts.ok_or("its name is not UTF-8; rename it")?.join("/");
    let is_odd = |c| matches!(c, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}');
    if href.contains(is_odd) {
        return Err("its name has characters that XML cannot hold; rename it".to_owned());
    }
    Ok(href)
}

/// Size in bytes, and modification time in seconds since 1970, of what a path leads to.
pub(super) fn about(path: &Path) -> std::io::Result<(u64, u64)> {
    let about = fs_err::metadata(path)?;
    let time = about.modified()?.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    Ok((about.len(), time))
}

/// Makes a folder below `top` and those above it; notes which folders got new names in them.
fn make_folder(folder: &Path, top: &Path, changed: &mut BTreeSet<PathBuf>) -> std::io::Result<()> {
    if folder.is_dir() || folder == top {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folder(above, top, changed)?;
        changed.insert(above.to_owned());
    }
    match fs_err::create_dir(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Gives a file its name unless that is taken; tells whether it got it.
fn rename_new(from: &Path, to: &Path) -> std::io::Result<bool> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::EXIST) => Ok(false),
        // A system that cannot look and rename at once.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => match to.symlink_metadata() {
            Ok(_) => Ok(false),
            Err(_) => fs_err::rename(from, to).map(|()| true),
        },
        Err(errno) => {
            let error = std::io::Error::from(errno);
            Err(std::io::Error::new(error.kind(), format!("{} cannot be made: {error}", to.display())))
        }
    }
}
