//! `copr-repo create`.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use copr_repodata::create::{CreateOptions, Created, Progress, Skipped, Update, create};
use copr_repodata::{Compression, Error, Output};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::definition::{Compress, Create};

/// Exit code when packages were left out, as `createrepo_c`'s.
const SKIPPED: u8 = 2;

pub(super) fn run(arguments: &Create) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    if !arguments.dir.is_dir() {
        let what = if arguments.dir.exists() { "is not a folder" } else { "does not exist" };
        anyhow::bail!("{} {what}; name the folder that holds the packages", arguments.dir.display());
    }
    let mut output = Output::new(SystemTime::now());
    output.compression = match arguments.compress {
        Compress::Gz => Compression::Gzip,
        Compress::Zstd => Compression::Zstd,
    };
    output.workers = usize::from(arguments.workers.unwrap_or(0));
    let options = CreateOptions {
        output_dir: arguments.output.clone(),
        update: arguments.update.then(Update::default),
        ..CreateOptions::new(output)
    };
    let bar = progress_bar(arguments.quiet || arguments.json);
    let result = create(std::slice::from_ref(&arguments.dir), &options, &|progress| match progress {
        Progress::Found { to_read, .. } => bar.set_length(to_read as u64),
        Progress::Warning(warning) => bar.suspend(|| anstream::eprintln!("copr-repo: {warning}")),
        Progress::Read(_) => bar.inc(1),
        Progress::Skipped(skipped) => {
            bar.inc(1);
            bar.suspend(|| anstream::eprintln!("copr-repo: {}", complaint(skipped)));
        }
        Progress::Writing => bar.set_message("writing metadata"),
    });
    bar.finish_and_clear();
    let created = result?;
    let place = arguments.output.as_deref().unwrap_or(&arguments.dir).join("repodata");
    report(arguments, &created, &place, started.elapsed());
    Ok(if created.skipped.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(SKIPPED) })
}

/// One message about a package that is left out: the file, the cause, what to do.
fn complaint(skipped: &Skipped) -> String {
    let cause = match &skipped.error {
        Error::Package { source, .. } => source.to_string(),
        other => other.to_string(),
    };
    format!("{} is left out: {cause}. Replace or remove the file, then run this again", skipped.path.display())
}

fn progress_bar(hidden: bool) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if hidden || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} packages {msg}") {
        bar.set_style(style);
    }
    bar
}

fn report(arguments: &Create, created: &Created, place: &Path, took: Duration) {
    let published = &created.published;
    if arguments.json {
        let skipped: Vec<_> = created
            .skipped
            .iter()
            .map(|s| serde_json::json!({ "file": s.path.display().to_string(), "error": s.error.to_string() }))
            .collect();
        let object = serde_json::json!({
            "repodata": place.display().to_string(),
            "packages": published.packages,
            "added": published.added,
            "replaced": published.replaced,
            "removed": published.removed,
            "revision": published.revision,
            "changed": published.changed,
            "skipped": skipped,
        });
        anstream::println!("{object}");
    } else if !arguments.quiet {
        let state = if published.changed { "written" } else { "unchanged" };
        let packages = match published.packages {
            1 => "1 package".to_owned(),
            n => format!("{n} packages"),
        };
        anstream::println!("{}: {packages}, {state} in {:.1} s", place.display(), took.as_secs_f64());
    }
}
