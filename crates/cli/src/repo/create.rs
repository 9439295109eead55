//! `copr-repo create` and `createrepo_c`.

mod plan;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use copr_repodata::create::{CreateOptions as Options, Created, Duplicate, Progress, Selection, Skipped, create};
use copr_repodata::{Error, Published};
use indicatif::ProgressBar;

use super::definition::{CreateOptions, MoreOutput};
use super::fetch::Fetcher;
use super::progress;
use super::values;
use super::voice::Voice;

/// Exit code when packages were left out, as `createrepo_c`'s.
const SKIPPED: u8 = 2;

pub(super) fn run(options: &CreateOptions, more: &MoreOutput, voice: Voice) -> Result<ExitCode> {
    let started = Instant::now();
    let mut fetch = Fetcher::default();
    let plan = plan::plan(options, more, SystemTime::now(), &mut fetch, voice)?;
    if let Some(list) = &options.read_pkgs_list {
        // A file that cannot be written is known before the work is done.
        fs_err::write(list, "")?;
    }
    if plan.options.selection == Selection::Walk {
        plan.dirs.iter().for_each(|_| voice.step("Directory walk started"));
    }
    let told = Told { bar: progress::bar(voice), had_errors: AtomicBool::new(false), voice };
    let result = create(&plan.dirs, &plan.options, &|progress| told.hear(&progress, &plan.options, &plan.out));
    told.bar.finish_and_clear();
    let created = result?;
    for duplicate in &created.duplicates {
        tell_duplicate(duplicate, voice);
    }
    if !created.published.changed {
        voice.step("New and old repodata match, not updating.");
    }
    if let Some(list) = &options.read_pkgs_list {
        let lines: String = created.read.iter().map(|href| format!("{href}\n")).collect();
        fs_err::write(list, lines)?;
    }
    report(&created, &plan.out.join("repodata"), started.elapsed(), voice);
    Ok(if created.skipped.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(SKIPPED) })
}

/// Tells what happens while it happens.
struct Told {
    bar: ProgressBar,
    had_errors: AtomicBool,
    voice: Voice,
}

impl Told {
    fn hear(&self, progress: &Progress<'_>, options: &Options, out: &Path) {
        let voice = self.voice;
        match progress {
            Progress::Found { packages, to_read } => {
                self.bar.set_length(*to_read as u64);
                voice.step(format_args!("Directory walk done - {packages} packages"));
                if options.update.is_some() && *packages > 0 {
                    let known = packages.saturating_sub(*to_read);
                    voice.step(format_args!("Loaded information about {known} packages"));
                }
                voice.step(format_args!("Temporary output repo path: {}.repodata/", values::folder(out)));
                if options.output.databases.is_some() {
                    voice.step("Preparing sqlite DBs");
                }
                let workers = match options.output.workers {
                    0 => std::thread::available_parallelism().map_or(1, usize::from),
                    workers => workers,
                };
                voice.step(format_args!("Pool started (with {workers} workers)"));
            }
            Progress::Read(path) => {
                self.bar.inc(1);
                voice.detail(format_args!("Read: {}", path.display()));
            }
            Progress::Skipped(skipped) => {
                self.bar.inc(1);
                self.had_errors.store(true, Ordering::Relaxed);
                self.bar.suspend(|| tell_skipped(skipped, voice));
            }
            Progress::Warning(warning) => self.bar.suspend(|| voice.warning(warning)),
            Progress::Writing => {
                let errors = if self.had_errors.load(Ordering::Relaxed) { " with errors" } else { "" };
                voice.step(format_args!("Pool finished{errors}"));
                self.bar.set_message("writing metadata");
            }
        }
    }
}

/// One message about a package that is left out: the file, the cause, what to do.
fn tell_skipped(skipped: &Skipped, voice: Voice) {
    let cause = match &skipped.error {
        Error::Package { source, .. } => source.to_string(),
        other => other.to_string(),
    };
    let path = skipped.path.display();
    if voice.is_stock() {
        voice.library_warning(format_args!("Cannot read package: {path}: {cause}"));
    } else {
        voice.warning(format_args!("{path} is left out: {cause}. Replace or remove the file, then run this again"));
    }
}

fn tell_duplicate(duplicate: &Duplicate, voice: Voice) {
    let nevra = &duplicate.nevra;
    voice.warning(format_args!("Package '{nevra}' has duplicate metadata entries, only one should exist"));
    for (location, built, left_out) in &duplicate.packages {
        let why = if *left_out { " (not dumped, 'keep-last')" } else { "" };
        voice.warning(format_args!("    Sourced from location: '{location}', build timestamp: {built}{why}"));
    }
}

fn report(created: &Created, place: &Path, took: Duration, voice: Voice) {
    let published: &Published = &created.published;
    let skipped = created.skipped.iter().map(|s| {
        let (file, error) = (s.path.display().to_string(), s.error.to_string());
        serde_json::json!({ "file": file, "error": error })
    });
    let duplicates = created.duplicates.iter().map(|duplicate| {
        let locations = duplicate.packages.iter().map(|(location, built, left_out)| {
            serde_json::json!({ "location": location, "built": built, "left_out": left_out })
        });
        serde_json::json!({ "nevra": duplicate.nevra, "packages": locations.collect::<Vec<_>>() })
    });
    let object = serde_json::json!({
        "repodata": place.display().to_string(),
        "packages": published.packages,
        "read": created.read.len(),
        "added": published.added,
        "replaced": published.replaced,
        "removed": published.removed,
        "revision": published.revision,
        "changed": published.changed,
        "skipped": skipped.collect::<Vec<_>>(),
        "duplicates": duplicates.collect::<Vec<_>>(),
    });
    let state = if published.changed { "written" } else { "unchanged" };
    let packages = match published.packages {
        1 => "1 package".to_owned(),
        n => format!("{n} packages"),
    };
    let line = format!("{}: {packages}, {state} in {:.1} s", place.display(), took.as_secs_f64());
    voice.result(line, &object);
}
