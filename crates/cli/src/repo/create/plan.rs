//! What the options of `createrepo_c` mean for the library.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use copr_repodata::create::{CreateOptions as Options, Duplicates, Selection, Update};
use copr_repodata::{Compression, Locking, Output, Retain};

use crate::repo::definition::{CreateOptions, MoreOutput};
use crate::repo::fetch::Fetcher;
use crate::repo::values::{self, is_url};
use crate::repo::voice::Voice;

/// What is to be done.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) dirs: Vec<PathBuf>,
    pub(super) options: Options,
    /// Where `repodata/` goes.
    pub(super) out: PathBuf,
}

/// Checks the options in the order and with the words of `createrepo_c`.
pub(super) fn plan(
    options: &CreateOptions,
    more: &MoreOutput,
    now: SystemTime,
    fetch: &mut Fetcher,
    voice: Voice,
) -> Result<Plan> {
    let dirs = dirs(options, voice)?;
    let dir = dirs.first().context("no folder")?;
    refuse_what_is_not_done(options)?;
    if let Some(out) = options.outputdir.as_ref().filter(|out| voice.is_stock() && !out.exists()) {
        bail!("Specified outputdir \"{}\" doesn't exist", out.display());
    }
    let out = options.outputdir.clone().unwrap_or_else(|| dir.clone());
    let mut output = output(options, now, voice)?;
    output.level = more.compress_level;
    output.open_checksums = !more.no_open_checksum;
    output.retain = retain(options, more)?;
    let groupfile = groupfile(options, dir, fetch)?;
    let selection = selection(options, voice)?;
    let update = update(options, fetch, voice);
    let duplicates = match options.duplicated_nevra.as_deref() {
        None | Some("keep") => Duplicates::Keep,
        Some("keep-last") => Duplicates::KeepLast,
        Some(_) => bail!("Bad --duplicated-nevra argument, use 'keep' or 'keep-last'."),
    };
    let Ok(cut_dirs) = usize::try_from(options.cut_dirs.unwrap_or(0)) else {
        bail!("--cut-dirs value must be a positive integer");
    };
    let checksum_cache = options.cachedir.as_ref().map(|cache| cache_folder(&out.join(cache))).transpose()?;
    let options = Options {
        output_dir: options.outputdir.clone(),
        checksum: values::checksum(options.checksum.as_deref())?.unwrap_or_default(),
        location_base: options.baseurl.as_deref().map(base_url),
        location_prefix: options.location_prefix.clone(),
        cut_dirs,
        split: options.split,
        selection,
        excludes: options.excludes.clone(),
        skip_symlinks: options.skip_symlinks,
        update,
        duplicates,
        groupfile,
        plain_group: options.compatibility,
        checksum_cache,
        locking: if options.ignore_lock { Locking::Ignore } else { Locking::Refuse },
        ..Options::new(output)
    };
    Ok(Plan { dirs, options, out })
}

fn dirs(options: &CreateOptions, voice: Voice) -> Result<Vec<PathBuf>> {
    let program = if voice.is_stock() { "createrepo_c" } else { "copr-repo create" };
    if options.split && options.dirs.is_empty() {
        bail!(
            "Must specify at least one directory to index.\n\
             Usage: {program} [options] <directory_to_index> [directory_to_index] ...\n"
        );
    }
    if !options.split && options.dirs.len() != 1 {
        bail!("Must specify exactly one directory to index.\nUsage: {program} [options] <directory_to_index>\n");
    }
    let mut dirs = Vec::new();
    for dir in &options.dirs {
        // An absolute path is not changed by `join`.
        let dir = options.basedir.as_ref().map_or_else(|| dir.clone(), |base| base.join(dir));
        if !dir.is_dir() && voice.is_stock() {
            bail!("Directory {} must exist", values::folder(&dir));
        }
        if !dir.is_dir() {
            let what = if dir.exists() { "is not a folder" } else { "does not exist" };
            bail!("{} {what}; name the folder that holds the packages", dir.display());
        }
        dirs.push(dir);
    }
    Ok(dirs)
}

fn refuse_what_is_not_done(options: &CreateOptions) -> Result<()> {
    let deltas = options.deltas || !options.oldpackagedirs.is_empty();
    if deltas || options.num_deltas.is_some() || options.max_delta_rpm_size.is_some() {
        bail!(
            "delta RPMs are not made: leave away --deltas, --oldpackagedirs, --num-deltas and --max-delta-rpm-size \
             (Fedora dropped them, and createrepo_c is mostly built without)"
        );
    }
    if let Some(url) = options.includepkg.iter().find(|package| is_url(package)) {
        bail!("--includepkg {url}: packages are not fetched; download it into the folder and name it by its path");
    }
    Ok(())
}

/// How metadata are written. Kinds of compression: as `createrepo_c` has it, of three groups of files.
fn output(options: &CreateOptions, now: SystemTime, voice: Voice) -> Result<Output> {
    if options.workers.is_some_and(|workers| !(1..=100).contains(&workers)) {
        voice.warning("Wrong number of workers - Using one a processor.");
    }
    let workers = options.workers.filter(|workers| (1..=100).contains(workers)).unwrap_or(0);
    let changelog_limit = match options.changelog_limit {
        None => Some(10),
        Some(-1) => None,
        Some(limit) => Some(usize::try_from(limit).unwrap_or_else(|_| {
            voice.warning(format_args!("Wrong changelog limit \"{limit}\" - Using 10"));
            10
        })),
    };
    let checksum = values::checksum(options.checksum.as_deref())?.unwrap_or_default();
    let repomd_checksum = values::checksum(options.repomd_checksum.as_deref())?.unwrap_or(checksum);
    let additional = values::compression(options.compress_type.as_deref())?;
    let additional = if options.xz { Some(Compression::Xz) } else { additional };
    let general = values::compression(options.general_compress_type.as_deref())?;
    let usual = if options.compatibility { Compression::Gzip } else { Compression::Zstd };
    let compression = general.unwrap_or(usual);
    let extra_compression = general.or(additional).unwrap_or(usual);
    let databases = general.or(additional).unwrap_or(Compression::Bzip2);
    let timestamp = timestamp(options)?;
    if options.zck_dict_dir.is_some() && !options.zck {
        bail!("Cannot use --zck-dict-dir without setting --zck");
    }
    if general == Some(Compression::Zchunk) && options.zck {
        bail!("Cannot use --general-compress-type=zck with --zck");
    }
    Ok(Output {
        compression,
        extra_compression,
        databases: (options.database || (options.compatibility && !options.no_database)).then_some(databases),
        checksum: repomd_checksum,
        unique_names: !options.simple_md_filenames,
        pretty: !options.no_pretty,
        filelists_ext: options.filelists_ext,
        zchunk: options.zck,
        zchunk_dictionaries: options.zck_dict_dir.clone(),
        changelog_limit,
        revision: options.revision.clone(),
        timestamp,
        content_tags: Some(options.content.clone()),
        repo_tags: Some(options.repo.clone()),
        distro_tags: Some(options.distro.iter().filter_map(|tag| values::distro_tag(tag)).collect()),
        workers: usize::try_from(workers).unwrap_or(0),
        ..Output::new(now)
    })
}

fn timestamp(options: &CreateOptions) -> Result<Option<u64>> {
    if !options.set_timestamp_to_revision {
        return Ok(None);
    }
    let revision = options.revision.as_deref().unwrap_or_default().trim();
    let digits = revision.strip_prefix(['+', '-']).unwrap_or(revision);
    if digits.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit()) {
        bail!("--set-timestamp-to-revision require numeric value for --revision");
    }
    match revision.parse::<i64>().ok().and_then(|time| u64::try_from(time).ok()) {
        Some(time) => Ok(Some(time)),
        None => bail!("--revision value out of range"),
    }
}

/// What becomes of superseded files. Where nothing is asked for they stay for an hour, unlike `createrepo_c`'s.
fn retain(options: &CreateOptions, more: &MoreOutput) -> Result<Retain> {
    let generations = options.retain_old_md;
    if more.retain.is_some() && (generations.is_some() || options.retain_old_md_by_age.is_some()) {
        bail!("--retain cannot be combined with --retain-old-md or --retain-old-md-by-age");
    }
    if let Some(age) = &options.retain_old_md_by_age {
        if generations.is_some_and(|n| n != 0) {
            bail!("--retain-old-md-by-age cannot be combined with --retain-old-md");
        }
        return Ok(Retain::Younger(values::age(age)?));
    }
    match generations {
        None => values::retain(more.retain.as_deref()),
        Some(0) => Ok(Retain::Nothing),
        Some(n) if options.compatibility => Ok(usize::try_from(n).map_or(Retain::All, Retain::Generations)),
        Some(_) => Ok(Retain::All),
    }
}

fn groupfile(options: &CreateOptions, dir: &Path, fetch: &mut Fetcher) -> Result<Option<PathBuf>> {
    let Some(name) = &options.groupfile else { return Ok(None) };
    let path = if is_url(name) { fetch.file(name)? } else { dir.join(name) };
    if !path.is_file() {
        bail!("groupfile {} doesn't exist", path.display());
    }
    Ok(Some(path))
}

fn selection(options: &CreateOptions, voice: Voice) -> Result<Selection> {
    let mut list = options.includepkg.clone();
    if let Some(path) = &options.pkglist {
        if !path.is_file() {
            bail!("pkglist file \"{}\" doesn't exist", path.display());
        }
        list.extend(values::lines(&fs_err::read_to_string(path)?));
    }
    if options.recycle_pkglist {
        return Ok(Selection::Recycle(list));
    }
    if options.pkglist.is_some() && list.is_empty() {
        voice.warning("Used pkglist doesn't contain any useful items");
    } else if list.is_empty() {
        return Ok(Selection::Walk);
    }
    Ok(Selection::List(list))
}

fn update(options: &CreateOptions, fetch: &mut Fetcher, voice: Voice) -> Option<Update> {
    if !options.update {
        if !options.update_md_path.is_empty() {
            voice.warning("Usage of --update-md-path without --update has no effect!");
        }
        if options.discard_additional_metadata {
            voice.warning("--discard-additional-metadata has no effect (--update is not used)");
        }
        return None;
    }
    let mut more = Vec::new();
    // The last one named comes first, as with createrepo_c.
    for name in options.update_md_path.iter().rev() {
        voice.step(format_args!("Loading metadata from md-path: {name}"));
        let found = fetch.repository(name).and_then(|dir| {
            let index = dir.join("repodata/repomd.xml");
            if index.is_file() { Ok(dir) } else { bail!("there is no {}", index.display()) }
        });
        match found {
            Ok(dir) => more.push(dir),
            Err(error) => voice.warning(format_args!("Metadata from md-path {name} - loading failed: {error:#}")),
        }
    }
    Some(Update { more, skip_stat: options.skip_stat, discard_additional: options.discard_additional_metadata })
}

/// A path stands for a `file://` URL.
fn base_url(base: &str) -> String {
    if base.starts_with('/') { format!("file://{base}") } else { base.to_owned() }
}

fn cache_folder(path: &Path) -> Result<PathBuf> {
    match fs_err::create_dir(path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            if !path.is_dir() {
                bail!("The {} already exists and it is not a directory!", path.display());
            }
        }
        Err(error) => bail!("cannot use cachedir {}: {error}", path.display()),
    }
    Ok(path.to_owned())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
